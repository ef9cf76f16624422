package conformance

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"sort"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
)

// A group is the cases of one idea.
type group struct {
	name  string
	cases []testCase
	// each tells that each statement stands for itself, whatever others there
	// are: then fewer layouts and modes are enough.
	each bool
	// migrates tells that its cases are slow.
	migrates bool
	// tests are written by hand: what has no twin.
	tests []handTest
}

// A handTest is one for which there is no twin.
type handTest struct {
	name string
	run  func(t *testing.T, h *handles)
}

// A testCase is what a program does with a handle. The name of the cases'
// groups is their file.
type testCase struct {
	name string
	run  func(r *run)

	reads    bool     // it changes nothing, so nothing needs to be set up again
	together bool     // it needs its tables in one database
	alone    bool     // it makes its own transactions, or its errors abort one
	split    bool     // across binds, the plugin makes two statements of one
	shuffled bool     // GORM runs its statements in no certain order
	ddl      bool     // it leaves tables behind
	only     []string // the dialects that have such a thing; nil: all
}

func groups() []group {
	return []group{
		reads(), conditions(), rawSQL(), clauses(), writes(), values(), defaults(), hooks(),
		relations(), associations(), transactions(), failures(), generics(), sessions(), dialects(), migrations(), refusals(),
	}
}

// A run is one execution of a case, on the routed handle or on a twin.
type run struct {
	db     *gorm.DB
	target *target
	suite  *suite
	t      *testing.T
	twin   bool
	notes  []string
}

// stopped ends a run that can't go on.
type stopped struct{ reason string }

// ok notes an error that must not be there.
func (r *run) ok(err error) {
	if err != nil {
		r.notes = append(r.notes, "error: "+r.describe(err))
		panic(stopped{r.describe(err)})
	}
}

// refused notes an error that must be there. Its text is the driver's, and
// its kind is GORM's.
func (r *run) refused(err error) {
	if err == nil && r.twin {
		panic(stopped{"nothing is refused"})
	}
	r.notes = append(r.notes, "refused: "+r.describe(err))
}

// done notes what a finished statement says, and values.
func (r *run) done(tx *gorm.DB, values ...any) {
	r.ok(tx.Error)
	r.note(append([]any{tx.RowsAffected}, values...)...)
}

// note notes values, to be compared with those of the twin.
func (r *run) note(values ...any) {
	for _, value := range values {
		r.notes = append(r.notes, r.suite.neutral(rendered(value)))
	}
}

// schema is what stands before the dot in the full name of a table.
func (r *run) schema(table string) string { return r.target.at(table).schema() }

// describe tells an error's text, and its kinds.
func (r *run) describe(err error) string {
	if err == nil {
		return "no error"
	}
	// Errors of DDL say the bind, too.
	text := bindPrefix.ReplaceAllString(r.suite.neutral(err.Error()), "")
	for _, kind := range []error{
		gorm.ErrRecordNotFound, gorm.ErrDuplicatedKey, gorm.ErrForeignKeyViolated, gorm.ErrMissingWhereClause, gorm.ErrInvalidField,
		gorm.ErrInvalidValue, gorm.ErrInvalidData, gorm.ErrInvalidTransaction, gorm.ErrPrimaryKeyRequired, gorm.ErrUnsupportedRelation,
		gorm.ErrModelAccessibleFieldsRequired, gorm.ErrSubQueryRequired, gorm.ErrCheckConstraintViolated, gorm.ErrEmptySlice, sql.ErrNoRows, sql.ErrTxDone,
		errForever, errChanged,
	} {
		if errors.Is(err, kind) {
			text += fmt.Sprintf(" (is %q)", kind)
		}
	}
	return text
}

var bindPrefix = regexp.MustCompile(`^bindkey: bind "[a-z]+": `)

