package bindkey

import (
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// sending is a callback that renders and sends a statement, in a transaction in
// turn. Where neither dialects nor a Use are to be seen to, that is all: the pool
// takes the last look.
func (p *Plugin) sending(kind statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	send := func(db *gorm.DB) { p.send(db, kind, callback) }
	return func(db *gorm.DB) {
		if db.Error != nil {
			callback(db)
			return
		}
		run, simple := send, !p.mixed && !p.splits.Load() && !p.trusts(db.Statement)
		if simple {
			run = callback
		}
		if pool, ok := db.Statement.ConnPool.(*boundPool); ok && simple {
			callback(db)
			if db.DryRun || p.marked.Load() {
				p.sent(db, pool.bind, kind)
			}
		} else if b := branchInTurn(db); b != nil {
			b.inTurn(db, run)
			if simple && p.marked.Load() {
				p.sent(db, b.pool.bind, kind)
			}
		} else {
			send(db)
		}
	}
}

// send runs the callback. In a handle of several dialects it runs the bind's own,
// with the bind's dialector.
func (p *Plugin) send(db *gorm.DB, kind statementKind, callback func(*gorm.DB)) {
	stmt, run := db.Statement, callback
	pool := stmt.ConnPool
	b, own := p.boundTo(db)
	if b != nil && !db.DryRun {
		if trust := p.trusts(stmt); own || trust {
			stmt.ConnPool = looking(b, pool, own, trust)
		}
	}
	var outside *dialector
	if p.mixed {
		if d, ok := db.Config.Dialector.(*dialector); ok && d.bind != nil {
			outside, b = d, d.bind
			if b.dialect != p.dialect && b.dialect.callbacks[kind] != nil {
				run = b.dialect.callbacks[kind]
			}
			db.Config.Dialector = outside.inside
		}
	}
	if kind == deleteStatement && b != nil && b.dialect != p.dialect {
		p.deleting(db, b, run)
	} else {
		run(db)
	}
	if outside != nil {
		db.Config.Dialector = outside
	}
	stmt.ConnPool = pool
	if kind == queryStatement && db.Error == nil && p.splits.Load() {
		if kept, ok := stmt.Settings.Load(splitSetting); ok && kept.(*split).stmt == stmt {
			stmt.Settings.Delete(splitSetting)
			kept.(*split).answer(db)
		}
	}
	if b != nil {
		p.sent(db, b, kind)
	}
}

// sent looks at a statement's SQL once it is there. In DryRun nobody has before.
func (p *Plugin) sent(db *gorm.DB, b *bind, kind statementKind) {
	stmt := db.Statement
	text := stmt.SQL.String()
	if !db.DryRun {
		if neutral.Is(text) {
			rewrite(stmt, neutral.Render(b.dialect, text, stmt.Vars))
		}
		return
	}
	seen := p.memory.Need(text, b.written) &^ sqlscan.NeedControl
	crossing := p.refusedBefore(stmt)
	if crossing == nil && seen != 0 && !p.trusts(stmt) {
		crossing = b.crossing(text)
	}
	if crossing != nil {
		_ = db.AddError(crossing)
	}
	if kind == queryStatement && p.maybeSubquery(db) && p.markSubquery(db, b, crossing) {
		return
	}
	if seen&sqlscan.NeedMarks != 0 {
		rewrite(stmt, neutral.Render(b.dialect, text, stmt.Vars))
	}
	if p.mixed && len(stmt.Vars) > 0 && (b.dialect != p.dialect || dialectBehind(stmt.Vars) != nil) {
		stmt.Vars = withDialect(stmt.Vars, b.dialect)
	}
}

func rewrite(stmt *gorm.Statement, text string) {
	stmt.SQL.Reset()
	stmt.SQL.WriteString(text)
}

func (p *Plugin) refusedBefore(stmt *gorm.Statement) *CrossBindError {
	if !p.refusing.Load() {
		return nil
	}
	if kept, ok := stmt.Settings.Load(refusedSetting); ok && kept.(refused).stmt == stmt {
		return kept.(refused).err
	}
	return nil
}

func (p *Plugin) trusts(stmt *gorm.Statement) bool {
	if !p.claused.Load() || !mayBeTrusted(stmt) {
		return false
	}
	kept, ok := stmt.Settings.Load(trustedSetting)
	return ok && kept == stmt
}

// maybeSubquery reports whether a query in DryRun may be a subquery: in a mixed
// handle routing has looked at the stack, and in another, isSubquery will.
func (p *Plugin) maybeSubquery(db *gorm.DB) bool {
	if p.mixed {
		if d, ok := db.Config.Dialector.(*dialector); ok && d.bind != nil {
			return d == d.inside
		}
	}
	return db.Config.Logger == logger.Discard
}

// markSubquery reports whether a statement is a subquery, whose SQL stays as it
// is, and marks what its text does not tell the statement around it: a Use, a
// model without its own table, that it crosses binds.
func (p *Plugin) markSubquery(db *gorm.DB, b *bind, crossing *CrossBindError) bool {
	stmt := db.Statement
	used := p.trusts(stmt) && !has(stmt, allowClause)
	hidden := stmt.Schema != nil && (stmt.TableExpr != nil || !p.homeOf(stmt.Schema).keyed())
	if !p.mixed && !used && !hidden && crossing == nil && !neutral.Is(stmt.SQL.String()) {
		return false
	}
	if d, ok := db.Config.Dialector.(*dialector); (!p.mixed || !ok || d.bind == nil) && !isSubquery(db) {
		return false
	}
	before, after := "", ""
	switch {
	case used:
		before, after = neutral.Uses(b.key)
	case crossing != nil:
		for _, claim := range crossing.Claims {
			before += neutral.Belongs(claim.Key)
		}
	case hidden && (p.homeOf(stmt.Schema).keyed() || ownTable(stmt)):
		before = neutral.Belongs(b.key)
	}
	if before != "" {
		p.marked.Store(true)
		rewrite(stmt, before+stmt.SQL.String()+after)
	}
	return true
}

// deleting runs a delete of a bind of another dialect than the handle's. A soft delete builds an UPDATE with the clauses of
// the handle's update processor (soft_delete.go); those of the bind's dialect
// must be found in their place and order, or a LIMIT is dropped. So UPDATE and
// WHERE, which both have, build the bind's clauses up to WHERE and from there
// on, and the handle's others build nothing.
func (p *Plugin) deleting(db *gorm.DB, b *bind, run func(*gorm.DB)) {
	stmt := db.Statement
	if stmt.Unscoped || stmt.Schema == nil || len(stmt.Schema.DeleteClauses) == 0 {
		run(db)
		return
	}
	builders := db.Config.ClauseBuilders
	replaced := make(map[string]clause.ClauseBuilder, len(builders)+4)
	for name, builder := range builders {
		replaced[name] = builder
	}
	for _, name := range p.dialect.clauses[updateStatement] {
		replaced[name] = func(clause.Clause, clause.Builder) {
			rewrite(stmt, strings.TrimSuffix(stmt.SQL.String(), " ")) // which is there already, before the clause
		}
	}
	own := func(names []string) clause.ClauseBuilder {
		return func(clause.Clause, clause.Builder) {
			db.Config.ClauseBuilders = builders
			stmt.Build(names...)
			db.Config.ClauseBuilders = replaced
		}
	}
	names := b.dialect.clauses[updateStatement]
	where := 0
	for where < len(names) && names[where] != "WHERE" {
		where++
	}
	replaced["UPDATE"], replaced["WHERE"] = own(names[:where]), own(names[where:])
	db.Config.ClauseBuilders = replaced
	run(db)
	db.Config.ClauseBuilders = builders
}

// ToSQL explains SQL with the handle's dialector, whatever the statement's was
// (gorm.go). The variables of a statement that was rendered for another dialect
// carry that behind their end.
func withDialect(vars []any, d *dialect) []any {
	return append(vars[:len(vars):cap(vars)], d)[:len(vars)]
}

func dialectBehind(vars []any) *dialect {
	if len(vars) == 0 || cap(vars) == len(vars) {
		return nil
	}
	d, _ := vars[:len(vars)+1][len(vars)].(*dialect)
	return d
}
