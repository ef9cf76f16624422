package bindkey_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type (
	PhaseOrder struct{ ID uint }
	PhaseLog   struct {
		_  struct{} `bind:"logs"`
		ID uint
	}
)

// phased opens a handle over SQLite with TwoPhase; files of binds are by key.
func phased(t *testing.T, config bindkey.TwoPhaseConfig, binds map[string]string) (*gorm.DB, *bindkey.Plugin, error) {
	t.Helper()
	dir := t.TempDir()
	db := openPlain(t, sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	plugin := bindkey.New(bindkey.TwoPhase(config))
	for key, file := range binds {
		plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, file))}})
	}
	err := db.Use(plugin)
	t.Cleanup(func() { _ = plugin.Close() })
	return db, plugin, err
}

// A second SQLite file can't prepare: db.Use says so, and which bind it is. A file that
// the decider is in as well is no second one.
func TestTwoPhaseNeedsPreparing(t *testing.T) {
	app := bindkey.TwoPhaseConfig{App: "shop"}
	_, _, err := phased(t, app, map[string]string{"logs": "logs.db"})
	if !errors.Is(err, bindkey.ErrCannotPrepare) || !strings.Contains(err.Error(), `"logs"`) || !strings.Contains(err.Error(), "sqlite") {
		t.Errorf("another file: %v", err)
	}
	if _, _, err = phased(t, app, map[string]string{"logs": "main.db"}); err != nil {
		t.Errorf("the same file: %v", err)
	}
	app.Decider = "logs"
	if _, _, err = phased(t, app, map[string]string{"logs": "logs.db"}); !errors.Is(err, bindkey.ErrCannotPrepare) || !strings.Contains(err.Error(), `bind "main"`) {
		t.Errorf("another decider: %v", err)
	}
}

// Mistakes of the option show at db.Use.
func TestTwoPhaseMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		config bindkey.TwoPhaseConfig
		want   error
		says   string
	}{
		"no name":        {bindkey.TwoPhaseConfig{}, bindkey.ErrInstall, "name"},
		"a wrong name":   {bindkey.TwoPhaseConfig{App: "my shop"}, bindkey.ErrInstall, "my shop"},
		"no such bind":   {bindkey.TwoPhaseConfig{App: "shop", Decider: "nowhere"}, bindkey.ErrUnknownBind, "decider"},
		"negative grace": {bindkey.TwoPhaseConfig{App: "shop", Grace: -1}, bindkey.ErrInstall, "Grace"},
	} {
		if _, _, err := phased(t, c.config, map[string]string{"logs": "main.db"}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	column := newPidgin("clickhouse") // which has no unique keys
	column.Dialector = *sqlitedb.New(filepath.Join(t.TempDir(), "logs.db"))
	err := openPlain(t, sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard}).
		Use(bindkey.New(bindkey.TwoPhase(bindkey.TwoPhaseConfig{App: "shop", Decider: "logs"})).Register("logs", dbresolver.Config{Sources: []gorm.Dialector{&column}}))
	if !errors.Is(err, bindkey.ErrInstall) || !strings.Contains(err.Error(), "unique keys") {
		t.Errorf("ClickHouse decides: %v", err)
	}
	db := openPlain(t, sqlitedb.Open(filepath.Join(t.TempDir(), "main.db")), &gorm.Config{Logger: logger.Discard})
	plugin := bindkey.New().Register("logs", dbresolver.Config{})
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, recovering := plugin.Recover(ctx)
	_, looking := plugin.InDoubt(ctx)
	for name, err := range map[string]error{"Recover": recovering, "InDoubt": looking, "CreateDecisions": plugin.CreateDecisions(ctx)} {
		if !errors.Is(err, bindkey.ErrInstall) {
			t.Errorf("%s without the option: %v", name, err)
		}
	}
}

// AutoMigrate makes the table of decisions beside those of models, in the decider's
// database, and Plan shows it; CreateDecisions makes it alone.
func TestTableOfDecisions(t *testing.T) {
	db, plugin, err := phased(t, bindkey.TwoPhaseConfig{App: "shop", Every: -1}, map[string]string{"logs": "main.db"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := plugin.Recover(ctx); err == nil || !strings.Contains(err.Error(), "gormbind_decisions") {
		t.Errorf("without the table: %v", err)
	}
	plan, err := plugin.Plan(&PhaseOrder{})
	if err != nil || !strings.Contains(plan.String(), "CREATE TABLE `gormbind_decisions`") || plan[0].Key != "main" {
		t.Errorf("%v\n%v", plan, err)
	}
	if err := db.AutoMigrate(&PhaseOrder{}, &PhaseLog{}); err != nil {
		t.Fatal(err)
	}
	var columns []string
	if err := db.Raw("SELECT name FROM pragma_table_info('gormbind_decisions')").Scan(&columns).Error; err != nil || strings.Join(columns, " ") != "gid outcome participants decided_at" {
		t.Errorf("%v, %v", columns, err)
	}
	if plan, err = plugin.Plan(&PhaseOrder{}, &PhaseLog{}); err != nil || !plan.Empty() {
		t.Errorf("afterwards: %v, %v", plan, err)
	}
	if err := plugin.CreateDecisions(ctx); err != nil {
		t.Error(err)
	}
	if found, err := plugin.Recover(ctx); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// Without the table, and with it, a transaction in one database is what it is without
// the option.
func TestTwoPhaseInOneDatabase(t *testing.T) {
	db, _, err := phased(t, bindkey.TwoPhaseConfig{App: "shop", Every: -1}, map[string]string{"logs": "main.db"})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"phase_orders", "phase_logs"} {
		if err := db.Exec("CREATE TABLE " + table + " (id integer primary key)").Error; err != nil {
			t.Fatal(err)
		}
	}
	for id := uint(1); id <= 2; id++ {
		committed := 0
		err := db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(bindkey.AfterCommit(tx, func(context.Context) error { committed++; return nil }), tx.Create(&PhaseOrder{ID: id}).Error, tx.Create(&PhaseLog{ID: id}).Error)
		})
		if err != nil || committed != 1 {
			t.Fatalf("%v, AfterCommit ran %d times", err, committed)
		}
		if err := db.AutoMigrate(); err != nil {
			t.Fatal(err)
		}
	}
	var decisions int64
	if err := db.Table("gormbind_decisions").Where("outcome <> 'S'").Count(&decisions).Error; err != nil || decisions != 0 {
		t.Errorf("%d decisions, %v", decisions, err)
	}
}

// Close ends the recovery that the plugin runs by itself, and it leaves no goroutine.
func TestRecoveryEnds(t *testing.T) {
	before := steady()
	for i := 0; i < 5; i++ {
		db, plugin, err := phased(t, bindkey.TwoPhaseConfig{App: "shop", Every: time.Millisecond}, map[string]string{"logs": "main.db"})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.AutoMigrate(); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Millisecond)
		if err := errors.Join(plugin.Close(), plugin.Close()); err != nil {
			t.Error(err)
		}
		closeDB(db)
	}
	if left := goroutines(before); left > before {
		t.Errorf("%d goroutines, and before there were %d", left, before)
	}
}
