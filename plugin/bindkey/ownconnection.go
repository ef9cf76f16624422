package bindkey

import (
	"database/sql"
	"fmt"
	"reflect"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// foreign handles a pool that is not the plugin's: a transaction or connection
// of the application's own stays where it is, if that is where the statement
// belongs; anything else is an error.
func (p *Plugin) foreign(db *gorm.DB, kind statementKind, found *destination, pool gorm.ConnPool) error {
	stmt, b := db.Statement, found.bind
	switch pool.(type) {
	case *sql.Tx, *sql.Conn:
		at := p.ownerOf(pool)
		if at == nil || b.has(at) || b.hasSourceAt(at) {
			if found.route {
				stmt.ConnPool, found.own = pool, true
				p.keep(stmt, found, nil, false)
			}
			return p.unowned(stmt, b, at)
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

// unowned allows an application's transaction or connection of a database that
// no bind has for statements of the default bind, and of the bind of Use.
func (p *Plugin) unowned(stmt *gorm.Statement, b *bind, at *dbpool.Pool) error {
	if at != nil || b == p.defaultBind() || useOf(stmt) != nil {
		return nil
	}
	return &CrossBindError{
		Claims: []Claim{{Key: b.key, Source: "the statement"}, {Key: p.defaultKey, Source: fmt.Sprintf("its %T, of a database that no bind has", unwrap(stmt.ConnPool))}},
		Way:    "let the plugin begin the transaction (db.Transaction, SQLTx), or choose with bindkey.Use",
	}
}

// ownerOf is the real pool that a transaction or connection of database/sql
// came from, or nil. Both hold their *sql.DB in a field that GORM's DB reads
// too (gorm.go).
func (p *Plugin) ownerOf(conn gorm.ConnPool) *dbpool.Pool {
	field := reflect.ValueOf(conn).Elem().FieldByName("db")
	if !field.IsValid() || field.Kind() != reflect.Pointer {
		return nil
	}
	for _, pool := range p.realPools() {
		if db, err := pool.DB(); err == nil && reflect.ValueOf(db).Pointer() == field.Pointer() {
			return pool
		}
	}
	return nil
}

// bindAt is the bind of an application's transaction or connection: the default
// bind where no bind has its database.
func (p *Plugin) bindAt(conn gorm.ConnPool) *bind {
	switch conn.(type) {
	case *sql.Tx, *sql.Conn:
		if at := p.ownerOf(conn); at != nil {
			if b, err := p.lookup(p.bindsOf(at), ""); err == nil {
				return b
			}
		}
	}
	return p.defaultBind()
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

// bindsOf names the first bind that has a real pool.
func (p *Plugin) bindsOf(at *dbpool.Pool) string {
	for _, key := range p.known() {
		if b, err := p.lookup(key, ""); err == nil && b.has(at) {
			return key
		}
	}
	return ""
}
