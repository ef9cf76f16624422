package main

import (
	"fmt"
	"time"

	lab "github.com/gormbind/gormbind/internal/benchlab"
)

// allWork is what is measured, in the order of the table.
func allWork() []*lab.Work {
	var all []*lab.Work
	add := func(group string, works ...*lab.Work) { all = append(all, lab.Of(group, works...)...) }
	sqlite := &files{}

	add("DryRun",
		&lab.Work{Name: "First, default bind", Place: dry, Make: lab.First[lab.User](lab.Home), Budget: lab.DryBudget},
		&lab.Work{Name: "First", Place: dry, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.DryBudget},
		&lab.Work{Name: "Find, default bind", Place: dry, Make: lab.Find[lab.User](lab.Home), Budget: lab.DryBudget},
		&lab.Work{Name: "Find", Place: dry, Make: lab.Find[lab.LogEntry](lab.Other), Budget: lab.DryBudget},
		&lab.Work{Name: "Create, default bind", Place: dry, Make: lab.Create(lab.Home), Budget: lab.DryBudget},
		&lab.Work{Name: "Create", Place: dry, Make: lab.Create(lab.Other), Budget: lab.DryBudget},
		&lab.Work{Name: "Create, SkipDefaultTransaction", Place: dry, Setup: lab.Setup{Skip: true}, Make: lab.Create(lab.Other), Budget: lab.DryBudget},
	)
	all = append(all, lab.Common("SQLite", sqlite)...)
	add("Settings",
		&lab.Work{Name: "two replicas, SQLite First", Place: sqlite, Setup: lab.Setup{Replicas: true}, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.StatementBudget},
		&lab.Work{Name: "two replicas, DryRun First", Place: dry, Setup: lab.Setup{Replicas: true}, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.DryBudget},
		&lab.Work{Name: "PrepareStmt, SQLite First", Place: sqlite, Setup: lab.Setup{Prepare: true}, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.StatementBudget},
		&lab.Work{Name: "PrepareStmt, SQLite Create", Place: sqlite, Setup: lab.Setup{Prepare: true}, Make: lab.Create(lab.Other), Budget: lab.StatementBudget},
		&lab.Work{Name: "Use elsewhere, SQLite First", Place: sqlite, Setup: lab.Setup{Used: true}, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.StatementBudget},
		&lab.Work{Name: "Use elsewhere, SQLite Update", Place: sqlite, Setup: lab.Setup{Used: true}, Make: lab.Update, Budget: lab.StatementBudget},
		&lab.Work{Name: "Use elsewhere, DryRun First", Place: dry, Setup: lab.Setup{Used: true}, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.DryBudget},
		&lab.Work{Name: "WithContext, SQLite First", Place: sqlite, Make: lab.InContext[lab.LogEntry](lab.Other), Budget: lab.StatementBudget},
		&lab.Work{Name: "WithContext, DryRun First", Place: dry, Make: lab.InContext[lab.LogEntry](lab.Other), Budget: lab.DryBudget},
	)
	mixed := func(name string, m lab.Making) *lab.Work {
		return &lab.Work{Name: name, Place: dryMixed, Make: m, Budget: lab.DialectsBudget, Left: lab.Without(lab.OneDialect, lab.Resolver, lab.Using)}
	}
	add("Two dialects, DryRun",
		mixed("First, default bind", lab.First[lab.User](lab.Home)),
		mixed("First", lab.First[lab.LogEntry](lab.Other)),
		mixed("Find, default bind", lab.Find[lab.User](lab.Home)),
		mixed("Find", lab.Find[lab.LogEntry](lab.Other)),
		mixed("Create, default bind", lab.Create(lab.Home)),
		mixed("Create", lab.Create(lab.Other)),
	)
	all = append(all, severalGoroutines(sqlite)...)
	all = append(all, growth(sqlite)...)
	return append(all, once()...)
}

