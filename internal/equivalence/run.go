package equivalence

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"runtime/debug"
	"sort"
	"strings"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A call is one call of an application to GORM.
type call struct {
	shape      string
	text       string // in Go, or nearly so
	ordered    bool   // the order of the answer's rows is part of it
	writes     bool
	statements []statement // those that could cross, in the order in which GORM makes them
	run        func(db *gorm.DB) (any, error)
	// shared tells whether several owners share a row, for statements that are
	// ifShared.
	shared func(db *gorm.DB) (bool, error)
}

// An answer is what a call returned besides its error.
type answer struct {
	Rows     any
	Affected int64
}

// A mode is how the calls of a case are made.
type mode struct {
	name    string
	session gorm.Session
	tx      bool // in one transaction
	nested  bool // the last call in a transaction of its own inside
	fails   bool // the application rolls back
	goesOn  bool // what is refused is left out, and the transaction goes on
}

// A testCase is some calls in a mode.
type testCase struct {
	seed  int64
	index int
	shape string
	mode  mode
	calls []call
}

func (c testCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s:\n", c.shape, c.mode.name)
	for i, call := range c.calls {
		fmt.Fprintf(&b, "    %d. %s\n", i+1, call.text)
	}
	return b.String()
}

// generate makes the case of an index, from the seed and the index alone.
func (w *world) generate(seed int64, index int) testCase {
	rng := rand.New(rand.NewSource(seed*1_000_003 + int64(index)))
	g := &gen{world: w, rng: rng, home: bindKeys[rng.Intn(3)]}
	c := testCase{seed: seed, index: index}
	shapes := []func() call{
		g.find, g.find, g.find, g.aggregate, g.joinsRelation, g.joinsRelation, g.joinsMany, g.joinsSQL, g.preloads, g.preloads, g.from,
		g.raw, g.raw, g.exec, g.associationRead, g.associationRead, g.associationRead, g.associationWrite, g.associationWrite,
		g.typedRead, g.typedRead, g.typedWrite, g.typedSet, g.create, g.create, g.save, g.update, g.remove, g.firstOrCreate,
	}
	n := 1
	switch dice := rng.Intn(20); {
	case dice < 3:
		c.mode = mode{name: "transaction", tx: true}
		n = 2 + rng.Intn(3)
	case dice == 3:
		c.mode = mode{name: "transaction that goes on", tx: true, goesOn: true}
		n = 2 + rng.Intn(3)
	case dice == 4:
		c.mode = mode{name: "transaction that fails", tx: true, fails: true}
		n = 2
	case dice == 5:
		c.mode = mode{name: "nested transaction", tx: true, nested: true}
		n = 2
	case dice == 6:
		c.mode = mode{name: "prepared", session: gorm.Session{PrepareStmt: true}}
		n = 1 + rng.Intn(2)
	case dice == 7:
		c.mode = mode{name: "query fields", session: gorm.Session{QueryFields: true}}
	case dice == 8:
		c.mode = mode{name: "no default transaction", session: gorm.Session{SkipDefaultTransaction: true}}
	case dice < 11:
		c.mode = mode{name: "several calls"}
		n = 2 + rng.Intn(2)
	default:
		c.mode = mode{name: "plain"}
	}
	for i := 0; i < n; i++ {
		call := choose(g, shapes)()
		c.calls = append(c.calls, call)
		for _, s := range call.statements {
			// What is left out must not depend on the rows that it would change, and
			// must have changed nothing.
			c.mode.goesOn = c.mode.goesOn && !s.maybe && !s.after && !s.ifShared
		}
	}
	var names []string
	for _, call := range c.calls {
		names = append(names, call.shape)
	}
	c.shape = strings.Join(names, " + ")
	return c
}

// writer is the call that changed the rows, or -1 if several may have.
func (c testCase) writer(stop int) int {
	writer := -1
	for i, call := range c.calls[:min(stop+1, len(c.calls))] {
		if call.writes && writer >= 0 {
			return -1
		}
		if call.writes {
			writer = i
		}
	}
	return writer
}

// An outcome is what one side made of a call.
type outcome struct {
	call  int
	value string
	err   error
	sent  []sentence
	// shared is what the call's question of that name said before it ran.
	shared bool
}

// errApplication is why an application rolls back by itself.
var errApplication = errors.New("the application's own error")

