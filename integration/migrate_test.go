package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	gormmigrator "gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models: relations of every kind, inside binds and across, and all that a
// migrator is told by tags.
type (
	member struct {
		_       struct{} `bind:"main"`
		ID      uint
		Name    string  `gorm:"size:40;not null;default:'nobody';uniqueIndex:idx_member_name,sort:desc;comment:it's a name"`
		Email   string  `gorm:"size:40;unique"`
		Age     int     `gorm:"check:member_age,age >= 0;index"`
		Home    address `gorm:"embedded;embeddedPrefix:home_"`
		ClubID  *uint
		Club    *club
		BossID  *uint
		Boss    *member
		Visits  []visit `gorm:"foreignKey:MemberID"`
		Photos  []photo `gorm:"polymorphic:Owner"`
		Skills  []skill `gorm:"many2many:member_skills"`
		Topics  []topic `gorm:"many2many:member_topics"`
		Version *account
	}
	address struct {
		Street string `gorm:"size:40"`
		CityID *uint
		City   *city
	}
	club struct {
		_         struct{} `bind:"main"`
		ID        uint
		Name      string `gorm:"size:40"`
		FounderID *uint
		Founder   *founder
	}
	city  struct{ ID uint } // main, the default
	skill struct {
		_  struct{} `bind:"main"`
		ID uint
	}
	// founder and club refer to each other.
	founder struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		ClubID *uint
		Club   *club
	}
	visit struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		MemberID uint
		Minutes  int    `gorm:"check:visit_minutes,minutes >= 0;default:1"`
		Note     string `gorm:"size:40;index:idx_note;comment:what was said"`
		Code     string `gorm:"size:20;unique"`
		RoomID   *uint
		Room     *room
		ReturnID *uint
		Return   *visit
	}
	room struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	topic struct {
		_       struct{} `bind:"analytics"`
		ID      uint
		Members []member `gorm:"many2many:member_topics" bind:"main"`
	}
	photo struct {
		_         struct{} `bind:"analytics"`
		ID        uint
		OwnerID   uint
		OwnerType string `gorm:"size:20"`
	}
	account struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		MemberID uint
	}
	// skillOfMember is given to SetupJoinTable.
	skillOfMember struct {
		MemberID uint `gorm:"primaryKey"`
		SkillID  uint `gorm:"primaryKey"`
		Level    int  `gorm:"default:1"`
	}
)

func (skillOfMember) TableName() string { return "member_skills" }

var migrated = []any{&member{}, &topic{}, &visit{}, &photo{}, &account{}, &founder{}}

// A site is a database without tables.
type site struct {
	server    string
	plain     *gorm.DB
	dialector gorm.Dialector
}

var engines = []string{"SQLite", "PostgreSQL", "MariaDB"}

func newSite(t *testing.T, engine, label string) site {
	t.Helper()
	s := site{server: engine}
	switch engine {
	case "SQLite":
		s.dialector = sqlite.Open(filepath.Join(t.TempDir(), label+".db") + "?_busy_timeout=5000&_synchronous=OFF")
	default:
		server := map[string]*servers.Server{"PostgreSQL": servers.PostgreSQL, "MariaDB": servers.MariaDB}[engine]
		s.dialector = server.Database(t, label).Dialector()
	}
	plain, err := gorm.Open(s.dialector, &gorm.Config{Logger: logger.Discard, DisableForeignKeyConstraintWhenMigrating: true})
	must(t, err)
	s.plain = plain
	t.Cleanup(func() { closeHandle(plain) })
	return s
}

func closeHandle(db *gorm.DB) {
	if pool, err := db.DB(); err == nil {
		_ = pool.Close()
	}
}

