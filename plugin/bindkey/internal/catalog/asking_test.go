package catalog_test

import (
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

// Bind methods that ask a catalog, as one that queries a model does.
type (
	AsksItself struct{ ID uint }
	AsksPong   struct{ ID uint } // and that asks this one
	AsksPing   struct{ ID uint }
	AsksPlain  struct{ ID uint }
	AsksCircle struct{ ID uint } // and is none of it
	Leaves     struct{ ID uint }
	Meets      struct{ ID uint } // Other, which another goroutine asks
	Other      struct{ ID uint }
	Slow       struct{ ID uint }
)

var (
	askedOf    *catalog.Catalog
	met        sync.WaitGroup
	slow, slip chan struct{}
)

func ask(model any) []catalog.Fault {
	_, faults := askedOf.OfType(reflect.TypeOf(model))
	return faults
}

func (AsksItself) Bind() string { ask(AsksItself{}); return "logs" }
func (AsksPong) Bind() string   { ask(AsksPing{}); return "logs" }
func (AsksPing) Bind() string   { ask(AsksPong{}); return "logs" }
func (AsksPlain) Bind() string  { ask(Plain{}); ask(Method{}); return "logs" }
func (AsksCircle) Bind() string { ask(AsksPong{}); return "logs" }
func (Leaves) Bind() string     { runtime.Goexit(); return "logs" }
func (Meets) Bind() string      { met.Done(); met.Wait(); ask(Other{}); return "logs" }
func (Other) Bind() string      { met.Done(); met.Wait(); ask(Meets{}); return "logs" }
func (Slow) Bind() string       { close(slow); <-slip; return "logs" }

// A Bind method that needs its own answer is a fault, for whoever asks, and
// whichever of a circle is asked first.
func TestMethodThatAsks(t *testing.T) {
	for _, order := range [][]any{{AsksItself{}, AsksPing{}, AsksPong{}, AsksCircle{}}, {AsksCircle{}, AsksPong{}, AsksItself{}, AsksPing{}}} {
		askedOf = catalog.New(source())
		for range [2]int{} {
			for _, model := range order {
				faults := ask(model)
				if model == (AsksCircle{}) {
					if faults != nil {
						t.Errorf("%T: %+v", model, faults)
					}
					continue
				}
				if fault, ok := only(faults).(catalog.Invalid); !ok || !strings.HasPrefix(fault.Subject, "model catalog_test.Asks") || !strings.Contains(fault.Reason, "needs the key of the model itself") {
					t.Errorf("%T: %+v", model, faults)
				}
			}
			if faults := ask(AsksPlain{}); faults != nil {
				t.Errorf("%+v", faults)
			}
		}
	}
}

// So it is where two goroutines each ask for what the other is about to say.
func TestMethodsThatMeet(t *testing.T) {
	askedOf = catalog.New(source())
	met.Add(2)
	var together sync.WaitGroup
	for _, model := range []any{Meets{}, Other{}} {
		together.Add(1)
		go func(model any) {
			defer together.Done()
			for range [2]int{} {
				if fault, ok := only(ask(model)).(catalog.Invalid); !ok || !strings.Contains(fault.Reason, "needs the key of the model itself") {
					t.Errorf("%T: %+v", model, fault)
				}
			}
		}(model)
	}
	together.Wait()
}

// Goroutines that ask while the method runs wait for its answer.
func TestMethodIsWaitedFor(t *testing.T) {
	askedOf, slow, slip = catalog.New(source()), make(chan struct{}), make(chan struct{})
	var together sync.WaitGroup
	for i := 0; i < 8; i++ {
		together.Add(1)
		go func() {
			defer together.Done()
			<-slow // the method runs
			if claim, faults := askedOf.OfType(reflect.TypeOf(Slow{})); claim.Key != "logs" || faults != nil {
				t.Errorf("%+v, %+v", claim, faults)
			}
		}()
	}
	together.Add(1)
	go func() { defer together.Done(); ask(Slow{}) }()
	<-slow
	close(slip)
	together.Wait()
}

// A method that ends the goroutine is a fault for all who ask later.
func TestMethodThatLeaves(t *testing.T) {
	askedOf = catalog.New(source())
	left := make(chan struct{})
	go func() { defer close(left); ask(Leaves{}) }()
	<-left
	for range [2]int{} {
		if fault, ok := only(ask(Leaves{})).(catalog.Invalid); !ok || fault.Subject != "model catalog_test.Leaves" || !strings.Contains(fault.Reason, "runtime.Goexit") {
			t.Errorf("%+v", fault)
		}
	}
}