// A panicked is the panic of a call.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

func guarded(c call, db *gorm.DB) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r, debug.Stack()}
		}
	}()
	return c.run(db)
}

// run makes calls of a case on one side: those before stop, and without those
// to skip. It ends with the first error, but for those of the calls in past.
func (s *side) run(c testCase, stop int, skip, past map[int]bool) (outcomes []outcome, committed error) {
	session := c.mode.session
	base := s.db.Session(&session)
	one := func(db *gorm.DB, i int) error {
		shared := false
		if ask := c.calls[i].shared; ask != nil {
			var err error
			if shared, err = ask(db.Session(&gorm.Session{NewDB: true})); err != nil {
				return err
			}
		}
		s.log.take()
		value, err := guarded(c.calls[i], db)
		o := outcome{call: i, err: err, sent: s.log.take(), shared: shared}
		if rendered, renderErr := render(value, c.calls[i].ordered); renderErr != nil {
			o.value = "can't be rendered: " + renderErr.Error()
		} else {
			o.value = rendered
		}
		outcomes = append(outcomes, o)
		return err
	}
	all := func(db *gorm.DB) error {
		for i := 0; i < stop; i++ {
			if skip[i] {
				continue
			}
			var err error
			if c.mode.nested && i == len(c.calls)-1 {
				err = db.Transaction(func(tx *gorm.DB) error { return one(tx, i) })
			} else {
				err = one(db, i)
			}
			if err != nil && !past[i] && !absent(err) {
				return err
			}
		}
		if c.mode.fails {
			return errApplication
		}
		return nil
	}
	if c.mode.tx {
		committed = base.Transaction(all)
	} else {
		committed = all(base)
	}
	return outcomes, committed
}

// A disagreement is what a case showed that should not be.
type disagreement struct {
	kind   string
	shape  string
	detail string // for grouping
	text   string
}

// A tally counts what the cases did.
type tally struct {
	cases, calls, refused, split, crossed, invalid, panics, writes int
	shapes                                                         map[string]*shapeTally
	sample                                                         func(format string, args ...any)
}

type shapeTally struct{ calls, refused, split, invalid, bad int }

func (t *tally) shape(name string) *shapeTally {
	if t.shapes[name] == nil {
		t.shapes[name] = &shapeTally{}
	}
	return t.shapes[name]
}

// prediction is what the rules say of a case, given what the plain side sent.
type prediction struct {
	refused map[int]verdict // by call
	quiet   map[int]bool    // nothing may be sent for it
}

func (w *world) predict(c testCase, plain []outcome) prediction {
	p := prediction{refused: map[int]verdict{}, quiet: map[int]bool{}}
	if c.mode.goesOn { // all calls are made, whatever the plain side did
		plain = nil
		for i := range c.calls {
			plain = append(plain, outcome{call: i})
		}
	}
	for _, o := range plain {
		for n, s := range c.calls[o.call].statements {
			v := w.layout.judge(s, o.shared)
			if !v.crosses {
				continue
			}
			if s.maybe && !s.reached(o.sent) {
				continue
			}
			p.refused[o.call] = v
			p.quiet[o.call] = n == 0 && !s.after && !v.late
			break
		}
	}
	return p
}

