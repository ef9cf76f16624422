package bindkey

import (
	"context"
	"reflect"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Use sends this statement to the bind of a key, whatever its model says, and
// with it the statements that GORM derives from it for models of the same bind
// (associations, preloads). It does not hold for hooks, for the callbacks of
// FindInBatches, or for models of other binds. On Begin and Transaction it
// begins that bind's branch at once, and holds no further. dbresolver.Use does
// the same. An unknown key is an [*UnknownBindError], for every finisher.
//
//	db.Clauses(bindkey.Use("archive")).Find(&users)
func Use(key string) clause.Expression { return using(key) }

// AllowCrossBind lets a statement through that names tables of several binds, to
// the bind of its model, or of [Use]: for one database that reaches all of them,
// such as two schemas of one MySQL server, a foreign data wrapper, or SQLite's
// ATTACH. It does not hold for the statements that GORM derives from it.
//
//	db.Clauses(bindkey.AllowCrossBind).Joins("JOIN logs ON logs.user_id = users.id").Find(&users)
var AllowCrossBind clause.Expression = allowing{}

// An allowing is an AllowCrossBind in a statement. What is chained on the result
// has it still: it holds there for models of the bind it has gone to.
type allowing struct{ to *bind }

const allowClause = "bindkey:allow_cross_bind"

// Build is of clause.Expression; it writes no SQL.
func (allowing) Build(clause.Builder) {}

// ModifyStatement is called while the chain is built.
func (a allowing) ModifyStatement(stmt *gorm.Statement) {
	stmt.Clauses[allowClause] = clause.Clause{Expression: a}
	if p := routedBy(stmt.ConnPool); p != nil {
		p.claused.Store(true)
	}
}

// allows reports whether a statement that goes to a bind has AllowCrossBind.
func (p *Plugin) allows(stmt *gorm.Statement, b *bind) bool {
	if !p.claused.Load() {
		return false
	}
	a, ok := stmt.Clauses[allowClause].Expression.(allowing)
	if !ok || a.to != nil && a.to != b {
		return false
	}
	stmt.Clauses[allowClause] = clause.Clause{Expression: allowing{to: b}}
	return true
}

// mayBeTrusted reports whether a statement has a Use or AllowCrossBind, or may
// have inherited a Use. Others need no look into their Settings, which allocates.
func mayBeTrusted(stmt *gorm.Statement) bool {
	return has(stmt, usingClause) || has(stmt, allowClause) || derivationOf(stmt) != nil
}

// dbresolver's own names: of its callback, which its clauses call while the
// chain is built, and of the clause and the settings that they leave behind.
// TestNamesOfDBResolver holds them against it.
const (
	resolverCallback = "gorm:db_resolver"
	usingClause      = "gorm:db_resolver:using"
	writeSetting     = "gorm:db_resolver:write"
	readSetting      = "gorm:db_resolver:read"
)

type using string

// Build is of clause.Expression; a Use writes no SQL.
func (using) Build(clause.Builder) {}

// ModifyStatement is called while the chain is built.
func (u using) ModifyStatement(stmt *gorm.Statement) {
	stmt.Clauses[usingClause] = clause.Clause{Expression: newUse(string(u))}
	if p := routedBy(stmt.ConnPool); p != nil {
		p.chain(stmt.DB)
	}
}

// A use is a Use in a statement.
type use struct {
	key string
	// applied numbers all Uses: a transaction that began later has inherited
	// this one with the statement of its Begin.
	applied uint64
	// from is where the statement that it has gone with would have gone without
	// it. What is chained on the result has the same Use still: it holds there
	// for models of the same bind.
	from *bind
}

var usesApplied atomic.Uint64

func newUse(key string) *use { return &use{key: key, applied: usesApplied.Add(1)} }

func (*use) Build(clause.Builder) {}

// useOf is the statement's Use, bindkey's or dbresolver's, or nil.
func useOf(stmt *gorm.Statement) *use {
	c, ok := stmt.Clauses[usingClause]
	if !ok {
		return nil
	}
	if u, ok := c.Expression.(*use); ok {
		return u
	}
	u := newUse(reflect.ValueOf(c.Expression).FieldByName("Use").String())
	stmt.Clauses[usingClause] = clause.Clause{Expression: u}
	return u
}

// effectiveUse is the statement's Use, unless it is one that a transaction
// around it was begun with.
func (p *Plugin) effectiveUse(stmt *gorm.Statement) *use {
	u := useOf(stmt)
	if u == nil {
		return nil
	}
	if !p.claused.Load() {
		p.claused.Store(true)
	}
	if tx := transactionOf(stmt.DB); tx != nil && tx.inherited(u) {
		return nil
	}
	return u
}

// chain stands in the place of dbresolver's callback, which dbresolver.Use,
// Read and Write call while the chain is built. A Use takes effect on the pool
// here, since DB, Connection and Begin ask the pool and run no callback. When
// the statement runs (GORM has then set its BuildClauses), route does the work.
func (p *Plugin) chain(db *gorm.DB) {
	if len(db.Statement.BuildClauses) == 0 {
		p.chained(db)
	}
}

func (p *Plugin) chained(db *gorm.DB) {
	stmt := db.Statement
	p.claused.Store(true)
	u := useOf(stmt)
	if u == nil {
		return
	}
	switch pool := unwrap(stmt.ConnPool).(type) {
	case *usedPool:
		if pool.use == u {
			return
		}
	case *rootPool, *boundPool:
	default:
		return // a transaction or connection is begun already
	}
	stmt.ConnPool = newUsedPool(p, u)
	config := *db.Config // Session with PrepareStmt takes the pool from there
	config.ConnPool = stmt.ConnPool
	db.Config = &config
}

// A derivation carries a Use from a statement to those that GORM derives from
// it, in their context: clauses and settings do not reach all of them. It is
// active while GORM saves, deletes or preloads associations, not while hooks
// run.
type derivation struct {
	owner    *gorm.Statement
	from, to *bind // derived models of from go to to
	active   bool
	outer    context.Context // of the statement, before
}

type derivationKey struct{}

func derivationOf(stmt *gorm.Statement) *derivation {
	d, _ := stmt.Context.Value(derivationKey{}).(*derivation)
	return d
}

func (d *derivation) enter(stmt *gorm.Statement) {
	d.outer = stmt.Context
	stmt.Context = context.WithValue(stmt.Context, derivationKey{}, d)
}

// derived is the bind that a Use further up sends this statement to: the
// bind's own, unless a derivation is active.
func (p *Plugin) derived(stmt *gorm.Statement, own *bind) (*bind, bool) {
	d := derivationOf(stmt)
	if d == nil || !d.active {
		return own, false
	}
	if d.from != own {
		(&derivation{}).enter(stmt)
		return own, false
	}
	(&derivation{owner: stmt, from: d.from, to: d.to}).enter(stmt)
	return d.to, true
}

// beginDerived and endDerived are the callbacks around the part of a
// statement in which GORM derives others.
func (p *Plugin) beginDerived(db *gorm.DB) {
	if p.claused.Load() {
		p.derive(db)
	}
}

func (p *Plugin) endDerived(db *gorm.DB) {
	if p.claused.Load() {
		leaveDerived(db.Statement)
	}
}

func leaveDerived(stmt *gorm.Statement) {
	if d := derivationOf(stmt); d != nil && d.active && d.owner == stmt {
		stmt.Context = d.outer
	}
}

func (p *Plugin) derive(db *gorm.DB) {
	if db.Error != nil || db.Statement.Schema == nil {
		return
	}
	stmt := db.Statement
	var from, to *bind
	if outer := derivationOf(stmt); outer != nil && outer.owner == stmt {
		if outer.active {
			return
		}
		from, to = outer.from, outer.to
	} else if u := p.effectiveUse(stmt); u != nil {
		own := p.homeOf(stmt.Schema)
		used, err := p.lookup(u.key, "")
		if own.err != nil || err != nil {
			return
		}
		from, to = own.bind, used
	} else {
		return
	}
	(&derivation{owner: stmt, from: from, to: to, active: true}).enter(stmt)
}
