package bindotel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindotel"
)

// The spans of a program's statements and transactions, with and without PrepareStmt.
func TestSpans(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprintf("PrepareStmt=%v", prepare), func(t *testing.T) {
			w := newWorld(t, &gorm.Config{PrepareStmt: prepare})
			ctx, program := w.tracer.Start(context.Background(), "program")
			db := w.db.WithContext(ctx)
			w.must(db.Create(&User{ID: 1, Name: "Ann", Logs: []LogEntry{{ID: 1, Event: "joined"}}, Tags: []Tag{{ID: 1}}}).Error)
			var user User
			w.must(db.Clauses(bindkey.Use("main")).Preload("Notes").First(&user).Error)
			w.must(db.Model(&user).Association("Tags").Find(&[]Tag{}))
			rows, err := db.Raw("SELECT name FROM users WHERE name <> 'Bob'").Rows()
			w.must(errors.Join(err, rows.Close()))
			w.must(db.Transaction(func(tx *gorm.DB) error {
				ctx, own := w.tracer.Start(ctx, "own")
				defer own.End()
				return tx.WithContext(ctx).Session(&gorm.Session{DryRun: false}).Delete(&LogEntry{ID: 1}).Error
			}))
			program.End()
			w.tree(`
			program
			  transaction committed
			    BEGIN @main/source
			    INSERT users @main/source
			    BEGIN @analytics/source
			    INSERT log_entries @analytics/source
			    BEGIN @archive/source
			    INSERT tags @archive/source
			    INSERT user_tags @main/source
			    CHECK @analytics/source
			    CHECK @archive/source
			    CHECK @main/source
			    COMMIT @analytics/source
			    COMMIT @archive/source
			    COMMIT @main/source
			  SELECT users @main/source
			  SELECT notes @archive/source
			  SELECT user_tags @main/source
			  SELECT tags SELECT @archive/source
			  SELECT users @main/source
			  transaction committed
			    BEGIN @analytics/source
			    COMMIT @analytics/source
			  own
			    UPDATE log_entries @analytics/source`)

			w.must(w.db.Session(&gorm.Session{DryRun: true}).Create(&User{ID: 2}).Error)
			w.tree(`
			transaction committed
			  BEGIN @main/source
			  COMMIT @main/source`) // GORM begins one all the same
		})
	}
}

// Hooks and batches are in the transaction, and the end of a context ends it.
func TestSpansOfHooks(t *testing.T) {
	w := newWorld(t, nil)
	w.must(w.db.CreateInBatches([]Watched{{ID: 1}, {ID: 2}}, 1).Error)
	w.tree(`
	transaction committed
	  BEGIN @main/source
	  INSERT watcheds @main/source
	  BEGIN @archive/source
	  INSERT notes @archive/source
	  INSERT watcheds @main/source
	  INSERT notes @archive/source
	  CHECK @archive/source
	  CHECK @main/source
	  COMMIT @archive/source
	  COMMIT @main/source`)

	ctx, cancel := context.WithCancel(context.Background())
	err := w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := tx.Create(&Note{}).Error
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.tree(`
	transaction rolled back !context.Canceled
	  BEGIN @archive/source
	  INSERT notes @archive/source
	  ROLLBACK @archive/source`)
}