// check runs a case on both sides and compares.
func (w *world) check(c testCase, t *tally) (found []disagreement, err error) {
	disagree := func(i int, kind, detail, format string, args ...any) {
		d := disagreement{kind: kind, detail: detail, shape: c.shape, text: fmt.Sprintf(format, args...)}
		if i >= 0 {
			d.shape = c.calls[i].shape
			t.shape(d.shape).bad++
		}
		found = append(found, d)
	}
	plain, plainErr := w.plain.run(c, len(c.calls), nil, nil)
	if p := (*panicked)(nil); errors.As(plainErr, &p) {
		t.panics++
		w.broken = true // GORM leaves transactions open
		return nil, nil
	}
	p := w.predict(c, plain)

	// Where the application stops at the first error, so must the plain side have.
	stop, skip := len(c.calls), map[int]bool{}
	for i := range c.calls {
		if _, refused := p.refused[i]; !refused {
			continue
		}
		if c.mode.goesOn {
			skip[i] = true
		} else {
			stop = i
			break
		}
	}
	w.count(c, plain, p, t)
	invalid := map[int]bool{}
	for _, o := range plain {
		w.checkGenerator(c, o, p, disagree)
		invalid[o.call] = o.err != nil && !absent(o.err)
	}
	again := stop < len(c.calls) || len(skip) > 0
	if again {
		if err := w.resetSide(w.plain); err != nil {
			return found, err
		}
		if c.mode.tx && !c.mode.goesOn {
			plain, plainErr = plain[:min(len(plain), stop)], nil // all is rolled back
		} else {
			plain, plainErr = w.plain.run(c, stop, skip, nil)
		}
	}
	routed, routedErr := w.routed.run(c, len(c.calls), nil, skip)
	if p := (*panicked)(nil); errors.As(routedErr, &p) {
		w.broken = true
		disagree(routed[len(routed)-1].call, "panic", "", "%v", p)
		return found, nil
	}

	byCall := map[int]outcome{}
	for _, o := range plain {
		byCall[o.call] = o
	}
	for _, o := range routed {
		v, refused := p.refused[o.call]
		switch {
		case refused:
			w.checkRefused(o, v, p.quiet[o.call], invalid[o.call], disagree)
		default:
			want, ran := byCall[o.call]
			if !ran {
				continue // told by the call before it
			}
			w.checkSame(want, o, disagree)
		}
	}
	if len(found) == 0 && len(p.refused) == 0 && (plainErr == nil) != (routedErr == nil) {
		disagree(-1, "different outcome", "", "plain: %v\nrouted: %v", plainErr, routedErr)
	}
	plainState, err := w.state(single)
	if err != nil {
		return found, err
	}
	routedState, err := w.state(bindKeys...)
	if err != nil {
		return found, err
	}
	if c.mode.session.SkipDefaultTransaction {
		for i := range p.refused {
			if !p.quiet[i] {
				// What GORM did for the call before stays: associations are deleted
				// before their owner.
				routedState = w.wanted(plainState)
			}
		}
	}
	if diff := difference(w.wanted(plainState), routedState); diff != "" && len(found) == 0 {
		disagree(c.writer(stop), "different rows", "", "%s", diff)
	}
	return found, w.reset()
}

// count counts what a case does.
func (w *world) count(c testCase, plain []outcome, p prediction, t *tally) {
	t.cases++
	for _, o := range plain {
		call := c.calls[o.call]
		t.calls++
		st := t.shape(call.shape)
		st.calls++
		if call.writes {
			t.writes++
		}
		if _, refused := p.refused[o.call]; refused {
			t.refused++
			st.refused++
		} else {
			binds, split := map[string]bool{}, false
			for _, s := range call.statements {
				split = split || w.layout.judge(s, o.shared).split
			}
			for _, s := range o.sent {
				for _, table := range s.tables {
					binds[w.layout.binds[table]] = true
				}
			}
			if len(binds) > 1 {
				t.crossed++
			}
			if split {
				t.split++
				st.split++
			}
		}
		if o.err != nil && !absent(o.err) {
			t.invalid++
			st.invalid++
			if t.sample != nil {
				t.sample("%s: %v\n    %s", call.shape, o.err, call.text)
			}
		}
	}
}

// checkGenerator compares what the generator says of a call with what SQLite
// says of its statements.
func (w *world) checkGenerator(c testCase, o outcome, p prediction, disagree func(int, string, string, string, ...any)) {
	if o.err != nil {
		return
	}
	_, refused := p.refused[o.call]
	split := false
	for _, s := range c.calls[o.call].statements {
		split = split || w.layout.judge(s, o.shared).split
	}
	if refused || split {
		return
	}
	for _, s := range o.sent {
		if w.layout.crossed(s.tables) {
			disagree(o.call, "the generator is wrong", strings.Join(s.tables, " "), "it says nothing of %v in\n%s", s.tables, s.sql)
			return
		}
	}
}

func (w *world) checkRefused(o outcome, v verdict, quiet, invalid bool, disagree func(int, string, string, string, ...any)) {
	claims := strings.Join(v.claims, ", ")
	var cross *bindkey.CrossBindError
	switch {
	case errors.As(o.err, &cross):
		for _, s := range o.sent {
			if quiet && s.sql != "BEGIN" && !strings.Contains(s.sql, "SAVEPOINT") { // of a transaction that GORM begins itself
				disagree(o.call, "refused, but something was sent", claims, "%s", sentences(o.sent))
				return
			}
		}
	case o.err == nil:
		disagree(o.call, "not refused", claims, "silent success, answer: %s\n%s", o.value, sentences(o.sent))
	case invalid:
		// GORM's statement is wrong in one database, too.
	default:
		disagree(o.call, "not refused", claims, "error: %v\n%s", o.err, sentences(o.sent))
	}
}

