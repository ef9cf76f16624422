// Package product has what is known of each database product, one file for each.
// A new one is a file, and a line in Of; where its catalog has names of its own,
// they stand in Everywhere. A profile is the same for all binds of a product: what
// a server's settings say belongs to the bind.
package product

import (
	"context"
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
	// lost reports whether an error of its driver says that the connection went
	// away; nil: none is known but database/sql's and the network's.
	lost func(error) bool
	// endsTransaction reports whether an error says that the server has rolled the
	// transaction back; nil: it never does so by itself.
	endsTransaction func(error) bool
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

// EndsTransaction reports whether an error of a statement says that the server has
// rolled the whole transaction back, and runs what follows outside of one.
func (p *Profile) EndsTransaction(err error) bool {
	return p.endsTransaction != nil && p.endsTransaction(err)
}
