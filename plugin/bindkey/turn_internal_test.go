package bindkey

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"testing"
	"time"
)

// within runs what may wait for ever if the code is broken.
func within(t *testing.T, what string, run func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); run() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal(what + " waits for ever")
	}
}

// line waits until so many wait in a queue.
func (q *queue) line(length int) {
	for {
		q.mu.Lock()
		n := 0
		if q.waiting != nil {
			n = q.waiting.Len()
		}
		q.mu.Unlock()
		if n == length {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// isFree holds that nobody is in a queue, and nobody waits: the next enters as the
// first did, and leaves it as it was.
func (q *queue) isFree(t *testing.T) {
	t.Helper()
	for i := 0; i < 2; i++ {
		if !q.enterFree() || q.enterFree() {
			t.Error("not one enters, and then none")
		}
		q.leave()
	}
}

// Who waits enters in the order of arrival, without those who give up.
func TestQueueOrder(t *testing.T) {
	background := context.Background()
	for name, gives := range map[string]func(i int) bool{
		"all":          func(int) bool { return false },
		"some give up": func(i int) bool { return i%3 == 1 },
		"the first":    func(i int) bool { return i == 0 },
		"the last":     func(i int) bool { return i == 11 },
		"nobody stays": func(int) bool { return true },
	} {
		gives := gives
		t.Run(name, func(t *testing.T) {
			within(t, "a goroutine", func() {
				var (
					q              queue
					group          sync.WaitGroup
					entered, stays []int // guarded by the queue alone
					cancels        []func()
					length         = 12
				)
				q.enterFree()
				failures := make([]error, length)
				for i := 0; i < length; i++ {
					i := i
					ctx, other := background, background
					if gives(i) {
						ended, cancel := context.WithCancel(background)
						cancels = append(cancels, cancel)
						if ctx = ended; i%2 == 0 {
							ctx, other = background, ended // either of the two
						}
					} else {
						stays = append(stays, i)
					}
					group.Add(1)
					go func() {
						defer group.Done()
						if failures[i] = q.enter(ctx, other); failures[i] == nil {
							entered = append(entered, i)
							q.leave()
						}
					}()
					q.line(i + 1)
				}
				for _, cancel := range cancels {
					cancel()
				}
				q.line(len(stays))
				if q.enterFree() {
					t.Error("who gives up leaves for who is in")
				}
				q.leave()
				group.Wait()
				for i, err := range failures {
					if gives(i) != errors.Is(err, context.Canceled) {
						t.Errorf("%d: %v", i, err)
					}
				}
				if fmt.Sprint(entered) != fmt.Sprint(stays) {
					t.Errorf("entered %v, want %v", entered, stays)
				}
				q.isFree(t)
			})
		})
	}
}

// ending is a context that has ended; whoever asks why sees something happen
// first.
type ending struct {
	context.Context
	first func()
}

func (e ending) Err() error { e.first(); return e.Context.Err() }

// Who gives up just as the turn has come hands it on.
func TestQueueTurnComesTooLate(t *testing.T) {
	background := context.Background()
	ended, cancel := context.WithCancel(background)
	cancel()
	for _, others := range []int{0, 1, 3} {
		for _, inOther := range []bool{false, true} {
			others, inOther := others, inOther
			within(t, "a goroutine", func() {
				var q queue
				var group sync.WaitGroup
				q.enterFree()
				late := ending{ended, func() {
					for i := 0; i < others; i++ {
						group.Add(1)
						go func() {
							defer group.Done()
							if err := q.enter(background, background); err != nil {
								t.Error(err)
							}
							q.leave()
						}()
					}
					q.line(1 + others)
					q.leave() // and so the turn has come
				}}
				var err error
				if inOther {
					err = q.enter(background, late)
				} else {
					err = q.enter(late, background)
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("entered: %v", err)
				}
				group.Wait()
				q.isFree(t)
			})
		}
	}
}

// Many goroutines, of whom some give up while others come and go: one is in at a
// time, none is forgotten, and the queue is free afterwards.
func TestQueueOfManyGoroutines(t *testing.T) {
	within(t, "a goroutine", func() {
		var (
			q       queue
			group   sync.WaitGroup
			in      int // guarded by the queue alone
			entered int
			told    = make([]int, 32)
		)
		for i := range told {
			i := i
			group.Add(1)
			go func() {
				defer group.Done()
				chance := rand.New(rand.NewSource(int64(i)))
				for round := 0; round < 500; round++ {
					ctx, cancel := context.Background(), func() {}
					switch chance.Intn(4) {
					case 0:
						ctx, cancel = context.WithTimeout(ctx, time.Duration(chance.Intn(100))*time.Microsecond)
					case 1:
						runtime.Gosched()
					}
					if q.enterFree() || q.enter(ctx, context.Background()) == nil {
						if in++; in != 1 {
							t.Errorf("%d are in", in)
						}
						entered, told[i] = entered+1, told[i]+1
						if chance.Intn(8) == 0 {
							runtime.Gosched()
						}
						in--
						q.leave()
					}
					cancel()
				}
			}()
		}
		group.Wait()
		for _, n := range told {
			entered -= n
		}
		if entered != 0 {
			t.Errorf("%d entries are lost", entered)
		}
		q.isFree(t)
	})
}
