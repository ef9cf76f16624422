package bindkey

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// sending is a callback that renders and sends a statement. Where there is no
// other dialect to see to, and the statement is a common one, that is all: the
// pool takes the last look.
func (p *Plugin) sending(kind statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error != nil {
			callback(db)
			return
		}
		b := boundTo(db.Statement)
		if b == nil {
			fail(db, kind, foreignPool(db.Statement.ConnPool))
			callback(db)
			return
		}
		br := branchIn(unwrapRecord(db.Statement.ConnPool))
		if br != nil {
			br.calling.Add(1)
		}
		if p.mixed {
			p.send(db, b, kind, callback)
		} else {
			callback(db)
		}
		p.sent(db, b, kind)
		if br != nil {
			br.calling.Add(-1)
			br.answered(db, kind)
		}
	}
}

// beginning is GORM's callback that begins the default transaction. A plugin that
// wraps each statement's pool (gorm.io/sharding) does so behind routing: the
// wrapper's transaction would not be the plugin's, or leave the wrapper out.
func (p *Plugin) beginning(kind statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error == nil && boundTo(db.Statement) == nil {
			fail(db, kind, foreignPool(db.Statement.ConnPool))
		}
		callback(db)
	}
}

// foreignPool is the error of a pool that the plugin can't see through.
func foreignPool(pool gorm.ConnPool) error {
	return fmt.Errorf("%w: it is a %T, which another plugin or the application put into the statement, so nobody can tell which database it asks, and nothing was sent; "+
		"give such a pool to a bind as its Conn, or use that plugin on a handle of its own (gorm.Open)", ErrForeignPool, pool)
}

// boundTo is the bind that routing found for a statement, or nil.
func boundTo(stmt *gorm.Statement) *bind {
	if b := bindIn(stmt.ConnPool); b != nil {
		return b
	}
	if r := recordOf(stmt); r != nil {
		return r.bind
	}
	return nil
}

// send runs the callback of the bind's own dialect, with the bind's dialector.
func (p *Plugin) send(db *gorm.DB, b *bind, kind statementKind, callback func(*gorm.DB)) {
	run := callback
	outside, ok := db.Config.Dialector.(*dialector)
	if ok = ok && outside.bind != nil; ok {
		b = outside.bind
		if b.dialect != p.dialect && b.dialect.Callbacks[kind] != nil {
			run = b.dialect.Callbacks[kind]
		}
		db.Config.Dialector = outside.inside
	}
	if kind == deleteStatement && b != nil && b.dialect != p.dialect {
		p.deleting(db, b, run)
	} else {
		run(db)
	}
	if ok {
		db.Config.Dialector = outside
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
	var crossing *CrossBindError
	trusted := false
	if r := recordOf(stmt); r != nil {
		crossing, trusted = r.refused, r.trusted
	}
	seen := p.texts.Need(text, b.product.SQL)
	if crossing == nil && seen&(sqlscan.NeedTables|sqlscan.NeedMarks) != 0 && !trusted {
		ambient, _ := p.ambientOf(stmt) // routing has told of an error
		crossing = b.crossing(text, ambient, false)
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
	r := recordOf(stmt)
	used := r != nil && r.use != nil
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
	case hidden && (p.homeOf(stmt.Schema).keyed() || ambientIn(stmt.ConnPool) != nil):
		before = neutral.Belongs(b.key)
	case hidden && ownTable(stmt):
		before = neutral.Belongs("") // what has no key: the statement around it says where
	}
	if before != "" {
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
	for _, name := range p.dialect.Clauses[updateStatement] {
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
	names := b.dialect.Clauses[updateStatement]
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
func withDialect(vars []any, d *dialect.Dialect) []any {
	return append(vars[:len(vars):cap(vars)], d)[:len(vars)]
}

func dialectBehind(vars []any) *dialect.Dialect {
	if len(vars) == 0 || cap(vars) == len(vars) {
		return nil
	}
	d, _ := vars[:len(vars)+1][len(vars)].(*dialect.Dialect)
	return d
}
