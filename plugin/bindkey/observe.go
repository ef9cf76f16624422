package bindkey

import (
	"context"
	"database/sql"
)

// Observe has observers told of what the plugin does: of statements, of transactions and
// their branches, and of what it refuses. With several, each is told, in their order.
// Without the option nobody is told, and nothing is spent on it.
//
// Package plugin/bindotel is an observer that makes OpenTelemetry's spans and metrics.
func Observe(list ...Observer) Option {
	return func(c *config) error {
		c.observers = append(c.observers, list...)
		return nil
	}
}

// Observe has observers told, as the option [Observe] does, for who is given a plugin that
// somebody else has made: a test kit, say. It returns the plugin, so that calls chain. A
// call after the plugin was installed changes nothing, and logs an error.
func (p *Plugin) Observe(list ...Observer) *Plugin {
	if p.lateCall("Observe was called after db.Use; call it before") {
		return p
	}
	p.observers = append(p.observers, list...)
	return p
}

// An Observer has functions that are told of what the plugin does; those that are nil
// are not called. They run on the goroutine whose work they are told of, which waits for
// them, and several may run at once. A panic in one is the program's. One that is told of a
// check, COMMIT, ROLLBACK or the end of a transaction does not keep that from ending: its
// panic comes out of the program's Commit or Rollback, behind all that.
//
// Context flows: what Begin returns is the transaction's context, and what Statement
// returns is the context that the driver gets. Both must come from the one they were
// given, and nil stands for that.
type Observer struct {
	// Installed is told of the plugin once its binds are open. What it returns, if not
	// nil, is called by [Plugin.Close], or if the installation fails after all.
	Installed func(*Plugin) (closed func())
	// Statement is told of a statement that is about to be sent, and what it returns, if
	// not nil, of its end: with the error of the database, or of reading its answer. GORM
	// reads the answer itself, but for Row and Rows, whose statement ends before its rows
	// are read.
	Statement func(context.Context, SentStatement) (context.Context, func(error))
	// Begin is told of a transaction that begins, with the context of the program's
	// Begin. GORM's default transaction around a write is one. No database is asked yet.
	Begin func(context.Context) context.Context
	// Stage is told of what is about to happen in a branch of a transaction, with the
	// transaction's context, and what it returns, if not nil, of the answer.
	Stage func(context.Context, BranchStage) func(error)
	// End is told once what has become of a transaction, with the transaction's context,
	// before the functions of [AfterCommit] and [AfterRollback] are called. A program that
	// neither commits nor rolls back ends no transaction, also when its context has ended.
	End func(context.Context, TransactionEnd)
	// Refused is told of a statement that the plugin has not sent, and why: one of its
	// typed errors.
	Refused func(context.Context, error)
}

// A SentStatement is one that is sent to a database: by GORM, by the plugin beside a
// statement, or by the program past GORM's callbacks, through the pool of its *gorm.DB.
// What the program sends through a *sql.DB, a *sql.Tx or a *sql.Stmt is not seen, nor is
// what the migrator sends outside of a transaction.
type SentStatement struct {
	// Placement is where it goes, as [PlacementOf] tells it. The role is empty on a connection
	// of the program's own whose database no bind has.
	Placement
	// DB is the connection pool that it is sent to: the tenant's own, of a bind with tenants.
	// It is nil for one that is no *sql.DB, and where nobody knows the pool.
	DB *sql.DB
	// SQL is the text that is sent, with placeholders. It has values only where the program
	// has written them into it.
	SQL string
	// Table is the statement's table where GORM builds the SQL; empty for SQL that the
	// program has written.
	Table string
	// Transaction is the context of the transaction that the statement is in; nil: none.
	Transaction context.Context
}

// A Stage is what happens in a branch of a transaction.
type Stage string

// The stages of a branch. Others may come.
const (
	StageBegin      Stage = "BEGIN"
	StageCheck      Stage = "CHECK" // whether it is alive and still in its transaction
	StageSavepoint  Stage = "SAVEPOINT"
	StageRollbackTo Stage = "ROLLBACK TO SAVEPOINT"
	StagePrepare    Stage = "PREPARE" // it promises to commit ([TwoPhase])
	StageDecide     Stage = "DECIDE"  // the decision is written, in the decider's branch
	StageCommit     Stage = "COMMIT"
	StageRollback   Stage = "ROLLBACK"
)

// A BranchStage is a stage of the branch of a transaction in one bind.
type BranchStage struct {
	Placement // of the branch
	Stage     Stage
	DB        *sql.DB // the branch's connection pool, as in [SentStatement]
}

// An Outcome is what has become of a transaction.
type Outcome string

// The outcomes of a transaction.
const (
	Committed  Outcome = "committed"   // in every database
	RolledBack Outcome = "rolled back" // in every database
	Doomed     Outcome = "doomed"      // rolled back, since a failure that GORM drops left no choice
	Partial    Outcome = "partial"     // committed in some databases only
	Unknown    Outcome = "unknown"     // nobody knows of one COMMIT whether it took place
)

// A TransactionEnd says what has become of a transaction.
type TransactionEnd struct {
	Outcome    Outcome
	Committed  []string // binds whose branch is committed, in the order of their COMMITs
	Failed     string   // the bind whose COMMIT failed or is unknown, where the outcome is Partial or Unknown
	RolledBack []string // binds whose branch is rolled back
	// Err is why a COMMIT did not take place as a whole, or what failed in a ROLLBACK; or why
	// the program has got no transaction, since its first BEGIN failed.
	Err error
}
