package bindtest

import (
	"context"
	"strings"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
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
// which they began. Two that are open at the same time are two, also where one goroutine
// has begun both.
type Transaction struct {
	Branches []Branch
}

// A Branch is a transaction's part in one database.
type Branch struct {
	Key     string // the bind
	Tenant  string // of a bind with tenants ([Tenants]): whose database it is
	Outcome Outcome
}

// String is "main committed, analytics committed"; of a tenant, "customer/acme committed".
func (t Transaction) String() string {
	parts := make([]string, len(t.Branches))
	for i, b := range t.Branches {
		parts[i] = place{b.Key, b.Tenant}.String() + " " + string(b.Outcome)
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
			transactions[i].Branches = append(transactions[i].Branches, Branch{b.place.key, b.place.tenant, b.outcome})
		}
	}
	return transactions
}

// A mark is what tells a transaction of the plugin's from others: it is in the context of
// each BEGIN.
type mark struct{ at string } // the program's line that has begun it

type markKey struct{}

// observer marks the transactions of a plugin.
func (k *kit) observer() bindkey.Observer {
	return bindkey.Observer{Begin: func(ctx context.Context) context.Context {
		return context.WithValue(ctx, markKey{}, &mark{programLine()})
	}}
}

// markOf is the mark of the transaction that a BEGIN is of. One past the plugin, through
// the *sql.DB, is of one database.
func markOf(ctx context.Context) *mark {
	if m, ok := ctx.Value(markKey{}).(*mark); ok {
		return m
	}
	return &mark{programLine()}
}

type transaction struct {
	mark     *mark
	branches []*branch
}

type branch struct {
	place   place
	outcome Outcome
}

// begun adds a branch to its transaction. One that begins again, after a savepoint before
// it, is the same one.
func (r *Recording) begun(at place, m *mark, on *testkit.Conn) {
	t := r.transaction(m)
	b := t.branch(at)
	b.outcome = StillOpen
	r.open[on] = b
}

func (r *Recording) transaction(m *mark) *transaction {
	for _, t := range r.transactions {
		if t.mark == m {
			return t
		}
	}
	t := &transaction{mark: m}
	r.transactions = append(r.transactions, t)
	return t
}

func (t *transaction) branch(at place) *branch {
	for _, b := range t.branches {
		if b.place == at {
			return b
		}
	}
	b := &branch{place: at}
	t.branches = append(t.branches, b)
	return b
}

// ended notes the outcome of a branch. One whose connection is lost is rolled back by
// its database.
func (r *Recording) ended(at place, on *testkit.Conn, call testkit.Call, err error) {
	outcome := RolledBack
	switch {
	case call.Kind == testkit.Commit && err == nil:
		outcome = Committed
		r.commits = append(r.commits, at.String())
	case call.Kind == testkit.Commit:
		outcome = Failed
	}
	if b := r.open[on]; b != nil {
		b.outcome = outcome
		delete(r.open, on)
	}
}
