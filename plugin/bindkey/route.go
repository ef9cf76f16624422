package bindkey

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/processor"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// A statementKind is the processor that a statement runs in.
type statementKind = processor.Kind

const (
	createStatement = processor.Create
	queryStatement  = processor.Query
	updateStatement = processor.Update
	deleteStatement = processor.Delete
	rowStatement    = processor.Row
	rawStatement    = processor.Raw
)

// routeCallback is the callback of one processor. GORM has parsed the model
// when it runs, and nothing has reached a database.
func (p *Plugin) routeCallback(kind statementKind) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error != nil {
			fail(db, kind, nil)
			return
		}
		err := error(nil)
		if b := p.directly(db, kind); b != nil {
			err = p.routeDirectly(db, b, kind)
		} else {
			err = p.route(db, kind)
		}
		if err != nil {
			err = p.ofModel(err, db.Statement.Schema, useOf(db.Statement))
			fail(db, kind, err)
			p.tellRefused(db, err)
			if db.DryRun {
				refuse(db)
			}
		} else if p.logBinds {
			p.tell(db)
		}
	}
}

// give gives a statement outside of transactions a pool of its bind.
func (p *Plugin) give(db *gorm.DB, b *bind, kind statementKind, found *decision) (err error) {
	stmt, picked := db.Statement, b.direct
	asked := dbresolver.Operation("")
	if found.route {
		asked = p.clauseOperation(db)
	}
	switch {
	case picked != nil:
	case db.DryRun:
		picked = b.sources[0]
	default:
		if picked, stmt.Context, err = b.pick(stmt.Context, p.operation(stmt, kind, found, asked)); err != nil {
			return err
		}
	}
	stmt.ConnPool = picked.preparedIf(db.PrepareStmt)
	if found.route {
		p.keep(stmt, found, nil, asked != "")
	}
	return nil
}

// keep puts a record into a statement's pool, if there is something to know of
// it. implied is the ambient bind that the pool itself tells.
func (p *Plugin) keep(stmt *gorm.Statement, found *decision, implied *bind, asks bool) {
	allowed := stmtscan.Has(stmt, allowClause) && p.allows(stmt, found.bind)
	if found.use == nil && found.ambient == implied && !allowed && !asks && found.refused == nil && !found.foreignConn {
		return
	}
	stmt.ConnPool = p.withRecord(stmt.ConnPool, record{
		stmt: stmt, bind: found.bind, ambient: found.ambient, use: found.use, from: found.from,
		trusted: found.use != nil || allowed, hasOperation: asks, refused: found.refused, own: found.own,
	})
}

// fail adds an error to a statement, whose Row returns what has the error.
func fail(db *gorm.DB, kind statementKind, err error) {
	nowhere(db.Statement)
	if err != nil {
		_ = db.AddError(err)
		if !db.DryRun && db.Statement.SQL.Len() == 0 {
			// GORM logs what has SQL (callbacks.go): otherwise a program that does not
			// look at the error sees no rows, and nothing in the log.
			db.Statement.WriteString("-- refused by bindkey, and not sent")
		}
	}
	if kind == rowStatement {
		if rows, _ := db.Get("rows"); rows == false {
			db.Statement.Dest = dbpool.ErrorRow(db.Error)
		}
	}
}

// refuse makes the statement that a refused subquery stands in fail, with the
// subquery's error. GORM renders a subquery in DryRun, with a logger that
// discards (statement.go, AddVar), and drops its error: "id NOT IN ()" would be
// left, which is true of every row. A variable whose value is an error fails
// where database/sql or the driver asks for it, before anything is sent.
func refuse(db *gorm.DB) {
	if stmt := db.Statement; stmt.SQL.Len() == 0 && db.Config.Logger == logger.Discard {
		stmt.WriteString("SELECT ")
		stmt.AddVar(stmt, refusal{db.Error})
	}
}

type refusal struct{ err error }

// Value is of driver.Valuer.
func (r refusal) Value() (driver.Value, error) { return nil, r.err }

