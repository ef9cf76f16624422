package bindkey

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// SQL that begins, ends or commits a transaction is refused: by routing, and by a
// branch for what is sent past GORM's callbacks.

// controlError refuses SQL that begins or ends a transaction, or sets a savepoint:
// a branch's would be lost to the others, and one outside would be of whatever
// connection is free. On a connection of its own, a program knows what it does.
func controlError(pool gorm.ConnPool, facts sqlscan.Facts) error {
	switch tx := transactionIn(pool); {
	case tx != nil:
		return &TransactionControlError{Statement: facts.Control, Way: "in a transaction that may span binds, use SavePoint, RollbackTo, Commit or Rollback of its *gorm.DB, which reach every branch"}
	case routedBy(pool) == nil, facts.Balanced:
		return nil
	default:
		return &TransactionControlError{Statement: facts.Control, Way: "begin with db.Transaction or db.Begin; for a connection of one database, take it with db.Connection"}
	}
}

// refuseControl refuses a statement that would commit the branch behind the
// transaction's back, while others have begun: DDL on MySQL. Alone, the branch is
// as committed as in plain GORM, and no other begins any more. What is sent past
// GORM's callbacks may be a COMMIT or SAVEPOINT, which routing refuses otherwise.
func (b *branch) refuseControl(query string) error {
	b.noteWrite(query)
	on := b.pool.bind
	if on.plugin.texts.Need(query, on.product.SQL)&sqlscan.NeedControl == 0 {
		return nil
	}
	facts := on.plugin.texts.Scan(query, on.product.SQL)
	if facts.Control != "" {
		return controlError(b, facts)
	}
	commits := facts.Commits
	if commits == "" {
		return nil
	}
	t := b.tx
	err := &ImplicitCommitError{Key: on.key, Statement: commits}
	for _, other := range t.xact.Begun() {
		if other != &b.xact {
			err.Begun = append(err.Begun, asBranch(other).pool.bind.key)
		}
	}
	if len(err.Begun) > 0 || b.named() {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committing = err
	return nil
}