// severalGoroutines is work that is done by one and by more at a time.
func severalGoroutines(sqlite lab.Place) (all []*lab.Work) {
	add := func(group string, works ...*lab.Work) { all = append(all, lab.Of(group, works...)...) }
	for _, goroutines := range []int{1, 2, 8} {
		add("Goroutines",
			&lab.Work{Name: fmt.Sprintf("DryRun First, %d", goroutines), Goroutines: goroutines, Place: dry, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.DryBudget},
			&lab.Work{Name: fmt.Sprintf("DryRun Create, %d", goroutines), Goroutines: goroutines, Place: dry, Make: lab.Create(lab.Other), Budget: lab.DryBudget},
			&lab.Work{Name: fmt.Sprintf("SQLite First, %d", goroutines), Goroutines: goroutines, Place: sqlite, Make: lab.First[lab.LogEntry](lab.Other), Budget: lab.StatementBudget},
		)
	}
	return all
}

// growth is work whose cost could grow with a program.
func growth(sqlite lab.Place) (all []*lab.Work) {
	add := func(group string, works ...*lab.Work) { all = append(all, lab.Of(group, works...)...) }
	for _, binds := range []int{100, 1_000} {
		add("Growth", &lab.Work{Name: fmt.Sprintf("DryRun First, %d binds; plain: the plugin with one", binds), Runners: manyBinds(binds), Budget: lab.BindsBudget})
	}
	for _, models := range []int{10, 1_000, 10_000} {
		add("Growth", &lab.Work{Name: fmt.Sprintf("DryRun First, %d models", models), Runners: manySchemas(models), Budget: lab.DryBudget})
	}
	for _, tables := range []int{10, 1_000, 10_000} {
		add("Growth", &lab.Work{Name: fmt.Sprintf("DryRun Table(…).Find, %d tables", tables), Runners: manyTables(tables), Budget: lab.NoBudget})
	}
	for depth := 1; depth <= 6; depth++ {
		add("Growth", &lab.Work{Name: fmt.Sprintf("DryRun Create, associations %d deep", depth), Place: dry, Make: createChain(depth), Budget: lab.DryBudget.Of(depth + 1), Left: lab.Without(lab.NotReached, lab.Using)})
	}
	for depth := 1; depth <= 6; depth++ {
		add("Growth", &lab.Work{Name: fmt.Sprintf("SQLite Preload, %d deep; plain: in one database", depth), Place: sqlite, Make: preloadChain(depth), Budget: lab.StatementBudget.Of(depth + 1), Left: lab.Without(lab.NotReached, lab.Using)})
	}
	return all
}

// once is what is done for each text, each model and each handle.
func once() (all []*lab.Work) {
	add := func(group string, works ...*lab.Work) { all = append(all, lab.Of(group, works...)...) }
	for _, size := range []int{100, 1_000, 10_000, 100_000} {
		for _, repeated := range []bool{false, true} {
			name, limit := "first seen", time.Microsecond
			if repeated {
				name, limit = "repeated", 0
			}
			add("Raw SQL, DryRun Exec", &lab.Work{Name: fmt.Sprintf("%d B, %s", size, name), Place: dry, Make: rawText(size, repeated), Budget: lab.NoBudget,
				Extra: &lab.Extra{Unit: "100 B", Units: float64(size) / 100, Budget: limit}})
		}
	}
	add("Once",
		&lab.Work{Name: "first use of Event", Runners: firstUse[Event], Budget: lab.NoBudget, Extra: &lab.Extra{Unit: "model", Units: 1, Budget: 10 * time.Microsecond}},
		&lab.Work{Name: "first use of User, which has LogEntry", Runners: firstUse[lab.User], Budget: lab.NoBudget, Extra: &lab.Extra{Unit: "model", Units: 1, Budget: 10 * time.Microsecond}},
		&lab.Work{Name: "db.Use, 1000 models in Register", Runners: install(1000, useRegistered, useNone), Budget: lab.NoBudget,
			Extra: &lab.Extra{Unit: "db.Use", Units: 1, Budget: 50 * time.Millisecond}},
		&lab.Work{Name: "db.Use, option Models with 1000, GORM's parse included", Runners: install(1000, useModels, useNone), Budget: lab.NoBudget,
			Extra: &lab.Extra{Unit: "db.Use", Units: 1, Budget: 50 * time.Millisecond}},
		&lab.Work{Name: "db.Use, option Models with 1000; plain: GORM's parse alone", Runners: install(1000, useModels, useNoneAndParse), Budget: lab.NoBudget,
			Extra: &lab.Extra{Unit: "db.Use", Units: 1, Budget: 50 * time.Millisecond}},
	)
	return all
}