// absent reports whether an error only says that there is no such row.
func absent(err error) bool {
	return errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows)
}

func (w *world) checkSame(want, got outcome, disagree func(int, string, string, string, ...any)) {
	report := fmt.Sprintf("plain:  %s, error %v\n%srouted: %s, error %v\n%s", want.value, want.err, sentences(want.sent), got.value, got.err, sentences(got.sent))
	switch {
	case errors.Is(got.err, bindkey.ErrCrossBind) && want.err != nil && !absent(want.err):
		// GORM's statement is wrong in one database, too (Clear of an unscoped
		// belongs to relation names a table that it does not join).
	case errors.Is(got.err, bindkey.ErrCrossBind):
		disagree(got.call, "refused without need", "", "%s", report)
	case (want.err == nil) != (got.err == nil):
		detail := ""
		if got.err != nil {
			detail = quotes.ReplaceAllString(got.err.Error(), "…")
		}
		disagree(got.call, "different error", detail, "%s", report)
	case absent(want.err) != absent(got.err):
		disagree(got.call, "different error", "", "%s", report)
	case want.err == nil && want.value != got.value:
		disagree(got.call, "different answer", "", "%s", report)
	}
}

var quotes = regexp.MustCompile(`[a-z_]+\.[a-z_]+|: [a-z_]+$|\d+`)

func sentences(sent []sentence) string {
	var b strings.Builder
	for _, s := range sent {
		fmt.Fprintf(&b, "        %s: %s\n", s.database, s.sql)
	}
	return b.String()
}

func difference(want, got map[string]string) string {
	var b strings.Builder
	names := map[string]bool{}
	for name := range want {
		names[name] = true
	}
	for name := range got {
		names[name] = true
	}
	for _, name := range sortedKeys(names) {
		if want[name] != got[name] {
			fmt.Fprintf(&b, "%s:\n  plain\n%s\n  routed\n%s\n", name, want[name], got[name])
		}
	}
	return b.String()
}

func (w *world) resetSide(s *side) error {
	for name := range s.log.dirty {
		if err := w.databases[name].reset(); err != nil {
			return err
		}
	}
	s.log.dirty = map[string]bool{}
	return nil
}

// render is a text of an answer, the same for the same rows: JSON, with the
// rows sorted where their order says nothing. Rows of relations are sorted
// always, since Preload asks for them in no order.
func render(v any, ordered bool) (string, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var tree any
	if err := json.Unmarshal(encoded, &tree); err != nil {
		return "", err
	}
	if m, ok := tree.(map[string]any); ok && len(m) == 2 && m["Affected"] != nil {
		m["Rows"] = sorted(m["Rows"], ordered)
	} else {
		tree = sorted(tree, ordered)
	}
	encoded, err = json.Marshal(tree)
	return string(encoded), err
}

func sorted(tree any, keep bool) any {
	switch tree := tree.(type) {
	case []any:
		texts := make([]string, len(tree))
		for i := range tree {
			tree[i] = sorted(tree[i], false)
			encoded, _ := json.Marshal(tree[i])
			texts[i] = string(encoded)
		}
		if !keep {
			sort.Sort(byText{tree, texts})
		}
		return tree
	case map[string]any:
		for key, value := range tree {
			tree[key] = sorted(value, false)
		}
		return tree
	default:
		return tree
	}
}

type byText struct {
	values []any
	texts  []string
}

func (b byText) Len() int           { return len(b.values) }
func (b byText) Less(i, j int) bool { return b.texts[i] < b.texts[j] }
func (b byText) Swap(i, j int) {
	b.values[i], b.values[j] = b.values[j], b.values[i]
	b.texts[i], b.texts[j] = b.texts[j], b.texts[i]
}

// Options say which cases to run.
type Options struct {
	Seed  int64
	Cases int            // how many
	Only  int            // this index alone, if not negative
	Shape *regexp.Regexp // only cases with a call of such a shape; nil for all
	Dir   string         // for the databases
	Trace func(format string, args ...any)
	// Invalid is told of calls that are errors in plain GORM, too: the generator
	// should make few.
	Invalid func(format string, args ...any)
}

