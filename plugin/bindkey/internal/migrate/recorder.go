package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A recorder is a migrator's connection that changes no database. What the
// migrator asks goes to conn; what it would execute is written down, and goes
// to conn only where that is a scratch database.
type recorder struct {
	conn gorm.ConnPool
	*recording
}

type recording struct {
	dialector  gorm.Dialector
	runs       bool          // conn is a scratch database
	scanned    sqlscan.Cache // a migrator asks the same of each table
	statements []string
	known      map[string]bool
	failed     error // the first question that failed: HasTable and its like drop the error
}

func newRecorder(b Bind, conn gorm.ConnPool) *recorder {
	return &recorder{conn: conn, recording: &recording{dialector: b.Dialector(), known: map[string]bool{}}}
}

// ExecContext writes a statement down. A migrator that finds its own changes
// missing may want one again: an index of MySQL, once for its column and once
// for its table.
func (r *recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	text := query
	if len(args) > 0 {
		text = r.dialector.Explain(query, args...)
	}
	if r.runs {
		result, err := r.conn.ExecContext(ctx, query, args...)
		if err == nil {
			r.statements = append(r.statements, text)
		}
		return result, err
	}
	if !r.known[text] {
		r.known[text] = true
		r.statements = append(r.statements, text)
	}
	return driver.RowsAffected(0), nil
}

// QueryContext asks, if the query only reads: a migrator might make changes
// with RETURNING, or call a function that does.
func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.refuse(query); err != nil {
		return nil, r.fail(err)
	}
	rows, err := r.conn.QueryContext(ctx, query, args...)
	return rows, r.fail(err)
}

func (r *recorder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.refuse(query); err != nil {
		return failedRow(r.fail(err))
	}
	row := r.conn.QueryRowContext(ctx, query, args...)
	_ = r.fail(row.Err())
	return row
}

// PrepareContext is of gorm.ConnPool; migrators run without PrepareStmt.
func (r *recorder) PrepareContext(context.Context, string) (*sql.Stmt, error) {
	return nil, gorm.ErrNotImplemented
}

func (r *recorder) refuse(query string) error {
	if r.runs || r.scanned.Scan(query, product.Of(r.dialector.Name()).SQL).Reads {
		return nil
	}
	return fmt.Errorf("the dialect's migrator sends a query that may change something, and is only to be asked: %s", query)
}

func (r *recorder) fail(err error) error {
	if r.failed == nil {
		r.failed = err
	}
	return err
}

// BeginTx is of gorm.ConnPoolBeginner: SQLite's migrator recreates a table in a
// transaction.
func (r *recorder) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx := &recorderTx{recorder: recorder{r.conn, r.recording}}
	if scratch, ok := r.conn.(gorm.TxBeginner); ok && r.runs {
		begun, err := scratch.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		tx.conn, tx.tx = begun, begun
	}
	return tx, nil
}

// A recorderTx is a recorder in a transaction of its scratch database.
type recorderTx struct {
	recorder
	tx *sql.Tx // nil without one
}

func (t *recorderTx) Commit() error {
	if t.tx == nil {
		return nil
	}
	return t.tx.Commit()
}

func (t *recorderTx) Rollback() error {
	if t.tx == nil {
		return nil
	}
	return t.tx.Rollback()
}

// failedRow is a *sql.Row whose Scan returns err: database/sql has no other way
// to make one than to fail a query.
func failedRow(err error) *sql.Row {
	db := sql.OpenDB(connector(func() (driver.Conn, error) { return nil, err }))
	defer db.Close()
	return db.QueryRowContext(context.Background(), "")
}
