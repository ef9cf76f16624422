package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A downDialector can't be opened while its database is down.
type downDialector struct {
	*sqlite.Dialector
	down     *atomic.Bool
	attempts *atomic.Int32
	silent   chan struct{} // nil: it answers; else only once this is closed
}

func (d downDialector) Initialize(db *gorm.DB) error {
	d.attempts.Add(1)
	if d.silent != nil && !d.down.Load() {
		<-d.silent
	}
	if d.down.Load() {
		return errors.New("connection refused, password=hunter2")
	}
	return d.Dialector.Initialize(db)
}

// lateWorld is a world whose bind analytics can't be opened at first.
func lateWorld(t *testing.T, options ...bindkey.Option) (w *world, down *atomic.Bool, attempts *atomic.Int32) {
	return lateWorldOf(t, nil, options...)
}

func lateWorldOf(t *testing.T, silent chan struct{}, options ...bindkey.Option) (w *world, down *atomic.Bool, attempts *atomic.Int32) {
	down, attempts = new(atomic.Bool), new(atomic.Int32)
	down.Store(true)
	w = newWorld(t, worldConfig{options: append(options, bindkey.OpenLate()), install: func(w *world) {
		w.registerBut("analytics")
		late := func(name string) gorm.Dialector {
			return downDialector{w.dialector(name).(*sqlite.Dialector), down, attempts, silent}
		}
		w.plugin.Register("analytics", dbresolver.Config{
			Sources: []gorm.Dialector{late("analytics")}, Replicas: []gorm.Dialector{late("analytics-replica")}})
	}})
	return w, down, attempts
}

