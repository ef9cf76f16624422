package bindtest

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
)

// A Recording is what the program sends, from [Record] or Reset on until the test
// ends. Its methods may be called while other goroutines use the handle.
type Recording struct {
	t   TB
	kit *kit // nil: there is none, and the test has ended

	mu           sync.Mutex
	sent         []Sent
	transactions []*transaction
	open         map[*testkit.Conn]*branch
	commits      []string
}

// Sent is a statement that the program sent to a database.
type Sent struct {
	Key    string // the bind
	Tenant string // of a bind with tenants ([Tenants]): whose database it is
	Role   string // "source" or "replica"
	SQL    string // with variables, and without their values
	At     string // the program's line: "users.go:23"
	Err    error  // what the driver answered
}

func (s Sent) place() place { return place{s.Key, s.Tenant} }

func (s Sent) String() string {
	text := fmt.Sprintf("%s %s: %s  (%s)", s.place(), s.Role, s.SQL, s.At)
	if s.Err != nil {
		text += ": " + s.Err.Error()
	}
	return text
}

// Record records what the program sends to each database.
func Record(t TB, db *gorm.DB) *Recording {
	t.Helper()
	r := &Recording{t: t, open: map[*testkit.Conn]*branch{}}
	k := kitOf(t, db, "Record")
	if k == nil || !k.hold(t, "Record") {
		return r
	}
	r.kit = k
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recordings = append(k.recordings, r)
	return r
}

// Reset forgets what was recorded.
func (r *Recording) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent, r.transactions, r.commits = nil, nil, nil
}

// Statements are the statements that were sent to some binds, or to all if none is
// named, in their order. BEGIN, COMMIT, ROLLBACK and savepoints are not among them, nor
// what the plugin asks before COMMIT. Of a bind with tenants ([Tenants]), "customer" is all of
// them, and "customer/acme" is one. A bind that the handle does not have fails the test.
func (r *Recording) Statements(keys ...string) []Sent {
	r.t.Helper()
	r.knows(keys, "Statements")
	return r.statements(keys)
}

func (r *Recording) knows(keys []string, what string) bool {
	r.t.Helper()
	return r.kit != nil && r.kit.knows(r.t, keys, "Recording."+what)
}

func (r *Recording) knowsEach(keys []string, what string) bool {
	r.t.Helper()
	return r.kit != nil && r.kit.knowsEach(r.t, keys, "Recording."+what)
}

func (r *Recording) statements(keys []string) []Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sent []Sent
	for _, s := range r.sent {
		if len(keys) == 0 || s.place().among(keys) {
			sent = append(sent, s)
		}
	}
	return sent
}

func contains(keys []string, key string) bool {
	for _, one := range keys {
		if one == key {
			return true
		}
	}
	return false
}

// Binds are the binds that a statement or BEGIN was sent to, sorted. Of one with tenants
// ([Tenants]), they are the databases: "customer/acme".
func (r *Recording) Binds() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]bool{}
	for _, s := range r.sent {
		found[s.place().String()] = true
	}
	for _, t := range r.transactions {
		for _, b := range t.branches {
			found[b.place.String()] = true
		}
	}
	return mapKeys(found)
}

// Commits are the binds whose COMMIT succeeded, in the order of the COMMITs.
func (r *Recording) Commits() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.commits...)
}

