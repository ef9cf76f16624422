package bindkey

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
)

// deeper runs something at a depth of the stack.
//
//go:noinline
func deeper(depth int, run func()) {
	if depth == 0 {
		run()
		return
	}
	deeper(depth-1, run)
}

// A seat is on the stack of the goroutine that is in it, at any depth, and on no
// other.
func TestSeats(t *testing.T) {
	all := func() (seats []seat) {
		for s := seat(0); s < noSeat; s++ {
			if s.onStack() {
				seats = append(seats, s)
			}
		}
		return seats
	}
	if got := all(); len(got) > 0 {
		t.Errorf("without a seat: in %v", got)
	}
	depths := []int{250, 260, 1000}
	for depth := 0; depth < 140; depth++ { // past 64 and 128 frames, and exactly there
		depths = append(depths, depth)
	}
	for _, depth := range depths {
		depth := depth
		first := seat(depth % int(noSeat))
		second := (first + 19) % noSeat
		first.stand(func(*gorm.DB) {
			deeper(depth, func() {
				if got, want := fmt.Sprint(all()), fmt.Sprint([]seat{first}); got != want {
					t.Errorf("depth %d: in %s, want %s", depth, got, want)
				}
				second.stand(func(*gorm.DB) { // of another statement, meanwhile
					if !first.onStack() || !second.onStack() || len(all()) != 2 {
						t.Errorf("depth %d: in %v, want %d and %d", depth, all(), first, second)
					}
				}, nil)
				elsewhere := make(chan []seat)
				go func() { elsewhere <- all() }()
				if got := <-elsewhere; len(got) > 0 {
					t.Errorf("depth %d: a goroutine that was started inside is in %v", depth, got)
				}
			})
		}, nil)
		if got := all(); len(got) > 0 {
			t.Errorf("depth %d: afterwards in %v", depth, got)
		}
	}
}

// A seat is one statement's at a time. Where all are taken, the goroutine's number
// tells who has the turn.
func TestSeatsAreTakenOnce(t *testing.T) {
	var seats []seat
	told := map[seat]bool{}
	for s := takeSeat(); s != noSeat; s = takeSeat() {
		if seats = append(seats, s); told[s] || s > noSeat {
			t.Fatalf("seat %d after %v", s, seats)
		}
		told[s] = true
	}
	if len(seats) != int(noSeat) {
		t.Errorf("%d seats", len(seats))
	}
	noSeat.stand(func(*gorm.DB) {
		h := noSeat.holder()
		elsewhere := make(chan bool)
		go func() { elsewhere <- h.isCaller() }()
		if !h.isCaller() || <-elsewhere {
			t.Error("without a seat, the goroutine is not told")
		}
	}, nil)
	for _, s := range seats {
		h := s.holder()
		s.stand(func(*gorm.DB) {
			if !h.isCaller() {
				t.Errorf("seat %d: not in it", s)
			}
		}, nil)
		if h.isCaller() || holder(0).isCaller() {
			t.Errorf("seat %d: in it afterwards", s)
		}
		s.leave()
	}
	noSeat.leave()

	var inside [noSeat]atomic.Int32
	var together sync.WaitGroup
	for i := 0; i < 100; i++ { // more than there are seats
		together.Add(1)
		go func() {
			defer together.Done()
			for round := 0; round < 200; round++ {
				s := takeSeat()
				if s != noSeat && inside[s].Add(1) != 1 {
					t.Errorf("two are in seat %d", s)
				}
				runtime.Gosched()
				if s != noSeat {
					inside[s].Add(-1)
				}
				s.leave()
			}
		}()
	}
	together.Wait()
	if seatsTaken.Load() != 0 {
		t.Errorf("taken: %b", seatsTaken.Load())
	}
}