// dump is all that the database says of its tables, in order.
func (s site) dump(t *testing.T) string {
	t.Helper()
	var lines []string
	add := func(query string) {
		t.Helper()
		var rows []string
		must(t, s.plain.Raw(query).Scan(&rows).Error)
		lines = append(lines, rows...)
	}
	switch s.server {
	case "SQLite":
		add("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'")
	case "PostgreSQL":
		add(`SELECT concat_ws(' ', table_name, column_name, udt_name, character_maximum_length, is_nullable, column_default,
			col_description((table_schema || '.' || quote_ident(table_name))::regclass, ordinal_position)) FROM information_schema.columns WHERE table_schema = current_schema()`)
		add("SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'")
		add("SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()")
		add("SELECT concat_ws(' ', viewname, definition) FROM pg_views WHERE schemaname = current_schema()")
	case "MariaDB":
		tables, err := s.plain.Migrator().GetTables()
		must(t, err)
		for _, table := range tables {
			var name, ddl string
			var rest [2]sql.NullString
			row := s.plain.Raw("SHOW CREATE TABLE `" + table + "`").Row()
			if row.Scan(&name, &ddl) != nil {
				row = s.plain.Raw("SHOW CREATE TABLE `" + table + "`").Row()
				must(t, row.Scan(&name, &ddl, &rest[0], &rest[1])) // a view
			}
			for _, line := range strings.Split(ddl, "\n") {
				lines = append(lines, table+" "+strings.Trim(line, " ,"))
			}
		}
	}
	for i, line := range lines { // GORM keeps constraints in a map
		if s.server == "SQLite" {
			parts := strings.Split(strings.TrimSuffix(line, ")"), ",CONSTRAINT ")
			sort.Strings(parts[1:])
			lines[i] = strings.Join(parts, ",CONSTRAINT ")
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// A migration is a handle over two sites.
type migration struct {
	*testing.T
	sites  map[string]site // by bind
	db     *gorm.DB
	plugin *bindkey.Plugin
	log    *statements
}

func newMigration(t *testing.T, main, analytics string) *migration {
	t.Helper()
	m := &migration{T: t, log: &statements{}, sites: map[string]site{
		"main": newSite(t, main, "main"), "analytics": newSite(t, analytics, "analytics")}}
	db, err := gorm.Open(m.sites["main"].dialector, &gorm.Config{Logger: m.log})
	must(t, err)
	m.db = db
	m.plugin = bindkey.New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{m.sites["analytics"].dialector}})
	t.Cleanup(func() {
		_ = m.plugin.Close()
		closeHandle(db)
	})
	must(t, db.Use(m.plugin))
	must(t, db.SetupJoinTable(&member{}, "Skills", &skillOfMember{}))
	return m
}

// altered tells which binds have other tables after something ran.
func (m *migration) altered(run func()) string {
	m.Helper()
	before := [2]string{m.sites["main"].dump(m.T), m.sites["analytics"].dump(m.T)}
	run()
	var altered []string
	for i, key := range []string{"main", "analytics"} {
		if m.sites[key].dump(m.T) != before[i] {
			altered = append(altered, key)
		}
	}
	return strings.Join(altered, " ")
}

// statements is a logger that keeps the SQL that is not a question.
type statements struct {
	logger.Interface
	mu   sync.Mutex
	list []string
}

func (s *statements) LogMode(logger.LogLevel) logger.Interface { return s }
func (s *statements) Info(context.Context, string, ...any)     {}
func (s *statements) Warn(context.Context, string, ...any)     {}
func (s *statements) Error(context.Context, string, ...any)    {}
func (s *statements) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	sql, _ := statement()
	for _, question := range []string{"SELECT", "PRAGMA foreign_keys"} {
		if strings.HasPrefix(strings.TrimSpace(sql), question) && !strings.Contains(sql, "= O") {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, sql)
}

func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list = nil
	return list
}

// eachPair runs a test for every ordered pair of engines as main and analytics.
func eachPair(t *testing.T, test func(t *testing.T, main, analytics string)) {
	for _, main := range engines {
		for _, analytics := range engines {
			main, analytics := main, analytics
			if testing.Short() && main != analytics && main+analytics != "PostgreSQLMariaDB" {
				continue
			}
			t.Run(main+" and "+analytics, func(t *testing.T) {
				t.Parallel()
				for _, server := range servers.All() {
					if server.Name == main || server.Name == analytics {
						server.Need(t)
					}
				}
				test(t, main, analytics)
			})
		}
	}
}

