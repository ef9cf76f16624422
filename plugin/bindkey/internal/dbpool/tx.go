package dbpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A Tx is a transaction on a connection that goes back to its pool only when the
// transaction has ended well. database/sql gives it back whatever COMMIT and ROLLBACK
// answer: a transaction that is still open would be the next user's.
type Tx struct {
	gorm.Tx // what statements are sent to: a *sql.Tx, or what a pool of another kind has begun

	conn    *sql.Conn // nil: the pool keeps it to itself
	product *product.Profile
	two     *preparing // nil: it is committed in one phase
	ending  atomic.Bool
}

// Commit commits.
func (t *Tx) Commit() error {
	if t.conn != nil && t.ending.Swap(true) {
		return sql.ErrTxDone
	}
	if t.finishes() {
		return t.ended(t.finish(t.two.two.Commit))
	}
	return t.ended(t.Tx.Commit())
}

// finishes reports whether the end is that of a prepared branch which BEGIN has begun.
func (t *Tx) finishes() bool { return t.two != nil && t.two.done && t.two.held == nil }

// Rollback rolls back. What the database has rolled back by itself is no failure.
// While COMMIT has no answer yet it is [sql.ErrTxDone], and does not wait.
func (t *Tx) Rollback() error {
	if t.conn != nil && t.ending.Swap(true) {
		return sql.ErrTxDone
	}
	if t.finishes() {
		return t.ended(t.finish(t.two.two.Rollback))
	}
	err := t.ended(t.Tx.Rollback())
	if t.product.RolledBack(err) {
		return nil
	}
	return err
}

func (t *Tx) ended(err error) error {
	switch {
	case t.conn == nil:
	case err != nil:
		t.Discard()
	default:
		t.giveBack()
	}
	return err
}

// Discard closes the connection of a transaction that has ended, or of one that has
// not begun, in the place of giving it back. A database inside the process is asked
// first: one in memory is gone with its connection.
func (t *Tx) Discard() {
	if t.conn == nil {
		return
	}
	if t.product.Inside && errors.Is(t.product.Ask(context.Background(), t.conn, true), product.ErrEnded) {
		t.giveBack()
		return
	}
	if t.Named() {
		t.two.held.letGo(true)
		return
	}
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
}

func (t *Tx) giveBack() {
	if t.Named() {
		t.two.held.letGo(false)
	}
	_ = t.conn.Close()
}
