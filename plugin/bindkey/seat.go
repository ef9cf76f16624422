package bindkey

import (
	"bytes"
	"math/bits"
	"reflect"
	"runtime"
	"strconv"
	"sync/atomic"

	"gorm.io/gorm"
)

// Go has no name for a goroutine but one that it prints, with the whole stack, in
// as long as a statement takes to run. So a statement in a transaction has a seat
// while it runs, a number that no other has meanwhile, and runs inside two
// functions that stand for the digits of that number on its goroutine's stack. Who
// finds a turn taken looks whether its seat is on the stack that he stands on; who
// finds it free, as most do, only leaves the number there.
type seat uint8

// noSeat is for statements that find all seats taken. They ask for the number of
// their goroutine.
const noSeat seat = 64

var seatsTaken atomic.Uint64 // one bit for each

func takeSeat() seat {
	for {
		taken := seatsTaken.Load()
		free := bits.TrailingZeros64(^taken)
		if seat(free) == noSeat || seatsTaken.CompareAndSwap(taken, taken|1<<free) {
			return seat(free)
		}
	}
}

func (s seat) leave() {
	for s != noSeat {
		if taken := seatsTaken.Load(); seatsTaken.CompareAndSwap(taken, taken&^(1<<s)) {
			return
		}
	}
}

// stand runs a callback inside the functions of a seat.
func (s seat) stand(callback func(*gorm.DB), db *gorm.DB) {
	if s == noSeat {
		callback(db)
		return
	}
	eights[s>>3](ones[s&7], callback, db)
}

type one func(run func(*gorm.DB), db *gorm.DB)

// ones and eights are functions of which only the names differ.
var (
	ones = [8]one{
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
		func(run func(*gorm.DB), db *gorm.DB) { run(db) },
	}
	eights = [8]func(in one, run func(*gorm.DB), db *gorm.DB){
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
		func(in one, run func(*gorm.DB), db *gorm.DB) { in(run, db) },
	}
)

// onStack reports whether the caller's goroutine stands in a seat.
func (s seat) onStack() bool {
	nameOf := func(function any) string {
		return runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name()
	}
	inner, outer := nameOf(ones[s&7]), nameOf(eights[s>>3])
	callers := make([]uintptr, 64)
	n := runtime.Callers(2, callers)
	for n == len(callers) {
		callers = make([]uintptr, 2*n)
		n = runtime.Callers(2, callers)
	}
	frames := runtime.CallersFrames(callers[:n])
	for within, more := false, n > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if within && frame.Function == outer {
			return true
		}
		within = frame.Function == inner
	}
	return false
}

// A holder is who has a turn: nobody, a seat and one, or beyond those the number
// of a goroutine.
type holder uint64

func (s seat) holder() holder {
	if s == noSeat {
		return holder(noSeat) + holder(goroutine())
	}
	return holder(s) + 1
}

// isCaller reports whether the caller's goroutine has the turn. A seat that was
// left, and taken by another, since it was read does not mislead: the caller's
// goroutine has kept those that it is in.
func (h holder) isCaller() bool {
	switch {
	case h == 0:
		return false
	case h <= holder(noSeat):
		return seat(h - 1).onStack()
	default:
		return h == holder(noSeat)+holder(goroutine())
	}
}

// goroutine is the number of the goroutine that calls, as panics print it.
func goroutine() uint64 {
	var buffer [40]byte
	text := bytes.TrimPrefix(buffer[:runtime.Stack(buffer[:], false)], []byte("goroutine "))
	number, _, _ := bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(number), 10, 64)
	return id
}
