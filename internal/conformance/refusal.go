package conformance

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

func useOf(key string) clause.Expression { return bindkey.Use(key) }

func usedMigrator(r *run) gorm.Migrator {
	return r.db.Clauses(useOf(r.target.at("people").label)).Migrator()
}

// refusals is what only a routed handle has: statements that it refuses, and
// those that are told where to go.
func refusals() group {
	return group{name: "bind", tests: []handTest{
		{"statements across binds are refused", crossBind},
		{"Use", used},
		{"Use in writes", usedInWrites},
		{"models with keys of their own", ownKeys},
	}}
}

func crossBind(t *testing.T, h *handles) {
	if !h.layout.across() {
		t.Skip("all models are in one bind")
	}
	db := h.routed.db
	for name, call := range map[string]func() error{
		"Joins of a relation": func() error { return db.Joins("Team").Find(&[]Person{}).Error },
		"Joins of a table":    func() error { return db.Joins("JOIN teams ON teams.id = people.team_id").Find(&[]Person{}).Error },
		"Raw":                 func() error { return db.Raw("SELECT 1 FROM people, teams").Scan(&[]int{}).Error },
		"Exec":                func() error { return db.Exec("DELETE FROM people WHERE team_id IN (SELECT id FROM teams)").Error },
		"Table":               func() error { return db.Table("people, teams").Find(&[]map[string]any{}).Error },
		"Table of a model":    func() error { return db.Model(&Person{}).Table("teams").Find(&[]map[string]any{}).Error },
		"Table of subqueries": func() error {
			return db.Table("(?) AS a, (?) AS b", db.Model(&Person{}), db.Model(&Team{})).Find(&[]map[string]any{}).Error
		},
		"Where": func() error {
			return db.Where("team_id IN (?)", db.Model(&Team{}).Select("id")).Find(&[]Person{}).Error
		},
		"Where of Update": func() error {
			return db.Model(&Letter{}).Where("person_id IN (?)", db.Model(&Person{}).Select("id")).Update("title", "x").Error
		},
		"value of Update": func() error {
			return db.Model(&Person{ID: 1}).Update("name", db.Table("teams").Select("max(name)")).Error
		},
		"Delete": func() error { return db.Where("id = (?)", db.Table("people").Select("max(id)")).Delete(&Team{}).Error },
		"order of many to many": func() error {
			return db.Model(&Person{ID: 1}).Order("memberships.club_id").Association("Clubs").Find(&[]Club{})
		},
		"Raw in a transaction": func() error {
			return db.Transaction(func(tx *gorm.DB) error {
				must(t, tx.Create(&Person{Name: "undone"}).Error)
				return tx.Raw("SELECT 1 FROM people, teams").Scan(&[]int{}).Error
			})
		},
	} {
		if err := call(); !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("%s: %v is not ErrCrossBind", name, err)
		}
	}
	h.expectSeed(t, h.layout, func(d *database, _ table) bool { return d == h.databases[mainKey] || d == h.databases[analyticsKey] })
	h.restore(t, map[string]bool{"people": true})
}

// used compares statements that are told where to go with those of a plain
// handle there.
func used(t *testing.T, h *handles) {
	for _, key := range []string{mainKey, analyticsKey} {
		key, log := key, &recorder{}
		plain := open(t, h.databases[key].dial(), config(h.routed.db.PrepareStmt, log))
		there := func(string) *database { return h.databases[key] }
		c := testCase{run: func(r *run) {
			tx := r.db
			if !r.twin {
				tx = tx.Clauses(useOf(key)).Session(&gorm.Session{})
			}
			var teams []Team
			r.done(tx.Where("id > ?", 0).Order("id").Find(&teams), &teams)
			var people []Person
			r.done(tx.Where("name <> @n", map[string]any{"n": "x"}).Order("id").Limit(3).Find(&people), &people)
			var names []string
			r.done(tx.Raw("SELECT name FROM teams WHERE id > ? AND name <> ? ORDER BY id", 1, "x").Scan(&names), &names)
			r.done(tx.Table(there("").schema()+".teams AS t").Where("t.id < ?", 3).Order("t.id").Pluck("name", &names), &names)
			r.done(tx.Joins("Team").Where("people.id = ?", 1).Find(&people), &people)
			r.done(tx.Clauses(clause.Locking{Strength: "UPDATE"}).Order("id").Find(&teams), &teams)
			r.done(tx.Where("id = (?)", r.db.Model(&Team{}).Select("max(id)").Where("id > ?", 0)).Find(&teams), &teams)
			var n int64
			r.done(tx.Raw("SELECT 1 + 1").Scan(&n), n)
		}}
		want := h.execute(t, c, &target{db: plain, log: log, at: there}, false)
		got := h.execute(t, c, &target{db: h.routed.db, log: h.routed.log, at: there, routed: true}, false)
		if want.stop != "" || got.stop != "" {
			t.Errorf("Use(%q) fails: %q, plain: %q", key, got.stop, want.stop)
		}
		twins := map[string]outcome{key: want}
		compare(t, "notes", got.notes, notesOf(twins), func(string, string, string) bool { return true })
		compareLogs(t, got.lines, twins, func(string) string { return key })
	}
}

