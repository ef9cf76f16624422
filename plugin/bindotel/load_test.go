package bindotel_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

const (
	workers = 8
	rounds  = 30
)

// steps are what the program does under load. Transactions take main's, analytics' and
// archive's locks in this order, so that none waits for another in a circle.
var steps = []func(db *gorm.DB, id uint) error{
	func(db *gorm.DB, id uint) error {
		return db.Create(&User{ID: id, Name: "Ann", Logs: []LogEntry{{Event: "joined"}}, Notes: []Note{{Text: "hello"}}}).Error
	},
	func(db *gorm.DB, id uint) error { return db.Preload("Logs").Preload("Notes").Find(&[]User{}, id).Error },
	func(db *gorm.DB, id uint) error {
		return db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(tx.Model(&User{ID: id}).Update("name", "Bob").Error, tx.Create(&LogEntry{UserID: id}).Error, tx.Create(&Note{OwnerID: id}).Error)
		})
	},
	func(db *gorm.DB, id uint) error { return db.Find(&[]LogEntry{}, "user_id = ?", id).Error },
	func(db *gorm.DB, id uint) error {
		return db.Transaction(func(tx *gorm.DB) error {
			err := tx.Create(&LogEntry{UserID: id}).Error
			nested := tx.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&Note{OwnerID: id}).Error, errBoom) })
			if id%2 == 0 {
				return errors.Join(err, nested)
			}
			return err
		})
	},
	func(db *gorm.DB, id uint) error { return db.Raw("SELECT * FROM users, notes").Scan(&[]User{}).Error },
	func(db *gorm.DB, id uint) error { return db.Where("user_id = ?", id).Delete(&LogEntry{}).Error },
}

// faults lets calls of drivers fail, now and then.
func faults(before []testkit.Call, call testkit.Call) testkit.Hook {
	n := len(before)
	failing := call.Kind == testkit.Statement && !call.Part && n%31 == 0 || call.Kind == testkit.Check && n%13 == 0 || call.Kind == testkit.Commit && n%11 == 0
	if !failing {
		return nil
	}
	return func(_ context.Context, on *testkit.Conn, call testkit.Call, _ testkit.Real) error {
		if call.Kind == testkit.Commit {
			on.RollBack()
		}
		return errBoom
	}
}

// saw is what the program has seen of its transaction.
func saw(err error) string {
	var partial *bindkey.PartialCommitError
	switch {
	case errors.As(err, &partial):
		return "partial"
	case err != nil:
		return "rolled back"
	default:
		return "committed"
	}
}

// A program with three binds, under load, with replicas and with failures: its spans and
// metrics alone tell where each of its statements went, and agree with what each database
// saw, and with what the program saw.
func TestUnderLoad(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("PrepareStmt=%v", prepare), func(t *testing.T) {
			w := newWorld(t, &gorm.Config{PrepareStmt: prepare})
			before := w.metrics()
			w.Start(faults)
			var (
				all     sync.WaitGroup
				mu      sync.Mutex
				partial float64
				refused float64
			)
			for worker := uint(1); worker <= workers; worker++ {
				worker := worker
				all.Add(1)
				go func() {
					defer all.Done()
					for round := uint(0); round < rounds; round++ {
						ctx, span := w.tracer.Start(context.Background(), "step")
						err := steps[round%uint(len(steps))](w.db.WithContext(ctx), worker*1000+round/uint(len(steps)))
						span.SetAttributes(attribute.String("saw", saw(err)))
						span.End()
						mu.Lock()
						if errors.Is(err, bindkey.ErrPartialCommit) {
							partial++
						}
						if errors.Is(err, bindkey.ErrCrossBind) {
							refused++
						}
						mu.Unlock()
					}
				}()
			}
			all.Wait()

			databases := map[string]int{}
			pools := map[string]float64{}
			for _, call := range testkit.Whole(w.Stop()) {
				databases[call.Database+" "+what(call.Kind, call.SQL)]++
				pools[call.Database]++
			}
			told := map[string]int{}
			steps, outcomes := map[trace.SpanID]string{}, map[string]int{}
			spans := w.ended()
			for _, span := range spans {
				if own := attributesOf(span)["saw"]; own != "" {
					steps[span.SpanContext().SpanID()] = own
				}
			}
			for _, span := range spans {
				of := attributesOf(span)
				if bind := of["gormbind.bind"]; bind != "" {
					told[bind+"/"+of["gormbind.role"]+" "+what(span.Name(), of["db.query.text"])]++
				}
				if outcome := of["gormbind.transaction.outcome"]; outcome != "" {
					outcomes[outcome]++
					if step := steps[span.Parent().SpanID()]; step != outcome {
						t.Errorf("the program saw that it is %s, and the span is %s", step, outcome)
					}
				}
			}
			if !reflect.DeepEqual(told, databases) {
				t.Errorf("the spans tell\n%v\nand the databases saw\n%v", told, databases)
			}

			points := w.metrics()
			for pool, calls := range pools {
				bind, role, _ := strings.Cut(pool, "/")
				with := []string{"gormbind.bind=" + bind, "gormbind.role=" + role}
				if got := total(points, "db.client.operation.duration", with...) - total(before, "db.client.operation.duration", with...); got != calls {
					t.Errorf("%s: %v operations are measured, and the database saw %v", pool, got, calls)
				}
			}
			if got := total(points, "gormbind.transaction.partial_commits"); got != partial {
				t.Errorf("%v partial commits are counted, and the program saw %v", got, partial)
			}
			if got := total(points, "gormbind.statement.refusals"); got != refused {
				t.Errorf("%v refusals are counted, and the program saw %v", got, refused)
			}
			// Nothing of this is true of nothing.
			if partial == 0 || refused == 0 || len(pools) != 5 || outcomes["partial"] == 0 || outcomes["committed"] == 0 || outcomes["rolled back"] == 0 {
				t.Errorf("%v partial, %v refused, pools %v, outcomes %v", partial, refused, pools, outcomes)
			}
		})
	}
}

// what names a call: a statement by its text, and all else by its kind.
func what(kind, text string) string {
	switch kind {
	case "ROLLBACK TO SAVEPOINT":
		return testkit.RollbackTo
	case testkit.Begin, testkit.Check, testkit.SavePoint, testkit.RollbackTo, testkit.Commit, testkit.Rollback:
		return kind
	default:
		return text
	}
}