// AutoMigrate makes every table in its own database, with its foreign keys
// inside, and the second time runs nothing; Plan says so before, and what it
// says, run by hand, makes the same tables.
func TestPlanAndAutoMigrate(t *testing.T) {
	eachPair(t, func(t *testing.T, main, analytics string) {
		auto, hand := newMigration(t, main, analytics), newMigration(t, main, analytics)
		auto.log.take()
		must(t, auto.db.AutoMigrate(migrated...))
		ran := auto.log.take()
		planned, count := hand.execute()
		hand.equal("new", auto)
		left := 0
		for _, bind := range planned {
			left += len(bind.LeftOut)
		}
		if count != len(ran) || left != 5 {
			t.Errorf("AutoMigrate runs %d statements, and Plan has %d and leaves out %d foreign keys:\n%s", len(ran), count, left, planned)
		}
		for key, want := range map[string]string{
			"main":      "cities clubs member_skills member_topics members skills",
			"analytics": "accounts founders photos rooms topics visits",
		} {
			tables, err := auto.sites[key].plain.Migrator().GetTables()
			must(t, err)
			sort.Strings(tables)
			if got := strings.ReplaceAll(strings.Join(tables, " "), " sqlite_sequence", ""); got != want {
				t.Errorf("%s has %s", key, got)
			}
		}
		must(t, auto.db.AutoMigrate(migrated...))
		if again := auto.log.take(); len(again) > 0 {
			t.Errorf("the second time, AutoMigrate runs %q", again)
		}
		if again, count := hand.execute(); count > 0 || !again.Empty() {
			t.Errorf("Plan still has\n%s", again)
		}
		found, err := auto.plugin.Drift(context.Background(), migrated...)
		must(t, err)
		if found != nil {
			t.Errorf("drift: %s", found)
		}
	})
}

// The same for tables that an older program made.
func TestPlanOfOldTables(t *testing.T) {
	type member struct {
		ID     uint
		Name   string `gorm:"size:10"`
		Email  string `gorm:"size:40"`
		Age    string `gorm:"size:10"`
		ClubID *uint
	}
	type visit struct {
		ID       uint
		MemberID uint
		Minutes  string `gorm:"size:10"`
		Note     string `gorm:"size:10"`
		Old      string `gorm:"size:10;index"`
	}
	eachPair(t, func(t *testing.T, main, analytics string) {
		auto, hand := newMigration(t, main, analytics), newMigration(t, main, analytics)
		for _, m := range []*migration{auto, hand} {
			for _, key := range []string{"main", "analytics"} {
				plain, err := gorm.Open(m.sites[key].dialector, &gorm.Config{Logger: logger.Discard})
				must(t, err)
				must(t, plain.AutoMigrate(map[string]any{"main": &member{}, "analytics": &visit{}}[key]))
				row := map[string]any{"main": &member{Name: "ann", Email: "a@b", Age: "7"}, "analytics": &visit{MemberID: 1, Minutes: "5", Note: "n", Old: "o"}}[key]
				must(t, plain.Create(row).Error)
				closeHandle(plain)
			}
		}
		for round := 1; round <= 2; round++ { // GORM itself may need two: the second has the constraints of columns that the first has added
			auto.log.take()
			must(t, auto.db.AutoMigrate(migrated...))
			ran := auto.log.take()
			planned, executed := hand.execute()
			if executed != len(ran) {
				t.Errorf("AutoMigrate runs %d statements, Plan has %d: %q, and\n%s", len(ran), executed, ran, planned)
			}
			hand.equal(fmt.Sprint("round ", round), auto)
		}
		var names []string
		must(t, hand.sites["main"].plain.Table("members").Where("age = 7").Pluck("name", &names).Error)
		must(t, hand.sites["analytics"].plain.Table("visits").Where("minutes = 5").Pluck("note", &names).Error)
		if got := strings.Join(names, " "); got != "n" {
			t.Errorf("the rows are %s", got)
		}
	})
}

// execute plans and runs the plan by hand.
func (m *migration) execute() (planned bindkey.Plan, count int) {
	m.Helper()
	if got := m.altered(func() {
		var err error
		planned, err = m.plugin.Plan(migrated...)
		must(m.T, err)
	}); got != "" {
		m.Errorf("Plan alters %q", got)
	}
	for _, bind := range planned {
		for _, statement := range bind.Statements {
			count++
			if err := m.sites[bind.Key].plain.Exec(statement).Error; err != nil {
				m.Fatalf("%s: %v", statement, err)
			}
		}
	}
	return planned, count
}

