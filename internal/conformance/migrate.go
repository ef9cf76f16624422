package conformance

import (
	"fmt"
	"regexp"
	"sort"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// The models of the migrator's cases. Their tables are nowhere until a case
// makes them, so where they appear tells where the DDL ran.
type (
	// Draft is near.
	Draft struct {
		ID     uint
		Title  string `gorm:"size:32;index:idx_drafts_title"`
		Status string `gorm:"size:16;default:new;not null"`
		Old    string `gorm:"size:8"`
	}
	// DraftV2 is Draft, later.
	DraftV2 struct {
		ID     uint
		Title  string `gorm:"size:64;index:idx_drafts_title"`
		Status string `gorm:"size:16;default:new;not null"`
		Old    string `gorm:"size:8"`
		Pages  int    `gorm:"default:1;check:chk_drafts_pages,pages > 0"`
		Code   string `gorm:"size:16;uniqueIndex:idx_drafts_code;comment:the code"`
		Weight float64
		Body   []byte
	}
	// DraftV3 has an index under another name.
	DraftV3 struct {
		ID   uint
		Code string `gorm:"size:16;uniqueIndex:idx_drafts_renamed"`
	}
	// Chapter is near too, with a foreign key.
	Chapter struct {
		ID      uint
		DraftID uint
		Draft   *Draft `gorm:"constraint:OnDelete:CASCADE"`
		Number  int    `gorm:"uniqueIndex:idx_chapters_number,sort:desc"`
	}
	// Sketch is far.
	Sketch struct {
		ID   uint
		Name string `gorm:"size:32;uniqueIndex"`
		Size string `gorm:"size:8;index:idx_sketches_size"`
	}
	// SketchV2 has an index under another name.
	SketchV2 struct {
		ID   uint
		Size string `gorm:"size:8;index:idx_sketches_renamed"`
	}
	// Folio is near, with relations to what is far.
	Folio struct {
		ID       uint
		Name     string `gorm:"size:32"`
		Exhibits []Exhibit
		Keywords []Keyword `gorm:"many2many:folio_keywords"`
	}
	// Exhibit is far.
	Exhibit struct {
		ID      uint
		FolioID uint
		Folio   *Folio
		Name    string `gorm:"size:32"`
	}
	// Keyword is far.
	Keyword struct {
		ID   uint
		Word string `gorm:"size:32"`
	}
)

// TableName is of schema.Tabler.
func (DraftV3) TableName() string { return "drafts" }

// TableName is of schema.Tabler.
func (SketchV2) TableName() string { return "sketches" }

// TableName is of schema.Tabler.
func (DraftV2) TableName() string { return "drafts" }

func migratedModels(far bool) []any {
	if far {
		return []any{&Bang{}, &Sketch{}, &SketchV2{}, &Exhibit{}, &Keyword{}}
	}
	return []any{&Echo{}, &Draft{}, &DraftV2{}, &DraftV3{}, &Chapter{}, &Folio{}, &Sheet{}}
}

// isFar tells whether a table is that of a far model. A name that no model has
// is near.
func isFar(name string) bool {
	switch name {
	case "sketches", "old_sketches", "exhibits", "keywords", "far_view", "bangs":
		return true
	}
	for _, tb := range tables {
		if tb.name == name {
			return tb.far
		}
	}
	return false
}

// migratedNames are the tables and views that cases make.
var migratedNames = []string{"drafts", "drafts_2026", "old_drafts", "chapters", "sketches", "old_sketches", "folios", "folio_keywords", "exhibits",
	"keywords", "near_view", "far_view", "echos", "bangs"}

// migrations are the calls of gorm.Migrator.
func migrations() group {
	columns := func(r *run, model any) {
		types, err := r.db.Migrator().ColumnTypes(model)
		r.ok(err)
		for _, c := range types {
			kind, _ := c.ColumnType()
			primary, _ := c.PrimaryKey()
			auto, _ := c.AutoIncrement()
			length, _ := c.Length()
			nullable, _ := c.Nullable()
			unique, _ := c.Unique()
			comment, _ := c.Comment()
			value, hasValue := c.DefaultValue()
			r.note(fmt.Sprintf("%s %s %q primary %t auto %t length %d null %t unique %t comment %q default %q %t", c.Name(), c.DatabaseTypeName(), kind,
				primary, auto, length, nullable, unique, comment, value, hasValue))
		}
	}
	indexes := func(r *run, model any) {
		list, err := r.db.Migrator().GetIndexes(model)
		r.ok(err)
		var lines []string
		for _, i := range list {
			unique, _ := i.Unique()
			primary, _ := i.PrimaryKey()
			lines = append(lines, fmt.Sprintf("%s on %s %v unique %t primary %t", i.Name(), i.Table(), i.Columns(), unique, primary))
		}
		sort.Strings(lines)
		r.note(lines)
	}
	return group{name: "migrate", migrates: true, cases: []testCase{
		{name: "CreateTable, HasTable, DropTable", ddl: true, alone: true, run: func(r *run) {
			m := r.db.Migrator()
			r.note(m.HasTable(&Draft{}), m.HasTable("sketches"), m.HasTable(&Person{}), m.HasTable("teams"))
			r.ok(m.CreateTable(&Draft{}, &Chapter{}))
			r.ok(m.CreateTable(&Sketch{}))
			r.note(m.HasTable(&Draft{}), m.HasTable("chapters"), m.HasTable(&Sketch{}), m.HasTable("sketches"))
			r.placed("drafts", "chapters", "sketches")
			r.refused(m.CreateTable(&Sketch{}))
			r.done(r.db.Create(&Draft{Title: "t"}))
			r.done(r.db.Create(&Sketch{Name: "s"}))
			r.ok(m.DropTable(&Chapter{}, "drafts"))
			r.ok(m.DropTable("sketches"))
			r.ok(m.DropTable(&Sketch{}))
			r.placed("drafts", "chapters", "sketches")
		}},
		{name: "AutoMigrate", ddl: true, alone: true, run: func(r *run) {
			models := []any{&Chapter{}, &Sketch{}, &Draft{}}
			r.ok(r.db.AutoMigrate(models...))
			r.placed("drafts", "chapters", "sketches")
			r.unchanged("the second AutoMigrate", func() { r.ok(r.db.AutoMigrate(models...)) })
			r.done(r.db.Create(&Chapter{Draft: &Draft{Title: "t"}, Number: 3}))
			r.ok(r.db.AutoMigrate(&DraftV2{}))
			r.unchanged("the second AutoMigrate of the later model", func() { r.ok(r.db.AutoMigrate(&DraftV2{})) })
			columns(r, &DraftV2{})
			var drafts []DraftV2
			r.done(r.db.Where("'AutoMigrate' <> ''").Find(&drafts), &drafts)
			r.refused(r.db.Session(&gorm.Session{}).Create(&Chapter{DraftID: 999, Number: 4}).Error)
		}},
		{name: "AutoMigrate of tables that are there", ddl: true, alone: true, run: func(r *run) {
			r.unchanged("AutoMigrate", func() {
				db := r.db.Session(&gorm.Session{})
				db.Config.DisableForeignKeyConstraintWhenMigrating = true
				// Not all: GORM alters a default that is an expression, and a precision on PostgreSQL, each time.
				r.ok(db.AutoMigrate(&Order{}, &Country{}, &Team{}, &Audit{}, &Note{}))
			})
		}},
		{name: "columns", ddl: true, alone: true, run: func(r *run) {
			m := r.db.Migrator()
			r.ok(m.CreateTable(&Draft{}, &Sketch{}))
			r.done(r.db.Create(&Draft{Title: "kept"}))
			r.note(m.HasColumn(&Draft{}, "Title"), m.HasColumn("drafts", "pages"), m.HasColumn(&Sketch{}, "name"), m.HasColumn("sketches", "none"))
			r.ok(m.AddColumn(&DraftV2{}, "Pages"))
			r.ok(m.AddColumn(&DraftV2{}, "Weight"))
			r.ok(m.AlterColumn(&DraftV2{}, "Title"))
			columns(r, &DraftV2{})
			r.ok(m.RenameColumn(&Draft{}, "old", "older"))
			r.ok(m.RenameColumn(&Sketch{}, "Name", "named"))
			r.ok(m.DropColumn(&Draft{}, "older"))
			columns(r, &Draft{})
			columns(r, "sketches")
			r.ok(m.DropColumn(&Sketch{}, "named"))
			columns(r, &Sketch{})
			r.note(m.HasColumn("sketches", "named"))
			var drafts []map[string]any
			r.done(r.db.Table("drafts").Where("'columns' <> ''").Find(&drafts), &drafts)
		}},
		{name: "MigrateColumn and types", ddl: true, alone: true, run: func(r *run) {
			m := r.db.Migrator()
			r.ok(m.CreateTable(&Draft{}, &Sketch{}))
			stmt := &gorm.Statement{DB: r.db}
			r.ok(stmt.Parse(&DraftV2{}))
			types, err := m.ColumnTypes(&Draft{})
			r.ok(err)
			for _, c := range types {
				if field := stmt.Schema.LookUpField(c.Name()); field != nil {
					r.ok(m.MigrateColumn(&DraftV2{}, field, c))
				}
			}
			columns(r, &Draft{})
			for _, field := range stmt.Schema.Fields {
				full := m.FullDataTypeOf(field)
				r.note(full.SQL, fmt.Sprint(full.Vars))
			}
			tableType, err := m.TableType(&Sketch{})
			if err != nil { // SQLite has none
				r.refused(err)
				return
			}
			comment, _ := tableType.Comment()
			r.note([]string{tableType.Schema(), tableType.Name(), tableType.Type(), comment})
		}},
		{name: "indexes", ddl: true, alone: true, run: func(r *run) {
			m := r.db.Migrator()
			r.ok(m.CreateTable(&DraftV2{}))
			r.ok(m.CreateTable(&Sketch{}))
			indexes(r, &DraftV2{})
			indexes(r, "sketches")
			r.note(m.HasIndex(&DraftV2{}, "Code"), m.HasIndex("drafts", "idx_drafts_title"), m.HasIndex(&Sketch{}, "Size"), m.HasIndex(&Sketch{}, "none"))
			r.ok(m.DropIndex(&DraftV2{}, "Code"))
			r.ok(m.DropIndex(&Sketch{}, "idx_sketches_size"))
			r.note(m.HasIndex(&DraftV2{}, "Code"), m.HasIndex(&Sketch{}, "Size"))
			r.ok(m.CreateIndex(&DraftV2{}, "Code"))
			r.ok(m.CreateIndex(&Sketch{}, "idx_sketches_size"))
			// MariaDB makes a new index, as the model says.
			r.ok(m.RenameIndex(&SketchV2{}, "idx_sketches_size", "idx_sketches_renamed"))
			r.note(m.HasIndex("sketches", "idx_sketches_renamed"))
			r.ok(m.RenameIndex(&DraftV3{}, "idx_drafts_code", "idx_drafts_renamed"))
			indexes(r, &DraftV2{})
			indexes(r, &Sketch{})
		}},
		{name: "constraints", ddl: true, alone: true, run: func(r *run) {
			m := r.db.Migrator()
			r.ok(m.CreateTable(&DraftV2{}, &Chapter{}))
			r.note(m.HasConstraint(&DraftV2{}, "chk_drafts_pages"), m.HasConstraint(&Chapter{}, "Draft"), m.HasConstraint(&Chapter{}, "fk_chapters_draft"))
			r.ok(m.DropConstraint(&DraftV2{}, "chk_drafts_pages"))
			r.ok(m.DropConstraint(&Chapter{}, "Draft"))
			r.note(m.HasConstraint(&DraftV2{}, "chk_drafts_pages"), m.HasConstraint(&Chapter{}, "Draft"))
			r.ok(m.CreateConstraint(&DraftV2{}, "chk_drafts_pages"))
			r.ok(m.CreateConstraint(&Chapter{}, "Draft"))
			r.note(m.HasConstraint(&DraftV2{}, "chk_drafts_pages"), m.HasConstraint("chapters", "fk_chapters_draft"))
			r.refused(r.db.Create(&DraftV2{Pages: -1}).Error)
			r.refused(r.db.Create(&Chapter{DraftID: 999}).Error)
		}},
		{name: "RenameTable", ddl: true, alone: true, run: func(r *run) {
			m := r.db.Migrator()
			r.ok(m.CreateTable(&Draft{}, &Sketch{}))
			r.done(r.db.Create(&Sketch{Name: "moved"}))
			r.ok(m.RenameTable("drafts", "old_drafts"))
			r.ok(m.RenameTable(&Sketch{}, "old_sketches"))
			r.placed("drafts", "old_drafts", "sketches", "old_sketches")
			r.note(m.HasTable("old_drafts"), m.HasTable("old_sketches"))
			var n int64
			r.done(r.db.Table("old_sketches").Count(&n), n)
			r.ok(m.RenameTable("old_sketches", &Sketch{}))
			r.placed("sketches", "old_sketches")
			r.done(r.db.Model(&Sketch{}).Count(&n), n)
			r.ok(m.DropTable("old_drafts"))
		}},
		{name: "views", ddl: true, alone: true, run: func(r *run) {
			queries := []*gorm.DB{
				r.db.Model(&Team{}).Select("id", "name").Where("id > ?", 1),
				r.db.Model(&Person{}).Where("name = ? OR age > ?", "it's", 21),
			}
			for i, name := range []string{"far_view", "near_view"} {
				// A migrator of GORM's own keeps the values of one view for the next, so each view has a new one.
				m := r.db.Migrator()
				r.ok(m.CreateView(name, gorm.ViewOption{Query: queries[i]}))
				var names []string
				r.done(r.db.Table(name).Order("id").Pluck("name", &names), &names)
				r.done(r.db.Raw("SELECT name FROM "+name+" WHERE id = ?", 2).Scan(&names), &names)
				r.refused(r.db.Migrator().CreateView(name, gorm.ViewOption{Query: queries[i]}))
				r.ok(m.DropView(name))
			}
			r.refused(r.db.Migrator().CreateView("none", gorm.ViewOption{}))
		}},
		{name: "views replaced", ddl: true, alone: true, only: []string{postgres, mariadb}, run: func(r *run) {
			for i, model := range []any{&Team{}, &Person{}} {
				name := []string{"far_view", "near_view"}[i]
				for _, id := range []int{1, 2} {
					query := r.db.Model(model).Select("id, name").Where("id > ?", id)
					r.ok(r.db.Migrator().CreateView(name, gorm.ViewOption{Query: query, Replace: true}))
					var n int64
					r.done(r.db.Table(name).Count(&n), n)
				}
				r.ok(r.db.Migrator().DropView(name))
			}
		}},
		{name: "a table of another name", ddl: true, alone: true, run: func(r *run) {
			r.ok(r.db.Table("drafts_2026").AutoMigrate(&Sheet{}))
			r.placed("drafts_2026")
			r.done(r.db.Table("drafts_2026").Create(&Sheet{Title: "t"}))
			r.note(r.db.Table("drafts_2026").Migrator().HasColumn(&Sheet{}, "title"))
			r.ok(r.db.Table("drafts_2026").Migrator().DropTable(&Sheet{}))
			r.placed("drafts_2026")
		}},
		{name: "options", ddl: true, alone: true, only: []string{mariadb}, run: func(r *run) {
			r.ok(r.db.Set("gorm:table_options", "ENGINE=InnoDB COMMENT='optional'").AutoMigrate(&Draft{}, &Sketch{}))
			tableType, err := r.db.Migrator().TableType(&Draft{})
			r.ok(err)
			comment, _ := tableType.Comment()
			r.note(comment)
		}},
		{name: "DryRun", ddl: true, alone: true, run: func(r *run) {
			r.ok(r.db.Session(&gorm.Session{DryRun: true}).Migrator().CreateTable(&Draft{}, &Sketch{}))
			r.placed("drafts", "sketches")
		}},
		{name: "in a transaction", ddl: true, alone: true, only: []string{postgres, sqlite}, run: func(r *run) {
			err := r.db.Transaction(func(tx *gorm.DB) error {
				r.ok(tx.AutoMigrate(&Draft{}, &Sketch{}))
				r.done(tx.Create(&Draft{Title: "t"}))
				r.done(tx.Create(&Sketch{Name: "t"}))
				return errChanged
			})
			r.note(fmt.Sprint(err))
			r.placed("drafts", "sketches")
			r.ok(r.db.Transaction(func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&Sketch{}, &Draft{}) }))
			r.placed("drafts", "sketches")
		}},
		{name: "type aliases", reads: true, run: func(r *run) {
			// Of the default bind, as Use says otherwise.
			if !r.twin && r.suite.databases[mainKey].kind != r.target.at("people").kind {
				r.note(usedMigrator(r).GetTypeAliases("bigint"))
				return
			}
			r.note(r.db.Migrator().GetTypeAliases("bigint"))
		}},
		{name: "raw DDL", ddl: true, alone: true, run: func(r *run) {
			r.done(r.db.Exec("CREATE TABLE drafts (id integer)"))
			r.done(r.db.Exec("CREATE TABLE sketches (id integer)"))
			r.placed("drafts", "sketches")
			r.done(r.db.Exec("ALTER TABLE sketches ADD COLUMN name varchar(10)"))
			r.done(r.db.Exec("DROP TABLE drafts"))
			r.done(r.db.Exec("DROP TABLE sketches"))
		}},
		{name: "DDL between prepared statements", ddl: true, alone: true, run: func(r *run) {
			// Not SELECT *: PostgreSQL refuses a plan with other columns, also without PrepareStmt.
			r.ok(r.db.AutoMigrate(&Draft{}, &Sketch{}))
			var ids []uint
			r.done(r.db.Table("drafts").Pluck("id", &ids), &ids)
			r.ok(r.db.AutoMigrate(&DraftV2{}))
			r.done(r.db.Create(&DraftV2{Title: "t"}))
			r.done(r.db.Create(&Draft{Title: "t"}))
			r.done(r.db.Table("drafts").Pluck("id", &ids), &ids)
		}},
	}, tests: []handTest{
		{"AutoMigrate across", autoMigrateAcross},
		{"tables of a bind", tablesOfBinds},
	}}
}

