package bindkey

import (
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/joinsplit"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// Association("Tags").Find and Count join the join table to the model's
// (association.go). Where the two live in different databases, the join table is
// asked first, and then the model's for those rows. What the join would tell twice,
// for two owners of one row, is refused.

// splitQuery is a callback of its own, before routing, so that the program's line
// stands next to GORM's on the stack: this file's name ends in .gen.go, though
// nobody generates it, since GORM's logger skips such files when it looks for the
// line that sent a statement (utils.CallerFrame).
func (p *Plugin) splitQuery(db *gorm.DB) {
	if db.Error != nil || !stmtscan.Has(db.Statement, "FROM") {
		return
	}
	if err := p.splitJoin(db); err != nil {
		fail(db, queryStatement, err)
		p.tellRefused(db, err)
	}
}

// splitJoin takes the join of an association across binds out of a statement.
func (p *Plugin) splitJoin(db *gorm.DB) error {
	stmt := db.Statement
	table := joinsplit.Joined(stmt)
	if table == "" || db.DryRun {
		return nil
	}
	rel, err := p.relationOf(stmt, table)
	if rel == nil || err != nil {
		return err
	}
	own, at := p.bindOfModel(stmt.Schema), p.bindOfModel(rel.JoinTable)
	if own.err != nil || at.err != nil || own.bind.shares(at.bind) || p.effectiveUse(stmt) != nil || p.allows(stmt, own.bind) {
		return nil
	}
	if r := around(stmt); r != nil && r.use != nil && r.from == at.bind && r.bind == own.bind {
		return nil // a Use further up has both
	}

	split, inexact := joinsplit.Take(stmt, rel)
	switch {
	case split == nil:
		return nil // not the join of an association
	case inexact != "":
		return inexactSplit(own, at, rel, inexact)
	}
	if err := p.crossingBefore(db); err != nil {
		return err
	}
	op := reading
	if stmtscan.Has(stmt, "FOR") || p.clauseOperation(db) == writing {
		op = writing
	}
	session, err := p.beside(db, at.bind, op)
	if err != nil {
		return err
	}
	if err := split.Ask(session); err != nil {
		return err
	}
	if inexact := split.Put(own.bind.product.Variables); inexact != "" {
		return inexactSplit(own, at, rel, inexact)
	}
	return nil
}

// crossingBefore is the error of a statement that crosses binds all the same: it
// is told before anything else is asked.
func (p *Plugin) crossingBefore(db *gorm.DB) error {
	stmt := db.Statement
	var d decision
	if err := p.decide(stmt, &d); err != nil {
		return err
	}
	if crossing := d.bind.crossing(stmtscan.Rendered(stmt), d.ambient, false); crossing != nil {
		return crossing
	}
	return nil
}

// inexactSplit refuses a split that could answer something else than the join.
func inexactSplit(own, at *modelBind, rel *schema.Relationship, why string) error {
	return &CrossBindError{
		Claims: []Claim{modelClaim(rel.FieldSchema, own.bind), {Key: at.bind.key, Source: "join table " + quoted(rel.JoinTable.Table)}},
		Way:    "across binds the association is asked in two statements, which can't be exact here, since " + why + "; query the join table and then the model",
	}
}
