package xact

import "fmt"

// A transaction that is doomed can only be rolled back: Commit does that, and returns
// the reason.

// refused is why the transaction takes no statement any more, or nil.
func (t *Transaction) refused() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if doomed := t.doomed.Load(); doomed != nil {
		return *doomed
	}
	return nil
}

// Doom makes every later statement, savepoint and way back to one an error with the
// reason, and every Commit a rollback that returns it.
func (t *Transaction) Doom(failed string, err error) {
	if t.doomed.Load() == nil {
		err = fmt.Errorf("bindkey: the transaction can only be rolled back, since %s failed: %w", failed, err)
		t.doomed.CompareAndSwap(nil, &err)
	}
}

// Doomed is why the transaction could only be rolled back, or nil.
func (t *Transaction) Doomed() error {
	if doomed := t.doomed.Load(); doomed != nil {
		return *doomed
	}
	return nil
}