// Sheet is near, and has no table of its own.
type Sheet struct {
	ID    uint
	Title string `gorm:"size:32;index"`
}

// placed notes which tables are there, and which are where they must not be.
func (r *run) placed(names ...string) {
	for _, name := range names {
		r.note(fmt.Sprintf("%s is there: %t", name, r.target.at(name).plain.Migrator().HasTable(name)))
		for _, other := range r.target.elsewhere(name) {
			if other.plain.Migrator().HasTable(name) {
				r.note(fmt.Sprintf("%s is in the database of %s", name, other.label))
			}
		}
	}
}

// unchanged notes DDL in a function that should run none.
func (r *run) unchanged(what string, call func()) {
	before := r.target.log.count()
	call()
	for _, st := range r.target.log.since(before) {
		if ddl.MatchString(st.sql) {
			r.note(what + " runs " + r.suite.neutral(st.sql))
		}
	}
}

var ddl = regexp.MustCompile(`(?i)^\s*(CREATE|ALTER|DROP|COMMENT|RENAME|TRUNCATE|INSERT)\b`)

// autoMigrateAcross has related models that GORM adds on its own, a join table,
// and foreign keys, which only stay where both tables are in one database.
func autoMigrateAcross(t *testing.T, h *handles) {
	near, far := h.databases[h.layout.near], h.databases[h.layout.far]
	homes := map[string]*database{"folios": near, "folio_keywords": near, "exhibits": far, "keywords": far}
	for _, models := range [][]any{{&Exhibit{}, &Folio{}, &Keyword{}}, {&Folio{}}, {&Exhibit{}}} {
		twin := h.unprepared[h.layout.near]
		must(t, twin.db.AutoMigrate(models...))
		must(t, h.routed.db.AutoMigrate(models...))
		made := 0
		for name, home := range homes {
			want := h.suite.twins[h.layout.near].plain.Migrator().HasTable(name)
			if want {
				made++
			}
			for _, d := range h.databases {
				got := d.plain.Migrator().HasTable(name)
				// Related models are migrated in their own bind, with what is related to them. GORM itself forgets
				// the join table of a model that it added (migrator.go, ReorderModels).
				more := h.layout.across() && d == home
				if got != (want && d == home) && !(got && more) {
					t.Errorf("AutoMigrate of %T: %s in %s: %t", models[0], name, d.label, got)
				}
			}
		}
		for _, key := range []struct {
			d     *database
			table string
			name  string
			spans bool
		}{
			{far, "exhibits", "fk_folios_exhibits", true},
			{near, "folio_keywords", "fk_folio_keywords_folio", false},
			{near, "folio_keywords", "fk_folio_keywords_keyword", true},
		} {
			if !key.d.plain.Migrator().HasTable(key.table) {
				continue
			}
			got, want := key.d.plain.Migrator().HasConstraint(key.table, key.name), !(key.spans && h.layout.across())
			if got != want {
				t.Errorf("AutoMigrate of %T: constraint %s: %t, want %t", models[0], key.name, got, want)
			}
		}
		h.routed.log.take()
		must(t, h.routed.db.AutoMigrate(models...))
		for _, st := range h.routed.log.take() {
			if ddl.MatchString(st.sql) {
				t.Errorf("the second AutoMigrate of %T runs %s", models[0], st.sql)
			}
		}
		if made == len(homes) {
			folio := Folio{Name: "f", Exhibits: []Exhibit{{Name: "e"}}, Keywords: []Keyword{{Word: "w"}}}
			must(t, h.routed.db.Create(&folio).Error)
			var read Folio
			must(t, h.routed.db.Preload(clause.Associations).First(&read, folio.ID).Error)
			if got, want := rendered(read), rendered(folio); got != want {
				t.Errorf("read %s, wrote %s", got, want)
			}
		}
		h.sweep(t)
	}
}