// rendered makes a value comparable: times become UTC, pointers what they point
// to, and lists of rows are sorted.
func rendered(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%#v", value)
	}
	inUTC := timePattern.ReplaceAllStringFunc(string(text), func(found string) string {
		at, err := time.Parse(time.RFC3339Nano, found)
		if err != nil {
			return found
		}
		return at.UTC().Format(time.RFC3339Nano)
	})
	var tree any
	if err := json.Unmarshal([]byte(inUTC), &tree); err != nil {
		return inUTC
	}
	sortRows(tree)
	text, _ = json.Marshal(tree)
	return string(text)
}

// sortRows sorts lists of objects: preloads, for one, come in no certain order.
// An ORDER BY shows in the log.
func sortRows(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, field := range value {
			sortRows(field)
		}
	case []any:
		for _, item := range value {
			sortRows(item)
		}
		sort.SliceStable(value, func(i, j int) bool {
			a, isRow := value[i].(map[string]any)
			b, isRowToo := value[j].(map[string]any)
			if !isRow || !isRowToo {
				return false
			}
			one, _ := json.Marshal(a)
			other, _ := json.Marshal(b)
			return string(one) < string(other)
		})
	}
}

var timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`)

// An outcome is what a run came to.
type outcome struct {
	notes   []string
	lines   []line          // of the log
	touched map[string]bool // tables in statements that write: whether rows were inserted
	stop    string          // why the run ended early
}

// execute runs a case on a handle.
func (h *handles) execute(t *testing.T, c testCase, on *target, inTransaction bool) (o outcome) {
	t.Helper()
	r := &run{db: on.db, target: on, suite: h.suite, t: t, twin: !on.routed}
	on.log.take()
	func() {
		defer func() {
			switch reason := recover().(type) {
			case nil:
			case stopped:
				o.stop = reason.reason
			default:
				o.stop = fmt.Sprintf("panic: %v\n%s", reason, debug.Stack())
			}
		}()
		if !inTransaction {
			c.run(r)
			return
		}
		r.ok(on.db.Transaction(func(tx *gorm.DB) error {
			r.db = tx
			c.run(r)
			return nil
		}))
	}()
	statements := on.log.take()
	o.notes, o.lines, o.touched = r.notes, h.lines(statements), map[string]bool{}
	for _, st := range statements {
		if strings.HasPrefix(st.sql, "SELECT") {
			continue
		}
		for name := range tablesIn(st.sql) {
			o.touched[name] = o.touched[name] || strings.HasPrefix(st.sql, "INSERT")
		}
	}
	return o
}

// run runs a case on the twins and on the routed handle, and compares them.
func (h *handles) run(t *testing.T, c testCase, inTransaction bool) {
	t.Helper()
	if c.only != nil {
		for _, key := range []string{h.layout.near, h.layout.far} {
			if !contains(c.only, h.databases[key].kind) {
				t.Skipf("%s has no such thing", h.databases[key].kind)
			}
		}
	}
	touched := map[string]bool{}
	twins := map[string]outcome{}
	for key, twin := range h.twins {
		if c.ddl {
			// The migrator prepares nothing, since a statement that was prepared before
			// DDL may not fit any more, as in a plain handle with PrepareStmt.
			twin = h.unprepared[key]
		}
		o := h.execute(t, c, twin, inTransaction)
		if o.stop != "" {
			t.Errorf("mistake in the case: the plain handle of %s fails: %s\nafter %s", h.suite.twins[key].kind, o.stop, indent(o.lines))
		}
		twins[key] = o
		merge(touched, o.touched)
	}
	routed := h.execute(t, c, h.routed, inTransaction)
	merge(touched, routed.touched)
	if routed.stop != "" {
		t.Errorf("the routed handle fails: %s", routed.stop)
	}
	compare(t, "notes", routed.notes, notesOf(twins), func(string, string, string) bool { return true })
	switch {
	case c.split && h.layout.across():
		// only the results are the same
	case c.shuffled, c.ddl && h.layout.across():
		h.compareByBind(t, routed.lines, twins, c.shuffled)
	default:
		compareLogs(t, routed.lines, twins, h.homeOf)
	}
	if !c.reads {
		h.compareRows(t, touched)
	}
	if !c.reads || t.Failed() {
		h.restore(t, touched)
	}
	if c.ddl {
		h.sweep(t)
	}
}

// homeOf is the bind that a statement belongs to, by its tables, or "" if it
// names none.
func (h *handles) homeOf(sql string) (key string) {
	for name := range tablesIn(sql) {
		key = h.layout.bindOf(name)
	}
	for _, name := range migratedNames {
		if strings.Contains(sql, name) {
			return h.layout.bindOf(name)
		}
	}
	return key
}

// compareLogs compares SQL with that of the twin where its tables live. An error
// may be that of a statement in another bind, that was made for this one.
func compareLogs(t *testing.T, got []line, twins map[string]outcome, homeOf func(sql string) string) {
	t.Helper()
	var gotSQL, gotErrors []string
	for _, l := range got {
		gotSQL, gotErrors = append(gotSQL, l.sql), append(gotErrors, l.err)
	}
	wantSQL, wantErrors := map[string][]string{}, map[string][]string{}
	for key, o := range twins {
		for _, l := range o.lines {
			wantSQL[key], wantErrors[key] = append(wantSQL[key], l.sql), append(wantErrors[key], l.err)
		}
	}
	compare(t, "log", gotSQL, wantSQL, func(key, got, want string) bool {
		// GORM's SELECT 1 names no table, nor do settings of a session.
		home := homeOf(got)
		return home == "" || home == key
	})
	compare(t, "errors in the log", gotErrors, wantErrors, func(string, string, string) bool { return true })
}

func notesOf(twins map[string]outcome) map[string][]string {
	notes := map[string][]string{}
	for key, o := range twins {
		notes[key] = o.notes
	}
	return notes
}

// compare compares what the routed handle did with what its twins did, line by
// line, with any of the twins that count for that line.
func compare(t *testing.T, what string, got []string, wants map[string][]string, counts func(key, got, want string) bool) {
	t.Helper()
	for key, want := range wants {
		if len(got) != len(want) {
			same := 0
			for same < len(got) && same < len(want) && got[same] == want[same] {
				same++
			}
			t.Errorf("%s: routed has %d lines, plain %s has %d; they differ from line %d:\nrouted\n%s\nplain\n%s", what, len(got), key, len(want), same+1,
				indent(got[same:]), indent(want[same:]))
			return
		}
	}
	for i, line := range got {
		accepted := false
		var expected []string
		for key, want := range wants {
			if counts(key, line, want[i]) {
				accepted = accepted || want[i] == line
				expected = append(expected, key+": "+want[i])
			}
		}
		if !accepted {
			t.Errorf("%s, line %d:\nrouted:\n\t%s\nplain\n%s", what, i+1, line, indent(expected))
		}
	}
}

// compareByBind compares logs for each bind alone: where dialects do not make the
// same number of statements, or where GORM runs them in no certain order.
func (h *handles) compareByBind(t *testing.T, got []line, twins map[string]outcome, shuffled bool) {
	t.Helper()
	of := func(lines []line, key string) (mine []string) {
		for _, l := range lines {
			if home := h.homeOf(l.sql); home == key || home == "" && !h.layout.across() {
				mine = append(mine, l.String())
			}
		}
		if shuffled {
			sort.Strings(mine)
		}
		return mine
	}
	for key, o := range twins {
		compare(t, "log of "+key, of(got, key), map[string][]string{key: of(o.lines, key)}, func(string, string, string) bool { return true })
	}
}

func indent[T any](lines []T) string {
	var text strings.Builder
	for i, l := range lines {
		if i == 12 {
			fmt.Fprintf(&text, "\n\t… and %d more", len(lines)-i)
			break
		}
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "\t%v", l)
	}
	return text.String()
}

func merge(into, from map[string]bool) {
	for name, inserted := range from {
		into[name] = into[name] || inserted
	}
}

func contains(list []string, value string) bool {
	for _, item := range list {
		if item == value {
			return true
		}
	}
	return false
}
