package onetx

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
)

// The savepoints that stand for the program's transaction, for a statement outside of
// one, and for a look at the constraints.
const (
	program   = "bindtest_transaction"
	statement = "bindtest_statement"
	deferred  = "bindtest_constraints"
)

// A host is the connection that has the one transaction.
type host struct {
	dialect string

	mu     sync.Mutex // one call at a time
	conn   driver.Conn
	tx     driver.Tx
	inside *guest // whose program is in a transaction; or nil
	lost   error  // why the transaction is over before its end
	isOver bool
}

// end rolls everything back.
func (h *host) end() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isOver = true
	err := h.tx.Rollback()
	if h.lost != nil {
		err = nil // there is nothing to roll back
	}
	return join(err, h.conn.Close())
}

func (h *host) savepoint(name string) error {
	return run(context.Background(), h.conn, "SAVEPOINT "+name)
}

func (h *host) release(name string) error {
	return run(context.Background(), h.conn, "RELEASE SAVEPOINT "+name)
}

// undo goes back to a savepoint, and forgets it.
func (h *host) undo(name string) error {
	err := run(context.Background(), h.conn, "ROLLBACK TO SAVEPOINT "+name)
	if err == nil {
		err = h.release(name)
	}
	return h.gone(err)
}

// gone is the error of a savepoint that was there: it means that the transaction is
// over. It remembers that.
func (h *host) gone(err error) error {
	if err == nil {
		return nil
	}
	if h.lost == nil {
		h.lost = err
	}
	return unable("the database has ended the test's transaction by itself (%v); open this test's handle without Rollback", h.lost)
}

// mayCall is why a guest may not call the database; the lock is held.
func (h *host) mayCall(g *guest) error {
	switch {
	case h.isOver || g.dead:
		return driver.ErrBadConn
	case h.lost != nil:
		return h.gone(h.lost)
	case h.inside != nil && h.inside != g && !g.aside:
		return unable("a transaction of the program's is open in this bind, and this is outside of it; both would be one here. Use the transaction's handle, or open this test's handle without Rollback")
	}
	return nil
}

// call makes a call of the real connection for a guest. Outside of a transaction of the
// program's, a statement that fails is undone alone.
func (h *host) call(ctx context.Context, g *guest, text string, real func(context.Context) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.mayCall(g); err != nil {
		return err
	}
	if err := h.ends(text); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if h.inside == g {
		return h.inTransaction(ctx, text, real)
	}
	if err := h.savepoint(statement); err != nil {
		if h.inside != nil {
			return err // that transaction is aborted, and who looks from aside can't
		}
		return h.gone(err)
	}
	if err := send(ctx, real); err != nil {
		return join(err, h.undo(statement))
	}
	return h.gone(h.release(statement))
}

// inTransaction makes a call in the program's transaction.
func (h *host) inTransaction(ctx context.Context, text string, real func(context.Context) error) error {
	err := send(ctx, real)
	if err == nil && strings.EqualFold(strings.TrimSpace(text), "BEGIN") { // of SQLite: there is none any more
		_ = run(context.Background(), h.conn, "ROLLBACK")
		return h.gone(errors.New("it was rolled back"))
	}
	return err
}

// send makes a call whose context ends nothing: drivers close a connection that is
// given up, and with it all.
func send(ctx context.Context, real func(context.Context) error) error {
	if err := real(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return ctx.Err()
}

// begin makes a savepoint of the program's BEGIN.
func (h *host) begin(ctx context.Context, g *guest, opts driver.TxOptions) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if opts.Isolation != 0 || opts.ReadOnly {
		return unable("a transaction that is read-only or has an isolation level of its own can't be part of one that has begun; open this test's handle without Rollback")
	}
	if h.inside != nil && h.inside != g {
		return unable("a transaction of the program's is open in this bind, and this begins another one; both would be one here. Use the transaction's handle, or open this test's handle without Rollback")
	}
	if err := h.mayCall(g); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := h.savepoint(program); err != nil {
		return h.gone(err)
	}
	h.inside = g
	return nil
}

// commit keeps what the program's transaction has done, until the end of the test.
func (h *host) commit(g *guest) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isOver || h.inside != g {
		return driver.ErrBadConn
	}
	h.inside = nil
	err := h.constraints()
	if err == nil {
		err = h.release(program)
	}
	if err == nil {
		return nil
	}
	if undone := h.undo(program); undone != nil {
		return join(err, undone)
	}
	return err
}

// constraints has PostgreSQL check at the program's COMMIT what it would only check at
// the real one, which never comes. Rolling back leaves them deferred.
func (h *host) constraints() error {
	if h.dialect != "postgres" {
		return nil
	}
	if err := run(context.Background(), h.conn, "SAVEPOINT "+deferred); err != nil {
		return err // the transaction is aborted, and COMMIT says so, too
	}
	if err := run(context.Background(), h.conn, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return err
	}
	return run(context.Background(), h.conn, "ROLLBACK TO SAVEPOINT "+deferred)
}

func (h *host) rollback(g *guest) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isOver || h.inside != g {
		return driver.ErrBadConn
	}
	h.inside = nil
	return h.undo(program)
}

// ends is the error of a text that would end the transaction: SQL that controls it, or
// DDL of MySQL, which commits.
func (h *host) ends(text string) error {
	words := strings.Fields(strings.ToUpper(text))
	if len(words) == 0 {
		return nil
	}
	word, next := strings.TrimRight(words[0], ";"), ""
	if len(words) > 1 {
		next = words[1]
	}
	switch word {
	case "COMMIT", "END":
	case "ROLLBACK":
		if next == "TO" || next == "WORK" && len(words) > 2 && words[2] == "TO" {
			return nil
		}
	case "BEGIN", "START":
		if h.dialect == "sqlite" {
			return nil // it says itself that there is a transaction
		}
	case "PRAGMA":
		if name, _, sets := strings.Cut(strings.Join(words[1:], ""), "="); !sets || name != "FOREIGN_KEYS" {
			return nil
		}
		return unable("PRAGMA %s does nothing here: SQLite reads it outside of transactions; open this test's handle without Rollback", strings.ToLower(strings.Join(words[1:], " ")))
	case "CREATE", "DROP":
		if h.dialect != "mysql" || next == "TEMPORARY" {
			return nil
		}
		return implicit(word, next)
	case "ALTER", "TRUNCATE", "RENAME", "LOCK", "UNLOCK", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "REPAIR", "FLUSH":
		if h.dialect != "mysql" {
			return nil
		}
		return implicit(word, next)
	default:
		return nil
	}
	return unable("%s as SQL ends or begins the test's own transaction; use the handle's Begin, Commit and Rollback", word)
}

func implicit(word, next string) error {
	return unable("%s %s commits on MySQL and MariaDB, and with it what the test would roll back; migrate in Open, or open this test's handle without Rollback", word, next)
}