// tablesOfBinds asks what is asked of a whole database.
func tablesOfBinds(t *testing.T, h *handles) {
	tablesOf := func(m gorm.Migrator) []string {
		list, err := m.GetTables()
		must(t, err)
		sort.Strings(list)
		return list
	}
	for _, key := range []string{mainKey, analyticsKey} {
		d := h.databases[key]
		routed := []*gorm.DB{h.routed.db.Clauses(useOf(key))}
		if key == mainKey {
			routed = append(routed, h.routed.db)
		}
		for _, db := range routed {
			m, plain := db.Migrator(), d.plain.Migrator()
			if got, want := rendered(tablesOf(m)), rendered(tablesOf(plain)); got != want {
				t.Errorf("%s has the tables %s, want %s", key, got, want)
			}
			if got, want := m.CurrentDatabase(), plain.CurrentDatabase(); got != want {
				t.Errorf("the database of %s is %q, want %q", key, got, want)
			}
			if got, want := rendered(m.GetTypeAliases("bigint")), rendered(plain.GetTypeAliases("bigint")); got != want {
				t.Errorf("%s has the aliases %s, want %s", key, got, want)
			}
		}
	}
}

// sweep drops what a case's migrations left.
func (s *suite) sweep(t *testing.T) {
	t.Helper()
	s.each(func(d *database) {
		for _, view := range []string{"far_view", "near_view"} {
			must(t, d.plain.Exec("DROP VIEW IF EXISTS "+view).Error)
		}
		m := d.plain.Migrator()
		for round := 0; round < 3; round++ { // a table that others refer to goes in a later round
			list, err := m.GetTables()
			must(t, err)
			left := 0
			for _, name := range list {
				if !tableNames[name] && name != "sqlite_sequence" {
					if m.DropTable(name) != nil {
						left++
					}
				}
			}
			if left == 0 {
				break
			}
		}
	})
}
