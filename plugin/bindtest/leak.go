package bindtest

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/gormbind/gormbind/internal/testkit"
)

// An opened is a transaction that is open in a database.
type opened struct {
	place place
	mark  *mark
}

// follow remembers which transactions are open.
func (k *kit) follow(b *bind, on *testkit.Conn, call testkit.Call, m *mark, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case call.Kind == testkit.Begin && err == nil:
		k.open[on] = opened{b.place, m}
	case call.Kind == testkit.Commit, call.Kind == testkit.Rollback:
		delete(k.open, on)
	}
}

// lag is how long a transaction is waited for that is just being rolled back, since its
// context has ended.
const lag = 500 * time.Millisecond

// tellOpen fails the test for transactions that nobody has ended: what they have written
// is lost, and under Rollback it looks as if it were not.
func (k *kit) tellOpen(t TB) {
	t.Helper()
	for end := time.Now().Add(lag); len(k.leftOpen(false)) > 0 && time.Now().Before(end); {
		time.Sleep(lag / 100)
	}
	if left := k.leftOpen(true); len(left) > 0 {
		t.Errorf("bindtest: the test has ended, and a transaction has not; Commit or Rollback is missing:\n\t%s", strings.Join(left, "\n\t"))
	}
}

// leftOpen are the transactions that are open; they are told of once.
func (k *kit) leftOpen(forget bool) (left []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for on, o := range k.open {
		if on.Gone() {
			delete(k.open, on)
			continue
		}
		if forget {
			delete(k.open, on)
		}
		left = append(left, fmt.Sprintf("the transaction begun at %s is still open in bind %q", o.mark.at, o.place.String()))
	}
	sort.Strings(left)
	return left
}
