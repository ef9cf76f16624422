package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
)

// A record is what routing knows of a statement that is not a common one: it has
// a Use, an AllowCrossBind or dbresolver's Read or Write, it runs inside another
// that has a Use, or it is on a connection of the application's own. The
// statement's pool carries it, since the pool is all that GORM always hands on to
// hooks, associations and preloads, and to what is chained on the result: so it
// names its statement. A common statement has none.
type record struct {
	stmt *gorm.Statement // whose it is
	bind *bind
	// ambient is where what has no key goes, in the statements that run inside
	// this one: the bind of its Use, or of the Use around it; or nil.
	ambient *bind
	// chain is a Use in a chain inside a transaction, before the statement is
	// routed: in the place of ambient, since its key may be unknown.
	chain *use
	// use is the statement's Use, or that of the statement it was derived from;
	// or nil. It holds for derived models of from.
	use  *use
	from *bind
	// before is the statement's pool before GORM began to save, delete or preload
	// associations; nil: it does not.
	before gorm.ConnPool
	// trusted statements go where they go, whatever tables they name: with Use or
	// AllowCrossBind, or the migrator's.
	trusted bool
	// hasOperation says that dbresolver's Read or Write is in the statement's Settings,
	// which GORM copies to preloads and associations.
	hasOperation bool
	// refused is why a statement in DryRun would not be sent.
	refused *CrossBindError
	// own is the pool that a connection of the application's own is of; nil: there is no such
	// connection, or nobody knows.
	own *boundPool
}

// A statementConn is the connection pool of a statement that has a record.
// Outside transactions it is a statementPool, in one a statementTx: GORM tells
// the two apart by their methods.
type statementConn struct {
	onDemand
	plugin *Plugin
	record
	pool gorm.ConnPool // a bound pool, a branch, a transaction, or the application's own
}

// A statementPool is the pool of a statement outside transactions.
type statementPool struct{ statementConn }

// A statementTx is the pool of a statement in a transaction.
type statementTx struct {
	statementConn
	tx gorm.Tx // the pool
}

// withRecord is a pool as that of a statement with a record.
func (p *Plugin) withRecord(pool gorm.ConnPool, r record) gorm.ConnPool {
	if tx, ok := pool.(gorm.Tx); ok {
		s := &statementTx{statementConn{plugin: p, record: r, pool: pool}, tx}
		s.finder = &s.statementConn
		return s
	}
	s := &statementPool{statementConn{plugin: p, record: r, pool: pool}}
	s.finder = &s.statementConn
	return s
}

// recordIn is the record that a pool carries, or nil.
func recordIn(pool gorm.ConnPool) *record {
	switch pool := pool.(type) {
	case *statementPool:
		return &pool.record
	case *statementTx:
		return &pool.record
	case *gorm.PreparedStmtDB:
		return recordIn(pool.ConnPool)
	case *gorm.PreparedStmtTX:
		return recordIn(pool.Tx)
	default:
		return nil
	}
}

// recordOf is a statement's own record, once it is routed; or nil.
func recordOf(stmt *gorm.Statement) *record {
	if r := recordIn(stmt.ConnPool); r != nil && r.stmt == stmt {
		return r
	}
	return nil
}

// around is the record of the statement that a statement was derived from, while
// it derives; or nil.
func around(stmt *gorm.Statement) *record {
	if r := recordIn(stmt.ConnPool); r != nil && r.stmt != stmt && r.before != nil {
		return r
	}
	return nil
}

func (s *statementConn) conn(ctx context.Context) (gorm.ConnPool, error) {
	if b, err := s.chainBranch(ctx); b != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return b.conn(ctx)
	}
	switch pool := s.pool.(type) {
	case *boundPool:
		return pool.ConnPool, nil
	case connFinder:
		return pool.conn(ctx)
	default:
		return pool, nil
	}
}

func (s *statementConn) owner() *Plugin { return s.plugin }

func (s *statementConn) prepares(ctx context.Context) (gorm.ConnPool, *dbpool.Pool, error) {
	if b, err := s.chainBranch(ctx); b != nil || err != nil {
		if err != nil {
			return nil, nil, err
		}
		return b.prepares(ctx)
	}
	switch pool := s.pool.(type) {
	case *boundPool:
		return pool.plainConn(), pool.real, nil
	case connFinder:
		return pool.prepares(ctx)
	default:
		return pool, nil, nil
	}
}