func TestOpenLate(t *testing.T) {
	w, down, attempts := lateWorld(t)
	var log LogEntry
	for name, run := range map[string]func() error{
		"a query":       func() error { return w.db.First(&log).Error },
		"a write":       func() error { return w.db.Create(&LogEntry{Event: "x"}).Error },
		"raw SQL":       func() error { return w.db.Exec("DELETE FROM logs").Error },
		"a preload":     func() error { return w.db.Preload("Logs").First(&User{}).Error },
		"a transaction": func() error { return w.db.Clauses(bindkey.Use("analytics")).Begin().Error },
		"a branch": func() error {
			return w.db.Transaction(func(tx *gorm.DB) error { _, err := bindkey.SQLTx(tx, "analytics"); return err })
		},
		"a migration": func() error { return w.db.AutoMigrate(&LogEntry{}) },
		"Resolver":    func() error { _, err := w.plugin.Resolver("analytics"); return err },
		"Ping":        func() error { return w.plugin.Ping(context.Background()) },
	} {
		err := run()
		var failed *bindkey.OpenError
		if !errors.As(err, &failed) || failed.Key != "analytics" || failed.Role != "source" {
			t.Errorf("%s: err = %v, not the OpenError of analytics", name, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
	if n := attempts.Load(); n != 1 {
		t.Errorf("%d attempts within a second, not 1", n)
	}
	if route, err := w.plugin.Explain(w.db.Model(&LogEntry{})); err != nil || route.Key != "analytics" || route.Roles != nil {
		t.Errorf("Explain says %+v, %v", route, err)
	}
	var user User
	w.must(w.db.First(&user).Error)
	if user.Origin != "main-replica" {
		t.Errorf("the other binds: user comes from %q", user.Origin)
	}
	if _, ok := w.plugin.Stats()["analytics"]; ok {
		t.Error("Stats tells of pools that are not there")
	}
	w.plugin.SetMaxOpenConns(7)

	down.Store(false)
	time.Sleep(1100 * time.Millisecond)
	var together sync.WaitGroup
	for i := 0; i < 8; i++ {
		together.Add(1)
		go func() {
			defer together.Done()
			var log LogEntry
			if err := w.db.First(&log).Error; err != nil || log.Origin != "analytics-replica" {
				t.Errorf("once it is up: %v, from %q", err, log.Origin)
			}
		}()
	}
	together.Wait()
	if n := attempts.Load(); n != 3 { // the first, then source and replica
		t.Errorf("%d attempts, not 3", n)
	}
	if stats := w.plugin.Stats()["analytics"]; stats["source"].MaxOpenConnections != 7 || stats["replica"].MaxOpenConnections != 7 {
		t.Errorf("the settings made before it was up do not hold: %+v", stats)
	}
	if changed := w.changes(func() { w.must(w.db.Create(&User{Name: "u", Logs: []LogEntry{{Event: "late"}}}).Error) }); changed != "analytics.logs main.users" {
		t.Errorf("changed %s", changed)
	}
}

// A database that accepts and does not answer holds up nobody for longer than his
// context lasts, and no other bind.
func TestOpenLateWithoutAnswer(t *testing.T) {
	silent := make(chan struct{})
	w, down, attempts := lateWorldOf(t, silent)
	down.Store(false)
	time.Sleep(1100 * time.Millisecond)
	for name, run := range map[string]func(context.Context) error{
		"a query":     func(ctx context.Context) error { return w.db.WithContext(ctx).First(&LogEntry{}).Error },
		"a write":     func(ctx context.Context) error { return w.db.WithContext(ctx).Create(&LogEntry{Event: "x"}).Error },
		"a migration": func(ctx context.Context) error { return w.db.WithContext(ctx).AutoMigrate(&LogEntry{}) },
		"Ping":        w.plugin.Ping,
		"a branch": func(ctx context.Context) error {
			return w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				w.must(tx.First(&User{}).Error)
				_, err := bindkey.SQLTx(tx, "analytics")
				return err
			})
		},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		err := run(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `bind "analytics"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := attempts.Load(); n != 2 {
		t.Errorf("%d attempts, not one at the start and one that all wait for", n)
	}
	if len(w.plugin.Stats()) == 0 {
		t.Error("Stats tells nothing of the other binds")
	}
	w.must(w.db.First(&User{}).Error)
	close(silent)
	var log LogEntry
	w.must(w.db.First(&log).Error)
	if log.Origin != "analytics-replica" {
		t.Errorf("it comes from %q", log.Origin)
	}
}

// A bind that comes up only in part stays closed, with no pool left open.
func TestOpenLateInPart(t *testing.T) {
	wait := bindkey.AttemptSoon(t)
	var sourceUp, replicaUp atomic.Bool
	var attempts atomic.Int32
	var opened []gorm.ConnPool
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.OpenLate()}, install: func(w *world) {
		w.registerBut("analytics")
		late := func(name string, up *atomic.Bool) gorm.Dialector {
			return partDialector{w.dialector(name).(*sqlite.Dialector), up, &attempts, &opened}
		}
		w.plugin.Register("analytics", dbresolver.Config{
			Sources: []gorm.Dialector{late("analytics", &sourceUp)}, Replicas: []gorm.Dialector{late("analytics-replica", &replicaUp)}})
	}})
	sourceUp.Store(true)
	time.Sleep(wait)
	var failed *bindkey.OpenError
	if err := w.db.First(&LogEntry{}).Error; !errors.As(err, &failed) || failed.Role != "replica" {
		t.Errorf("err = %v, not that of the replica", err)
	}
	if len(opened) != 1 {
		t.Fatalf("%d pools were opened", len(opened))
	}
	if err := opened[0].(interface{ Ping() error }).Ping(); err == nil {
		t.Error("the source's pool was left open")
	}
	replicaUp.Store(true)
	time.Sleep(wait)
	w.must(w.db.First(&LogEntry{}).Error)
}

type partDialector struct {
	*sqlite.Dialector
	up       *atomic.Bool
	attempts *atomic.Int32
	opened   *[]gorm.ConnPool
}

func (d partDialector) Initialize(db *gorm.DB) error {
	if !d.up.Load() {
		return errors.New("connection refused")
	}
	err := d.Dialector.Initialize(db)
	*d.opened = append(*d.opened, db.ConnPool)
	return err
}

// What can't be mended by waiting is an error at once; and so is everything
// without the option.
func TestOpenLateOnlyWhatCanComeUp(t *testing.T) {
	dir := t.TempDir()
	db := openPlain(t, sqlitedb.Open(dir+"/main.db"), &gorm.Config{})
	for name, plugin := range map[string]*bindkey.Plugin{
		"a nil dialector": bindkey.New(bindkey.OpenLate()).Register("a", dbresolver.Config{Sources: []gorm.Dialector{nil}}),
		"two dialects": bindkey.New(bindkey.OpenLate()).Register("a", dbresolver.Config{
			Sources: []gorm.Dialector{sqlitedb.Open(dir + "/a.db"), accent{sqlitedb.New(dir + "/b.db")}}}),
		"without the option": bindkey.New().Register("a", dbresolver.Config{Sources: []gorm.Dialector{failingDialector{sqlitedb.Open("x"), "x"}}}),
	} {
		var failed *bindkey.OpenError
		if err := db.Use(plugin); !errors.As(err, &failed) || failed.Key != "a" {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

// A bind that opens later has its own pool settings from then on.
func TestOpenLateConfiguresPools(t *testing.T) {
	wait := bindkey.AttemptSoon(t)
	down := new(atomic.Bool)
	down.Store(true)
	w := newWorld(t, worldConfig{options: []bindkey.Option{bindkey.OpenLate()}, install: func(w *world) {
		w.registerBut("analytics")
		w.plugin.Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{downDialector{w.dialector("analytics").(*sqlite.Dialector), down, new(atomic.Int32), nil}}})
		w.plugin.SetMaxOpenConns(7).ConfigurePools("analytics", func(db *sql.DB) { db.SetMaxOpenConns(2) })
	}})
	down.Store(false)
	time.Sleep(wait)
	w.must(w.db.First(&LogEntry{}).Error)
	if got := w.plugin.Stats()["analytics"]["source"].MaxOpenConnections; got != 2 {
		t.Errorf("%d connections at most, want 2", got)
	}
}