func usedInWrites(t *testing.T, h *handles) {
	for _, key := range []string{mainKey, analyticsKey} {
		before := map[*database]string{}
		h.each(func(d *database) { before[d] = d.rows(t, "clubs") })
		there := func() *gorm.DB { return h.routed.db.Clauses(useOf(key)) }
		club := Club{Name: "used", Origin: "new"}
		must(t, there().Create(&club).Error)
		must(t, there().Model(&club).Update("name", gorm.Expr("upper(?)", "used")).Error)
		must(t, there().Exec("UPDATE clubs SET origin = ? WHERE id = ?", "raw", club.ID).Error)
		must(t, there().Transaction(func(tx *gorm.DB) error { return tx.Clauses(useOf(key)).Create(&Club{Name: "in"}).Error }))
		h.each(func(d *database) {
			if changed := d.rows(t, "clubs") != before[d]; changed != (d == h.databases[key]) {
				t.Errorf("Use(%q): the clubs of %s have changed: %t", key, d.label, changed)
			}
		})
		var read Club
		must(t, h.databases[key].plain.First(&read, club.ID).Error)
		if read != (Club{ID: club.ID, Name: "USED", Origin: "raw"}) {
			t.Errorf("Use(%q) wrote %+v", key, read)
		}
		h.lastID += idsOfCase
		h.each(func(d *database) { h.fill(t, h.layout, d, map[string]bool{"clubs": true}) })
	}
}

// Models that say themselves where they live, by a tag and by a method.
type (
	// Writer lives in main.
	Writer struct {
		_     struct{} `bind:"main"`
		ID    uint
		Name  string `gorm:"size:32;uniqueIndex"`
		Books []Book
		Prize *Prize
		Fans  []Fan `gorm:"many2many:writer_fans"`
	}
	// Book lives in analytics, with its pages.
	Book struct {
		ID       uint
		WriterID uint
		Title    string `gorm:"size:32;uniqueIndex"`
		Pages    []Page
	}
	// Page lives in analytics.
	Page struct {
		_      struct{} `bind:"analytics"`
		ID     uint
		BookID uint
		Number int
		Notes  []Margin
	}
	// Margin lives in main.
	Margin struct {
		_      struct{} `bind:"main"`
		ID     uint
		PageID uint
		Text   string `gorm:"size:32"`
	}
	// Prize lives in analytics.
	Prize struct {
		_        struct{} `bind:"analytics"`
		ID       uint
		WriterID uint
		Name     string `gorm:"size:32;uniqueIndex"`
	}
	// Fan lives in analytics; the join table in main.
	Fan struct {
		_    struct{} `bind:"analytics"`
		ID   uint
		Name string `gorm:"size:32"`
	}
)

// Bind is of bindkey.Binder.
func (*Book) Bind() string { return "analytics" }

// ownKeys is a program from AutoMigrate to a preload through both databases.
func ownKeys(t *testing.T, h *handles) {
	defer h.sweep(t)
	db := h.routed.db
	must(t, db.AutoMigrate(&Writer{}, &Book{}, &Page{}, &Margin{}, &Prize{}, &Fan{}))
	writer := Writer{Name: "w", Prize: &Prize{Name: "p"}, Fans: []Fan{{Name: "f"}, {Name: "g"}}, Books: []Book{
		{Title: "a", Pages: []Page{{Number: 1, Notes: []Margin{{Text: "x"}}}, {Number: 2}}},
		{Title: "b"},
	}}
	must(t, db.Create(&writer).Error)
	for name, key := range map[string]string{"writers": mainKey, "margins": mainKey, "writer_fans": mainKey,
		"books": analyticsKey, "pages": analyticsKey, "prizes": analyticsKey, "fans": analyticsKey} {
		for _, other := range []string{mainKey, analyticsKey} {
			if got, want := h.databases[other].plain.Migrator().HasTable(name), other == key; got != want {
				t.Errorf("%s in %s: %t, want %t", name, other, got, want)
			}
		}
		if h.databases[key].rows(t, name) == "" {
			t.Errorf("%s is empty in %s", name, key)
		}
	}
	byID := func(tx *gorm.DB) *gorm.DB { return tx.Order("id") }
	var read Writer
	must(t, db.Preload("Books", byID).Preload("Books.Pages", byID).Preload("Books.Pages.Notes").Preload("Prize").Preload("Fans", byID).
		First(&read, "name = ?", "w").Error)
	for _, books := range [][]Book{read.Books, writer.Books} { // Create leaves a nil slice, Preload an empty one
		for i := range books {
			if len(books[i].Pages) == 0 {
				books[i].Pages = nil
			}
			for j := range books[i].Pages {
				if len(books[i].Pages[j].Notes) == 0 {
					books[i].Pages[j].Notes = nil
				}
			}
		}
	}
	if got, want := rendered(read), rendered(writer); got != want {
		t.Errorf("read %s, wrote %s", got, want)
	}
	for _, again := range []*Writer{{Name: "w"}, {Name: "x", Prize: &Prize{Name: "p"}}, {Name: "y", Books: []Book{{Title: "c"}, {Title: "c"}}}} {
		// An association's conflict is ignored by GORM, where it can be; so the last two may go through.
		if err := db.Create(again).Error; err != nil && !errors.Is(err, gorm.ErrDuplicatedKey) {
			t.Errorf("%v is not ErrDuplicatedKey", err)
		} else if err == nil && again.Name == "w" {
			t.Error("a second w was written")
		}
	}
	for _, duplicate := range []any{&Book{Title: "a"}, &Prize{Name: "p"}, &Writer{Name: "w"}} {
		if err := db.Create(duplicate).Error; !errors.Is(err, gorm.ErrDuplicatedKey) {
			t.Errorf("%T: %v is not ErrDuplicatedKey", duplicate, err)
		}
	}
}
