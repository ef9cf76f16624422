package benchlab

import (
	"math/rand"
	"runtime"
)

// moreBytes are the bytes that an op of the plugin allocates more than one of
// plain handles, for each function. As with time, the innermost function of a
// layer has what it calls of Go's library.
func moreBytes(w *Work, l *lab, random *rand.Rand) (map[string]float64, error) {
	runners, err := l.two(w, random)
	if err != nil {
		return nil, err
	}
	defer l.close()
	more := map[string]float64{}
	for _, r := range runners {
		bytes, err := r.allocated()
		if err != nil {
			return nil, err
		}
		for function, each := range bytes {
			if r.Name == Plain {
				each = -each
			}
			more[function] += each
		}
	}
	return more, nil
}

// allocated are the bytes that an op allocates, for each function.
func (r Runner) allocated() (map[string]float64, error) {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	alone := Runner{Name: r.Name, Tasks: r.Tasks[:1]}
	untimed := func(run func()) { run() }
	// Before the first sample at this rate, each thread allocates as much as
	// the old one had between two.
	if err := alone.run(atOnce, untimed); err != nil {
		return nil, err
	}
	before := allocatedSoFar()
	if err := alone.run(atOnce, untimed); err != nil {
		return nil, err
	}
	each := map[string]float64{}
	for function, bytes := range allocatedSoFar() {
		if grown := bytes - before[function]; grown > 0 {
			each[function] = float64(grown) / atOnce
		}
	}
	return each, nil
}

// allocatedSoFar reads Go's own profile, which is as of the collection before the
// last.
func allocatedSoFar() map[string]int64 {
	runtime.GC()
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 1000)
	for {
		n, ok := runtime.MemProfile(records, true)
		if ok {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, 2*n)
	}
	bytes := map[string]int64{}
	for _, record := range records {
		var stack []string
		frames := runtime.CallersFrames(record.Stack())
		for more := true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			stack = append(stack, frame.Function)
		}
		if _, function := attribute(stack); function != "" {
			bytes[function] += record.AllocBytes
		}
	}
	return bytes
}