// String is all that was recorded, a statement or transaction a line.
func (r *Recording) String() string {
	var lines []string
	for _, s := range r.statements(nil) {
		lines = append(lines, s.String())
	}
	for _, t := range r.Transactions() {
		lines = append(lines, "transaction: "+t.String())
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}

// WantStatements fails the test unless n statements were sent to some binds, or to all
// if none is named: a loop that asks a database for each row shows here.
func (r *Recording) WantStatements(n int, keys ...string) {
	r.t.Helper()
	if !r.knows(keys, "WantStatements") {
		return
	}
	sent := r.statements(keys)
	if len(sent) == n {
		return
	}
	where := "all binds"
	if len(keys) > 0 {
		where = quotedKeys(keys)
	}
	r.t.Errorf("bindtest: the program sent %s to %s, want %d:%s%s", counted(len(sent), "statement", "statements"), where, n, listed(sent), repeated(sent))
}

// repeated tells which lines of the program have sent the same statement several times.
func repeated(sent []Sent) string {
	type same struct{ place, sql, at string }
	times, order := map[same]int{}, []same{}
	for _, s := range sent {
		one := same{s.place().String(), s.SQL, s.At}
		if times[one]++; times[one] == 2 {
			order = append(order, one)
		}
	}
	var text strings.Builder
	for _, one := range order {
		fmt.Fprintf(&text, "\n%d of them are the same: %s, in %q", times[one], one.at, one.place)
	}
	return text.String()
}

func listed(sent []Sent) string {
	lines := make([]string, len(sent))
	for i, s := range sent {
		lines[i] = s.String()
	}
	return indented(lines)
}

// WantBinds fails the test unless these binds were used, and no other. Their order does not
// matter. Tenants ([Tenants]) are named one by one: "customer/acme".
func (r *Recording) WantBinds(keys ...string) {
	r.t.Helper()
	if !r.knowsEach(keys, "WantBinds") {
		return
	}
	want := append([]string(nil), keys...)
	sort.Strings(want)
	if got := r.Binds(); strings.Join(got, "\x00") != strings.Join(want, "\x00") {
		r.t.Errorf("bindtest: the program used the binds [%s], want [%s]; it sent%s", quotedKeys(got), quotedKeys(want), listed(r.statements(nil)))
	}
}

// WantCommits fails the test unless these binds committed, in this order, and no other
// did. Tenants ([Tenants]) are named one by one: "customer/acme".
func (r *Recording) WantCommits(keys ...string) {
	r.t.Helper()
	if !r.knowsEach(keys, "WantCommits") {
		return
	}
	if got := r.Commits(); strings.Join(got, "\x00") != strings.Join(keys, "\x00") {
		r.t.Errorf("bindtest: these binds committed: [%s], want [%s]; the transactions were%s", quotedKeys(got), quotedKeys(keys), indented(texts(r.Transactions())))
	}
}

// WantTransactions fails the test unless the program had these transactions, each as
// [Transaction.String] tells it: "main committed, analytics committed". They are in the
// order in which they began, and so are the branches of each.
func (r *Recording) WantTransactions(transactions ...string) {
	r.t.Helper()
	got := texts(r.Transactions())
	if strings.Join(got, "\n") != strings.Join(transactions, "\n") {
		r.t.Errorf("bindtest: the program had %s:%s\nwant %d:%s", counted(len(got), "transaction", "transactions"), indented(got), len(transactions), indented(transactions))
	}
}

// indented are lines, each for itself.
func indented(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString("\n\t" + line)
	}
	return text.String()
}

func texts(transactions []Transaction) []string {
	texts := make([]string, len(transactions))
	for i, t := range transactions {
		texts[i] = t.String()
	}
	return texts
}

// record tells all recordings of a call that was made.
func (k *kit) record(b *bind, role string, on *testkit.Conn, call testkit.Call, m *mark, err error) {
	k.mu.Lock()
	recordings := k.recordings[:len(k.recordings):len(k.recordings)]
	k.mu.Unlock()
	for _, r := range recordings {
		r.record(b.place, role, on, call, m, err)
	}
}

func (r *Recording) record(at place, role string, on *testkit.Conn, call testkit.Call, m *mark, err error) {
	switch call.Kind {
	case testkit.Begin:
		if err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.begun(at, m, on)
		}
	case testkit.Commit, testkit.Rollback:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended(at, on, call, err)
	case testkit.Statement:
		if call.Part && err == nil || call.Dead {
			return // the statement itself follows, or there is no database any more
		}
		sent := Sent{at.key, at.tenant, role, call.SQL, programLine(), err}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent = append(r.sent, sent)
	}
}