// sayWhy gives a statement around a refused subquery the subquery's error: up to Go
// 1.22, database/sql keeps only the text of a variable's error (convert.go).
func sayWhy(db *gorm.DB, kind statementKind) {
	err, row := db.Error, (*sql.Row)(nil)
	if kind == rowStatement {
		if row, _ = db.Statement.Dest.(*sql.Row); row != nil {
			err = row.Err()
		}
	}
	if err == nil {
		return
	}
	for _, variable := range db.Statement.Vars {
		if refused, ok := variable.(refusal); ok && !errors.Is(err, refused.err) {
			if db.Error = refused.err; row != nil {
				db.Statement.Dest = dbpool.ErrorRow(refused.err)
			}
			return
		}
	}
}

// route finds the statement's bind and gives it that bind's pool: a branch in
// a transaction, else a source or replica that dbresolver picks. In DryRun no
// policy is asked and no branch begun.
func (p *Plugin) route(db *gorm.DB, kind statementKind) error {
	stmt := db.Statement
	switch store := stmt.ConnPool.(type) {
	case *gorm.PreparedStmtDB:
		p.stored.Adopt(store)
	case *gorm.PreparedStmtTX:
		p.stored.Adopt(store.PreparedStmtDB)
	}
	found := decision{writes: kind.Writes(), route: true}
	err := p.decide(stmt, &found)
	if err != nil && !p.refusesLater(db, err, &found) {
		return err
	}
	b := found.bind
	if b.late != nil {
		if err := b.ready(stmt.Context); err != nil {
			return err
		}
	}
	if p.switching {
		if err := p.applyDialect(db, b, kind); err != nil {
			return err
		}
	}
	if found.raw {
		if text := stmt.SQL.String(); neutral.Is(text) {
			stmtscan.SetText(stmt, neutral.Render(b.dialect, text, stmt.Vars))
		}
	}
	if tx := transactionOf(db); tx != nil {
		if err := p.routeInTransaction(db, kind, tx, b); err != nil {
			return err
		}
		p.keep(stmt, &found, tx.ambient, false)
		return nil
	}
	switch pool := unwrap(stmt.ConnPool).(type) {
	case *rootPool, *boundPool, *chainPool:
		if pool.(routedPool).owner() != p {
			return p.onForeignConn(db, kind, &found, pool)
		}
		if db.Config.ConnPool != stmt.ConnPool && routedBy(db.Config.ConnPool) != p {
			return errStale // the session shares the handle's statement, but not its Config
		}
		return p.give(db, b, kind, &found)
	default:
		return p.onForeignConn(db, kind, &found, pool)
	}
}

// refusesLater reports whether a statement in DryRun that crosses binds goes on:
// nothing is sent, so its SQL is built, for the bind of its model, and the error
// is set beside it.
func (p *Plugin) refusesLater(db *gorm.DB, err error, found *decision) bool {
	var crossing *CrossBindError
	if !db.DryRun || !errors.As(err, &crossing) {
		return false
	}
	found.unkeyed(p)
	if db.Statement.Schema != nil {
		if model := p.bindOfModel(db.Statement.Schema); model.err == nil && model.keyed() {
			found.bind, found.why = model.bind, model.why
		}
	}
	found.refused = crossing
	return true
}

// overtaken reports whether a dbresolver was installed after the plugin. It has
// taken its callback's name back, and may put a pool of its own into statements.
func (p *Plugin) overtaken(db *gorm.DB) bool {
	return p.adopted == nil && db.Plugins[resolver.CallbackName] != nil
}

// routeInTransaction moves a statement to its bind's branch of the transaction.
func (p *Plugin) routeInTransaction(db *gorm.DB, kind statementKind, tx *transaction, b *bind) error {
	if tx.plugin != p {
		return p.onForeignConn(db, kind, &decision{bind: b}, tx)
	}
	if routedBy(db.Config.ConnPool) != p {
		return errStale
	}
	if db.DryRun {
		db.Statement.ConnPool = tx.dryBranch(b).preparedIf(db.PrepareStmt)
		return nil
	}
	branch, err := tx.branchOf(db.Statement.Context, b)
	if err != nil {
		return err
	}
	if branch.pool.replica && kind.Writes() {
		return fmt.Errorf("%w: the transaction is at a replica of bind %q; write in one begun without sql.TxOptions.ReadOnly, and without dbresolver.Read", ErrReadOnly, b.key)
	}
	db.Statement.ConnPool = branch.preparedIf(db.PrepareStmt)
	return nil
}

var errStale = fmt.Errorf("%w: this *gorm.DB, or the session it comes from, was made before the plugin was installed; make sessions after db.Use(bindkey.New())", ErrForeignPool)
