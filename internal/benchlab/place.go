package benchlab

import (
	"database/sql"
	"errors"

	"gorm.io/gorm"
)

// The binds, which are also the names of their databases. Every database has
// all tables with the same rows (see [Seed]).
const (
	Home  = "main" // the default bind
	Other = "analytics"
)

// replicas are the databases that reads of Other go to where it has some.
var replicas = []string{"replica-1", "replica-2"}

// A Place is where the databases of the contenders are.
type Place interface {
	// Begin is called before the first Open of a run, with a folder that is
	// removed at its end, and End after the last. Where Begin fails with
	// [ErrAbsent], the place's work is left out.
	Begin(dir string) error
	End() error
	// Open opens the databases of one contender. The turn counts the
	// contenders of one sitting; what two turns get is not shared.
	Open(turn int, databases []string) (map[string]*sql.DB, error)
	// Dialector speaks a database's dialect on its pool.
	Dialector(database string, pool *sql.DB) gorm.Dialector
	// DryRun says that there is nothing behind the pools.
	DryRun() bool
}

// ErrAbsent is a place's that is not there: a server that does not answer.
var ErrAbsent = errors.New("absent")
