package benchlab

import (
	"fmt"
	"math"
	"strings"
)

// A Budget is what the plugin may cost beyond plain handles.
type Budget struct {
	time    float64 // the ratio of the medians; 0: none
	asRival bool    // or: no more time than dbresolver, within the spread of plain handles measured twice
	allocs  float64 // more for one op; negative: none
	bytes   float64 // more for one op; 0: none
}

// The budgets. docs/benchmarks.md has them, too.
var (
	NoBudget          = Budget{allocs: -1}
	DryBudget         = Budget{time: 1.03, allocs: 1, bytes: 64}
	StatementBudget   = Budget{asRival: true, allocs: 1}
	TransactionBudget = Budget{time: 1.02, allocs: 4}
	DialectsBudget    = Budget{time: 1.10, allocs: 2}
	BindsBudget       = Budget{time: 1.02}
)

// Of is the budget of an op with so many statements.
func (b Budget) Of(statements int) Budget {
	b.allocs *= float64(statements)
	b.bytes *= float64(statements)
	return b
}

func (b Budget) String() string { return b.text("") }

// text is the budget with what is said of dbresolver's time.
func (b Budget) text(spread string) string {
	var parts []string
	if b.time > 0 {
		parts = append(parts, fmt.Sprintf("≤ %.2f", b.time))
	}
	if b.asRival {
		parts = append(parts, "≤ dbresolver"+spread)
	}
	if b.allocs >= 0 {
		parts = append(parts, fmt.Sprintf("+%.0f", b.allocs))
	}
	if b.bytes > 0 {
		parts = append(parts, fmt.Sprintf("+%.0f B", b.bytes))
	}
	return strings.Join(parts, ", ")
}

// verdict tells which parts of the budget are met: "yes", or "no: time". A
// question mark says that the time's interval has the budget in it, so that
// another run may say otherwise.
func (b Budget) verdict(r ratio, allocs, bytes float64) string {
	var missed []string
	sure := true
	if b.time > 0 {
		sure = b.time < math.Min(r.low, r.medians) || b.time > math.Max(r.high, r.medians)
		if r.medians > b.time {
			missed = append(missed, "time"+unless(sure, "?"))
		}
	}
	if b.allocs >= 0 && math.Round(allocs) > b.allocs {
		missed = append(missed, "allocations")
	}
	if b.bytes > 0 && math.Round(bytes) > b.bytes {
		missed = append(missed, "bytes")
	}
	switch {
	case b.String() == "":
		return ""
	case len(missed) > 0:
		return "no: " + strings.Join(missed, ", ")
	default:
		return "yes" + unless(sure, "?")
	}
}

func unless(condition bool, text string) string {
	if condition {
		return ""
	}
	return text
}
