package main

import (
	"fmt"
	"time"
)

// A work is one line of the table: what all contenders do.
type work struct {
	group, name string
	budget      budget

	setup      setup
	make       making
	goroutines int
	left       map[string]string // contenders that are left out, and why
	runners    func() ([]runner, error)

	extra *extra
}

// An extra is told in time, not as a ratio: what the plugin takes more than the
// contender before it.
type extra struct {
	unit   string
	units  float64       // in one op
	budget time.Duration // of one unit; 0: none
}

// Why a contender is left out.
const (
	wrongDatabase = "it would write to the wrong database: it leaves a transaction's statements on the connection that it finds"
	oneDialect    = "it compiles all SQL for the dialect of the handle"
	notReached    = "Use does not reach what GORM derives"
	noModels      = "it has no part in this"
)

func without(reason string, names ...string) map[string]string {
	left := map[string]string{}
	for _, name := range names {
		left[name] = reason
	}
	return left
}

// allWork is what is measured, in the order of the table.
func allWork() []*work {
	var all []*work
	add := func(group string, works ...*work) {
		for _, w := range works {
			w.group = group
			if w.goroutines == 0 {
				w.goroutines = 1
			}
			all = append(all, w)
		}
	}

	dry, dryAlone, files := setup{dryRun: true}, setup{dryRun: true, skip: true}, setup{}
	add("DryRun",
		&work{name: "First, default bind", setup: dry, make: first[User](home), budget: dryBudget},
		&work{name: "First", setup: dry, make: first[LogEntry](other), budget: dryBudget},
		&work{name: "Find, default bind", setup: dry, make: find[User](home), budget: dryBudget},
		&work{name: "Find", setup: dry, make: find[LogEntry](other), budget: dryBudget},
		&work{name: "Create, default bind", setup: dry, make: create(home), budget: dryBudget},
		&work{name: "Create", setup: dry, make: create(other), budget: dryBudget},
		&work{name: "Create, SkipDefaultTransaction", setup: dryAlone, make: create(other), budget: dryBudget},
	)
	add("SQLite",
		&work{name: "First, default bind", setup: files, make: first[User](home), budget: sqliteBudget},
		&work{name: "First", setup: files, make: first[LogEntry](other), budget: sqliteBudget},
		&work{name: "Find 100 rows", setup: files, make: find[LogEntry](other), budget: sqliteBudget},
		&work{name: "Create", setup: files, make: create(other), budget: sqliteBudget},
		&work{name: "Create, SkipDefaultTransaction", setup: setup{skip: true}, make: create(other), budget: sqliteBudget},
		&work{name: "Create batch of 100", setup: files, make: createBatch, budget: sqliteBudget},
		&work{name: "Update", setup: files, make: update, budget: sqliteBudget},
		&work{name: "Delete", setup: files, make: remove, budget: sqliteBudget},
		&work{name: "Raw SELECT", setup: files, make: raw, budget: sqliteBudget},
		&work{name: "Preload across binds; plain: two queries", setup: files, make: preloadByHand, budget: noBudget},
		&work{name: "Preload across binds; plain: in one file", setup: files, make: preload, budget: sqliteBudget.of(2), left: without(notReached, using)},
	)
	add("Transactions, SQLite",
		&work{name: "Create, default bind", setup: files, make: transaction(home), budget: txBudget},
		&work{name: "Create", setup: files, make: transaction(other), budget: txBudget, left: without(wrongDatabase, resolver)},
		&work{name: "five First, default bind", setup: files, make: transactionOfFive, budget: txBudget},
		&work{name: "Create on two binds; plain: two transactions", setup: files, make: transactionOnBoth, budget: noBudget, left: without(wrongDatabase, resolver)},
	)
	add("Settings",
		&work{name: "two replicas, SQLite First", setup: setup{replicas: true}, make: first[LogEntry](other), budget: sqliteBudget},
		&work{name: "two replicas, DryRun First", setup: setup{dryRun: true, replicas: true}, make: first[LogEntry](other), budget: dryBudget},
		&work{name: "PrepareStmt, SQLite First", setup: setup{prepare: true}, make: first[LogEntry](other), budget: sqliteBudget},
		&work{name: "PrepareStmt, SQLite Create", setup: setup{prepare: true}, make: create(other), budget: sqliteBudget},
		&work{name: "Use elsewhere, SQLite First", setup: setup{used: true}, make: first[LogEntry](other), budget: sqliteBudget},
		&work{name: "Use elsewhere, SQLite Update", setup: setup{used: true}, make: update, budget: sqliteBudget},
		&work{name: "Use elsewhere, DryRun First", setup: setup{dryRun: true, used: true}, make: first[LogEntry](other), budget: dryBudget},
		&work{name: "WithContext, SQLite First", setup: files, make: inContext[LogEntry](other), budget: sqliteBudget},
		&work{name: "WithContext, DryRun First", setup: dry, make: inContext[LogEntry](other), budget: dryBudget},
	)
	mixed := func(name string, m making) *work {
		return &work{name: name, setup: setup{dryRun: true, mixed: true}, make: m, budget: mixedBudget, left: without(oneDialect, resolver, using)}
	}
	add("Two dialects, DryRun",
		mixed("First, default bind", first[User](home)),
		mixed("First", first[LogEntry](other)),
		mixed("Find, default bind", find[User](home)),
		mixed("Find", find[LogEntry](other)),
		mixed("Create, default bind", create(home)),
		mixed("Create", create(other)),
	)
	for _, goroutines := range []int{1, 2, 8} {
		add("Goroutines",
			&work{name: fmt.Sprintf("DryRun First, %d", goroutines), goroutines: goroutines, setup: dry, make: first[LogEntry](other), budget: dryBudget},
			&work{name: fmt.Sprintf("DryRun Create, %d", goroutines), goroutines: goroutines, setup: dry, make: create(other), budget: dryBudget},
			&work{name: fmt.Sprintf("SQLite First, %d", goroutines), goroutines: goroutines, setup: files, make: first[LogEntry](other), budget: sqliteBudget},
		)
	}
	for _, binds := range []int{100, 1_000} {
		add("Growth", &work{name: fmt.Sprintf("DryRun First, %d binds; plain: the plugin with one", binds), runners: manyBinds(binds), budget: bindsBudget})
	}
	for _, models := range []int{10, 1_000, 10_000} {
		add("Growth", &work{name: fmt.Sprintf("DryRun First, %d models", models), runners: manySchemas(models), budget: dryBudget})
	}
	for _, tables := range []int{10, 1_000, 10_000} {
		add("Growth", &work{name: fmt.Sprintf("DryRun Table(…).Find, %d tables", tables), runners: manyTables(tables), budget: noBudget})
	}
	for depth := 1; depth <= 6; depth++ {
		add("Growth", &work{name: fmt.Sprintf("DryRun Create, associations %d deep", depth), setup: dry, make: createChain(depth), budget: dryBudget.of(depth + 1), left: without(notReached, using)})
	}
	for depth := 1; depth <= 6; depth++ {
		add("Growth", &work{name: fmt.Sprintf("SQLite Preload, %d deep; plain: in one file", depth), setup: files, make: preloadChain(depth), budget: sqliteBudget.of(depth + 1), left: without(notReached, using)})
	}
	for _, size := range []int{100, 1_000, 10_000, 100_000} {
		for _, repeated := range []bool{false, true} {
			name, limit := "first seen", time.Microsecond
			if repeated {
				name, limit = "repeated", 0
			}
			add("Raw SQL, DryRun Exec", &work{name: fmt.Sprintf("%d B, %s", size, name), setup: dry, make: rawText(size, repeated), budget: noBudget,
				extra: &extra{unit: "100 B", units: float64(size) / 100, budget: limit}})
		}
	}
	add("Once",
		&work{name: "first use of Event", runners: firstUse[Event], budget: noBudget, extra: &extra{unit: "model", units: 1, budget: 10 * time.Microsecond}},
		&work{name: "first use of User, which has LogEntry", runners: firstUse[User], budget: noBudget, extra: &extra{unit: "model", units: 1, budget: 10 * time.Microsecond}},
		&work{name: "db.Use, 1000 models in Register", runners: install(1000, useRegistered, useNone), budget: noBudget,
			extra: &extra{unit: "db.Use", units: 1, budget: 50 * time.Millisecond}},
		&work{name: "db.Use, option Models with 1000, GORM's parse included", runners: install(1000, useModels, useNone), budget: noBudget,
			extra: &extra{unit: "db.Use", units: 1, budget: 50 * time.Millisecond}},
		&work{name: "db.Use, option Models with 1000; plain: GORM's parse alone", runners: install(1000, useModels, useNoneAndParse), budget: noBudget,
			extra: &extra{unit: "db.Use", units: 1, budget: 50 * time.Millisecond}},
	)
	return all
}

// A result is what was measured of one work.
type result struct {
	*work
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
	return (middle(r.of(routed).times) - middle(r.of(plain).times)) / r.extra.units
}

// verdict tells whether the budget is met, as budget.verdict does; it is empty
// without one.
func (r result) verdict() string {
	switch {
	case r.extra == nil:
		own, base := r.of(routed), r.of(plain)
		return r.budget.verdict(r.ratio(routed, plain), own.allocs-base.allocs, own.bytes-base.bytes)
	case r.extra.budget == 0:
		return ""
	case r.more() > float64(r.extra.budget):
		return "no: time"
	default:
		return "yes"
	}
}
