package bindkey_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// failing makes the calls of a kind fail in some databases: with an error that holds a
// password, or by a lost connection.
func failing(kind string, lose bool, databases ...string) func([]testkit.Call, testkit.Call) testkit.Hook {
	return func(_ []testkit.Call, call testkit.Call) testkit.Hook {
		for _, database := range databases {
			if call.Kind == kind && call.Database == database {
				return func(ctx context.Context, on *testkit.Conn, _ testkit.Call, real testkit.Real) error {
					if lose {
						on.Lose()
						return driver.ErrBadConn
					}
					return errors.New("100% refused, password=hunter2")
				}
			}
		}
		return nil
	}
}

// A transaction that ends in an unusual way is in the log once, whatever the program
// does with the error, with the program's line, and an ordinary one is not.
func TestUnusualEndsAreLogged(t *testing.T) {
	write := func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&User{Name: "u"}).Error, tx.Create(&LogEntry{Event: "e"}).Error, tx.Create(&Note{Text: "n"}).Error)
	}
	_, _, first, _ := runtime.Caller(0)
	for _, c := range []struct {
		name   string
		faults func([]testkit.Call, testkit.Call) testkit.Hook
		run    func(db *gorm.DB)
		want   []string // what the only line has; nil: there is no line
	}{
		{"partial", failing(testkit.Commit, false, "archive"), func(db *gorm.DB) { _ = db.Transaction(write) },
			[]string{`committed in part: rows of "analytics" are committed, rows of "archive" are not (its COMMIT failed), rows of "main" are rolled back`, "100% refused"}},
		{"partial, of the default transaction", failing(testkit.Commit, false, "main"), func(db *gorm.DB) { db.Create(&User{Logs: []LogEntry{{}}}) },
			[]string{`rows of "analytics" are committed, rows of "main" are not`}},
		{"unknown", failing(testkit.Commit, true, "main"), func(db *gorm.DB) { db.Create(&Team{Name: "t"}) }, []string{`it is unknown whether rows of "main" are`}},
		{"partial, with AfterCommit", failing(testkit.Commit, false, "main"), func(db *gorm.DB) {
			tx := db.Begin()
			_ = bindkey.AfterRollback(tx, func(context.Context) error { return errors.New("not called") })
			_ = write(tx)
			tx.Commit()
			tx.Rollback()
			tx.Commit()
		}, []string{`rows of "main" are not`}},
		{"doomed", nil, func(db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error {
				_ = write(tx)
				tx.Exec("INSERT OR ROLLBACK INTO logs (id) SELECT id FROM logs")
				return nil
			})
		}, []string{"has rolled the transaction back", `rows of "main", "analytics", "archive" are rolled back`}},
		{"doomed, and rolled back", nil, func(db *gorm.DB) {
			tx := db.Begin()
			_ = write(tx)
			tx.Exec("INSERT OR ROLLBACK INTO logs (id) SELECT id FROM logs")
			_ = write(tx)
			tx.Rollback()
		}, []string{"can only be rolled back"}},
		{"a ROLLBACK fails", failing(testkit.Rollback, false, "analytics"), func(db *gorm.DB) {
			tx := db.Begin()
			_ = write(tx)
			tx.Rollback()
		}, []string{`not be rolled back everywhere; rows of "main", "archive" are rolled back; bindkey: ROLLBACK in bind "analytics": 100% refused`}},
		{"committed", nil, func(db *gorm.DB) { _ = db.Transaction(write) }, nil},
		{"an error of the program's", nil, func(db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error { return errors.Join(write(tx), errors.New("of the program's")) })
		}, nil},
		{"COMMIT fails, and all is rolled back", failing(testkit.Commit, false, "analytics"), func(db *gorm.DB) { _ = db.Transaction(write) }, nil},
		{"a context ends", nil, func(db *gorm.DB) {
			ctx, cancel := context.WithCancel(context.Background())
			tx := db.WithContext(ctx).Begin()
			_ = write(tx)
			cancel()
			tx.Rollback()
		}, nil},
	} {
		_, _, last, _ := runtime.Caller(0)
		for _, prepare := range []bool{false, true} {
			log := &lineLog{}
			w := newTxWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare, Logger: logger.New(log, logger.Config{LogLevel: logger.Error})}})
			log.taken()
			w.calls.Start(c.faults)
			c.run(w.db.Session(&gorm.Session{Logger: logger.Discard, Context: context.Background()}))
			w.calls.Stop()
			lines, texts := log.taken()
			all := strings.Join(texts, "\n")
			if c.want == nil {
				if len(texts) > 0 {
					t.Errorf("%s: logged %s", c.name, all)
				}
				continue
			}
			if len(texts) != 1 {
				t.Errorf("%s: %d lines: %s", c.name, len(texts), all)
				continue
			}
			for _, want := range c.want {
				if !strings.Contains(all, want) {
					t.Errorf("%s: the log does not say %q: %s", c.name, want, all)
				}
			}
			if strings.Contains(all, "hunter2") || strings.Contains(all, "%!") {
				t.Errorf("%s: the log tells the password, or is no format: %s", c.name, all)
			}
			var line int
			if _, err := fmt.Sscanf(lines[0], "outcomelog_test.go:%d", &line); err != nil || line <= first || line >= last {
				t.Errorf("%s: the line is %s", c.name, lines[0])
			}
		}
	}
}

// With GORM's slog logger the message is whole, and has the number of the transaction.
func TestUnusualEndsWithSlog(t *testing.T) {
	out := &slogLines{}
	l := slogTo(out)
	w := newTxWorld(t, worldConfig{gorm: gorm.Config{Logger: l}, options: []bindkey.Option{bindkey.LogBinds()}})
	out.taken(t)
	w.calls.Start(failing(testkit.Commit, false, "main"))
	w.db.Create(&User{Logs: []LogEntry{{}}})
	w.calls.Stop()
	lines := out.taken(t)
	var told []slogLine
	for _, line := range lines {
		if strings.Contains(line.Msg, "committed in part") {
			told = append(told, line)
		}
	}
	if len(told) != 1 || told[0].Level != "ERROR" || told[0].Tx == 0 || told[0].Tx != lines[0].Tx || told[0].Bind != "" {
		t.Errorf("%+v", lines)
	}
}
