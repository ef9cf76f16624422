package bindkey

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// A Placement is where a statement goes: a real pool in its role in one bind.
type Placement struct {
	Key  string // the bind's
	Role string // "source", "source-2", …, "replica", "replica-2", …
}

// PlacementOf is where a statement goes, or went: for callbacks, hooks and plugins,
// and for a result, which tells of the statement that has run last on it. It
// allocates nothing.
//
//	db.Callback().Query().After("gorm:query").Register("app:count", func(tx *gorm.DB) {
//		if at, ok := bindkey.PlacementOf(tx); ok {
//			queries.WithLabelValues(at.Key, at.Role).Inc()
//		}
//	})
//
// It is known from the plugin's own callback on, bindkey:route, which runs before all
// others: any Before or After of one of GORM's callbacks is late enough. A callback
// registered Before("*") after the plugin was installed runs ahead of it, and sees
// where the statement's connection came from: that of the statement that it was
// derived from, or chained on, if there is one.
//
// It reports false where no statement has been routed (a new chain, the handle that
// Begin returns), where one was refused, for a pool that another plugin has put in between,
// and for a connection of the program's own whose database no bind has, or after a write in
// GORM's default transaction there.
//
// In a transaction, binds that are in one database share a branch, and all of its statements are
// at the pool of the bind that began it. A statement in DryRun has the place that it would
// have, with the first of several sources or replicas.
func PlacementOf(tx *gorm.DB) (Placement, bool) {
	if tx == nil || tx.Statement == nil {
		return Placement{}, false
	}
	if tx.Error != nil {
		if _, refused := tx.Statement.Settings.Load(refusedSetting); refused {
			return Placement{}, false
		}
	}
	at := boundPoolIn(tx.Statement.ConnPool)
	if at == nil {
		return Placement{}, false
	}
	return at.placement(), true
}

func (b *boundPool) placement() Placement { return Placement{Key: b.bind.key, Role: b.role} }

// nowhere notes that a statement was not sent.
func nowhere(stmt *gorm.Statement) {
	stmt.Settings.Store(refusedSetting, true)
	stmt.Context = untold(stmt.Context)
}

// refusedSetting marks a statement that was not sent, in its Settings: its pool may be
// that of another.
const refusedSetting = "bindkey:refused"

// boundPoolIn is the bound pool that a statement's pool is, or is a branch at; or nil.
func boundPoolIn(pool gorm.ConnPool) *boundPool {
	switch pool := unwrapPrepared(pool).(type) {
	case *boundPool:
		return pool
	case *branch:
		return pool.pool
	case *preparedBranch:
		return pool.pool
	case *statementPool:
		return pool.place()
	case *statementTx:
		return pool.place()
	default:
		return nil
	}
}

func (s *statementConn) place() *boundPool {
	if s.own != nil {
		return s.own
	}
	return boundPoolIn(s.pool)
}

// at is the pool of a bind that a connection of the application's own is of: the bind's
// own, or a source in the same database.
func (b *bind) at(real *dbpool.Pool) *boundPool {
	for _, pools := range [][]*boundPool{b.sources, b.replicas} {
		for _, pool := range pools {
			if pool.real == real {
				return pool
			}
		}
	}
	for _, pool := range b.sources {
		if real != nil && pool.real.Same(real) {
			return pool
		}
	}
	return nil
}