// A Report is what a run found.
type Report struct {
	Groups []*Group
	tally  tally
}

// A Group is the disagreements of one cause.
type Group struct {
	Kind, Shape string
	Count       int
	Details     map[string]int
	Indexes     []int // of the first cases
	Example     string
}

// Run runs the cases.
func Run(o Options) (*Report, error) {
	r := &Report{tally: tally{shapes: map[string]*shapeTally{}, sample: o.Invalid}}
	groups := map[string]*Group{}
	first, last := 0, o.Cases
	if o.Only >= 0 {
		first, last = o.Only, o.Only+1
	}
	var w *world
	defer func() {
		if w != nil {
			_ = w.close()
		}
	}()
	number := -1
	for index := first; index < last; index++ {
		if index/casesPerWorld != number || w.broken {
			if w != nil {
				if err := w.close(); err != nil {
					return r, err
				}
			}
			number = index / casesPerWorld
			dir, err := os.MkdirTemp(o.Dir, "world")
			if err != nil {
				return r, err
			}
			if w, err = newWorld(o.Seed*7919+int64(number), dir); err != nil {
				return r, fmt.Errorf("world %d: %w", number, err)
			}
		}
		c := w.generate(o.Seed, index)
		if o.Shape != nil {
			wanted := false
			for _, call := range c.calls {
				wanted = wanted || o.Shape.MatchString(call.shape)
			}
			if !wanted {
				if last < o.Cases*200 && o.Only < 0 {
					last++
				}
				continue
			}
		}
		found, err := w.check(c, &r.tally)
		if err != nil {
			return r, fmt.Errorf("case %d of seed %d: %w\n%s", index, o.Seed, err, c)
		}
		if o.Trace != nil {
			o.Trace("case %d: %s", index, c)
		}
		for _, d := range found {
			key := d.kind + "|" + d.shape
			if groups[key] == nil {
				var rules []string
				for i, call := range c.calls {
					for _, s := range call.statements {
						rules = append(rules, fmt.Sprintf("    %d. %s", i+1, w.layout.describe(s)))
					}
				}
				groups[key] = &Group{Kind: d.kind, Shape: d.shape, Details: map[string]int{}, Example: fmt.Sprintf(
					"-equivalence.seed=%d -equivalence.only=%d\n%s  names:\n%s\n  layout: %s, decoys %v\n%s",
					c.seed, c.index, c, strings.Join(rules, "\n"), w.layout, w.decoys, d.text)}
			}
			groups[key].Count++
			if len(groups[key].Indexes) < 12 {
				groups[key].Indexes = append(groups[key].Indexes, c.index)
			}
			groups[key].Details[d.detail]++
		}
	}
	for _, key := range sortedKeys(groups) {
		r.Groups = append(r.Groups, groups[key])
	}
	return r, nil
}

// Lines are the group in short: how many, what, and of what.
func (g *Group) Lines() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%4d × %s: %s (cases %s)\n", g.Count, g.Kind, g.Shape, strings.Trim(fmt.Sprint(g.Indexes), "[]"))
	for _, detail := range sortedKeys(g.Details) {
		if detail != "" {
			fmt.Fprintf(&b, "           %d × %s\n", g.Details[detail], detail)
		}
	}
	return b.String()
}

// Summary tells what the cases were.
func (r *Report) Summary() string {
	t := r.tally
	return fmt.Sprintf("%d cases, %d calls (%d write): %d must be refused, %d have statements in several binds and must not, %d are split; %d are errors in plain GORM, too, and %d panics",
		t.cases, t.calls, t.writes, t.refused, t.crossed, t.split, t.invalid, t.panics)
}

// Shapes is a table of the shapes.
func (r *Report) Shapes() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-40s %7s %8s %6s %8s %9s\n", "shape", "calls", "refused", "split", "invalid", "disagree")
	for _, name := range sortedKeys(r.tally.shapes) {
		s := r.tally.shapes[name]
		fmt.Fprintf(&b, "%-40s %7d %8d %6d %8d %9d\n", name, s.calls, s.refused, s.split, s.invalid, s.bad)
	}
	return b.String()
}
