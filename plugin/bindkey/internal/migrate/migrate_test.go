package migrate_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
)

type (
	hereUser struct {
		ID   uint
		Logs []thereLog `gorm:"foreignKey:UserID"`
	}
	thereLog struct {
		ID     uint
		UserID uint
	}
)

// A host of two databases: a table lives in the one whose key its name begins
// with.
type host struct {
	db      *gorm.DB
	binds   []*bind
	learned []string
}

type bind struct {
	host    *host
	key     string
	db      *gorm.DB
	changes int
}

func newHost(t *testing.T) (*host, *migrate.Migrations) {
	t.Helper()
	h := &host{}
	for _, key := range []string{"here", "there"} {
		db, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), key+".db")), &gorm.Config{Logger: logger.Discard})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if pool, err := db.DB(); err == nil {
				pool.Close()
			}
		})
		h.binds = append(h.binds, &bind{host: h, key: key, db: db})
	}
	h.db = h.binds[0].db
	return h, migrate.New(h)
}

func (h *host) BindOf(_ *gorm.DB, value any, table string) (migrate.Bind, error) {
	if name, ok := value.(string); ok {
		table = name
	} else if table == "" {
		s, err := h.Parse(value, "")
		if err != nil {
			return nil, err
		}
		table = s.Table
	}
	if found := h.BindsWithTable(table, false); len(found) > 0 {
		return found[0], nil
	}
	return nil, fmt.Errorf("table %q lives nowhere", table)
}

func (h *host) BindOfSchema(db *gorm.DB, s *schema.Schema) (migrate.Bind, error) {
	if s == nil {
		return h.binds[0], nil
	}
	return h.Home(db, s)
}

func (h *host) Home(db *gorm.DB, s *schema.Schema) (migrate.Bind, error) {
	return h.BindOf(db, s.Table, "")
}

func (h *host) HasUse(*gorm.DB) bool { return false }

func (h *host) View(_, query *gorm.DB) (migrate.Bind, *gorm.DB, error) {
	return h.binds[0], query, nil
}

func (h *host) Binds(*gorm.DB) (binds []migrate.Bind, err error) {
	for _, b := range h.binds {
		binds = append(binds, b)
	}
	return binds, nil
}

func (h *host) Also() []any { return nil }

func (h *host) BindsWithTable(name string, _ bool) []migrate.Bind {
	for _, b := range h.binds {
		if strings.HasPrefix(name, b.key) {
			return []migrate.Bind{b}
		}
	}
	return nil
}

func (h *host) Learn(_ *gorm.DB, _ any, table string, b migrate.Bind) {
	h.learned = append(h.learned, table+" in "+b.Key())
}

func (h *host) Parse(model any, table string) (*schema.Schema, error) {
	stmt := gorm.Statement{DB: h.db}
	err := stmt.ParseWithSpecialTableName(model, table)
	return stmt.Schema, err
}

func (h *host) OfModel(err error, _ any) error { return err }

func (h *host) ModelName(s *schema.Schema) string { return s.Name }

func (h *host) CrossBind(from, to migrate.Claim, way string) error {
	return fmt.Errorf("%s is in %s, %s in %s: %s", from.Source, from.Key, to.Source, to.Key, way)
}

