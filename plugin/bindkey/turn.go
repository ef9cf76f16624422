package bindkey

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// A turn lets the goroutines that share a branch take turns: one statement's
// rows are read before the next is sent. database/sql does not see to that in
// a transaction, and drivers answer "busy", mix answers up, or panic.
//
// It is the statement's pool while one of GORM's own callbacks runs it, and
// begins when that has built its SQL, since building may ask the database
// (gorm.Valuer). Rows, Row and Scan hand their rows out before they are read: no
// turn can cover that.
type turn struct {
	gorm.Tx // the branch, prepared or not
	branch  *branch
	taken   bool
}

// inTurn runs a callback that sends one statement.
func inTurn(callback func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		stmt := db.Statement
		t := turn{}
		switch pool := stmt.ConnPool.(type) {
		case *branch:
			t.Tx, t.branch = pool, pool
		case *preparedBranch:
			t.Tx, t.branch = pool, pool.branch
		}
		if t.Tx == nil || db.DryRun {
			callback(db)
			return
		}
		stmt.ConnPool = &t
		defer func() {
			stmt.ConnPool = t.Tx
			t.end()
		}()
		callback(db)
	}
}

func (t *turn) begin(ctx context.Context) error {
	if t.taken {
		return nil
	}
	select {
	case t.branch.turns <- struct{}{}:
		t.taken = true
		return nil
	default:
	}
	select {
	case t.branch.turns <- struct{}{}:
		t.taken = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turn) end() {
	if t.taken {
		t.taken = false
		<-t.branch.turns
	}
}

func (t *turn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *turn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *turn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := t.begin(ctx); err != nil {
		return errorRow(err)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}
