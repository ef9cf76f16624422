package bindkey

import (
	"context"
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
	switch handed := db.Statement.Dest.(type) {
	case *sql.Rows:
		if handed != nil {
			b.handOut(handed)
		}
	case *sql.Row:
		b.handOutRow()
	default:
		return
	}
	p := b.tx.plugin
	if on := b.pool.bind.product; on.Asks() && !p.texts.Scan(db.Statement.SQL.String(), on.SQL).Reads {
		b.xact.Suspect(nil)
	}
}

// handedOut are the rows that a branch has given to the program.
type handedOut struct {
	mu   sync.Mutex
	rows []*sql.Rows
}

// handOut remembers rows, and forgets those that have ended.
func (b *branch) handOut(rows *sql.Rows) {
	if b.pool.bind.product.Asks() {
		b.xact.Unseen()
	}
	b.handedOut.CompareAndSwap(nil, new(handedOut))
	h := b.handedOut.Load()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.rows) == cap(h.rows) {
		b.dropEnded(h)
	}
	h.rows = append(h.rows, rows)
}

// handOutRow notes a *sql.Row, whose answer nobody sees but Scan.
func (b *branch) handOutRow() {
	if b.pool.bind.product.Asks() {
		b.xact.Suspect(nil)
	}
}

// rowsGiven is of connFinder. What a callback sends it answers for itself.
func (b *branch) rowsGiven(rows *sql.Rows) {
	switch {
	case b.calling.Load() > 0:
	case rows != nil:
		b.handOut(rows)
	default:
		b.handOutRow()
	}
}

// seeRows looks whether rows that the program has read have ended in an error, or
// closes those that it has left open.
func (b *branch) seeRows(closing bool) {
	h := b.handedOut.Load()
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

// dropEnded forgets rows that are closed, and tells the branch of their errors.
func (b *branch) dropEnded(h *handedOut) {
	open := h.rows[:0]
	for _, rows := range h.rows {
		if _, err := rows.Columns(); err == nil {
			open = append(open, rows)
		} else if err := rows.Err(); err != nil && !errors.Is(err, context.Canceled) {
			b.databaseFailed(err)
		}
	}
	for i := len(open); i < len(h.rows); i++ {
		h.rows[i] = nil
	}
	h.rows = open
}
