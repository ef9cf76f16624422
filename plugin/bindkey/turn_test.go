package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// asking asks the database while it is written, with the handle that GORM
// gives it and with the transaction around.
type asking struct{ tx *gorm.DB }

func (a asking) GormValue(ctx context.Context, db *gorm.DB) clause.Expr {
	var raw int
	var count int64
	err := errors.Join(
		db.Statement.ConnPool.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&raw),
		db.Session(&gorm.Session{NewDB: true}).Model(&User{}).Count(&count).Error,
		a.tx.Model(&User{}).Count(&count).Error)
	if _, e := db.DB(); err == nil {
		err = e
	}
	if err != nil {
		_ = db.AddError(err)
	}
	return clause.Expr{SQL: "?", Vars: []any{fmt.Sprint(raw, count)}}
}

// scanning asks the database while it is read.
type scanning struct{ text string }

var scanningTx *gorm.DB

func (*scanning) GormDataType() string { return "string" }

func (s *scanning) Scan(value any) error {
	var count int64
	err := scanningTx.Model(&User{}).Count(&count).Error
	s.text = fmt.Sprint(value, count)
	return err
}

type scannedUser struct {
	ID   uint
	Name scanning
}

// What a statement's own goroutine asks while the statement runs does not wait
// for it.
func TestTurnsAreNotOnesOwn(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}, install: func(w *world) {
			create := w.db.Callback().Create().Get("gorm:create")
			w.must(w.db.Callback().Create().Replace("gorm:create", func(db *gorm.DB) { // an audit, installed before
				create(db)
				if db.Statement.Table == "orders" {
					_ = db.AddError(db.Session(&gorm.Session{NewDB: true}).Create(&Team{Name: "audit"}).Error)
				}
			}))
			w.registerAll()
		}})
		done := make(chan error, 1)
		go func() {
			done <- errors.Join(
				w.db.Create(&Order{Item: "audited"}).Error,
				w.db.Transaction(func(tx *gorm.DB) error {
					scanningTx = tx
					var found scannedUser
					return errors.Join(
						tx.Model(&User{}).Where("id = 1").Update("name", asking{tx}).Error,
						tx.Table("users").First(&found).Error,
						tx.Create(&Order{Item: "audited"}).Error)
				}))
		}()
		select {
		case err := <-done:
			w.must(err)
		case <-time.After(20 * time.Second):
			t.Fatal("a statement waits for itself")
		}
		var names []string
		w.must(w.plain["main"].Model(&User{}).Where("id = 1").Pluck("name", &names).Error)
		if names[0] != "3 3" {
			t.Errorf("name %q", names[0])
		}
	}
}

func TestGoroutinesTakeTurns(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			var group sync.WaitGroup
			failures := make([]error, 16)
			for i := range failures {
				i := i
				group.Add(1)
				go func() {
					defer group.Done()
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%4)*time.Millisecond)
					defer cancel()
					tx.WithContext(ctx).Find(&[]User{}) // may give up while it waits
					failures[i] = errors.Join(
						tx.Create(&User{Name: "u", Logs: []LogEntry{{Event: "e"}}}).Error,
						tx.Preload("Logs").Find(&[]User{}).Error)
				}()
			}
			group.Wait()
			return errors.Join(failures...)
		}))
		for file, table := range map[string]string{"main": "users", "analytics": "logs"} {
			var n int64
			w.must(w.plain[file].Table(table).Count(&n).Error)
			if n != 3+16 {
				t.Errorf("%s has %d rows", file, n)
			}
		}
	}
}

// What happens while a statement runs, by the text that it reads or writes.
var whileRunning map[string]func()

func running(text any) {
	if happens := whileRunning[fmt.Sprintf("%s", text)]; happens != nil {
		happens()
	}
}

type (
	runningScanner    struct{} // while a row is scanned
	runningSerializer struct{} // while a row is taken over
	runningValuer     struct{} // while SQL is built
	scannedLog        struct {
		ID    uint
		Event runningScanner
	}
	namedUser struct {
		ID   uint
		Name runningScanner
	}
	serializedUser struct {
		ID   uint
		Name runningSerializer
	}
)

func (runningScanner) GormDataType() string { return "string" }

func (*runningScanner) Scan(value any) error { running(value); return nil }

func (*runningSerializer) Scan(_ context.Context, _ *schema.Field, _ reflect.Value, value any) error {
	running(value)
	return nil
}

func (runningSerializer) Value(context.Context, *schema.Field, reflect.Value, any) (any, error) {
	return "", nil
}

func (runningValuer) GormValue(context.Context, *gorm.DB) clause.Expr {
	running("built")
	return clause.Expr{SQL: "'built'"}
}