// What a span tells of a statement, as the conventions name it.
func TestAttributes(t *testing.T) {
	w := newWorld(t, nil)
	read := func(run func(db *gorm.DB) error) (map[string]string, string) {
		t.Helper()
		w.must(run(w.db.Session(&gorm.Session{SkipDefaultTransaction: true})))
		spans := w.ended()
		if len(spans) != 1 {
			t.Fatalf("%d spans", len(spans))
		}
		if spans[0].SpanKind() != trace.SpanKindClient || spans[0].Status().Code != codes.Unset {
			t.Errorf("%v %v", spans[0].SpanKind(), spans[0].Status())
		}
		return attributesOf(spans[0]), spans[0].Name()
	}
	all, name := read(func(db *gorm.DB) error { return db.Find(&[]User{}, "name = ?", "Ann").Error })
	if got, want := fmt.Sprint(all, name), fmt.Sprint(map[string]string{
		"db.system.name": "sqlite", "db.query.summary": "SELECT users", "db.query.text": "SELECT * FROM `users` WHERE name = ?",
		"db.operation.name": "SELECT", "db.collection.name": "users", "gormbind.bind": "main", "gormbind.role": "source",
	}, "SELECT users"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// The conventions want no operation and collection that are read out of a text.
	all, name = read(func(db *gorm.DB) error { return db.Exec("UPDATE users SET name = 'Bob' WHERE id = 3").Error })
	if got, want := fmt.Sprint(all, name), fmt.Sprint(map[string]string{
		"db.system.name": "sqlite", "db.query.summary": "UPDATE users", "db.query.text": "UPDATE users SET name = ? WHERE id = ?",
		"gormbind.bind": "main", "gormbind.role": "source",
	}, "UPDATE users"); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// A join has two collections.
	all, _ = read(func(db *gorm.DB) error {
		return db.Joins("JOIN profiles ON profiles.user_id = log_entries.user_id").Find(&[]LogEntry{}).Error
	})
	if all["db.collection.name"] != "" || all["db.operation.name"] != "SELECT" || all["db.query.summary"] != "SELECT log_entries profiles" {
		t.Errorf("a join: %v", all)
	}
	// What can't be read for sure has no text.
	all, name = read(func(db *gorm.DB) error { return db.Raw("SELECT 1 /* a /* b */").Scan(new(int)).Error })
	if all["db.query.text"] != "" || all["db.query.summary"] != "" || name != "SELECT" {
		t.Errorf("%s: %v", name, all)
	}
	all, name = read(func(db *gorm.DB) error { return db.Where("name = '' /* /* */").Find(&[]User{}).Error })
	if all["db.query.text"] != "" || name != "SELECT users" {
		t.Errorf("%s: %v", name, all)
	}

	w = newWorld(t, nil, bindotel.WithoutQueryText())
	if all, _ = read(func(db *gorm.DB) error { return db.Find(&[]User{}).Error }); all["db.query.text"] != "" || all["db.query.summary"] == "" {
		t.Errorf("without text: %v", all)
	}
}

// Errors are classed, and their text is not told.
func TestErrors(t *testing.T) {
	w := newWorld(t, nil)
	w.must(w.db.Create(&User{ID: 1, Name: "s3cret"}).Error)
	w.ended()
	plain := w.db.Session(&gorm.Session{SkipDefaultTransaction: true})
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		run   func() error
		class string
		code  string
	}{
		"a duplicate": {func() error { return plain.Create(&User{ID: 1, Name: "s3cret"}).Error }, "1555", "1555"},
		"no table":    {func() error { return plain.Exec("SELECT s3cret FROM nowhere").Error }, "1", "1"},
		"a context":   {func() error { return plain.WithContext(canceled).Find(&[]User{}).Error }, "context.Canceled", ""},
	} {
		if c.run() == nil {
			t.Fatal(name)
		}
		spans := w.ended()
		if len(spans) != 1 {
			t.Fatalf("%s: %d spans", name, len(spans))
		}
		all, status := attributesOf(spans[0]), spans[0].Status()
		if all["error.type"] != c.class || all["db.response.status_code"] != c.code || status.Code != codes.Error || status.Description != c.class || len(spans[0].Events()) != 0 {
			t.Errorf("%s: %v, %v", name, all, status)
		}
	}
	if errors.Is(plain.First(&User{}, 99).Error, gorm.ErrRecordNotFound) {
		w.tree("SELECT users @main/source")
	}
	points := w.metrics()
	if got := total(points, "db.client.operation.duration", "error.type=1555", "db.response.status_code=1555", "db.query.summary=INSERT users", "gormbind.bind=main"); got != 1 {
		t.Errorf("%v duplicates: %v", got, points)
	}

	// A driver that panics.
	func() {
		defer func() { _ = recover() }()
		w.Start(func([]testkit.Call, testkit.Call) testkit.Hook {
			return func(context.Context, *testkit.Conn, testkit.Call, testkit.Real) error { panic("a driver") }
		})
		plain.Exec("UPDATE users SET name = 'x'")
	}()
	w.Stop()
	w.tree("UPDATE users @main/source !_OTHER")
}

