// Package dbpool is the real connection pools: their prepared statements, which of
// them are of one database, and what an error must not tell of their DSNs.
package dbpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/dsn"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A Pool is one connection pool of a database, opened by the plugin or
// given by the application. Two binds may share one; it then has one store of
// prepared statements. Pools of one database have one branch in a transaction.
type Pool struct {
	Conn     gorm.ConnPool
	Opened   bool   // by the plugin, so that Close closes it
	Database string // which it is, for comparison with others; or "" (see DatabaseOf)
	Source   dsn.Source
	// Interruptible: the end of BEGIN's context ends the wait for COMMIT and ROLLBACK.
	Interruptible bool

	store   func() *gorm.PreparedStmtDB // makes stmts once: each starts a goroutine (internal/lru)
	stmts   atomic.Pointer[gorm.PreparedStmtDB]
	storing sync.Mutex

	owning sync.Mutex
	owners map[driver.Conn]string // see ownerOf
}

// Prepared is the pool's store of prepared statements.
func (p *Pool) Prepared() *gorm.PreparedStmtDB {
	if stmts := p.stmts.Load(); stmts != nil {
		return stmts
	}
	p.storing.Lock()
	defer p.storing.Unlock()
	if p.stmts.Load() == nil {
		p.stmts.Store(p.store())
	}
	return p.stmts.Load()
}

// Adopt makes a store of GORM's that of the pool, which has none yet: the one that
// Session with PrepareStmt, or the handle itself, shows in its own pool
// (gorm.PreparedStmtDB), so that its Stmts and Close are what a program expects.
func (p *Pool) Adopt(store *gorm.PreparedStmtDB) {
	if p.stmts.Load() != nil {
		return
	}
	p.storing.Lock()
	defer p.storing.Unlock()
	if p.stmts.Load() == nil {
		p.stmts.Store(&gorm.PreparedStmtDB{ConnPool: p.Conn, Mux: store.Mux, Stmts: store.Stmts})
	}
}

// Forget closes the prepared statements, which may not fit the tables any more.
func (p *Pool) Forget() {
	if stmts := p.stmts.Load(); stmts != nil {
		stmts.Close()
	}
}

// DB is the *sql.DB behind the pool.
func (p *Pool) DB() (*sql.DB, error) { return DBOf(p.Conn) }

// DBOf is the *sql.DB behind a pool of GORM's.
func DBOf(conn gorm.ConnPool) (*sql.DB, error) {
	switch conn := conn.(type) {
	case *sql.DB:
		return conn, nil
	case gorm.GetDBConnector:
		return conn.GetDBConn()
	default:
		return nil, gorm.ErrInvalidDB
	}
}

// Begins reports whether the pool can begin transactions.
func (p *Pool) Begins() bool {
	switch p.Conn.(type) {
	case gorm.TxBeginner, gorm.ConnPoolBeginner:
		return true
	default:
		return false
	}
}

// Begin begins a transaction on the pool, as GORM does (finisher_api.go).
func (p *Pool) Begin(ctx context.Context, opts *sql.TxOptions) (gorm.Tx, error) {
	switch beginner := p.Conn.(type) {
	case gorm.TxBeginner:
		tx, err := beginner.BeginTx(ctx, opts)
		if err != nil {
			return nil, err // not a nil *sql.Tx in a gorm.Tx
		}
		return tx, nil
	case gorm.ConnPoolBeginner:
		conn, err := beginner.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		if tx, ok := conn.(gorm.Tx); ok {
			return tx, nil
		}
	}
	return nil, gorm.ErrInvalidTransaction
}

// BeginPinned begins a transaction on a connection that it keeps until the end, so
// that one which has failed can be discarded. A pool that is no *sql.DB begins it in
// its own way, and keeps the connection to itself. The transaction is put into tx.
func (p *Pool) BeginPinned(ctx context.Context, opts *sql.TxOptions, on *product.Profile, tx *Tx) error {
	tx.product = on
	db, ok := p.Conn.(*sql.DB)
	if !ok {
		begun, err := p.Begin(ctx, opts)
		tx.Tx = begun
		return err
	}
	for more := -1; ; more-- { // attempts; -1: not known yet
		var err error
		if tx.conn, err = db.Conn(ctx); err != nil {
			return err
		}
		begun, err := tx.beginOn(ctx, opts)
		if err == nil {
			tx.Tx = begun
			return nil
		}
		tx.Discard() // nobody knows whether the database has begun
		if more < 0 {
			more = db.Stats().Idle + 1
		}
		if !errors.Is(err, driver.ErrBadConn) || more == 0 {
			return err
		}
		// The connection had been idle, and was lost meanwhile; database/sql has dropped it.
		// It would go on to a new one by itself, but for a connection that is kept.
	}
}

// New is a pool whose store of prepared statements is limited as GORM's are.
func New(conn gorm.ConnPool, opened bool, d gorm.Dialector, maxSize int, ttl time.Duration) *Pool {
	store := func() *gorm.PreparedStmtDB { return gorm.NewPreparedStmtDB(conn, maxSize, ttl) }
	return &Pool{Conn: conn, Opened: opened, Database: DatabaseOf(d, conn), Source: sourceOf(d, conn), Interruptible: interruptible(conn), store: store}
}

// interruptible reports whether the driver is pgx itself: its Commit and Rollback go by
// the context of BEGIN (stdlib/sql.go, wrapTx). What wraps it may do anything.
func interruptible(conn gorm.ConnPool) bool {
	db, ok := conn.(*sql.DB)
	if !ok {
		return false
	}
	of := reflect.TypeOf(db.Driver())
	if of == nil {
		return false // a *sql.DB that nothing has opened
	}
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	return strings.HasPrefix(of.PkgPath(), "github.com/jackc/pgx/") && strings.HasSuffix(of.PkgPath(), "/stdlib")
}

// Over is a pool for its BeginTx alone.
func Over(conn gorm.ConnPool) *Pool { return &Pool{Conn: conn} }

// Close closes the pool, if it was opened by the plugin.
func (p *Pool) Close() error {
	if db, ok := p.Conn.(interface{ Close() error }); ok && p.Opened {
		return db.Close()
	}
	return nil
}
