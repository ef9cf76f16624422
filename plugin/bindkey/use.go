package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
)

// Use sends this statement to the bind of a key, whatever its model says, and
// with it the statements that GORM derives from it for models of the same bind
// (associations, preloads). What has no key (models, tables that are not known,
// SQL that names no table) goes there too in its hooks, in the callback of
// FindInBatches and in what is chained on the result; models with a key go by it.
// On Begin and Transaction it begins that bind's branch at once, and is where what
// has no key goes inside. dbresolver.Use does the same. An unknown key is an
// [*UnknownBindError], for every finisher; a handle without the plugin is an
// [ErrInstall].
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
}

// allows reports whether a statement that goes to a bind has AllowCrossBind.
func (p *Plugin) allows(stmt *gorm.Statement, b *bind) bool {
	a, ok := stmt.Clauses[allowClause].Expression.(allowing)
	if !ok || a.to != nil && a.to != b {
		return false
	}
	stmt.Clauses[allowClause] = clause.Clause{Expression: allowing{to: b}}
	return true
}

type using string

// Build is of clause.Expression; a Use writes no SQL.
func (using) Build(clause.Builder) {}

// ModifyStatement is called while the chain is built.
func (u using) ModifyStatement(stmt *gorm.Statement) {
	stmt.Clauses[resolver.UsingClause] = clause.Clause{Expression: &use{key: string(u)}}
	p := routedBy(stmt.ConnPool)
	if p == nil {
		p = routedBy(stmt.DB.Config.ConnPool)
	}
	if p == nil {
		failStatement(stmt, installError("bindkey.Use(%q) is on a *gorm.DB that the plugin does not serve; call db.Use(plugin) first, and make sessions after it", string(u)))
		return
	}
	p.chain(stmt.DB)
}

// failStatement makes a statement, and what is begun from it, fail. An error in the
// chain would not do: Begin begins all the same, Row panics, and a subquery with
// one is rendered as nothing, "NOT IN ()".
func failStatement(stmt *gorm.Statement, err error) {
	stmt.ConnPool = dbpool.Failing{Err: err}
	config := *stmt.DB.Config
	config.ConnPool = stmt.ConnPool
	stmt.DB.Config = &config
	if config.DryRun {
		_ = stmt.DB.AddError(err) // nothing is sent that could fail
	}
	stmt.SQL.Reset()
	stmt.WriteString("SELECT ")
	stmt.AddVar(stmt, refusal{err}) // in a subquery, where no pool is asked
}

// A use is a Use in a statement.
type use struct {
	key string
	// from is where the statement that it has gone with would have gone without
	// it. What is chained on the result has the same Use still: it holds there
	// for models of the same bind.
	from *bind
	// first is the Use that the program wrote, where this is what routing has left
	// in the statement; nil where it is that itself.
	first *use
}

func (*use) Build(clause.Builder) {}

// origin is the Use that the program wrote.
func (u *use) origin() *use {
	if u.first != nil {
		return u.first
	}
	return u
}

// useOf is the statement's Use, bindkey's or dbresolver's, or nil.
func useOf(stmt *gorm.Statement) *use {
	c, ok := stmt.Clauses[resolver.UsingClause]
	if !ok {
		return nil
	}
	if u, ok := c.Expression.(*use); ok {
		return u
	}
	u := &use{key: resolver.UseKey(c.Expression)}
	stmt.Clauses[resolver.UsingClause] = clause.Clause{Expression: u}
	return u
}

// effectiveUse is the statement's Use, unless it is one that a transaction
// around it was begun with: that says where what has no key goes, and no more.
func (p *Plugin) effectiveUse(stmt *gorm.Statement) *use {
	u := useOf(stmt)
	if u == nil || recordOf(stmt) != nil && recordOf(stmt).use != nil {
		return u
	}
	if tx := transactionIn(stmt.ConnPool); tx != nil && tx.begunWith(u) {
		return nil
	}
	return u
}

// ambientOf is where what has no key goes, by what is around a statement: the Use
// of its transaction, of its chain, or of the statement that it runs inside; or
// nil. A Use of an unknown key is an error here, too.
func (p *Plugin) ambientOf(stmt *gorm.Statement) (*bind, error) {
	pool := unwrapPrepared(stmt.ConnPool)
	tx := transactionIn(pool)
	if tx != nil {
		if u := useOf(stmt); u != nil && tx.begunWith(u) {
			return p.lookup(u.key, "") // a nested transaction's
		}
	}
	if chained, ok := pool.(*chainPool); ok {
		if chained.use == nil {
			return chained.ambient, nil
		}
		return chained.bind()
	}
	if r := recordIn(pool); r != nil {
		if r.chain != nil {
			return p.lookup(r.chain.key, "")
		}
		return r.ambient, nil
	}
	if tx != nil {
		return tx.ambient, nil
	}
	switch pool.(type) {
	case *sql.Tx, *sql.Conn: // of the application's own
		if at := p.ownerOf(pool); at != nil && !p.defaultBind().has(at) {
			return p.lookup(p.bindsOf(at), "")
		}
	}
	return nil, nil
}

