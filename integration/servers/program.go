package servers

import (
	"database/sql"
	"fmt"
)

// What a program needs that is no test: the same databases, with errors in place
// of a testing.TB.

// Create creates a database with a unique name, which the caller drops.
func (s *Server) Create(label string) (*Database, error) {
	s.asking.Do(func() { s.absent = s.connect() })
	if s.absent != nil {
		return nil, fmt.Errorf("no %s answers at the address in %s (or its default): %w", s.Name, s.variable, s.absent)
	}
	return s.create(label)
}

// Drop drops it, whoever is still connected.
func (d *Database) Drop() error { return d.drop() }

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
