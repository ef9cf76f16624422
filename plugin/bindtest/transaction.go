package bindtest

import (
	"strings"

	"github.com/gormbind/gormbind/internal/testkit"
)

// An Outcome is what became of a transaction in one database.
type Outcome string

// The outcomes, as the database told them.
const (
	StillOpen  Outcome = "open" // neither COMMIT nor ROLLBACK yet
	Committed  Outcome = "committed"
	RolledBack Outcome = "rolled back"
	Failed     Outcome = "failed" // COMMIT was answered by an error, or by nothing: see [bindkey.PartialCommitError].Unknown
)

// A Transaction is one transaction of the program's, with its branches in the order in
// which they began. What begins on one goroutine, in several binds, before the first of it
// has ended, is one transaction.
type Transaction struct {
	Branches []Branch
}

// A Branch is a transaction's part in one database.
type Branch struct {
	Key     string // the bind
	Outcome Outcome
}

// String is "main committed, analytics committed".
func (t Transaction) String() string {
	parts := make([]string, len(t.Branches))
	for i, b := range t.Branches {
		parts[i] = b.Key + " " + string(b.Outcome)
	}
	return strings.Join(parts, ", ")
}

// Transactions are the transactions that were begun, in that order. GORM's default
// transaction around a write is one, too.
func (r *Recording) Transactions() []Transaction {
	r.mu.Lock()
	defer r.mu.Unlock()
	transactions := make([]Transaction, len(r.transactions))
	for i, t := range r.transactions {
		for _, b := range t.branches {
			transactions[i].Branches = append(transactions[i].Branches, Branch{b.key, b.outcome})
		}
	}
	return transactions
}

type transaction struct {
	goroutine string
	branches  []*branch
	ending    bool // a branch has ended: none joins it any more
}

type branch struct {
	key     string
	outcome Outcome
	of      *transaction
}

// begun adds a branch to the transaction that is open on the goroutine, or makes one.
// One that has a branch in the bind is another one.
func (r *Recording) begun(key, goroutine string, on *testkit.Conn) {
	var joins *transaction
	for _, t := range r.transactions {
		if t.goroutine == goroutine && !t.ending && !t.has(key) {
			joins = t
		}
	}
	if joins == nil {
		joins = &transaction{goroutine: goroutine}
		r.transactions = append(r.transactions, joins)
	}
	b := &branch{key, StillOpen, joins}
	joins.branches = append(joins.branches, b)
	r.open[on] = b
}

func (t *transaction) has(key string) bool {
	for _, b := range t.branches {
		if b.key == key {
			return true
		}
	}
	return false
}

// ended notes the outcome of a branch. One whose connection is lost is rolled back by
// its database.
func (r *Recording) ended(key string, on *testkit.Conn, call testkit.Call, err error) {
	outcome := RolledBack
	switch {
	case call.Kind == testkit.Commit && err == nil:
		outcome = Committed
		r.commits = append(r.commits, key)
	case call.Kind == testkit.Commit:
		outcome = Failed
	}
	if b := r.open[on]; b != nil {
		b.outcome, b.of.ending = outcome, true
		delete(r.open, on)
	}
}
