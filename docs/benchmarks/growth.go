package main

import (
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	lab "github.com/gormbind/gormbind/internal/benchlab"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// What grows with a program. Where a statement's cost could depend on how many
// binds, models or tables there are, all contenders have so many of them.

// manyBinds are the plugin with one bind, twice, and with many: that growth is
// to be compared to itself.
func manyBinds(count int) func() ([]lab.Runner, error) {
	return func() ([]lab.Runner, error) {
		var runners []lab.Runner
		for _, one := range []struct {
			name  string
			binds int
		}{{lab.Plain, 1}, {lab.Again, 1}, {lab.Routed, count}} {
			plugin := bindkey.New(bindkey.Models(&lab.LogEntry{}))
			for i := 0; i < one.binds; i++ {
				key := fmt.Sprint("bind-", i)
				if i == one.binds/2 {
					key = lab.Other
				}
				plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{dialector(nothingPool())}})
			}
			db, err := dryHandle(plugin)
			if err != nil {
				return nil, err
			}
			runners = append(runners, lab.Runner{Name: one.name, Tasks: []lab.Task{lab.First[lab.LogEntry](lab.Other)(lab.On(one.name, db))}})
		}
		return runners, nil
	}
}

// over opens a handle for each contender, and makes a task on it.
func over(names []string, open func(name string) (*gorm.DB, error), make lab.Making) ([]lab.Runner, error) {
	var runners []lab.Runner
	for _, name := range names {
		db, err := open(name)
		if err != nil {
			return nil, err
		}
		runners = append(runners, lab.Runner{Name: name, Tasks: []lab.Task{make(lab.On(name, db))}})
	}
	return runners, nil
}

// noResolver are the contenders where dbresolver has no part in it.
var noResolver = []string{lab.Plain, lab.Again, lab.Routed}

// manySchemas has one model after the other in a First.
func manySchemas(count int) func() ([]lab.Runner, error) {
	return func() ([]lab.Runner, error) {
		models := manyModels(count)
		open := func(name string) (*gorm.DB, error) {
			var plugins []gorm.Plugin
			if name == lab.Routed {
				plugins = append(plugins, bindkey.New(bindkey.Models(models...)).Register(lab.Other, emptiness()))
			}
			return dryHandle(plugins...)
		}
		return over(noResolver, open, func(c *lab.Contender) lab.Task {
			on := c.Reads(lab.Other)
			for _, model := range models { // parsed
				on().First(model)
			}
			return lab.Task{Op: func(i int) error { return on().First(models[i*7919%count]).Error }}
		})
	}
}

// manyTables has one table after the other in a Find without a model.
func manyTables(count int) func() ([]lab.Runner, error) {
	return func() ([]lab.Runner, error) {
		names, data := make([]string, count), make([]any, count)
		for i := range names {
			names[i] = fmt.Sprint("events_", i)
			data[i] = names[i]
		}
		open := func(name string) (*gorm.DB, error) {
			var plugins []gorm.Plugin
			switch name {
			case lab.Resolver:
				plugins = append(plugins, dbresolver.Register(emptiness(), data...))
			case lab.Routed:
				plugins = append(plugins, bindkey.New().Register(lab.Other, emptiness(), data...))
			}
			return dryHandle(plugins...)
		}
		return over([]string{lab.Plain, lab.Again, lab.Resolver, lab.Routed}, open, func(c *lab.Contender) lab.Task {
			on := c.Reads(lab.Other)
			return lab.Task{Op: func(i int) error {
				var rows []map[string]any
				return on().Table(names[i*7919%count]).Find(&rows).Error
			}}
		})
	}
}

// emptiness is a bind without a database.
func emptiness() dbresolver.Config {
	return dbresolver.Config{Sources: []gorm.Dialector{dialector(nothingPool())}}
}

// dryHandle opens one handle without a database.
func dryHandle(plugins ...gorm.Plugin) (*gorm.DB, error) {
	return lab.Handle(dialector(nothingPool()), lab.Setup{}, true, plugins...)
}

// noHandle is for tasks that open handles of their own.
func noHandle(string) (*gorm.DB, error) { return nil, nil }