// A turn is a branch's own: what a statement of one branch sends to another waits
// for the goroutine that has that one's turn, and goes on with its own turn after.
func TestTurnsOfTwoBranches(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		tx := w.db.Begin()
		var (
			mu                  sync.Mutex
			order               []string
			reading, goOn, asks = make(chan struct{}), make(chan struct{}), make(chan struct{})
			failures            = make(chan error, 3)
		)
		happened := func(what string) { mu.Lock(); order = append(order, what); mu.Unlock() }
		whileRunning = map[string]func(){
			"event1": func() { close(reading); <-goOn; happened("log read") },
			"user1": func() {
				close(asks)
				var log LogEntry
				failures <- tx.First(&log).Error
				happened("log asked for, from " + log.Origin)
				var user User
				failures <- tx.First(&user).Error // in the turn that it has
				happened("user asked for, from " + user.Origin)
			},
		}
		finished := make(chan error, 2)
		go func() { finished <- tx.Table("logs").Order("id").Find(&[]scannedLog{}).Error }()
		<-reading
		go func() { finished <- tx.Table("users").Order("id").Find(&[]namedUser{}).Error }()
		<-asks
		time.Sleep(50 * time.Millisecond) // if it does not wait, it is through by now
		close(goOn)
		for i := 0; i < 4; i++ {
			var err error
			select {
			case err = <-failures:
			case err = <-finished:
			case <-time.After(20 * time.Second):
				t.Fatal("a statement waits for ever")
			}
			w.must(err)
		}
		w.must(tx.Commit().Error)
		if got, want := fmt.Sprint(order), "[log read log asked for, from analytics user asked for, from main]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A panic, or the end of the goroutine, while a statement runs gives the turn
// back: the next goroutine's goes on.
func TestTurnsEndWithTheirGoroutine(t *testing.T) {
	for kind, boom := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		for name, run := range map[string]func(tx *gorm.DB) error{
			"while SQL is built": func(tx *gorm.DB) error {
				return tx.Model(&User{}).Where("id = 1").Update("name", runningValuer{}).Error
			},
			"while rows are read": func(tx *gorm.DB) error { return tx.Table("users").Find(&[]serializedUser{}).Error },
		} {
			boom, run := boom, run
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newWorld(t, worldConfig{})
				tx := w.db.Begin()
				started, goOn := make(chan struct{}), make(chan struct{})
				happens := func() { close(started); <-goOn; boom() }
				whileRunning = map[string]func(){"built": happens, "user1": happens}
				ended, went := make(chan struct{}), false
				go func() {
					defer close(ended)
					defer func() { _ = recover() }()
					_ = run(tx)
					went = true
				}()
				<-started
				finished := make(chan error, 2)
				for i := 0; i < cap(finished); i++ { // who waits already, and who comes later
					go func() { finished <- tx.Create(&User{Name: "next"}).Error }()
				}
				close(goOn)
				<-ended
				for i := 0; i < cap(finished); i++ {
					select {
					case err := <-finished:
						w.must(err)
					case <-time.After(20 * time.Second):
						t.Fatal("the turn is not given back")
					}
				}
				if went {
					t.Error("the statement went on")
				}
				if changed := w.changes(func() { w.must(tx.Commit().Error) }); changed != "main.users" {
					t.Errorf("changed %q", changed)
				}
			})
		}
	}
}

// A turn begins when a statement is sent, not when it is built: what is built on
// other goroutines of the same transaction, or behind a lock, does not wait for it.
func TestTurnsBeginWhenSent(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.db.Transaction(func(tx *gorm.DB) error {
		asked := make(chan error, 1)
		whileRunning = map[string]func(){"built": func() {
			go func() { asked <- tx.First(&User{}).Error }()
			select {
			case err := <-asked:
				w.must(err)
			case <-time.After(20 * time.Second):
				t.Error("what is built waits for a statement that is not sent")
			}
		}}
		return tx.Model(&User{}).Where("id = 1").Update("name", runningValuer{}).Error
	}))
}

// The turn of another transaction's branch is not one's own, however many began
// between the two.
func TestTurnsOfTwoTransactions(t *testing.T) {
	w := newWorld(t, worldConfig{})
	one, other := w.db.Begin(), w.db.Begin()
	defer one.Rollback()
	defer other.Rollback()
	w.must(one.Find(&[]User{}).Error) // so that the branches differ in their place, too
	reading, goOn, finished := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var waits error
	whileRunning = map[string]func(){
		"user1": func() { close(reading); <-goOn },
		"event1": func() {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			waits = other.WithContext(ctx).Find(&[]Team{}).Error
		},
	}
	go func() { finished <- other.Table("users").Limit(1).Find(&[]namedUser{}).Error }()
	<-reading
	w.must(one.Table("logs").Limit(1).Find(&[]scannedLog{}).Error)
	close(goOn)
	w.must(<-finished)
	if !errors.Is(waits, context.DeadlineExceeded) {
		t.Errorf("it did not wait for the other transaction's turn: %v", waits)
	}
}
