package joinsplit

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

type user struct {
	ID   uint
	Tags []tag `gorm:"many2many:user_tags"`
}

type tag struct {
	ID   uint
	Name string
}

func opened(t *testing.T, name string) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), name)), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if conn, err := db.DB(); err == nil {
			_ = conn.Close()
		}
	})
	return db
}

// joined is the statement that Association("Tags").Find of users makes.
func joined(t *testing.T, db *gorm.DB, users ...any) *gorm.Statement {
	t.Helper()
	chain := db.Model(&tag{}).Clauses(clause.From{Joins: []clause.Join{{
		Table: clause.Table{Name: "user_tags"},
		ON: clause.Where{Exprs: []clause.Expression{
			clause.Eq{Column: clause.Column{Table: "user_tags", Name: "tag_id"}, Value: clause.Column{Table: "tags", Name: "id"}},
			clause.IN{Column: clause.Column{Table: "user_tags", Name: "user_id"}, Values: users},
		}},
	}}})
	if err := chain.Statement.Parse(&tag{}); err != nil {
		t.Fatal(err)
	}
	return chain.Statement
}

func TestSplit(t *testing.T) {
	there, here := opened(t, "join.db"), opened(t, "tags.db")
	for _, text := range []string{"CREATE TABLE user_tags (user_id INTEGER, tag_id INTEGER)", "INSERT INTO user_tags VALUES (1,10),(1,11),(2,10),(3,NULL)"} {
		if err := there.Exec(text).Error; err != nil {
			t.Fatal(err)
		}
	}
	of := gorm.Statement{DB: there}
	if err := of.Parse(&user{}); err != nil {
		t.Fatal(err)
	}
	rel := of.Schema.Relationships.Relations["Tags"]

	for name, c := range map[string]struct {
		stmt      func() *gorm.Statement
		variables int
		want      string // of the statement's SQL, or why it is inexact
	}{
		"one owner": {func() *gorm.Statement { return joined(t, here, 1) }, 1000, "`tags`.`id` IN (10,11)"},
		"nothing":   {func() *gorm.Statement { return joined(t, here, 9) }, 1000, "`tags`.`id` IN (NULL)"},
		"a NULL":    {func() *gorm.Statement { return joined(t, here, 3) }, 1000, "`tags`.`id` IN (NULL)"},
		"a row of two, counted": {func() *gorm.Statement {
			s := joined(t, here.Distinct(), 1, 2)
			s.AddClause(clause.Select{Expression: clause.Expr{SQL: "count(*)"}})
			return s
		}, 1000, "with Distinct to have it once"},
		"a row of two, its names counted": {func() *gorm.Statement {
			s := joined(t, here.Distinct("name"), 1, 2)
			s.AddClause(clause.Select{Expression: clause.Expr{SQL: "COUNT(DISTINCT(?))", Vars: []any{clause.Column{Name: "name"}}}})
			return s
		}, 1000, "`tags`.`id` IN (10,11)"},
		"a row of two, summed":       {func() *gorm.Statement { return joined(t, here.Distinct("SUM(id)"), 1, 2) }, 1000, "with Distinct to have it once"},
		"a row of two, grouped":      {func() *gorm.Statement { return joined(t, here.Distinct("name").Group("name"), 1, 2) }, 1000, "with Distinct to have it once"},
		"a row of two, its names":    {func() *gorm.Statement { return joined(t, here.Distinct("tags.name"), 1, 2) }, 1000, "`tags`.`id` IN (10,11)"},
		"a row of two owners":        {func() *gorm.Statement { return joined(t, here, 1, 2) }, 1000, "with Distinct to have it once"},
		"too many":                   {func() *gorm.Statement { return joined(t, here, 1) }, 101, "more than a statement can bind"},
		"a column of the join":       {func() *gorm.Statement { return joined(t, here.Order("user_id"), 1) }, 1000, "names the join table's columns"},
		"the join table":             {func() *gorm.Statement { return joined(t, here.Where("user_tags.tag_id > 1"), 1) }, 1000, "names the join table's columns"},
		"a row of two, but Distinct": {func() *gorm.Statement { return joined(t, here.Distinct(), 1, 2) }, 1000, "`tags`.`id` IN (10,11)"},
	} {
		stmt := c.stmt()
		if table := Joined(stmt); table != "user_tags" {
			t.Fatalf("%s: it joins %q", name, table)
		}
		split, got := Take(stmt, rel)
		if got == "" {
			if err := split.Ask(there); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = split.Put(c.variables)
		}
		if got == "" {
			stmt.Build("FROM")
			got = here.Dialector.Explain(stmt.SQL.String(), stmt.Vars...)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if table := Joined(here.Model(&tag{}).Statement); table != "" {
		t.Errorf("a statement without a join joins %q", table)
	}
}

func TestKeyName(t *testing.T) {
	for _, c := range []struct {
		one, other []any
		same       bool
	}{
		{[]any{int64(1)}, []any{uint8(1)}, true},
		{[]any{"a"}, []any{sql.NullString{String: "a", Valid: true}}, true},
		{[]any{"a\x00", "b"}, []any{"a", "\x00b"}, false},
		{[]any{"a", "1:b"}, []any{"a1:b", ""}, false},
	} {
		if same := keyName(c.one) == keyName(c.other); same != c.same {
			t.Errorf("%q and %q: %v", c.one, c.other, same)
		}
	}
	if name := keyName([]any{1, sql.NullInt64{}}); name != "" {
		t.Errorf("a key with a NULL is %q", name)
	}
}
