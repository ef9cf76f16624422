package stmtscan

import (
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

type team struct {
	ID      uint
	OwnerID uint
	Owner   owner
}

type owner struct{ ID uint }

type user struct {
	ID        uint
	TeamID    uint
	Team      team
	DeletedAt gorm.DeletedAt
}

type schemaUser struct{ ID uint }

func (schemaUser) TableName() string { return "main.users" }

// told is what a statement names, in short.
func told(t *testing.T, chain *gorm.DB, writes bool) string {
	t.Helper()
	stmt := chain.Statement
	if err := Parse(stmt); err != nil {
		t.Fatal(err)
	}
	own := OwnTable(stmt, stmt.DB.Dialector)
	if own && !NamesTables(stmt, writes) {
		return "its own"
	}
	var all []string
	if own {
		all = append(all, "its own")
	}
	for _, m := range Mentions(stmt, own, writes, nil) {
		word := ""
		switch {
		case m.Table != "":
			word = "table " + m.Table
		case m.Text != "":
			word = "text " + strings.TrimSpace(m.Text)
		case m.Subquery != nil:
			word = "subquery"
		case m.RawSubquery != nil:
			word = "raw subquery " + m.RawSubquery.Statement.SQL.String()
		case m.Relation != nil:
			word = "relation " + m.Relation.Name
		}
		if m.Joined {
			word = "joined " + word
		}
		all = append(all, word)
	}
	return strings.Join(all, "; ")
}

func TestMentions(t *testing.T) {
	db, err := gorm.Open(sqlitedb.Open(":memory:"), &gorm.Config{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	raw := func() *gorm.DB { return db.Raw("SELECT id FROM logs") }
	query := func() *gorm.DB { return db.Model(&team{}).Select("id") }
	joined := "joined text SELECT * FROM bindkey_joined "
	for name, c := range map[string]struct {
		chain *gorm.DB
		want  string
	}{
		"a model":                 {db.Model(&user{}).Where("id = ?", 1), "its own"},
		"a soft delete":           {db.Model(&user{}), "its own"},
		"a model of a schema":     {db.Model(&schemaUser{}), "its own"},
		"its own name":            {db.Model(&user{}).Table("users"), "table users"},
		"Table":                   {db.Table("Logs"), "table logs"},
		"Table of a schema":       {db.Table("main.Logs"), "text SELECT * FROM `main`.`Logs`"},
		"Table AS":                {db.Table("logs AS l"), "text SELECT * FROM logs AS l"},
		"Table with a subquery":   {db.Table("(?) AS x", query()), "subquery; text SELECT * FROM (SELECT 1) AS x"},
		"From":                    {db.Model(&user{}).Clauses(clause.From{Tables: []clause.Table{{Name: "Logs"}, {Name: "a, b", Raw: true}}}), "table users; table logs; text SELECT * FROM a, b"},
		"a join in From":          {db.Model(&user{}).Clauses(clause.From{Joins: []clause.Join{{Table: clause.Table{Name: "logs"}}}}), "its own; table logs"},
		"Insert where it reads":   {db.Model(&user{}).Clauses(clause.Insert{Table: clause.Table{Name: "logs"}}), "its own"},
		"a relation":              {db.Model(&user{}).Joins("Team"), "its own; relation team"},
		"a relation's relation":   {db.Model(&user{}).Joins("Team.Owner"), "its own; relation team; relation owner"},
		"a join in SQL":           {db.Model(&user{}).Joins("JOIN logs ON logs.id = ?", 1), "its own; " + joined + "JOIN logs ON logs.id = ?"},
		"a join with a subquery":  {db.Model(&user{}).Joins("JOIN (?) AS x", query()), "its own; joined subquery; " + joined + "JOIN (SELECT 1) AS x"},
		"a subquery":              {db.Model(&user{}).Where("id IN (?)", query()), "its own"},
		"a raw subquery":          {db.Model(&user{}).Where("id IN (?)", raw()), "its own; raw subquery SELECT id FROM logs"},
		"a raw subquery in an OR": {db.Model(&user{}).Where("id = 1").Or("id IN (?)", raw()), "its own; raw subquery SELECT id FROM logs"},
		"a raw subquery in a NOT": {db.Model(&user{}).Not("id IN (?)", raw()), "its own; raw subquery SELECT id FROM logs"},
		"a map with a subquery":   {db.Table("(@q) AS x", map[string]any{"q": query()}), "subquery; text SELECT * FROM (SELECT 1) AS x"},
		"a list with a subquery":  {db.Table("(?) AS x", []any{query(), 2}), "subquery; text SELECT * FROM (SELECT 1,?) AS x"},
		"what can't be rendered":  {db.Table("(?) AS x", clause.Expr{SQL: "?", Vars: []any{panics{}}}), ""},
	} {
		if got := told(t, c.chain, false); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	insert := db.Model(&user{}).Clauses(clause.Insert{Table: clause.Table{Name: "Logs"}})
	if got := told(t, insert, true); got != "its own; table logs" {
		t.Errorf("Insert: %q", got)
	}
	update := db.Model(&user{}).Clauses(clause.Update{Table: clause.Table{Name: "Logs"}})
	if got := told(t, update, true); got != "its own; table logs" {
		t.Errorf("Update: %q", got)
	}
	if text := Rendered(db.Model(&user{}).Where("id = 1").Order("name").Statement); !strings.Contains(text, "id = 1") || !strings.Contains(text, "name") {
		t.Errorf("rendered %q", text)
	}
}

type panics struct{}

func (panics) Build(clause.Builder) { panic("not here") }
