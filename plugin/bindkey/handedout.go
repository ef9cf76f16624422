package bindkey

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"gorm.io/gorm"
)

// A database may roll a branch back by itself, and runs what follows outside of any
// transaction. Its answer comes to the branch when the statement is sent, to GORM's
// callback where that reads the rows, and to nobody but the program where the rows are
// handed out: Row, Rows, and what is built on them, as Scan is.

// databaseFailed is told the error of a statement. The transaction is doomed if that
// says that the database has rolled the branch back; else the database is asked before
// it gets another statement, where that would not tell by itself.
func (b *branch) databaseFailed(err error) {
	switch on := b.pool.bind.product; {
	case on.EndsTransaction(err):
		b.tx.xact.Doom(fmt.Sprintf("a statement in bind %q", b.pool.bind.key), err)
	case on.Asks():
		b.xact.Suspect(err)
	}
}

// statementDone looks at a statement of the branch behind the callback that has sent it.
func (b *branch) statementDone(db *gorm.DB, kind statementKind) {
	if err := db.Error; err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		b.databaseFailed(err)
	}
	if kind != rowStatement {
		return
	}
	text := db.Statement.SQL.String()
	switch handed := db.Statement.Dest.(type) {
	case *sql.Rows:
		if handed != nil {
			b.handOut(handed, text)
		}
	case *sql.Row:
		b.handOut(nil, text)
	}
}

// handedOut are the rows that a branch has given to the program.
type handedOut struct {
	mu    sync.Mutex
	rows  []handedRows
	ended []*sql.Rows // that may say why the branch has ended, until it is asked whether it has
}

// handedRows may end in the branch's end, which only the program is told, where their
// statement writes or locks.
type handedRows struct {
	*sql.Rows
	locks bool
}

// handOut notes rows, or a *sql.Row where they are nil, whose answer nobody sees but
// the program.
func (b *branch) handOut(rows *sql.Rows, text string) {
	on := b.pool.bind.product
	locks := on.Asks() && (b.tx.xact.Serializable() || !b.tx.plugin.texts.Scan(text, on.SQL).Reads)
	if on.Asks() {
		b.xact.Unseen()
	}
	if locks {
		b.xact.Suspect(nil)
	}
	if rows == nil {
		return
	}
	b.handed.CompareAndSwap(nil, new(handedOut))
	h := b.handed.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.rows) == cap(h.rows) {
		b.dropEnded(h)
	}
	h.rows = append(h.rows, handedRows{rows, locks})
}

// expose notes that the program has what it can send statements with past the branch.
func (b *branch) expose() {
	b.wrote.Store(true)
	if b.pool.bind.product.Asks() {
		b.xact.Expose()
	}
}

// given is of connFinder. What a callback sends it answers for itself.
func (b *branch) given(answer any, text string) {
	switch answer := answer.(type) {
	case *sql.Stmt:
		b.expose()
	case *sql.Rows:
		if b.calling.Load() == 0 {
			b.handOut(answer, text)
		}
	default:
		if b.calling.Load() == 0 {
			b.handOut(nil, text)
		}
	}
}

// LookAtRows looks which rows have ended, or closes those that the program has left open.
// It is of xact.Resource.
func (b *branch) LookAtRows(closing bool) {
	h := b.handed.Load()
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 0; closing && i < len(h.rows); i++ {
		_ = h.rows[i].Close()
	}
	b.dropEnded(h)
}

// endOfRows is the answer to whether the branch has ended, with what its rows have
// ended in, if it has.
func (b *branch) endOfRows(answer error) error {
	h := b.handed.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	ended := h.ended
	h.ended = nil
	if !errors.Is(answer, ErrRolledBack) {
		return answer
	}
	for _, rows := range ended {
		if err := rows.Err(); err != nil {
			return fmt.Errorf("%w, after: %w", answer, err)
		}
	}
	return answer
}

// dropEnded forgets rows that are closed. What they have ended in is asked of them only
// where the branch has ended, too: the goroutine that reads them may just be writing it
// (database/sql, Rows.Next).
func (b *branch) dropEnded(h *handedOut) {
	open := h.rows[:0]
	for _, rows := range h.rows {
		if _, err := rows.Columns(); err == nil {
			open = append(open, rows)
		} else if rows.locks {
			b.xact.Suspect(nil)
			h.ended = append(h.ended, rows.Rows)
		}
	}
	for i := len(open); i < len(h.rows); i++ {
		h.rows[i] = handedRows{}
	}
	h.rows = open
}
