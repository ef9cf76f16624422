package bindkey

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// wrapSend is a callback that renders and sends a statement. Where there is no
// other dialect to see to, and the statement is a common one, that is all: the
// pool guards it.
func (p *Plugin) wrapSend(kind statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error != nil {
			callback(db)
			return
		}
		b := boundTo(db.Statement)
		if b == nil {
			p.refuseForeign(db, kind)
			callback(db)
			return
		}
		br := branchIn(unwrapRecord(db.Statement.ConnPool))
		if br != nil {
			br.calling.Add(1)
		}
		told := p.observers.sending(db)
		if told != nil {
			defer told.done(db)
		}
		if p.mixed {
			p.send(db, b, kind, callback)
		} else {
			callback(db)
		}
		p.afterSending(db, b, kind)
		sayWhy(db, kind)
		if br != nil {
			br.calling.Add(-1)
			br.statementDone(db, kind)
		}
		if told != nil {
			told.callbackReturned(db)
		}
		if db.Error != nil && notSent(db.Error) {
			nowhere(db.Statement)
		}
	}
}

// notSent reports whether an error is the guard's, which has sent nothing.
func notSent(err error) bool {
	return errors.Is(err, ErrCrossBind) || errors.Is(err, ErrTransactionControl) || errors.Is(err, ErrImplicitCommit) || errors.Is(err, ErrForeignPool) ||
		errors.Is(err, ErrTenantConflict) || errors.Is(err, ErrNoTenant)
}

// wrapBegin is GORM's callback that begins the default transaction. A plugin that
// wraps each statement's pool (gorm.io/sharding) does so behind routing: the
// wrapper's transaction would not be the plugin's, or leave the wrapper out.
func (p *Plugin) wrapBegin(kind statementKind, callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error == nil && boundTo(db.Statement) == nil {
			p.refuseForeign(db, kind)
		}
		callback(db)
		if p.logBinds {
			tellTransaction(db.Statement)
		}
	}
}

func (p *Plugin) refuseForeign(db *gorm.DB, kind statementKind) {
	err := foreignPool(db.Statement.ConnPool)
	fail(db, kind, err)
	p.tellRefused(db, err)
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
		db.Config.Dialector = outside.rendering
	}
	if kind == deleteStatement && b != nil && b.dialect != p.dialect {
		b.dialect.Delete(db, p.dialect, run)
	} else {
		run(db)
	}
	if ok {
		db.Config.Dialector = outside
	}
}

// afterSending looks at a statement's SQL once it is there. In DryRun nobody has before.
func (p *Plugin) afterSending(db *gorm.DB, b *bind, kind statementKind) {
	stmt := db.Statement
	text := stmt.SQL.String()
	if !db.DryRun {
		if neutral.Is(text) {
			stmtscan.SetText(stmt, neutral.Render(b.dialect, text, stmt.Vars))
		}
		return
	}
	text, err := b.ofOneTenant(stmt.Context, text)
	if err != nil {
		_ = db.AddError(err)
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
	switch {
	case seen&sqlscan.NeedMarks != 0:
		stmtscan.SetText(stmt, neutral.Render(b.dialect, text, stmt.Vars))
	case len(text) < stmt.SQL.Len(): // it has lost the marks of tenants
		stmtscan.SetText(stmt, text)
	}
	if p.mixed && len(stmt.Vars) > 0 && (b.dialect != p.dialect || dialect.BehindVars(stmt.Vars) != nil) {
		stmt.Vars = b.dialect.PutBehind(stmt.Vars)
	}
}

// maybeSubquery reports whether a query in DryRun may be a subquery: in a mixed
// handle routing has looked at the stack, and in another, isSubquery will.
func (p *Plugin) maybeSubquery(db *gorm.DB) bool {
	if p.mixed {
		if d, ok := db.Config.Dialector.(*dialector); ok && d.bind != nil {
			return d == d.rendering
		}
	}
	return db.Config.Logger == logger.Discard
}

// markSubquery reports whether a statement is a subquery, whose SQL stays as it
// is, and marks what its text does not tell the statement around it: a Use, a
// model without its own table, that it crosses binds, the tenants that its context names.
func (p *Plugin) markSubquery(db *gorm.DB, b *bind, crossing *CrossBindError) bool {
	stmt := db.Statement
	r := recordOf(stmt)
	used := r != nil && r.use != nil
	tenants := p.marksOfTenants(stmt.Context)
	hidden := stmt.Schema != nil && (stmt.TableExpr != nil || !p.bindOfModel(stmt.Schema).keyed())
	if !p.mixed && !used && !hidden && crossing == nil && tenants == "" && !neutral.Is(stmt.SQL.String()) {
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
	case hidden && (p.bindOfModel(stmt.Schema).keyed() || ambientIn(stmt.ConnPool) != nil):
		before = neutral.Belongs(b.key)
	case hidden && ownTable(stmt):
		before = neutral.Belongs("") // what has no key: the statement around it says where
	}
	if before += tenants; before != "" {
		stmtscan.SetText(stmt, before+stmt.SQL.String()+after)
	}
	return true
}