// chainBranch is the branch of a Use in a chain, for what is asked of the pool itself,
// past GORM's callbacks; or nil.
func (s *statementConn) chainBranch(ctx context.Context) (*branch, error) {
	t := transactionIn(s.pool)
	if s.stmt != nil || t == nil {
		return nil, nil
	}
	b := s.ambient
	if s.chain != nil {
		var err error
		if b, err = t.plugin.lookup(s.chain.key, ""); err != nil {
			return nil, err
		}
	}
	if b == nil {
		return nil, nil
	}
	return t.branchOf(ctx, b)
}

// context is the transaction's, for who has none.
func (s *statementConn) context() context.Context {
	if t := transactionIn(s.pool); t != nil {
		return t.xact.Context()
	}
	return context.Background()
}

// guard looks at what is sent, with what the record knows.
func (s *statementConn) guard(ctx context.Context, query string, args []any) (string, error) {
	b := s.bind
	if b == nil {
		branch, err := s.chainBranch(ctx)
		if err != nil || branch == nil {
			return query, err
		}
		return branch.guard(ctx, query, args)
	}
	if br := branchIn(s.pool); br != nil {
		if err := br.refuseControl(query); err != nil {
			return "", err
		}
	}
	return b.guard(ctx, query, args, s.ambient, s.trusted)
}

func (s *statementConn) databaseFailed(err error) {
	if br := s.answering(); br != nil {
		br.databaseFailed(err)
	}
}

func (s *statementConn) sends() SentStatement {
	if br := s.answering(); br != nil {
		return br.sends()
	}
	switch pool := s.pool.(type) {
	case *boundPool:
		return pool.sends()
	case connFinder:
		return pool.sends()
	}
	switch at := s.place(); { // on a connection of the program's own
	case at != nil:
		return at.sends()
	case s.bind != nil:
		return SentStatement{Placement: Placement{Key: s.bind.key}}
	default:
		return SentStatement{}
	}
}

func (s *statementConn) given(answer any, text string) {
	if br := s.answering(); br != nil {
		br.given(answer, text)
	}
}

// answering is the branch that has been asked, or nil.
func (s *statementConn) answering() *branch {
	if br := branchIn(s.pool); br != nil {
		return br
	}
	br, err := s.chainBranch(s.context())
	if t, ok := s.pool.(*transaction); ok && br == nil && err == nil {
		br, _ = t.itself()
	}
	return br
}

func (s *statementConn) GetDBConn() (*sql.DB, error) {
	if b, err := s.chainBranch(s.context()); b != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return b.GetDBConn()
	}
	return dbpool.DBOf(s.pool)
}

// bindIn is the bind whose pool or branch a pool is, or nil.
func bindIn(pool gorm.ConnPool) *bind {
	if bound, ok := pool.(*boundPool); ok {
		return bound.bind
	}
	if br := branchIn(pool); br != nil {
		return br.pool.bind
	}
	return nil
}

// branchIn is the branch that a pool is, or nil.
func branchIn(pool gorm.ConnPool) *branch {
	switch pool := pool.(type) {
	case *branch:
		return pool
	case *preparedBranch:
		return pool.branch
	default:
		return nil
	}
}

// BeginTx begins GORM's default transaction around the statement, or one of the
// application's on the result, which has inherited the statement's Use.
func (s *statementPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	bound, ok := s.pool.(*boundPool)
	if !ok { // a connection of the application's own
		tx, err := dbpool.Over(s.pool).Begin(ctx, opts)
		if err != nil {
			return nil, err
		}
		return s.plugin.withRecord(tx, s.record), nil
	}
	begun, err := bound.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	t := transactionIn(begun)
	t.ambient = s.ambient
	if s.use != nil {
		t.beganWith = append(t.beganWith, s.use.origin())
	}
	return s.plugin.withRecord(begun, s.record), nil
}

func (s *statementTx) StmtContext(ctx context.Context, stmt *sql.Stmt) *sql.Stmt {
	if b, err := s.chainBranch(s.context()); b != nil && err == nil {
		return b.StmtContext(ctx, stmt)
	}
	return s.tx.StmtContext(ctx, stmt)
}

// unwrapRecord is the pool that one with a record stands for.
func unwrapRecord(pool gorm.ConnPool) gorm.ConnPool {
	switch wrapped := pool.(type) {
	case *statementPool:
		return wrapped.pool
	case *statementTx:
		return wrapped.pool
	default:
		return pool
	}
}