// equal compares the tables that were made by hand with those of AutoMigrate.
func (m *migration) equal(when string, auto *migration) {
	m.Helper()
	for _, key := range []string{"main", "analytics"} {
		if got, want := m.sites[key].dump(m.T), auto.sites[key].dump(m.T); got != want {
			m.Errorf("%s: by hand, %s has\n%s\nand with AutoMigrate\n%s", when, key, got, want)
		}
	}
}

// The same model in two binds, for each method of a migrator.
type (
	mainThing struct {
		_        struct{} `bind:"main"`
		ID       uint
		Name     string `gorm:"size:40;not null;index:idx_name,sort:desc;check:name_given,name <> ''"`
		Code     string `gorm:"size:20;unique"`
		Extra    int    `gorm:"default:7;comment:not much"`
		ParentID *uint
		Parent   *mainThing
	}
	analyticsThing struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		Name     string `gorm:"size:40;not null;index:idx_name,sort:desc;check:name_given,name <> ''"`
		Code     string `gorm:"size:20;unique"`
		Extra    int    `gorm:"default:7;comment:not much"`
		ParentID *uint
		Parent   *analyticsThing
	}
	flatThing struct {
		_    struct{} `bind:"analytics"`
		ID   uint
		Name string `gorm:"size:40;index"`
	}
)

func (mainThing) TableName() string      { return "things" }
func (analyticsThing) TableName() string { return "things" }

// transcript calls every method of a migrator that is given a model, and keeps
// the answers.
func transcript(db *gorm.DB, model any) string {
	m := db.Migrator()
	var lines []string
	note := func(what string, answers ...any) { lines = append(lines, what+": "+fmt.Sprint(answers...)) }
	note("HasTable", m.HasTable(model), m.HasTable(model))
	note("CreateTable", m.CreateTable(model), m.HasTable(model), m.HasTable(model))
	note("AutoMigrate", m.AutoMigrate(model))
	note("DropColumn", m.DropColumn(model, "Extra"), m.HasColumn(model, "Extra"))
	note("AddColumn", m.AddColumn(model, "Extra"), m.HasColumn(model, "extra"))
	note("AlterColumn", m.AlterColumn(model, "Extra"), m.AlterColumn(model, "nonsense"))
	note("RenameColumn", m.RenameColumn(model, "Extra", "surplus"), m.HasColumn(model, "surplus"), m.RenameColumn(model, "surplus", "Extra"))
	types, err := m.ColumnTypes(model)
	for _, t := range types {
		length, _ := t.Length()
		nullable, _ := t.Nullable()
		value, _ := t.DefaultValue()
		unique, _ := t.Unique()
		primary, _ := t.PrimaryKey()
		note("ColumnTypes", t.Name(), t.DatabaseTypeName(), length, nullable, value, unique, primary, err)
		stmt := gorm.Statement{DB: db}
		if err := stmt.Parse(model); err != nil {
			note("Parse", err)
		}
		field := stmt.Schema.LookUpField(t.Name())
		note("MigrateColumn", m.MigrateColumn(model, field, t), m.MigrateColumnUnique(model, field, t), m.FullDataTypeOf(field).SQL)
	}
	for _, name := range []string{"Parent", "name_given", "Code"} {
		note(name, m.HasConstraint(model, name), m.DropConstraint(model, name), m.HasConstraint(model, name), m.CreateConstraint(model, name), m.HasConstraint(model, name))
	}
	note("AutoMigrate", m.AutoMigrate(model))
	note("HasIndex", m.HasIndex(model, "Name"), m.HasIndex(model, "idx_name"), m.HasIndex(model, "idx_other"))
	note("DropIndex", m.DropIndex(model, "Name"), m.HasIndex(model, "Name"))
	note("CreateIndex", m.CreateIndex(model, "Name"), m.HasIndex(model, "Name"), m.CreateIndex(model, "nonsense"))
	note("RenameIndex", m.RenameIndex(model, "idx_name", "idx_other"), m.HasIndex(model, "idx_other"), m.RenameIndex(model, "idx_other", "idx_name"))
	indexes, err := m.GetIndexes(model)
	sort.Slice(indexes, func(i, j int) bool { return indexes[i].Name() < indexes[j].Name() })
	for _, index := range indexes {
		unique, _ := index.Unique()
		note("GetIndexes", index.Name(), index.Columns(), unique, err)
	}
	kind, err := m.TableType(model)
	if kind != nil {
		note("TableType", kind.Name(), kind.Type(), err)
	}
	renamed := strings.ToLower(reflect.TypeOf(model).Elem().Name()) // a name that no other bind knows
	note("RenameTable", m.RenameTable(model, renamed), m.HasTable(model), m.RenameTable(renamed, model), m.HasTable(model))
	note("DropTable", m.DropTable(model), m.HasTable(model), m.AutoMigrate(model), m.HasTable(model))
	return strings.Join(lines, "\n")
}

