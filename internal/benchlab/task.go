package benchlab

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// A Task is what is timed: Op, again and again. Before and After a slice of so
// many of them, the clock stands still.
type Task struct {
	Op     func(i int) error
	Before func(n int) error
	After  func() error
}

// A Making makes the task for a contender.
type Making func(*Contender) Task

// First is one row by its id.
func First[M any](key string) Making {
	return func(c *Contender) Task {
		on := c.reads(key)
		return Task{Op: func(int) error {
			var row M
			return on().First(&row, 42).Error
		}}
	}
}

// Find is a hundred rows.
func Find[M any](key string) Making {
	return func(c *Contender) Task {
		on := c.reads(key)
		return Task{Op: func(int) error {
			var rows []M
			return on().Limit(100).Find(&rows).Error
		}}
	}
}

// InContext is First with the context of a request.
func InContext[M any](key string) Making {
	return func(c *Contender) Task {
		on := c.reads(key)
		ctx, cancel := context.WithCancel(context.Background())
		_ = cancel // at the program's end
		return Task{Op: func(int) error {
			var row M
			return on().WithContext(ctx).First(&row, 42).Error
		}}
	}
}

// Create is one row: a User in the default bind, a LogEntry in another.
func Create(key string) Making {
	return func(c *Contender) Task {
		on := c.writes(key)
		t := Task{After: func() error { return c.clean(key) }}
		t.Op = func(int) error { return on().Create(&LogEntry{UserID: 7, Event: "joined", Level: 1}).Error }
		if key == Home {
			t.Op = func(int) error { return on().Create(&User{Name: "ada"}).Error }
		}
		return t
	}
}

// CreateBatch is a hundred rows in one statement.
func CreateBatch(c *Contender) Task {
	on := c.writes(Other)
	return Task{After: func() error { return c.clean(Other) }, Op: func(int) error {
		rows := make([]LogEntry, 100)
		for i := range rows {
			rows[i] = LogEntry{UserID: 7, Event: "joined", Level: i}
		}
		return on().Create(&rows).Error
	}}
}

// Update is one column of one row.
func Update(c *Contender) Task {
	on := c.writes(Other)
	return Task{Op: func(int) error {
		return on().Model(&LogEntry{ID: 42}).Update("event", "seen").Error
	}}
}

// Delete deletes rows that were made before the slice.
func Delete(c *Contender) Task {
	on := c.writes(Other)
	return Task{
		Before: func(n int) error {
			values := make([]string, n)
			for i := range values {
				values[i] = fmt.Sprintf("(%d, 7, 'left', 0)", logs+1+i)
			}
			return c.exec(Other, "INSERT INTO logs (id, user_id, event, level) VALUES "+strings.Join(values, ", "))
		},
		Op: func(i int) error {
			tx := on().Delete(&LogEntry{ID: uint(logs + 1 + i)})
			if tx.Error == nil && tx.RowsAffected != 1 {
				return fmt.Errorf("%s deleted %d rows", c.Name, tx.RowsAffected)
			}
			return tx.Error
		},
		After: func() error { return c.clean(Other) },
	}
}

// Raw is a SELECT that the program wrote.
func Raw(c *Contender) Task {
	on := c.reads(Other)
	return Task{Op: func(int) error {
		var rows []LogEntry
		return on().Raw("SELECT id, event FROM logs WHERE user_id = ?", 7).Scan(&rows).Error
	}}
}

// PreloadByHand loads a user and the logs, which are in another database. With
// plain handles that is two queries; with Use, the preload needs it, too.
func PreloadByHand(c *Contender) Task {
	on, there := c.reads(Home), c.reads(Other)
	switch c.Name {
	case Plain, Again:
		return Task{Op: func(int) error {
			var user User
			if err := on().First(&user, 7).Error; err != nil {
				return err
			}
			return there().Where("user_id = ?", user.ID).Find(&user.Logs).Error
		}}
	case Using:
		return Task{Op: func(int) error {
			var user User
			return on().Preload("Logs", func(tx *gorm.DB) *gorm.DB { return tx.Clauses(useOther) }).First(&user, 7).Error
		}}
	default:
		return Preload(c)
	}
}

// Preload is GORM's own. Plain handles find both tables in one database.
func Preload(c *Contender) Task {
	on := c.reads(Home)
	return Task{Op: func(int) error {
		var user User
		return on().Preload("Logs").First(&user, 7).Error
	}}
}

// Transaction is a Create in a transaction.
func Transaction(key string) Making {
	return func(c *Contender) Task {
		return Task{After: func() error { return c.clean(key) }, Op: func(int) error {
			return c.transaction(key, func(tx *gorm.DB) error {
				if key == Home {
					return tx.Create(&User{Name: "ada"}).Error
				}
				return tx.Create(&LogEntry{UserID: 7, Event: "joined", Level: 1}).Error
			})
		}}
	}
}

// TransactionOfFive shows what a transaction's own cost is among statements.
func TransactionOfFive(c *Contender) Task {
	return Task{Op: func(int) error {
		return c.transaction(Home, func(tx *gorm.DB) error {
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

// TransactionOnBoth is a Create in each bind, in one transaction.
func TransactionOnBoth(c *Contender) Task {
	clean := func() error {
		if err := c.clean(Home); err != nil {
			return err
		}
		return c.clean(Other)
	}
	return Task{After: clean, Op: func(int) error {
		return c.both(func(here, there *gorm.DB) error {
			if err := here.Create(&User{Name: "ada"}).Error; err != nil {
				return err
			}
			return there.Create(&LogEntry{UserID: 7, Event: "joined", Level: 1}).Error
		})
	}}
}

// clean deletes what work has made.
func (c *Contender) clean(key string) error {
	switch {
	case c.place == nil || c.place.DryRun():
		return nil
	case key == Home:
		return c.exec(Home, fmt.Sprintf("DELETE FROM users WHERE id > %d", users))
	default:
		return c.exec(key, fmt.Sprintf("DELETE FROM logs WHERE id > %d", logs))
	}
}
