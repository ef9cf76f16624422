package bindtest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// What a subtest does is gone after it, whatever it has committed.
func TestRollback(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprint("PrepareStmt=", prepare), func(t *testing.T) {
			db := open(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
			must(t, signUp(db, "first"))
			before := bindtest.Look(t, db)
			for i := 0; i < 3; i++ {
				t.Run("subtest", func(t *testing.T) {
					bindtest.Rollback(t, db)
					rec := bindtest.Record(t, db)
					outcomes := 0
					must(t, db.Transaction(func(tx *gorm.DB) error {
						must(t, bindkey.AfterCommit(tx, func(context.Context) error { outcomes++; return nil }))
						must(t, signUp(tx, "ada"))
						if outcomes > 0 {
							t.Error("AfterCommit ran before the program's commit")
						}
						return nil
					}))
					if outcomes != 1 {
						t.Errorf("AfterCommit ran %d times", outcomes)
					}
					if got := holds(t, db); got != "first ada, 2 logs" {
						t.Errorf("the databases hold %s", got)
					}
					rec.WantTransactions("main committed, analytics committed")
					rec.WantStatements(2)

					_ = db.Transaction(func(tx *gorm.DB) error {
						must(t, bindkey.AfterRollback(tx, func(context.Context) error { outcomes++; return nil }))
						return errors.Join(signUp(tx, "grace"), errors.New("no"))
					})
					if got := holds(t, db); got != "first ada, 2 logs" || outcomes != 2 {
						t.Errorf("after a rollback the databases hold %s, %d functions ran", got, outcomes)
					}
					must(t, db.Create(&User{Name: "mary", Logs: []LogEntry{{Event: "a"}, {Event: "b"}}}).Error)
					must(t, db.Exec("UPDATE logs SET event = ? WHERE event = 'a'", "c").Error)
					if err := db.Exec("INSERT INTO logs (nothing) VALUES (1)").Error; err == nil {
						t.Error("there is no column nothing")
					}
					var users []User
					must(t, db.Preload("Logs").Order("id").Find(&users).Error)
					if len(users) != 3 || len(users[2].Logs) != 2 {
						t.Errorf("the program reads %+v", users)
					}
				})
				bindtest.Same(t, db, before)
			}
			must(t, signUp(db, "last"))
			if got := holds(t, db); got != "first last, 2 logs" {
				t.Errorf("afterwards the databases hold %s", got)
			}
		})
	}
}

// A program that was written for transactions sees them: rows, types, streams, nested
// transactions.
func TestRollbackOfPrograms(t *testing.T) {
	db := open(t)
	bindtest.Rollback(t, db)
	tx := db.Begin()
	must(t, tx.Create(&User{Name: "ada"}).Error)
	must(t, tx.SavePoint("here").Error)
	must(t, tx.Create(&User{Name: "undone"}).Error)
	must(t, tx.RollbackTo("here").Error)
	must(t, tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: "nested"}).Error }))
	must(t, tx.Commit().Error)
	if got := holds(t, db); got != "ada, 1 logs" {
		t.Errorf("the databases hold %s", got)
	}
	rows, err := db.Model(&User{}).Rows()
	must(t, err)
	for rows.Next() { // the next statement is sent while these rows are open
		var user User
		must(t, db.ScanRows(rows, &user))
		must(t, db.Create(&LogEntry{UserID: user.ID, Event: user.Name}).Error)
	}
	must(t, errors.Join(rows.Err(), rows.Close()))
	columns, err := db.Migrator().ColumnTypes(&User{})
	must(t, err)
	if len(columns) != 2 || columns[1].DatabaseTypeName() != "text" {
		t.Errorf("columns: %v", columns)
	}
	must(t, db.AutoMigrate(&User{}))
	must(t, db.FindInBatches(&[]User{}, 1, func(tx *gorm.DB, _ int) error { return tx.Create(&LogEntry{}).Error }).Error)
	if got := holds(t, db); got != "ada, 3 logs" {
		t.Errorf("the databases hold %s", got)
	}
}