// createChain creates a value whose associations go so deep.
func createChain(depth int) lab.Making {
	return func(c *lab.Contender) lab.Task {
		on := c.Writes(lab.Home)
		return lab.Task{Op: func(int) error { return on().Create(chain(depth)).Error }}
	}
}

// preloadChain preloads so deep.
func preloadChain(depth int) lab.Making {
	relation := strings.Repeat("Child.", depth)[:len("Child.")*depth-1]
	return func(c *lab.Contender) lab.Task {
		on := c.Reads(lab.Home)
		return lab.Task{Op: func(int) error {
			var top lab.Even
			if err := on().Preload(relation).First(&top, 1).Error; err != nil {
				return err
			}
			if top.Child == nil {
				return fmt.Errorf("%s preloaded nothing", c.Name)
			}
			return nil
		}}
	}
}

// rawText has a statement of so many bytes, the same each time or one that was
// never seen before.
func rawText(size int, repeated bool) lab.Making {
	var text strings.Builder
	text.WriteString("UPDATE logs SET event = 'seen' WHERE level = 1 AND (user_id = 7")
	for text.Len() < size-len(" AND event <> 'event 1234'")-len(") OR id = 12345678") {
		text.WriteString(" AND event <> 'event 1234'")
	}
	text.WriteString(") OR id = ")
	beginning, number := text.String(), 10_000_000
	return func(c *lab.Contender) lab.Task {
		on := c.Writes(lab.Other)
		if repeated {
			sql := beginning + strconv.Itoa(number)
			return lab.Task{Op: func(int) error { return on().Exec(sql).Error }}
		}
		return lab.Task{Op: func(int) error {
			number++
			return on().Exec(beginning + strconv.Itoa(number)).Error
		}}
	}
}

// firstUse is the first statement of a model on a handle that has run others,
// GORM's parse of the model included. Every one needs a handle of its own.
func firstUse[M any]() ([]lab.Runner, error) {
	return over(noResolver, noHandle, func(c *lab.Contender) lab.Task {
		var handles []*gorm.DB
		t := lab.Task{Op: func(i int) error {
			var row M
			return handles[i].First(&row).Error
		}}
		t.Before = func(n int) error {
			handles = handles[:0]
			for i := 0; i < n; i++ {
				var plugins []gorm.Plugin
				if c.Name == lab.Routed {
					plugins = append(plugins, bindkey.New().Register(lab.Other, emptiness()))
				}
				db, err := dryHandle(plugins...)
				if err != nil {
					return err
				}
				if err := db.First(&lab.Even{}).Error; err != nil {
					return err
				}
				handles = append(handles, db)
			}
			return nil
		}
		return t
	})
}

// install is New, Register and db.Use with so many models, beside an
// installation without models and what else is not the plugin's.
func install(count int, with, without func(db *gorm.DB, models []any) error) func() ([]lab.Runner, error) {
	return func() ([]lab.Runner, error) {
		models := manyModels(count)
		return over(noResolver, noHandle, func(c *lab.Contender) lab.Task {
			var handles []*gorm.DB
			t := lab.Task{Op: func(i int) error {
				if c.Name == lab.Routed {
					return with(handles[i], models)
				}
				return without(handles[i], models)
			}}
			t.Before = func(n int) error {
				handles = handles[:0]
				for i := 0; i < n; i++ {
					db, err := lab.Handle(dialector(nothingPool()), lab.Setup{}, false)
					if err != nil {
						return err
					}
					handles = append(handles, db)
				}
				return nil
			}
			return t
		})
	}
}

func useRegistered(db *gorm.DB, models []any) error {
	return db.Use(bindkey.New().Register(lab.Other, emptiness(), models...))
}

func useModels(db *gorm.DB, models []any) error {
	return db.Use(bindkey.New(bindkey.Models(models...)).Register(lab.Other, emptiness()))
}

func useNone(db *gorm.DB, _ []any) error { return useRegistered(db, nil) }

// useNoneAndParse has GORM parse the models, which the option Models asks for.
func useNoneAndParse(db *gorm.DB, models []any) error {
	for _, model := range models {
		if err := (&gorm.Statement{DB: db}).Parse(model); err != nil {
			return err
		}
	}
	return useNone(db, nil)
}