// Every method of a routed migrator answers and does what the bind's plain one
// does, on the model's own bind, in transactions and without.
func TestMigratorMethods(t *testing.T) {
	eachPair(t, func(t *testing.T, main, analytics string) {
		m := newMigration(t, main, analytics)
		for key, engine := range map[string]string{"main": main, "analytics": analytics} {
			model := map[string]any{"main": &mainThing{}, "analytics": &analyticsThing{}}[key]
			other := newSite(t, engine, "plain")
			plain, err := gorm.Open(other.dialector, &gorm.Config{Logger: logger.Discard})
			must(t, err)
			same := func(what string, routed, plain *gorm.DB) {
				t.Helper()
				if got, want := transcript(routed, model), transcript(plain, model); got != want {
					t.Errorf("%s, %s: it answers\n%s\nwant\n%s", key, what, got, want)
				}
			}
			check := func(what string) {
				t.Helper()
				if got, want := m.sites[key].dump(t), other.dump(t); got != want {
					t.Errorf("%s, %s: the tables are\n%s\nwant\n%s", key, what, got, want)
				}
			}
			if got := m.altered(func() { same("alone", m.db, plain) }); got != key {
				t.Errorf("%s: it altered %q", key, got)
			}
			check("alone")
			must(t, m.db.Migrator().DropTable(model))
			must(t, plain.Migrator().DropTable(model))

			if engine == "MariaDB" { // which commits at each DDL
				must(t, m.db.Transaction(func(tx *gorm.DB) error {
					must(t, tx.AutoMigrate(model))
					must(t, tx.Model(model).Create(map[string]any{"Name": "a", "Code": "b"}).Error)
					must(t, tx.Migrator().DropColumn(model, "Extra"))
					return tx.Migrator().DropTable(model) // on another connection, it would wait
				}))
				if m.sites[key].plain.Migrator().HasTable(model) {
					t.Errorf("%s: the table is still there", key)
				}
			} else {
				before := m.sites[key].dump(t)
				tx, plainTx := m.db.Begin(), plain.Begin()
				same("in a transaction", tx, plainTx)
				must(t, tx.Rollback().Error)
				must(t, plainTx.Rollback().Error)
				if got := m.sites[key].dump(t); got != before {
					t.Errorf("%s, rolled back: %s", key, got)
				}
				tx, plainTx = m.db.Begin(), plain.Begin()
				same("in a transaction", tx, plainTx)
				must(t, tx.Commit().Error)
				must(t, plainTx.Commit().Error)
				check("in a transaction")
				must(t, m.db.Migrator().DropTable(model))
				must(t, plain.Migrator().DropTable(model))
			}

			if got := m.altered(func() { same("with Use", m.db.Clauses(bindkey.Use(key)).Session(&gorm.Session{}), plain) }); got != key {
				t.Errorf("%s, with Use: it altered %q", key, got)
			}
			check("with Use")
			for _, alias := range []string{"int8", "bigint", "bool"} {
				if got, want := m.db.Clauses(bindkey.Use(key)).Migrator().GetTypeAliases(alias), plain.Migrator().GetTypeAliases(alias); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: aliases of %s are %q, want %q", key, alias, got, want)
				}
			}
			tables, err := m.db.Clauses(bindkey.Use(key)).Migrator().GetTables()
			want, wantErr := m.sites[key].plain.Migrator().GetTables()
			if fmt.Sprint(tables, err) != fmt.Sprint(want, wantErr) {
				t.Errorf("%s has %s, %v, want %s", key, tables, err, want)
			}
			if got, want := m.db.Clauses(bindkey.Use(key)).Migrator().CurrentDatabase(), m.sites[key].plain.Migrator().CurrentDatabase(); got != want || got == "" {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
			closeHandle(plain)
		}
	})
}