// The outcomes of transactions, in spans and in the counter.
func TestOutcomes(t *testing.T) {
	w := newWorld(t, nil)
	both := func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&LogEntry{}).Error, tx.Create(&Note{}).Error)
	}
	w.Start(failsAtCommit("archive/source"))
	var partial *bindkey.PartialCommitError
	if err := w.db.Transaction(both); !errors.As(err, &partial) {
		t.Fatal(err)
	}
	w.Stop()
	spans := w.ended()
	all := attributesOf(spans[0])
	if all["gormbind.transaction.outcome"] != "partial" || all["gormbind.transaction.committed"] != `["analytics"]` || all["gormbind.transaction.failed"] != "archive" || all["error.type"] == "" {
		t.Errorf("%v", all)
	}
	if got := tree(spans); got != `transaction partial !bindkey.BranchError
  BEGIN @analytics/source
  INSERT log_entries @analytics/source
  BEGIN @archive/source
  INSERT notes @archive/source
  CHECK @analytics/source
  CHECK @archive/source
  COMMIT @analytics/source
  COMMIT @archive/source !_OTHER` {
		t.Error(got)
	}
	w.Start(fails(testkit.Check, "archive/source"))
	if err := w.db.Transaction(both); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	w.Stop()
	if all := attributesOf(w.ended()[0]); all["gormbind.transaction.outcome"] != "rolled back" || all["gormbind.transaction.rolled_back"] != `["analytics","archive"]` || all["error.type"] == "" {
		t.Errorf("%v", all)
	}
	// What the program rolls back has not failed.
	_ = w.db.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&Note{}).Error, errBoom) })
	w.tree(`
	transaction rolled back
	  BEGIN @archive/source
	  INSERT notes @archive/source
	  ROLLBACK @archive/source`)
	w.must(w.db.Transaction(func(tx *gorm.DB) error {
		_ = tx.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&Note{}).Error, errBoom) })
		return tx.SavePoint("s").Error
	}))
	w.tree(`
	transaction committed
	  BEGIN @archive/source
	  INSERT notes @archive/source
	  ROLLBACK @archive/source`)

	// A statement that is refused is counted.
	for i := 0; i < 2; i++ {
		if err := w.db.Raw("SELECT * FROM users, log_entries").Scan(&[]User{}).Error; !errors.Is(err, bindkey.ErrCrossBind) {
			t.Error(err)
		}
	}
	w.tree("")
	points := w.metrics()
	if got := total(points, "gormbind.transaction.partial_commits", "gormbind.transaction.failed=archive", "gormbind.transaction.outcome=partial"); got != 1 {
		t.Errorf("%v partial commits", got)
	}
	if got := total(points, "gormbind.statement.refusals", "error.type=bindkey.CrossBindError"); got != 2 {
		t.Errorf("%v refusals: %v", got, points)
	}
}

// Each pool tells of its connections, until the plugin is closed.
func TestPools(t *testing.T) {
	w := newWorld(t, nil)
	resolver, err := w.plugin.Resolver("archive")
	w.must(err)
	resolver.SetMaxOpenConns(7)
	tx := w.db.Begin()
	w.must(tx.Create(&Note{}).Error)
	points := w.metrics()
	for name, want := range map[string]float64{"archive/source": 1, "main/source": 0, "analytics/source": 0, "analytics/replica": 0, "analytics/replica-2": 0} {
		if got := total(points, "db.client.connection.count", "db.client.connection.pool.name="+name, "db.client.connection.state=used"); got != want {
			t.Errorf("%s: %v are used", name, got)
		}
	}
	if got := total(points, "db.client.connection.count", "db.client.connection.pool.name=main/source", "db.client.connection.state=idle", "gormbind.bind=main", "gormbind.role=source"); got != 1 {
		t.Errorf("%v are idle: %v", got, points)
	}
	if max, others := total(points, "db.client.connection.max", "gormbind.bind=archive"), total(points, "db.client.connection.max"); max != 7 || others != 7 {
		t.Errorf("at most %v, %v", max, others)
	}
	w.must(tx.Rollback().Error)
	w.must(w.plugin.Close())
	for point := range w.metrics() {
		if total(map[string]float64{point: 1}, "db.client.connection.count") > 0 {
			t.Errorf("after Close: %s", point)
		}
	}
}

// Without spans of statements, the one in their context says where they go.
func TestWithoutStatementSpans(t *testing.T) {
	w := newWorld(t, nil, bindotel.WithoutStatementSpans())
	ctx, span := w.tracer.Start(context.Background(), "another plugin's")
	w.must(w.db.WithContext(ctx).Find(&[]Note{}).Error)
	span.End()
	w.tree("another plugin's @archive/source")
	if got := total(w.metrics(), "db.client.operation.duration", "db.query.summary=SELECT notes"); got != 1 {
		t.Errorf("%v operations", got)
	}
}