// chain stands in the place of dbresolver's callback, which dbresolver.Use,
// Read and Write call while the chain is built. They take effect on the pool
// here, since DB, Connection and Begin ask the pool and run no callback. When
// the statement runs (GORM has then set its BuildClauses), route does the work.
func (p *Plugin) chain(db *gorm.DB) {
	if len(db.Statement.BuildClauses) == 0 {
		p.chained(db)
	}
}

func (p *Plugin) chained(db *gorm.DB) {
	stmt := db.Statement
	u := useOf(stmt)
	reads := resolver.AskedRead(stmt)
	config := *db.Config // Session with PrepareStmt takes the pool from there
	switch pool := unwrap(stmt.ConnPool).(type) {
	case *chainPool:
		if u == nil {
			u = pool.use // a new session has dropped the clause, and not the pool
		}
		if pool.use == u && pool.reads == reads {
			return
		}
		stmt.ConnPool = p.newChainPool(u, reads, pool.ambient)
	case *rootPool, *boundPool:
		around := ambientIn(stmt.ConnPool)
		stmt.ConnPool = p.newChainPool(u, reads, around)
	case *transaction, *branch, *preparedBranch:
		if u == nil {
			return
		}
		stmt.ConnPool = p.withRecord(pool, record{chain: u})
		p.calls(&config, u)
		db.Config = &config
		return
	default:
		return // a connection of the application's own
	}
	config.ConnPool = stmt.ConnPool
	p.calls(&config, u)
	db.Config = &config
}

// ambientIn is the ambient bind that a pool carries, or nil.
func ambientIn(pool gorm.ConnPool) *bind {
	if r := recordIn(pool); r != nil {
		return r.ambient
	}
	return nil
}

func (p *Plugin) newChainPool(u *use, reads bool, ambient *bind) *chainPool {
	c := &chainPool{plugin: p, use: u, reads: reads, ambient: ambient}
	c.finder = c
	return c
}

// calls gives a configuration the name of the dialect of a Use, which libraries
// branch on while a chain is built.
func (p *Plugin) calls(config *gorm.Config, u *use) {
	d, ok := config.Dialector.(*dialector)
	if !ok || u == nil || !p.mixed {
		return
	}
	if b, err := p.lookup(u.key, ""); err == nil && b.isOpen() && b.dialect.Name() != d.Name() {
		called := *d
		called.name = b.dialect.Name()
		config.Dialector = &called
	}
}

// beginNested begins the branch of a nested transaction's Use, which is where what has
// no key goes inside, and holds no further. The savepoint is all that GORM asks
// for of a nested transaction.
func (t *transaction) beginNested(db *gorm.DB) error {
	u := t.plugin.effectiveUse(db.Statement)
	if u == nil {
		return nil
	}
	if nested, gorms := transactionCaller(); !nested || gorms {
		return nil
	}
	b, err := t.plugin.lookup(u.key, "")
	if err != nil {
		return err
	}
	branch, err := t.branchOf(db.Statement.Context, b)
	if err == nil {
		_, err = branch.conn(context.Background())
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.beganWith = append(t.beganWith, u.origin())
	t.mu.Unlock()
	db.Statement.ConnPool = t.plugin.withRecord(t, record{ambient: b})
	return nil
}

// begunWith reports whether a Use is one that the transaction, or a nested one,
// was begun with. It survives in the statement that Begin hands on.
func (t *transaction) begunWith(u *use) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, spent := range t.beganWith {
		if spent == u.origin() {
			return true
		}
	}
	return false
}

// beginDerived and endDerived are the callbacks around those of GORM that save,
// delete or preload associations: the statement's Use holds for what is derived
// there. That is found in a pool of its own, since hooks may keep the statement's.
// They are callbacks, and no wrappers, since GORM's logger looks at 13 frames only.
func (p *Plugin) beginDerived(db *gorm.DB) {
	if r := recordOf(db.Statement); r != nil && r.use != nil {
		derives := *r
		derives.before = db.Statement.ConnPool
		db.Statement.ConnPool = p.withRecord(unwrapRecord(db.Statement.ConnPool), derives)
	}
}

func (p *Plugin) endDerived(db *gorm.DB) {
	if r := recordOf(db.Statement); r != nil && r.before != nil {
		db.Statement.ConnPool = r.before
	}
}
