package bindtest

import (
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
)

// A rule is which binds a test allows.
type rule struct {
	t    TB
	keys []string
}

// Only lets the program use these binds alone. Any statement, BEGIN or migration in
// another one fails the test, with the program's line and the statement, and is not
// run: the program gets an error that is [ErrForbidden]. Without keys, every bind is
// forbidden.
//
// It holds until the test t ends, for all goroutines. In a subtest, another Only takes its
// place until the subtest ends. The kit's own reads ([Rows], [Same]) are free. A statement that
// never leaves the plugin (it was refused, or is in DryRun) is in no bind.
func Only(t TB, db *gorm.DB, keys ...string) {
	t.Helper()
	k := kitOf(t, db, "Only")
	if k == nil || !k.hold(t, "Only") {
		return
	}
	for _, key := range keys {
		if !k.knows(t, key, "Only") {
			return
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rules = append(k.rules, &rule{t, keys})
}

// ErrForbidden is what a program gets for a statement that [Only] does not allow.
var ErrForbidden = fmt.Errorf("bindtest: this test does not allow the bind")

// forbid is the error of a call that the newest rule does not allow. The end of a
// transaction that has begun is always allowed, and so is PREPARE: the statement follows,
// and GORM's Row panics where that fails (prepare_stmt.go, QueryRowContext).
func (k *kit) forbid(b *bind, call testkit.Call) error {
	if call.Part || call.Kind == testkit.Commit || call.Kind == testkit.Rollback || call.Kind == testkit.Check || call.Kind == testkit.Aside {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.rules) == 0 {
		return nil
	}
	r := k.rules[len(k.rules)-1]
	for _, key := range r.keys {
		if key == b.key {
			return nil
		}
	}
	allowed := "no bind"
	if len(r.keys) > 0 {
		allowed = "only " + quotedKeys(r.keys)
	}
	more := quotedKeys(append(r.keys[:len(r.keys):len(r.keys)], b.key))
	r.t.Errorf("bindtest: %s: the test allows %s, and this goes to bind %q:\n\t%s\nIf it is right to go there, say so: bindtest.Only(t, db, %s)", programLine(), allowed, b.key, told(call), more)
	return fmt.Errorf("%w %q: %s", ErrForbidden, b.key, told(call))
}
