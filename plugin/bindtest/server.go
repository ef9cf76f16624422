package bindtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// A Server is a database server, on which [Open] makes a database for each bind that
// [On] names: of a unique name, dropped when the test ends. If the test has failed, the
// database is kept, and the log has its name.
//
//	var postgres = bindtest.Server{
//		Driver:    "pgx",
//		DSN:       func(database string) string { return "host=127.0.0.1 user=postgres dbname=" + database },
//		Dialector: func(pool gorm.ConnPool) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
//	}
//
// PostgreSQL, MySQL and MariaDB are known. The user must be allowed to create
// databases.
type Server struct {
	// Driver is the driver's name in database/sql: "pgx", "mysql". The program
	// imports it, with its dialector.
	Driver string
	// DSN is the DSN of a database on the server.
	DSN func(database string) string
	// Dialector speaks the server's dialect on a pool that is open.
	Dialector func(gorm.ConnPool) gorm.Dialector
	// Admin is the database that CREATE DATABASE is sent to: by default "postgres"
	// on PostgreSQL, and none on MySQL.
	Admin string
}

// patience is how long making or dropping a database may take.
const patience = 30 * time.Second

// create makes a database. No error has a DSN.
func (s Server) create(at place) (*database, error) {
	if s.Driver == "" || s.DSN == nil || s.Dialector == nil {
		return nil, errors.New("the Server needs Driver, DSN and Dialector")
	}
	name, err := uniqueName(at.String())
	if err != nil {
		return nil, err
	}
	if err := s.admin("CREATE DATABASE " + name); err != nil {
		return nil, fmt.Errorf("CREATE DATABASE %s: %w", name, err)
	}
	made := &database{name: name, dialector: s.Dialector, drop: func(t TB) { s.drop(t, at.String(), name) }}
	if made.connector, err = connectorOf(s.Driver, s.DSN(name)); err != nil {
		return made, fmt.Errorf("the DSN of the Server can't be read by the driver %q", s.Driver)
	}
	return made, nil
}

// drop drops a database, unless the test has failed.
func (s Server) drop(t TB, key, name string) {
	t.Helper()
	if t.Failed() {
		t.Logf("bindtest: the database %s of bind %q is kept, since the test has failed; drop it with: DROP DATABASE %s", name, key, name)
		return
	}
	statement := "DROP DATABASE " + name
	if s.Dialector(nil).Name() == "postgres" {
		statement += " WITH (FORCE)"
	}
	if err := s.admin(statement); err != nil {
		t.Errorf("bindtest: %s: %v", statement, err)
	}
}

// admin sends a statement to the server.
func (s Server) admin(statement string) error {
	admin := s.Admin
	switch dialect := s.Dialector(nil).Name(); dialect {
	case "postgres":
		if admin == "" {
			admin = "postgres"
		}
	case "mysql":
	default:
		return fmt.Errorf("bindtest.Server does not know servers of the dialect %q; it knows postgres and mysql", dialect)
	}
	pool, err := sql.Open(s.Driver, s.DSN(admin))
	if err != nil {
		return fmt.Errorf("the DSN of the Server can't be read by the driver %q, or nobody has imported that", s.Driver)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = pool.ExecContext(ctx, statement)
	return err
}