// Errors are the driver's own, which dialectors translate.
func TestRollbackTranslatesErrors(t *testing.T) {
	db := open(t, bindtest.Config(gorm.Config{TranslateError: true}))
	must(t, db.Create(&User{ID: 1}).Error)
	bindtest.Rollback(t, db)
	for name, err := range map[string]error{
		"default transaction": db.Create(&User{ID: 1}).Error,
		"transaction":         db.Transaction(func(tx *gorm.DB) error { return tx.Create(&User{ID: 1}).Error }),
		"none":                db.Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&User{ID: 1}).Error,
		"Exec":                db.Exec("INSERT INTO users (id) VALUES (1)").Error,
	} {
		if !errors.Is(err, gorm.ErrDuplicatedKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Faults mean under Rollback what they mean elsewhere.
func TestRollbackWithFaults(t *testing.T) {
	for _, err := range []error{errDisk, bindtest.ErrLost} {
		db := open(t)
		bindtest.Rollback(t, db)
		bindtest.Fail(t, db, "main", bindtest.Commit, err)
		if err := signUp(db, "ada"); !errors.Is(err, bindkey.ErrPartialCommit) {
			t.Errorf("the program got %v", err)
		}
		if got := holds(t, db); got != ", 1 logs" {
			t.Errorf("the databases hold %s", got)
		}
		bindtest.Fail(t, db, "analytics", bindtest.Statement, err)
		if err := signUp(db, "grace"); err == nil {
			t.Error("no error")
		}
		must(t, signUp(db, "mary"))
		if got := holds(t, db); got != "mary, 2 logs" {
			t.Errorf("the databases hold %s", got)
		}
	}
}

// What one transaction can't do is said at once, with the program's line, and the program
// gets an error.
func TestRollbackSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		use  func(*gorm.DB) error
		says string
	}{
		"two transactions": {func(db *gorm.DB) error {
			tx := db.Begin()
			defer tx.Rollback()
			return errors.Join(tx.Create(&User{}).Error, db.Transaction(func(tx *gorm.DB) error { return tx.Create(&User{}).Error }))
		}, "this begins another one; both would be one here. Use the transaction's handle"},
		"a statement outside": {func(db *gorm.DB) error {
			tx := db.Begin()
			defer tx.Rollback()
			return errors.Join(tx.Create(&User{}).Error, db.Find(&[]User{}).Error)
		}, "this is outside of it; both would be one here. Use the transaction's handle"},
		"db in the place of tx": {func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&User{}).Error, db.Create(&User{}).Error)
			})
		}, "Use the transaction's handle"},
		"foreign keys": {func(db *gorm.DB) error { return db.Exec("PRAGMA foreign_keys = ON").Error }, "PRAGMA foreign_keys = on does nothing here"},
		"read-only": {func(db *gorm.DB) error {
			return db.Transaction(func(tx *gorm.DB) error { return tx.Find(&[]User{}).Error }, &sql.TxOptions{ReadOnly: true})
		}, "read-only or has an isolation level"},
		"a rollback by itself": {func(db *gorm.DB) error {
			return errors.Join(db.Exec("CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT RAISE(ROLLBACK, 'raised'); END").Error,
				db.Create(&User{}).Error)
		}, "has ended the test's transaction by itself"},
		"a rollback by itself, outside": {func(db *gorm.DB) error {
			return errors.Join(db.Exec("CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT RAISE(ROLLBACK, 'raised'); END").Error,
				db.Exec("INSERT INTO users (name) VALUES ('x')").Error)
		}, "has ended the test's transaction by itself"},
		"COMMIT as SQL": {func(db *gorm.DB) error {
			return db.Connection(func(conn *gorm.DB) error { return conn.Exec("COMMIT").Error })
		}, "COMMIT as SQL"},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			said := try(t, func(t bindtest.TB) {
				db := open(t)
				bindtest.Rollback(t, db)
				err = c.use(db)
			})
			if err == nil {
				t.Error("the program got no error")
			}
			if !strings.Contains(said, c.says) || !strings.Contains(said, "bindtest: rollback_test.go:") || !strings.Contains(said, "Rollback (set at rollback_test.go:") || strings.Count(said, "can't honour") != 1 {
				t.Errorf("the test does not say %q and a line, but:\n%s", c.says, said)
			}
		})
	}
	fails(t, func(t bindtest.TB) {
		db := open(t)
		tx := db.Begin()
		defer tx.Rollback()
		must2(t, tx.Create(&User{}).Error)
		bindtest.Rollback(t, db)
	}, `in bind "main" 1 connection is in use`)
	fails(t, func(t bindtest.TB) {
		db := open(t)
		bindtest.Rollback(t, db)
		bindtest.Rollback(t, db)
	}, "Rollback has been called for this handle")
	fails(t, func(t bindtest.TB) {
		db := open(t)
		other := &fake{name: "TestOther"}
		bindtest.Rollback(other, db)
		defer other.end()
		bindtest.Rollback(t, db)
	}, "open a handle of its own in each parallel test")
}
