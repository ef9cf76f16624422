//go:build cgo

package equivalence

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

func openRaw(dsn string) (rawConn, error) {
	opened, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return opened.(*sqlite3.SQLiteConn), nil
}

// copyInto makes one database what another one is.
func copyInto(to, from rawConn) error {
	backup, err := to.(*sqlite3.SQLiteConn).Backup("main", from.(*sqlite3.SQLiteConn), "main")
	if err != nil {
		return err
	}
	if _, err := backup.Step(-1); err != nil {
		return errors.Join(err, backup.Finish())
	}
	return backup.Finish()
}
