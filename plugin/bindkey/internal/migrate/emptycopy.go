package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"gorm.io/gorm"
)

// emptyCopy makes a database in memory with the tables of a SQLite database,
// and no rows.
func emptyCopy(ctx context.Context, source gorm.ConnPool) (_ *sql.Conn, closeAll func(), err error) {
	db, err := sqlDBOf(source)
	if err != nil {
		return nil, nil, fmt.Errorf("its pool is no *sql.DB, whose driver Plan needs: %w", err)
	}
	memory := sql.OpenDB(connector(func() (driver.Conn, error) { return db.Driver().Open(":memory:") }))
	conn, err := memory.Conn(ctx)
	if err != nil {
		_ = memory.Close()
		return nil, nil, err
	}
	closeAll = func() {
		_ = conn.Close()
		_ = memory.Close()
	}
	if err := copyTables(ctx, db, conn); err != nil {
		closeAll()
		return nil, nil, err
	}
	return conn, closeAll, nil
}

func sqlDBOf(pool gorm.ConnPool) (*sql.DB, error) {
	switch pool := pool.(type) {
	case *sql.DB:
		return pool, nil
	case gorm.GetDBConnector:
		return pool.GetDBConn()
	default:
		return nil, gorm.ErrInvalidDB
	}
}

// A connector makes a *sql.DB of a function.
type connector func() (driver.Conn, error)

func (c connector) Connect(context.Context) (driver.Conn, error) { return c() }
func (c connector) Driver() driver.Driver                        { return nil }

func copyTables(ctx context.Context, from *sql.DB, to *sql.Conn) error {
	rows, err := from.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
		ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, ddl string
		if err := rows.Scan(&name, &ddl); err != nil {
			return err
		}
		// A virtual table has made its own tables by now.
		var made int
		if err := to.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", name).Scan(&made); err != nil {
			return err
		}
		if made > 0 {
			continue
		}
		if _, err := to.ExecContext(ctx, ddl); err != nil {
			return fmt.Errorf("copy %q: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var keys int
	if err := from.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&keys); err != nil {
		return err
	}
	_, err = to.ExecContext(ctx, fmt.Sprintf("PRAGMA foreign_keys = %d", keys))
	return err
}
