// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files, and itself, when it looks for the line of the program that
// made a statement (utils.CallerFrame).

package bindkey

import (
	"context"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/logplace"
)

// placedAt is a context whose log lines tell a place and a transaction; nil: none.
func placedAt(ctx context.Context, at *boundPool, tx *transaction) *logplace.Context {
	number := uint64(0)
	if tx != nil {
		number = tx.number
	}
	if at == nil {
		return logplace.At(ctx, nil, number)
	}
	return logplace.At(ctx, at, number)
}

// Place is of logplace.Placer.
func (b *boundPool) Place() logplace.Place { return logplace.Place(b.placement()) }

// tell has a routed statement's log line tell where it goes: its logger may be one that
// a session has brought.
func (p *Plugin) tell(db *gorm.DB) {
	if db.Config.Logger == logger.Discard {
		return
	}
	stmt := db.Statement
	stmt.Context = placedAt(stmt.Context, boundPoolIn(stmt.ConnPool), transactionIn(stmt.ConnPool))
	telling, is := logplace.Telling(db.Config.Logger)
	if is || !p.logsTexts && logplace.IsRecorder(db.Config.Logger) {
		return // Scan records for the logger of its session, which is the handle's in most programs (finisher_api.go)
	}
	config := *db.Config // sessions share theirs
	config.Logger = telling
	db.Config = &config
}

// tellTransaction adds the number of the default transaction that GORM has begun around a
// statement.
func tellTransaction(stmt *gorm.Statement) {
	if placed, tx := logplace.In(stmt.Context), transactionIn(stmt.ConnPool); placed != nil && tx != nil {
		placed.Tx = tx.number
	}
}

// untold is a context in which no statement around tells its place.
func untold(ctx context.Context) context.Context {
	if logplace.In(ctx) == nil {
		return ctx
	}
	return placedAt(ctx, nil, nil)
}

// tellBeside has the lines of a session of the bind's plain handle tell its place.
func (b *bind) tellBeside(session *gorm.DB, tx *transaction) {
	if !b.plugin.logBinds {
		return
	}
	stmt := session.Statement
	at := boundPoolIn(stmt.ConnPool)
	if at == nil {
		at = b.poolOf(stmt.ConnPool)
	}
	session.Config.Logger, _ = logplace.Telling(session.Config.Logger)
	placed := placedAt(stmt.Context, at, tx)
	placed.Texts = logplace.InSQL(session.Config.Logger)
	stmt.Context = placed
}

// tellScans has Scan in a session of the bind's plain handle tell its place, too: the
// migrators of dialects ask so. It records for the logger of its session, whose
// ParamsFilter it does not ask (finisher_api.go).
func (b *bind) tellScans() error {
	if !b.plugin.logBinds {
		return nil
	}
	return b.plain.Callback().Row().Before("gorm:row").Register("bindkey:tell", func(db *gorm.DB) {
		if placed := logplace.In(db.Statement.Context); placed == nil || !placed.Texts || !logplace.IsRecorder(db.Config.Logger) {
			return
		}
		config := *db.Config
		config.Logger = logplace.Texts(config.Logger)
		db.Config = &config
	})
}

// poolOf is the bind's pool that is a connection pool of database/sql, or that one of its
// transactions or connections is of; or nil.
func (b *bind) poolOf(conn gorm.ConnPool) *boundPool {
	if g, ok := conn.(*gate); ok {
		return g.pool
	}
	for _, pool := range b.plugin.realPools() {
		if pool.Conn == conn {
			return b.at(pool)
		}
	}
	if value := reflect.ValueOf(conn); value.Kind() != reflect.Pointer || value.Elem().Kind() != reflect.Struct {
		return nil
	}
	return b.at(b.plugin.ownerOf(conn))
}
