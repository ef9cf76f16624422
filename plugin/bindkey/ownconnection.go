package bindkey

import (
	"database/sql"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// onForeignConn handles a pool that is not the plugin's: a transaction or connection
// of the application's own stays where it is, if that is where the statement
// belongs; anything else is an error.
func (p *Plugin) onForeignConn(db *gorm.DB, kind statementKind, found *decision, pool gorm.ConnPool) error {
	stmt, b := db.Statement, found.bind
	switch pool.(type) {
	case *sql.Tx, *sql.Conn:
		at := p.ownerOf(pool)
		if at == nil || b.has(at) || b.hasSourceAt(at) {
			if found.route {
				stmt.ConnPool, found.foreignConn, found.own = pool, true, b.at(at)
				p.keep(stmt, found, nil, false)
			}
			return p.checkUnowned(stmt, b, at)
		}
		return &CrossBindError{
			Claims: []Claim{{Key: b.key, Source: "the statement"}, {Key: p.bindsOf(at), Source: fmt.Sprintf("its %T", pool)}},
			Way:    "let the plugin begin the transaction (db.Transaction, SQLTx), or take the connection from the statement's own bind",
		}
	case *sql.DB:
		if routedBy(db.Config.ConnPool) != p {
			return errStale
		}
		if p.overtaken(db) {
			stmt.ConnPool = db.Config.ConnPool
			return p.route(db, kind)
		}
		return foreignPool(pool)
	default:
		return foreignPool(pool)
	}
}

// checkUnowned allows an application's transaction or connection of a database that
// no bind has for statements of the default bind, and of the bind of Use.
func (p *Plugin) checkUnowned(stmt *gorm.Statement, b *bind, at *dbpool.Pool) error {
	if at != nil || b == p.defaultBind() || useOf(stmt) != nil {
		return nil
	}
	return &CrossBindError{
		Claims: []Claim{{Key: b.key, Source: "the statement"}, {Key: p.defaultKey, Source: fmt.Sprintf("its %T, of a database that no bind has", unwrap(stmt.ConnPool))}},
		Way:    "let the plugin begin the transaction (db.Transaction, SQLTx), or choose with bindkey.Use",
	}
}

func (b *bind) has(at *dbpool.Pool) bool {
	if !b.isOpen() {
		return false
	}
	for _, pool := range b.sources {
		if pool.real == at {
			return true
		}
	}
	for _, pool := range b.replicas {
		if pool.real == at {
			return true
		}
	}
	return false
}