// Views, tables of other names, DryRun, and what crosses.
func TestMigratorBeside(t *testing.T) {
	eachPair(t, func(t *testing.T, main, analytics string) {
		m := newMigration(t, main, analytics)
		must(t, m.db.AutoMigrate(&mainThing{}, &flatThing{}))
		must(t, m.db.Create(&[]flatThing{{Name: "it's"}, {Name: "n"}, {Name: "a $1 @x ? b"}}).Error)
		analyticsOnly := func(what string, run func()) {
			t.Helper()
			if got := m.altered(run); got != "analytics" {
				t.Errorf("%s altered %q", what, got)
			}
		}
		for name, query := range map[string]*gorm.DB{
			"model":    m.db.Model(&flatThing{}).Where("name = ? OR name IN ?", "it's", []string{"n", "a ? b"}),
			"table":    m.db.Table("flat_things").Where(map[string]any{"name": []string{"it's", "n"}}).Select("name"),
			"raw":      m.db.Raw("SELECT * FROM flat_things WHERE name = ? OR name = @n", "it's", sql.Named("n", "n")),
			"subquery": m.db.Table("(?) AS x", m.db.Model(&flatThing{}).Limit(2).Order("id")),
		} {
			view := "view_" + name
			analyticsOnly("CreateView "+name, func() { must(t, m.db.Migrator().CreateView(view, gorm.ViewOption{Query: query})) })
			var n int64
			must(t, m.db.Table(view).Count(&n).Error)
			if n != 2 {
				t.Errorf("%s has %d rows", view, n)
			}
			analyticsOnly("DropView "+name, func() { must(t, m.db.Migrator().DropView(view)) })
		}
		if analytics != "MariaDB" {
			if got := m.altered(func() {
				tx := m.db.Begin()
				must(t, tx.Migrator().CreateView("view_tx", gorm.ViewOption{Query: tx.Model(&flatThing{})}))
				must(t, tx.Rollback().Error)
			}); got != "" {
				t.Errorf("a view that was rolled back altered %q", got)
			}
		}

		analyticsOnly("Table", func() {
			must(t, m.db.Table("flat_things_2026").Migrator().CreateTable(&flatThing{}))
			must(t, m.db.Table("flat_things_2026").AutoMigrate(&flatThing{}))
		})
		if !m.sites["analytics"].plain.Migrator().HasTable("flat_things_2026") {
			t.Error("there is no table flat_things_2026")
		}
		if qualifier := map[string]string{"PostgreSQL": "public", "MariaDB": m.sites["analytics"].plain.Migrator().CurrentDatabase()}[analytics]; qualifier != "" {
			analyticsOnly("Table with a schema", func() {
				must(t, m.db.Table(qualifier+".flat_things_2027").Migrator().CreateTable(&flatThing{}))
			})
		}

		if got := m.altered(func() {
			dry := m.db.Session(&gorm.Session{DryRun: true})
			if printed := printed(t, func() { must(t, dry.AutoMigrate(&visit{})) }); !strings.Contains(printed, "CREATE TABLE") {
				t.Errorf("DryRun prints %q", printed)
			}
			must(t, dry.Migrator().CreateTable(&visit{}))
			must(t, dry.Migrator().AddColumn(&flatThing{}, "Name"))
			must(t, dry.Migrator().CreateIndex(&flatThing{}, "Name"))
		}); got != "" {
			t.Errorf("DryRun altered %q", got)
		}

		stmt := gorm.Statement{DB: m.db}
		must(t, stmt.Parse(&flatThing{}))
		builder := m.db.Migrator().(gormmigrator.BuildIndexOptionsInterface)
		options := []schema.IndexOption{{Field: stmt.Schema.LookUpField("Name"), Sort: "desc"}}
		plain := m.sites["analytics"].plain
		want := plain.Migrator().(gormmigrator.BuildIndexOptionsInterface).BuildIndexOptions(options, &gorm.Statement{DB: plain})
		if got := builder.BuildIndexOptions(options, &stmt); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("an index's options are %q, want %q", got, want)
		}
		if err := m.db.Migrator().CreateConstraint(&member{}, "Visits"); !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("a foreign key across: %v", err)
		}
	})
}

