package benchlab

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A Work is one line of a table: what all contenders do.
type Work struct {
	Group, Name string
	Budget      Budget

	Place      Place
	Setup      Setup
	Make       Making
	Goroutines int               // 0: one
	Left       map[string]string // contenders that are left out, and why

	// Runners opens what no Place has: it replaces all of the above.
	Runners func() ([]Runner, error)

	Extra *Extra
}

// An Extra is told in time, not as a ratio: what the plugin takes more than
// plain handles.
type Extra struct {
	Unit   string
	Units  float64       // in one op
	Budget time.Duration // of one unit; 0: none
}

// Why a contender is left out.
const (
	WrongDatabase = "it would write to the wrong database: it leaves a transaction's statements on the connection that it finds"
	OneDialect    = "it compiles all SQL for the dialect of the handle"
	NotReached    = "Use does not reach what GORM derives"
)

// Without leaves contenders out.
func Without(reason string, names ...string) map[string]string {
	left := map[string]string{}
	for _, name := range names {
		left[name] = reason
	}
	return left
}

// Of gives work its group.
func Of(group string, works ...*Work) []*Work {
	for _, w := range works {
		w.Group = group
	}
	return works
}

func (w *Work) goroutines() int {
	if w.Goroutines == 0 {
		return 1
	}
	return w.Goroutines
}

// title is what -run matches.
func (w *Work) title() string { return w.Group + "/" + w.Name }

// A result is what was measured of one work.
type result struct {
	*Work
	samples []sample
}

func (r result) of(name string) *sample {
	for i := range r.samples {
		if r.samples[i].name == name {
			return &r.samples[i]
		}
	}
	return nil
}

func (r result) ratio(name, to string) ratio { return ratioOf(r.of(name).times, r.of(to).times) }

// more is what the plugin takes more time than plain handles, in ns for one unit.
func (r result) more() float64 {
	more := middle(r.of(Routed).times) - middle(r.of(Plain).times)
	if r.Extra != nil {
		more /= r.Extra.Units
	}
	return more
}

// rival is who a budget compares with where it is not plain handles: dbresolver
// with models, or where it can't do the work with Use.
func (r result) rival() string {
	if r.of(Resolver) == nil {
		return Using
	}
	return Resolver
}

// mostSpread limits the spread: a run where plain handles differ more from
// themselves can't tell, and must not say that a budget is met for that.
const mostSpread = 0.05

// spread is how far plain handles are from themselves in the sitting where they
// are farthest.
func (r result) spread() float64 {
	to := r.ratio(Again, Plain)
	return math.Min(mostSpread, math.Max(1-to.low, to.high-1))
}

// limit is the budget with the spread that this run has.
func (r result) limit() string {
	switch {
	case r.Extra != nil && r.Extra.Budget > 0:
		return "≤ " + duration(float64(r.Extra.Budget))
	case r.Extra != nil:
		return ""
	default:
		return r.Budget.text(fmt.Sprintf(" + %.1f %%", 100*r.spread()))
	}
}

// verdict tells whether the budget is met, as Budget.verdict does; it is empty
// without one.
func (r result) verdict() string {
	switch {
	case r.Extra == nil:
		own, base := r.of(Routed), r.of(Plain)
		budget, to := r.Budget, r.ratio(Routed, Plain)
		if budget.asRival {
			budget.time, to = 1+r.spread(), r.ratio(Routed, r.rival())
		}
		return budget.verdict(to, own.allocs-base.allocs, own.bytes-base.bytes)
	case r.Extra.Budget == 0:
		return ""
	case r.more() > float64(r.Extra.Budget):
		return "no: time"
	default:
		return "yes"
	}
}

// unmet says what of the budget is not met, and is empty where all is.
func (r result) unmet() string {
	missed, no := strings.CutPrefix(r.verdict(), "no: ")
	if !no {
		return ""
	}
	return missed
}