func (b *bind) Key() string                              { return b.key }
func (b *bind) Dialector() gorm.Dialector                { return b.db.Dialector }
func (b *bind) SessionConfig(db *gorm.DB) gorm.Config    { return *db.Config }
func (b *bind) Conn(*gorm.DB) (gorm.ConnPool, error)     { return b.db.ConnPool, nil }
func (b *bind) Shares(other migrate.Bind) bool           { return b == other }
func (b *bind) Change(*gorm.DB) (done func(), err error) { return func() { b.changes++ }, nil }
func (b *bind) Session(_ *gorm.DB, conn gorm.ConnPool) *gorm.DB {
	session := b.host.db.Session(&gorm.Session{NewDB: true, Initialized: true}) // with its schemas
	session.Statement.ConnPool = conn
	return session
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Plan, AutoMigrate and Drift agree on what is missing, and where.
func TestByBind(t *testing.T) {
	h, migrations := newHost(t)
	models := []any{&hereUser{}, &thereLog{}}

	plan, err := migrations.Plan(h.db, models...)
	must(t, err)
	skipped := []migrate.ForeignKey{{Name: "fk_here_users_logs",
		From: migrate.Columns{Key: "there", Model: "thereLog", Table: "there_logs", Names: []string{"user_id"}},
		To:   migrate.Columns{Key: "here", Model: "hereUser", Table: "here_users", Names: []string{"id"}}}}
	want := []migrate.BindPlan{
		{Key: "here", Statements: []string{"CREATE TABLE `here_users` (`id` integer PRIMARY KEY AUTOINCREMENT)"}},
		{Key: "there", Statements: []string{"CREATE TABLE `there_logs` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer)"}, Skipped: skipped},
	}
	if !reflect.DeepEqual(plan, want) {
		t.Errorf("the plan is\n%v\nwant\n%v", plan, want)
	}
	if got, want := skipped[0].String(), `foreign key fk_here_users_logs from there_logs(user_id) in "there" to here_users(id) in "here"`; got != want {
		t.Errorf("the foreign key is %q, want %q", got, want)
	}

	drift, err := migrations.Drift(h.db, models...)
	must(t, err)
	if missing := []migrate.Difference{
		{Kind: migrate.MissingTable, Model: "hereUser", Table: "here_users", Key: "here"},
		{Kind: migrate.MissingTable, Model: "thereLog", Table: "there_logs", Key: "there"},
	}; !reflect.DeepEqual(drift, missing) || h.binds[0].changes+h.binds[1].changes > 0 || len(h.learned) > 0 {
		t.Errorf("before AutoMigrate there is drift\n%v\nwant\n%v", drift, missing)
	}

	must(t, migrations.On(h.db).Only(h.binds[1]).AutoMigrate(models...))
	if got, want := fmt.Sprint(h.learned), "[there_logs in there]"; got != want || h.binds[0].changes != 0 || h.binds[1].changes != 1 {
		t.Errorf("AutoMigrate of one bind made known %s, want %s", got, want)
	}
	must(t, migrations.On(h.db).AutoMigrate(models...))
	drift, err = migrations.Drift(h.db, models...)
	must(t, err)
	plan, err = migrations.Plan(h.db, models...)
	must(t, err)
	if len(drift) > 0 || len(plan[0].Statements)+len(plan[1].Statements) > 0 {
		t.Errorf("after AutoMigrate there is drift %v, and a plan %v", drift, plan)
	}

	for _, statement := range []string{"DROP TABLE there_logs", "CREATE TABLE there_logs (id integer, user_id integer REFERENCES here_users(id))"} {
		must(t, h.binds[1].db.Exec(statement).Error)
	}
	must(t, h.binds[1].db.Exec("CREATE TABLE here_users (id integer)").Error)
	drift, err = migrations.Drift(h.db, models...)
	must(t, err)
	if want := []migrate.Difference{
		{Kind: migrate.MisplacedTable, Model: "hereUser", Table: "here_users", Key: "here", Other: "there"},
		{Kind: migrate.CrossForeignKey, Model: "thereLog", Table: "there_logs", Key: "there", Other: "here", References: "here_users"},
	}; !reflect.DeepEqual(drift, want) {
		t.Errorf("there is drift\n%v\nwant\n%v", drift, want)
	}
}

// A call that would touch two binds is the host's error, and touches none.
func TestAcross(t *testing.T) {
	h, migrations := newHost(t)
	m := migrations.On(h.db)
	must(t, m.AutoMigrate(&hereUser{}, &thereLog{}))
	changes := h.binds[0].changes + h.binds[1].changes
	for call, err := range map[string]error{
		`table "here_users" is in here, table "there_users" in there: a table is renamed inside its database; copy the rows to move it to another`:                   m.RenameTable("here_users", "there_users"),
		`model thereLog is in there, model hereUser in here: a foreign key can't cross databases; put both models into one bind, or do without "fk_here_users_logs"`: m.CreateConstraint(&hereUser{}, "Logs"),
		`table "nowhere" lives nowhere`: m.DropTable("nowhere"),
	} {
		if fmt.Sprint(err) != call {
			t.Errorf("the error is %v, want %s", err, call)
		}
	}
	if h.binds[0].changes+h.binds[1].changes != changes {
		t.Error("a refused call has changed a bind")
	}
}

// A failed question of a migrator fails the plan, though HasTable drops it.
func TestPlanFails(t *testing.T) {
	h, migrations := newHost(t)
	pool, err := h.binds[1].db.DB()
	must(t, err)
	pool.Close()
	if _, err := migrations.Plan(h.db, &thereLog{}); err == nil || !strings.HasPrefix(err.Error(), `bindkey: bind "there": `) {
		t.Errorf("Plan of a closed database: %v", err)
	}
	if _, err := migrations.Drift(h.db, &thereLog{}); err == nil || !strings.HasPrefix(err.Error(), `bindkey: bind "there": `) {
		t.Errorf("Drift of a closed database: %v", err)
	}
}

// The session of a migrator is that of the chain, behind its Scopes.
func TestScopesHaveRun(t *testing.T) {
	h, migrations := newHost(t)
	h.db.Dialector = scoped{h.db.Dialector, migrations}
	scope := func(db *gorm.DB) *gorm.DB { return db.Where("scoped") }
	m, ok := h.db.Scopes(scope).Migrator().(migrate.Migrator)
	if !ok {
		t.Fatalf("the migrator is a %T", h.db.Migrator())
	}
	if _, ok := m.DB().Statement.Clauses[(clause.Where{}).Name()]; !ok {
		t.Error("the session of the migrator has not run the chain's Scopes")
	}
}

type scoped struct {
	gorm.Dialector
	migrations *migrate.Migrations
}

func (s scoped) Migrator(db *gorm.DB) gorm.Migrator { return s.migrations.On(db) }
