package bindkey

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// directly is the bind of the statement of most programs: of a model's own table,
// with no other evidence. It is nil for all others, and says nothing of them: it
// only spares this one the weighing.
func (p *Plugin) directly(db *gorm.DB, kind statementKind) *bind {
	stmt := db.Statement
	if root, ok := unwrapPrepared(db.Config.ConnPool).(*rootPool); !ok || root.plugin != p || len(db.Plugins) > 1 && p.overtaken(db) {
		return nil
	}
	var (
		owner   *Plugin
		ambient *bind
	)
	switch pool := stmt.ConnPool.(type) {
	case *rootPool:
		owner = pool.plugin
	case *gorm.PreparedStmtDB:
		if root, ok := pool.ConnPool.(*rootPool); ok {
			owner = root.plugin
			p.stored.Adopt(pool)
		}
	case *boundPool:
		owner = pool.plugin
	case *transaction:
		owner, ambient = pool.plugin, pool.ambient
	case *branch:
		owner, ambient = pool.tx.plugin, pool.tx.ambient
	case *preparedBranch:
		owner, ambient = pool.tx.plugin, pool.tx.ambient
	}
	if owner != p {
		return nil
	}
	if stmt.Schema == nil || stmt.TableExpr != nil || stmt.Table != stmt.Schema.Table || stmt.SQL.Len() > 0 || stmtscan.NamesTables(stmt, kind.Writes()) {
		return nil
	}
	if len(stmt.Clauses) > 0 && (stmtscan.Has(stmt, resolver.UsingClause) || stmtscan.Has(stmt, allowClause)) {
		return nil
	}
	model := p.modelBinds.load(stmt.Schema)
	if model == nil {
		return nil
	}
	b := model.bind
	if !model.keyed() {
		if p.strict {
			return nil
		}
		if ambient != nil {
			b = ambient
		}
	}
	if b.late != nil || b.family != nil && stmtscan.HoldsQuery(stmt) {
		return nil
	}
	return b
}

// routeDirectly gives a statement without SQL of its own its bind's dialect and pool.
func (p *Plugin) routeDirectly(db *gorm.DB, b *bind, kind statementKind) error {
	if p.switching {
		if err := p.applyDialect(db, b, kind); err != nil {
			return err
		}
	}
	if tx := transactionOf(db); tx != nil {
		return p.routeInTransaction(db, kind, tx, b)
	}
	return p.give(db, b, kind, &common)
}

// common is of statements that nothing unusual is known of.
var common decision
