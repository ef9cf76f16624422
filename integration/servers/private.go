package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var preparing struct {
	once   sync.Once
	server *Server
	stop   func() error
	err    error
}

// PrivateFsync has the server that PreparingPostgreSQL starts write to its disk as one in
// production does. No test needs that.
var PrivateFsync bool

// PreparingPostgreSQL is a PostgreSQL that prepares transactions: the one of tests if
// its max_prepared_transactions is above 0, which it is not by default, or else one
// that this process starts, out of the same installed programs, for itself alone.
// GORMBIND_POSTGRES_BIN is the folder of the programs, if they are not found. [Main]
// stops it, and so does StopPrivate.
func PreparingPostgreSQL() (*Server, error) {
	preparing.once.Do(func() { preparing.server, preparing.stop, preparing.err = startPreparing() })
	return preparing.server, preparing.err
}

// NeedPreparing skips the test if there is no such server, or fails it where
// REQUIRE_SERVERS is set.
func NeedPreparing(t testing.TB) *Server {
	t.Helper()
	server, err := PreparingPostgreSQL()
	switch {
	case err == nil:
	case Required():
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return server
}

// StopPrivate stops the server that this process has started, if it has.
func StopPrivate() error {
	if preparing.stop == nil {
		return nil
	}
	stop := preparing.stop
	preparing.stop = nil
	return stop()
}

func startPreparing() (*Server, func() error, error) {
	if PostgreSQL.Answers() == nil {
		var most string
		if err := PostgreSQL.admin.QueryRow("SHOW max_prepared_transactions").Scan(&most); err == nil && most != "0" {
			return PostgreSQL, nil, nil
		}
	}
	bin, err := postgresPrograms()
	if err != nil {
		return nil, nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "gormbind-postgres")
	if err != nil {
		return nil, nil, err
	}
	stop, err := startPostgres(bin, dir, port)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start a PostgreSQL that prepares transactions: %w", err), os.RemoveAll(dir))
	}
	server := PostgreSQL.At(fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", port))
	return server, func() error {
		if server.admin != nil {
			_ = server.admin.Close()
		}
		return errors.Join(stop(), os.RemoveAll(dir))
	}, nil
}

// postgresPrograms is the folder of initdb and postgres.
func postgresPrograms() (string, error) {
	if bin := os.Getenv("GORMBIND_POSTGRES_BIN"); bin != "" {
		return bin, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return filepath.Dir(found[len(found)-1]), nil
		}
	}
	return "", errors.New("no PostgreSQL prepares transactions: the one of tests has max_prepared_transactions = 0, and the programs initdb and postgres are not found (GORMBIND_POSTGRES_BIN)")
}
