package testkit

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
)

// A Recorder records the driver's calls of several databases, and makes some
// of them go wrong. Its zero value records nothing until Start.
type Recorder struct {
	mu        sync.Mutex
	recording bool
	calls     []Call
	faults    func(before []Call, call Call) Hook
}

// Start forgets what was recorded and records from here. The calls for which faults
// has a hook, knowing the calls before, are made by that, which lets something happen
// in them. nil: none.
func (r *Recorder) Start(faults func(before []Call, call Call) Hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording, r.calls, r.faults = true, nil, faults
}

// Stop returns the calls since Start.
func (r *Recorder) Stop() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording = false
	return r.calls
}

// Whole are those of some calls that were on connections that were alive, one
// for each statement, whether it was prepared or not.
func Whole(calls []Call) (whole []Call) {
	for _, c := range calls {
		if c.Whole() {
			whole = append(whole, c)
		}
	}
	return whole
}

// Trace is calls as text, for comparison: "BEGIN alpha, …".
func Trace(calls []Call) string {
	texts := make([]string, len(calls))
	for i, c := range calls {
		texts[i] = c.String()
	}
	return strings.Join(texts, ", ")
}

// Wrap makes a database's connections tell the recorder.
func (r *Recorder) Wrap(database string, connector driver.Connector) driver.Connector {
	return Wrap(database, connector, r.call)
}

func (r *Recorder) call(ctx context.Context, on *Conn, call Call, real Real) error {
	index, fault := r.record(&call)
	err := error(driver.ErrBadConn)
	switch {
	case call.Dead: // the recorder tells that somebody tried
	case fault != nil:
		err = fault(ctx, on, call, real)
	default:
		err = real(ctx)
	}
	if errors.Is(err, driver.ErrSkip) {
		r.skipped(index)
	}
	return err
}

func (r *Recorder) record(call *Call) (index int, fault Hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.recording {
		return -1, nil
	}
	index = len(r.calls)
	if r.faults != nil {
		fault = r.faults(r.calls, *call)
	}
	call.Faulted = fault != nil
	r.calls = append(r.calls, *call)
	return index, fault
}

// skipped notes that the driver wants a statement prepared.
func (r *Recorder) skipped(index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if index >= 0 && index < len(r.calls) {
		r.calls[index].Part = true
	}
}
