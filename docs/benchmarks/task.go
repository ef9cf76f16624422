package main

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// A task is what is timed: op, again and again. before and after a slice of so
// many of them, the clock stands still.
type task struct {
	op     func(i int) error
	before func(n int) error
	after  func() error
}

// A making makes the task for a contender.
type making func(*contender) task

func first[M any](key string) making {
	return func(c *contender) task {
		on := c.reads(key)
		return task{op: func(int) error {
			var row M
			return on().First(&row, 42).Error
		}}
	}
}

func find[M any](key string) making {
	return func(c *contender) task {
		on := c.reads(key)
		return task{op: func(int) error {
			var rows []M
			return on().Limit(100).Find(&rows).Error
		}}
	}
}

// inContext is First with the context of a request.
func inContext[M any](key string) making {
	return func(c *contender) task {
		on := c.reads(key)
		ctx, cancel := context.WithCancel(context.Background())
		_ = cancel // at the program's end
		return task{op: func(int) error {
			var row M
			return on().WithContext(ctx).First(&row, 42).Error
		}}
	}
}

func create(key string) making {
	return func(c *contender) task {
		on := c.writes(key)
		t := task{after: func() error { return c.clean(key) }}
		t.op = func(int) error { return on().Create(&LogEntry{UserID: 7, Event: "joined", Level: 1}).Error }
		if key == home {
			t.op = func(int) error { return on().Create(&User{Name: "ada"}).Error }
		}
		return t
	}
}

func createBatch(c *contender) task {
	on := c.writes(other)
	return task{after: func() error { return c.clean(other) }, op: func(int) error {
		rows := make([]LogEntry, 100)
		for i := range rows {
			rows[i] = LogEntry{UserID: 7, Event: "joined", Level: i}
		}
		return on().Create(&rows).Error
	}}
}

func update(c *contender) task {
	on := c.writes(other)
	return task{op: func(int) error {
		return on().Model(&LogEntry{ID: 42}).Update("event", "seen").Error
	}}
}

// remove deletes rows that were made before the slice.
func remove(c *contender) task {
	on := c.writes(other)
	return task{
		before: func(n int) error {
			return c.exec(other, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO logs (id, user_id, event, level) SELECT i + ?, 7, 'left', 0 FROM n`, n, logs)
		},
		op: func(i int) error {
			tx := on().Delete(&LogEntry{ID: uint(logs + 1 + i)})
			if tx.Error == nil && tx.RowsAffected != 1 {
				return fmt.Errorf("%s deleted %d rows", c.name, tx.RowsAffected)
			}
			return tx.Error
		},
		after: func() error { return c.clean(other) },
	}
}

func raw(c *contender) task {
	on := c.reads(other)
	return task{op: func(int) error {
		var rows []LogEntry
		return on().Raw("SELECT id, event FROM logs WHERE user_id = ?", 7).Scan(&rows).Error
	}}
}

// preloadByHand loads a user and the logs, which are in another database. With
// plain handles that is two queries; with Use, the preload needs it, too.
func preloadByHand(c *contender) task {
	on, there := c.reads(home), c.reads(other)
	switch c.name {
	case plain, again:
		return task{op: func(int) error {
			var user User
			if err := on().First(&user, 7).Error; err != nil {
				return err
			}
			return there().Where("user_id = ?", user.ID).Find(&user.Logs).Error
		}}
	case using:
		return task{op: func(int) error {
			var user User
			return on().Preload("Logs", func(tx *gorm.DB) *gorm.DB { return tx.Clauses(useOther) }).First(&user, 7).Error
		}}
	default:
		return preload(c)
	}
}

// preload is GORM's own. Plain handles find both tables in one file.
func preload(c *contender) task {
	on := c.reads(home)
	return task{op: func(int) error {
		var user User
		return on().Preload("Logs").First(&user, 7).Error
	}}
}

func transaction(key string) making {
	return func(c *contender) task {
		return task{after: func() error { return c.clean(key) }, op: func(int) error {
			return c.transaction(key, func(tx *gorm.DB) error {
				if key == home {
					return tx.Create(&User{Name: "ada"}).Error
				}
				return tx.Create(&LogEntry{UserID: 7, Event: "joined", Level: 1}).Error
			})
		}}
	}
}

// transactionOfFive shows what a transaction's own cost is among statements.
func transactionOfFive(c *contender) task {
	return task{op: func(int) error {
		return c.transaction(home, func(tx *gorm.DB) error {
			for i := uint(1); i <= 5; i++ {
				var user User
				if err := tx.First(&user, i).Error; err != nil {
					return err
				}
			}
			return nil
		})
	}}
}

func transactionOnBoth(c *contender) task {
	clean := func() error {
		if err := c.clean(home); err != nil {
			return err
		}
		return c.clean(other)
	}
	return task{after: clean, op: func(int) error {
		return c.both(func(here, there *gorm.DB) error {
			if err := here.Create(&User{Name: "ada"}).Error; err != nil {
				return err
			}
			return there.Create(&LogEntry{UserID: 7, Event: "joined", Level: 1}).Error
		})
	}}
}

// clean deletes what work has made.
func (c *contender) clean(key string) error {
	if _, dry := c.pools[key].Driver().(nothing); dry {
		return nil
	}
	if key == home {
		return c.exec(home, "DELETE FROM users WHERE id > ?", users)
	}
	return c.exec(key, "DELETE FROM logs WHERE id > ?", logs)
}
