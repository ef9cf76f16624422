package main

import (
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// What grows with a program. Where a statement's cost could depend on how many
// binds, models or tables there are, all contenders have so many of them.

// manyBinds are the plugin with one bind, twice, and with many: that growth is
// to be compared to itself.
func manyBinds(count int) func() ([]runner, error) {
	return func() ([]runner, error) {
		var runners []runner
		for _, one := range []struct {
			name  string
			binds int
		}{{plain, 1}, {again, 1}, {routed, count}} {
			plugin := bindkey.New(bindkey.Models(&LogEntry{}))
			for i := 0; i < one.binds; i++ {
				key := fmt.Sprint("bind-", i)
				if i == one.binds/2 {
					key = other
				}
				plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{dialector(nothingPool())}})
			}
			db, err := setup{dryRun: true}.handle(dialector(nothingPool()), plugin)
			if err != nil {
				return nil, err
			}
			c := &contender{name: one.name}
			c.route(db)
			runners = append(runners, runner{one.name, []task{first[LogEntry](other)(c)}})
		}
		return runners, nil
	}
}

// over opens contenders without files, and makes a task for each.
func over(names []string, open func(c *contender) error, make making) ([]runner, error) {
	var runners []runner
	for _, name := range names {
		c := &contender{name: name}
		if err := open(c); err != nil {
			return nil, err
		}
		runners = append(runners, runner{name, []task{make(c)}})
	}
	return runners, nil
}

// manySchemas has one model after the other in a First.
func manySchemas(count int) func() ([]runner, error) {
	return func() ([]runner, error) {
		models := manyModels(count)
		open := func(c *contender) error {
			var plugins []gorm.Plugin
			if c.name == routed {
				plugins = append(plugins, bindkey.New(bindkey.Models(models...)).Register(other, nowhere()))
			}
			return c.dry(plugins...)
		}
		return over([]string{plain, again, routed}, open, func(c *contender) task {
			on := c.reads(other)
			for _, model := range models { // parsed
				on().First(model)
			}
			return task{op: func(i int) error { return on().First(models[i*7919%count]).Error }}
		})
	}
}

// manyTables has one table after the other in a Find without a model.
func manyTables(count int) func() ([]runner, error) {
	return func() ([]runner, error) {
		names, data := make([]string, count), make([]any, count)
		for i := range names {
			names[i] = fmt.Sprint("events_", i)
			data[i] = names[i]
		}
		open := func(c *contender) error {
			var plugins []gorm.Plugin
			switch c.name {
			case resolver:
				plugins = append(plugins, dbresolver.Register(nowhere(), data...))
			case routed:
				plugins = append(plugins, bindkey.New().Register(other, nowhere(), data...))
			}
			return c.dry(plugins...)
		}
		return over([]string{plain, again, resolver, routed}, open, func(c *contender) task {
			on := c.reads(other)
			return task{op: func(i int) error {
				var rows []map[string]any
				return on().Table(names[i*7919%count]).Find(&rows).Error
			}}
		})
	}
}

func nowhere() dbresolver.Config {
	return dbresolver.Config{Sources: []gorm.Dialector{dialector(nothingPool())}}
}

// dry opens one handle without a database.
func (c *contender) dry(plugins ...gorm.Plugin) error {
	db, err := setup{dryRun: true}.handle(dialector(nothingPool()), plugins...)
	if err == nil {
		c.route(db)
	}
	return err
}

// createChain creates a value whose associations go so deep.
func createChain(depth int) making {
	return func(c *contender) task {
		on := c.writes(home)
		return task{op: func(int) error { return on().Create(chain(depth)).Error }}
	}
}

// preloadChain preloads so deep.
func preloadChain(depth int) making {
	relation := strings.Repeat("Child.", depth)[:len("Child.")*depth-1]
	return func(c *contender) task {
		on := c.reads(home)
		return task{op: func(int) error {
			var top Even
			if err := on().Preload(relation).First(&top, 1).Error; err != nil {
				return err
			}
			if top.Child == nil {
				return fmt.Errorf("%s preloaded nothing", c.name)
			}
			return nil
		}}
	}
}

// rawText has a statement of so many bytes, the same each time or one that was
// never seen before.
func rawText(size int, repeated bool) making {
	var text strings.Builder
	text.WriteString("UPDATE logs SET event = 'seen' WHERE level = 1 AND (user_id = 7")
	for text.Len() < size-len(" AND event <> 'event 1234'")-len(") OR id = 12345678") {
		text.WriteString(" AND event <> 'event 1234'")
	}
	text.WriteString(") OR id = ")
	beginning, number := text.String(), 10_000_000
	return func(c *contender) task {
		on := c.writes(other)
		if repeated {
			sql := beginning + strconv.Itoa(number)
			return task{op: func(int) error { return on().Exec(sql).Error }}
		}
		return task{op: func(int) error {
			number++
			return on().Exec(beginning + strconv.Itoa(number)).Error
		}}
	}
}

// firstUse is the first statement of a model on a handle that has run others,
// GORM's parse of the model included. Every one needs a handle of its own.
func firstUse[M any]() ([]runner, error) {
	return over([]string{plain, again, routed}, func(*contender) error { return nil }, func(c *contender) task {
		var handles []*gorm.DB
		t := task{op: func(i int) error {
			var row M
			return handles[i].First(&row).Error
		}}
		t.before = func(n int) error {
			handles = handles[:0]
			for i := 0; i < n; i++ {
				var plugins []gorm.Plugin
				if c.name == routed {
					plugins = append(plugins, bindkey.New().Register(other, nowhere()))
				}
				if err := c.dry(plugins...); err != nil {
					return err
				}
				db := c.reads(other)()
				if err := db.First(&Even{}).Error; err != nil {
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
func install(count int, with, without func(db *gorm.DB, models []any) error) func() ([]runner, error) {
	return func() ([]runner, error) {
		models := manyModels(count)
		return over([]string{plain, again, routed}, func(*contender) error { return nil }, func(c *contender) task {
			var handles []*gorm.DB
			t := task{op: func(i int) error {
				if c.name == routed {
					return with(handles[i], models)
				}
				return without(handles[i], models)
			}}
			t.before = func(n int) error {
				handles = handles[:0]
				for i := 0; i < n; i++ {
					db, err := setup{}.handle(dialector(nothingPool()))
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
	return db.Use(bindkey.New().Register(other, nowhere(), models...))
}

func useModels(db *gorm.DB, models []any) error {
	return db.Use(bindkey.New(bindkey.Models(models...)).Register(other, nowhere()))
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
