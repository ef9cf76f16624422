package bindkey

import (
	"context"
	"reflect"
	"runtime"
	"strings"

	"gorm.io/gorm"
)

// A useScope tells which Uses no longer count inside a transaction: those that
// it was begun with. They survive in the statement that Begin, or a nested
// Transaction, hands on.
type useScope struct {
	// until is how many Uses were applied until Begin. It is 0 where GORM began the
	// transaction on its own account: the Use of the finisher around which it did
	// holds.
	until uint64
	spent []uint64 // Uses that nested transactions were begun with
}

// newUseScope is the scope of a transaction that begins on a statement, which has
// a Use or, for all that is known, may have one.
func (p *Plugin) newUseScope(used bool) useScope {
	if used && p.claused.Load() {
		if _, gorms := transactionCaller(); gorms {
			return useScope{}
		}
	}
	return useScope{until: usesApplied.Load()}
}

// inherited reports whether a Use is one that the transaction was begun with.
func (t *transaction) inherited(u *use) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.applied <= t.uses.until {
		return true
	}
	for _, spent := range t.uses.spent {
		if spent == u.applied {
			return true
		}
	}
	return false
}

// spend begins the branch of a nested transaction's Use, which holds no
// further. The savepoint is all that GORM asks for of a nested transaction.
func (t *transaction) spend(db *gorm.DB) error {
	u := t.plugin.effectiveUse(db.Statement)
	if u == nil {
		return nil
	}
	if nested, gorms := transactionCaller(); !nested || gorms {
		return nil
	}
	b, err := t.plugin.lookup(u.key, "")
	if err != nil {
		return err
	}
	branch, err := t.branchOf(b)
	if err == nil {
		_, err = branch.conn(context.Background())
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uses.spent = append(t.uses.spent, u.applied)
	return nil
}

// transactionCaller looks at the stack, since nothing else that reaches a
// pool's BeginTx or a dialector's SavePoint tells who begins a transaction:
// whether it was (*gorm.DB).Transaction, and whether GORM called that on its
// own account, around a finisher of several statements (CreateInBatches, some
// of the generics API) or a write.
func transactionCaller() (transaction, gorms bool) {
	var callers [24]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	own := true
	for {
		frame, more := frames.Next()
		switch name := frame.Function; {
		case own && strings.HasPrefix(name, ownPackage):
		case name == gormPackage+".(*DB).Transaction":
			own, transaction = false, true
		case name == gormPackage+".(*DB).Begin", name == gormPackage+".(*DB).SavePoint", name == gormPackage+".(*PreparedStmtDB).BeginTx":
			own = false
		default:
			return transaction, strings.HasPrefix(name, gormPackage+".") || strings.HasPrefix(name, gormPackage+"/callbacks.")
		}
		if !more {
			return transaction, false
		}
	}
}

var (
	ownPackage  = reflect.TypeOf(usedPool{}).PkgPath() + "."
	gormPackage = reflect.TypeOf(gorm.DB{}).PkgPath()
)
