package bindkey

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// A savepoint is a point that a transaction can roll back to, in all branches.
type savepoint struct {
	name       string
	afterwards outcomeFuncs // that were registered when it was set
}

// savePoint sets a savepoint in every branch that has begun. One that begins
// later is undone whole when the transaction rolls back to it.
func (t *transaction) savePoint(db *gorm.DB, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.joined {
		if err := b.onSavePoint(db, "SAVEPOINT", name, gorm.SavePointerDialectorInterface.SavePoint); err != nil {
			return err
		}
	}
	t.savepoints = append(t.savepoints, savepoint{name, t.afterwards})
	return nil
}

// rollbackTo undoes what every branch did since the savepoint, even if one
// fails. Branches that began after it are rolled back whole and may begin
// again.
func (t *transaction) rollbackTo(db *gorm.DB, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := len(t.savepoints) - 1
	for at >= 0 && !strings.EqualFold(t.savepoints[at].name, name) { // SQL's names know no case
		at--
	}
	if at < 0 {
		return fmt.Errorf("bindkey: the transaction has no savepoint %q", name)
	}
	var (
		failures []error
		stay     []*branch
	)
	for _, b := range t.joined {
		if b.joinedAt <= at {
			failures = append(failures, b.onSavePoint(db, "ROLLBACK TO SAVEPOINT", name, gorm.SavePointerDialectorInterface.RollbackTo))
			stay = append(stay, b)
			continue
		}
		if err := b.rollback(); err != nil {
			failures = append(failures, &BranchError{Key: b.pool.bind.key, Operation: "ROLLBACK", Err: err})
		}
		b.begun.Store(nil)
	}
	t.joined, t.savepoints, t.afterwards = stay, t.savepoints[:at+1], t.savepoints[at].afterwards
	err := errors.Join(failures...)
	if err != nil && t.doomed == nil {
		// GORM's nested Transaction drops this error, and a COMMIT would keep
		// rows that were to be undone.
		t.doomed = fmt.Errorf("bindkey: the transaction can only be rolled back, since rolling back to a savepoint failed: %w", err)
	}
	return err
}

type savePointFunc func(gorm.SavePointerDialectorInterface, *gorm.DB, string) error

// onSavePoint lets the branch's own dialector speak, on a plain handle of the
// bind. Dialectors run Exec and may drop its error, which the handle keeps.
func (b *branch) onSavePoint(db *gorm.DB, operation, name string, run savePointFunc) error {
	plain := b.pool.bind.plainSession(db, b.begun.Load().tx)
	dialect, ok := plain.Dialector.(gorm.SavePointerDialectorInterface)
	if !ok {
		return gorm.ErrUnsupportedDriver
	}
	if err := errors.Join(run(dialect, plain, name), plain.Error); err != nil {
		return &BranchError{Key: b.pool.bind.key, Operation: operation, Err: err}
	}
	return nil
}
