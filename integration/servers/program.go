package servers

import (
	"database/sql"
	"database/sql/driver"
)

// What a program needs that is no test: the same databases, with errors in place
// of a testing.TB.

// Address is where its server listens.
func (d *Database) Address() (network, address string, err error) {
	return d.Server.engine.address(d.dsn)
}

// DSN is the database's DSN with settings of the driver or of the session, and
// at another address (a TCP proxy's) unless that is empty.
func (d *Database) DSN(at string, settings map[string]string) (string, error) {
	return d.Server.engine.through(d.dsn, at, settings)
}

// Open opens a pool at a DSN of the server's.
func (s *Server) Open(dsn string) (*sql.DB, error) {
	connector, err := s.engine.connector(dsn, nil)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Connector makes connections to a DSN of the server's, for a program that wraps them.
func (s *Server) Connector(dsn string) (driver.Connector, error) { return s.engine.connector(dsn, nil) }

// DSNOf is the DSN of a database on the server, by its name.
func (s *Server) DSNOf(database string) (string, error) {
	return s.engine.withDatabase(s.dsn(), database)
}
