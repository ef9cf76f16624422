package dbpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// ErrNotPinned says that a pool keeps its connections to itself, so that nobody can
// prepare a branch on one.
var ErrNotPinned = errors.New("its pool is no *sql.DB")

// A preparing is what a transaction in two phases has more.
type preparing struct {
	ctx    context.Context // of BEGIN: it ends where nobody waits for the answer any more
	two    *product.TwoPhase
	branch product.Branch
	pool   *Pool
	held   *held // nil: BEGIN has begun it, and PREPARE gives it its name
	done   bool  // it is prepared
}

// BeginToPrepare is BeginPinned for a branch that may be prepared, and that is begun
// under a name if the product wants that.
func (p *Pool) BeginToPrepare(ctx context.Context, opts *sql.TxOptions, on *product.Profile, branch product.Branch, tx *Tx) error {
	if _, ok := p.Conn.(*sql.DB); !ok {
		return ErrNotPinned
	}
	tx.two = &preparing{ctx: ctx, two: on.TwoPhase, branch: branch, pool: p}
	return p.BeginPinned(ctx, opts, on, tx)
}

// beginOn begins on the pinned connection.
func (t *Tx) beginOn(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	if t.two == nil || t.two.two.Begin == nil {
		return t.conn.BeginTx(ctx, opts)
	}
	h, err := hold(t.conn, t.two.two, t.two.branch)
	if err != nil {
		return nil, err
	}
	t.two.held = h
	if h.branch.Owner, err = t.two.pool.ownerOf(ctx, h); err != nil {
		return nil, err
	}
	return h.db.BeginTx(ctx, opts)
}

// ownerOf is how a server knows a connection. It is asked once for each.
func (p *Pool) ownerOf(ctx context.Context, h *held) (string, error) {
	if h.two.Owner == nil {
		return "", nil
	}
	known := reflect.ValueOf(h.Conn).Comparable()
	if known {
		p.owning.Lock()
		owner, ok := p.owners[h.Conn]
		p.owning.Unlock()
		if ok {
			return owner, nil
		}
	}
	owner, err := h.two.Owner(ctx, h.db)
	if err != nil || !known {
		return owner, err
	}
	p.owning.Lock()
	defer p.owning.Unlock()
	if most := 2 * p.Conn.(*sql.DB).Stats().OpenConnections; p.owners == nil || len(p.owners) > max(64, most) {
		p.owners = map[driver.Conn]string{} // most of them have been closed
	}
	p.owners[h.Conn] = owner
	return owner, nil
}

// Named reports whether the branch has begun by name, on a connection that is held: its
// *sql.Tx is then of no pool that anybody knows.
func (t *Tx) Named() bool { return t.two != nil && t.two.held != nil }

// Prepares reports whether the branch can be prepared.
func (t *Tx) Prepares() bool { return t.two != nil }

// Wrote asks the database whether the branch has written, where it tells.
func (t *Tx) Wrote(ctx context.Context) (wrote, told bool, err error) {
	if t.two == nil || t.two.two.Wrote == "" {
		return false, false, nil
	}
	err = t.QueryRowContext(ctx, t.two.two.Wrote).Scan(&wrote)
	return wrote, err == nil, err
}

// Prepare has the database promise to commit the branch. Whether it has where the
// answer is lost, only its list of prepared branches tells.
func (t *Tx) Prepare(ctx context.Context, branch product.Branch) error {
	if t.two.held != nil {
		branch = t.two.held.branch // as it has begun
	}
	t.two.branch = branch
	if t.two.two.End != nil {
		if _, err := t.ExecContext(ctx, t.two.two.End(t.two.branch)); err != nil {
			return err
		}
	}
	if _, err := t.ExecContext(ctx, t.two.two.Prepare(t.two.branch)); err != nil {
		return err
	}
	t.two.done = true
	if t.two.held != nil {
		t.two.held.state.Store(prepared)
	}
	return nil
}

// Abandon closes the connection of a branch that is prepared, and leaves the branch to
// recovery.
func (t *Tx) Abandon() {
	if t.ending.Swap(true) {
		return
	}
	if t.two.held != nil {
		t.two.held.state.Store(abandoned)
	}
	_ = t.Tx.Rollback() // of database/sql's alone; the server's transaction is over
	t.Discard()
}

// finish sends COMMIT or ROLLBACK of a branch that was begun by BEGIN and is prepared,
// on its own connection. database/sql believes that its transaction still goes on.
func (t *Tx) finish(statement func(product.Branch) string) error {
	_, err := t.ExecContext(t.two.ctx, statement(t.two.branch))
	ended := t.Tx.Rollback()
	if err == nil && ended != nil { // lib/pq: the server's transaction is over
		t.Discard()
	}
	return err
}