func printed(t *testing.T, run func()) string {
	t.Helper()
	printing.Lock()
	defer printing.Unlock()
	reader, writer, err := os.Pipe()
	must(t, err)
	stdout := os.Stdout
	os.Stdout = writer
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(reader)
		text <- string(all)
	}()
	run()
	os.Stdout = stdout
	_ = writer.Close()
	return <-text
}

var printing sync.Mutex

// Drift finds what is in the wrong database, and foreign keys that cross where
// a server allows them.
func TestDrift(t *testing.T) {
	eachPair(t, func(t *testing.T, main, analytics string) {
		m := newMigration(t, main, analytics)
		drift := func(want ...string) {
			t.Helper()
			var found bindkey.Drifts
			if got := m.altered(func() {
				var err error
				found, err = m.plugin.Drift(context.Background(), migrated...)
				must(t, err)
			}); got != "" {
				t.Errorf("Drift alters %q", got)
			}
			lines := strings.Split(found.String(), "\n")
			if found == nil {
				lines = nil
			}
			if strings.Join(lines, "\n") != strings.Join(want, "\n") {
				t.Errorf("Drift finds\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
			}
		}
		must(t, m.db.AutoMigrate(migrated...))
		drift()
		must(t, m.sites["analytics"].plain.Migrator().DropTable(&account{}))
		// A table of main is in analytics, too, with a foreign key to it.
		must(t, m.sites["analytics"].plain.Exec("CREATE TABLE members (id bigint PRIMARY KEY)").Error)
		must(t, m.sites["analytics"].plain.Migrator().DropTable(&photo{}))
		must(t, m.sites["analytics"].plain.Exec("CREATE TABLE photos (id bigint PRIMARY KEY, owner_id bigint, CONSTRAINT own FOREIGN KEY (owner_id) REFERENCES members(id))").Error)
		name := ` "own"`
		if analytics == "SQLite" {
			name = ""
		}
		drift(`bind "analytics" has a table "members", but model integration.member lives in "main"`,
			`in bind "analytics", table "photos" of model integration.photo has a foreign key`+name+` to table "members", which lives in "main"`,
			`bind "analytics" has no table "accounts" for model integration.account`)
	})
	t.Run("between databases of MariaDB", func(t *testing.T) {
		servers.MariaDB.Need(t)
		m := newMigration(t, "MariaDB", "MariaDB")
		must(t, m.db.AutoMigrate(migrated...))
		other := m.sites["main"].plain.Migrator().CurrentDatabase()
		must(t, m.sites["analytics"].plain.Exec("ALTER TABLE accounts ADD CONSTRAINT far FOREIGN KEY (member_id) REFERENCES "+other+".members(id)").Error)
		found, err := m.plugin.Drift(context.Background(), &account{})
		must(t, err)
		if got, want := found.String(), `in bind "analytics", table "accounts" of model integration.account has a foreign key "far" to table "members", which lives in "main"`; got != want {
			t.Errorf("Drift finds %s", got)
		}
		must(t, m.sites["analytics"].plain.Migrator().DropTable(&account{})) // or main's database can't be dropped
	})
	t.Run("two binds on one database", func(t *testing.T) {
		for _, engine := range engines {
			one := newSite(t, engine, "one")
			db, err := gorm.Open(one.dialector, &gorm.Config{Logger: logger.Discard})
			must(t, err)
			plugin := bindkey.New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{one.dialector}})
			must(t, db.Use(plugin))
			must(t, db.AutoMigrate(migrated...))
			found, err := plugin.Drift(context.Background(), migrated...)
			if err != nil || found != nil {
				t.Errorf("%s: %s, %v", engine, found, err)
			}
			_ = plugin.Close()
			closeHandle(db)
		}
	})
}
