// Package product has what is known of each database product, one file for each.
// A new one is a file, and a line in Of; where its catalog has names of its own,
// they stand in Everywhere. A profile is the same for all binds of a product: what
// a server's settings say belongs to the bind.
package product

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A Profile is what is known of a database product.
type Profile struct {
	// Name is that of GORM's dialector.
	Name string
	// SQL is how it reads SQL.
	SQL sqlscan.Dialect
	// Variables is how many variables one statement may have, as its server is by
	// default. (Placeholders are the dialector's: nothing here knows them.)
	Variables int
	// Identity asks for what tells one database, and the schema that tables are in,
	// from all others; "": nobody knows how.
	Identity string
	// ForeignKeys asks for those of a table, by its name and its schema, which is ''
	// for the current one; "": nobody knows how. Its columns are name, refers,
	// refers_schema and elsewhere.
	ForeignKeys string
	// AltersByCopy: a table is changed by making it anew, so that what AutoMigrate
	// would run can only be seen on a copy.
	AltersByCopy bool
	// DropsElsewhere: GORM's migrator drops tables on a connection of its own, which
	// would wait for the transaction that the call is made in.
	DropsElsewhere bool
	// Inside: the database runs inside the process. Nobody waits for its answer, and
	// one in memory is gone with its last connection.
	Inside bool
	// TwoPhase is how it prepares transactions; nil: it can't, or nobody knows how.
	TwoPhase *TwoPhase
	// Undeciding: it has no unique keys or no transactions, so that no decision can be
	// kept there.
	Undeciding bool
	now        string
	unsafe     func(ctx context.Context, in Querier) ([]string, error)
	// lost reports whether an error of its driver says that the connection went
	// away; nil: none is known but database/sql's and the network's.
	lost func(error) bool
	// endsTransaction reports whether an error of a statement dooms the transaction:
	// the server has rolled it back; nil: none does.
	endsTransaction func(error) bool
	// ask has a database answer in a transaction. If it is to be sure, it asks, too,
	// whether that is still the one that was begun: [ErrEnded]. nil: any statement
	// tells, COMMIT too, or nobody knows how to ask.
	ask func(ctx context.Context, in Querier, sure bool) error
	// undecided reports whether an error that answers COMMIT leaves open whether the
	// transaction is committed, on a connection that is alive; nil: none does.
	undecided func(error) bool
	// rolledBack reports whether an error that answers ROLLBACK says that there was
	// nothing left to roll back; nil: none does.
	rolledBack func(error) bool
}

// Of is the profile of a dialector, by its name. One that nobody knows reads
// standard SQL, and its driver may be any.
func Of(name string) *Profile {
	switch name {
	case postgres.Name:
		return &postgres
	case mysql.Name:
		return &mysql
	case sqlite.Name:
		return &sqlite
	case sqlServer.Name:
		return &sqlServer
	case clickHouse.Name:
		return &clickHouse
	default:
		return &unknown
	}
}

var unknown = Profile{
	SQL:             sqlscan.Standard,
	Variables:       32766,
	lost:            func(err error) bool { return postgresLost(err) || mysqlLost(err) },
	endsTransaction: mysqlEndsTransaction,
}

// Lost reports whether an error says that the connection went away, so that
// nobody knows whether the database did what it was asked.
func (p *Profile) Lost(err error) bool {
	var netErr net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &netErr) && !errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return p.lost != nil && p.lost(err)
}

// EndsTransaction reports whether an error of a statement dooms the transaction, since
// the server has rolled the whole of it back, and would run what follows outside of one.
func (p *Profile) EndsTransaction(err error) bool {
	return p.endsTransaction != nil && p.endsTransaction(err)
}

// Undecided reports whether nobody knows, after an error that answered COMMIT,
// whether the transaction is committed.
func (p *Profile) Undecided(err error) bool {
	return p.Lost(err) || p.undecided != nil && p.undecided(err)
}

// RolledBack reports whether an error that answered ROLLBACK says that the database
// has rolled back before, by itself.
func (p *Profile) RolledBack(err error) bool {
	return err != nil && p.rolledBack != nil && p.rolledBack(err)
}

// ErrEnded says that a connection is no longer in the transaction that was begun.
var ErrEnded = errors.New("bindkey: the database has rolled the transaction back by itself")

// A Querier is a connection, or a transaction on one.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Asks reports whether a database has to be asked whether a transaction is still
// there after something has failed in it.
func (p *Profile) Asks() bool { return p.ask != nil }

// Ask has a database answer in a transaction; if it is to be sure, it is [ErrEnded]
// where that is not the one that was begun any more.
func (p *Profile) Ask(ctx context.Context, in Querier, sure bool) error {
	if p.ask != nil {
		return p.ask(ctx, in, sure)
	}
	return numbers(ctx, in, "SELECT 1", new(int))
}

// numbers reads the only row of a query.
func numbers(ctx context.Context, in Querier, query string, into ...any) error {
	rows, err := in.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	for rows.Next() { // to the end: some drivers tell only there
		if err := rows.Scan(into...); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
