package catalog

import (
	"bytes"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
)

// An asked is what a type's Bind method said, or is being asked. The method is the
// program's: it may query a model, whose key is then asked for in turn, and it is
// called on the goroutine of whoever asks first, since a program may rely on that
// (a test that fails in it ends its own goroutine). All others wait.
type asked struct {
	said atomic.Pointer[reading]

	// These are the asking's, under its lock.
	by       string        // the goroutine that calls the method
	ended    chan struct{} // closed when it has
	circular bool          // the method needs its own answer
}

// An asking knows which goroutine calls which Bind methods, and which one each
// goroutine waits for: to wait for oneself would be to wait for ever.
type asking struct {
	mu      sync.Mutex
	calls   map[string][]*asked // by goroutine; a later one was called from inside the earlier
	waiting map[string]*asked   // by goroutine
}

// ask is what the Bind method of t says, which is called once.
func (a *asking) ask(m *asked, t reflect.Type) reading {
	if said := m.said.Load(); said != nil {
		return *said
	}
	me := goroutine()
	a.mu.Lock()
	switch {
	case m.said.Load() != nil:
		a.mu.Unlock()
	case m.by == "":
		a.begin(m, me)
		a.mu.Unlock()
		a.call(m, me, t)
	case a.closesCircle(m, me):
		a.mu.Unlock()
		return circular(t)
	default:
		a.waiting[me] = m
		a.mu.Unlock()
		<-m.ended
		a.mu.Lock()
		delete(a.waiting, me)
		a.mu.Unlock()
	}
	return *m.said.Load()
}

func (a *asking) begin(m *asked, me string) {
	if a.calls == nil {
		a.calls, a.waiting = map[string][]*asked{}, map[string]*asked{}
	}
	m.by, m.ended = me, make(chan struct{})
	a.calls[me] = append(a.calls[me], m)
}

// call calls the method. It may end the goroutine (runtime.Goexit), so that what
// comes after is deferred.
func (a *asking) call(m *asked, me string, t reflect.Type) {
	var said reading
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if m.circular {
			said = circular(t)
		}
		if a.calls[me] = a.calls[me][:len(a.calls[me])-1]; len(a.calls[me]) == 0 {
			delete(a.calls, me)
		}
		m.said.Store(&said)
		close(m.ended)
	}()
	askMethod(t, &said)
}

// closesCircle reports whether the method, which is being called, waits for this
// goroutine. All methods of the circle are at fault then, whichever was asked first.
func (a *asking) closesCircle(m *asked, me string) bool {
	var circle []*asked
	for at := m; at != nil; at = a.waiting[at.by] {
		calls := a.calls[at.by]
		for calls[0] != at {
			calls = calls[1:]
		}
		circle = append(circle, calls...)
		if at.by == me {
			for _, one := range circle {
				one.circular = true
			}
			return true
		}
	}
	return false
}

func circular(t reflect.Type) reading {
	return invalid("model "+TypeName(t),
		"its Bind method runs a query, or asks for a key, that needs the key of the model itself; return a key that is known without asking")
}

// goroutine is the number of this goroutine, which Go tells only at the head of a
// stack trace: "goroutine 18 [running]:".
func goroutine() string {
	var head [64]byte
	text := head[:runtime.Stack(head[:], false)]
	number, _, _ := bytes.Cut(bytes.TrimPrefix(text, []byte("goroutine ")), []byte(" "))
	return string(number)
}
