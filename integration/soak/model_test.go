package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A checker that finds nothing would be silent as well, so each kind of finding
// has a story here that is one.
func TestCheck(t *testing.T) {
	there := func(seqs ...int64) (rows []found) {
		for _, seq := range seqs {
			rows = append(rows, found{table: "main", bind: "main", txn: 1, seq: seq, name: rowName("main", 1, seq, "")})
		}
		return rows
	}
	lost := &bindkey.PartialCommitError{Failed: "main", Unknown: true}
	partial := &bindkey.PartialCommitError{Committed: []string{"main"}, Failed: "archive", RolledBack: []string{"analytics"}}
	failed := &bindkey.PartialCommitError{Committed: []string{"archive"}, Failed: "main"}
	for _, c := range []struct {
		name string
		err  error
		rows []found
		want string // kinds of findings
	}{
		{"committed", nil, there(1, 2), ""},
		{"committed, with a row that nobody knows of", nil, there(1, 2, 3), ""},
		{"committed, but an AfterCommit function failed", &bindkey.AfterCommitError{Err: errors.New("no")}, there(1, 2), ""},
		{"lost", nil, nil, "told committed, but rows are missing"},
		{"half lost", nil, there(2), "half a transaction (committed)"},
		{"undone, and there", nil, there(1, 2, 4), "undone rows are there"},
		{"rolled back", errors.New("no"), nil, ""},
		{"rolled back, and there", errors.New("no"), there(2), "told rolled back, but rows are there"},
		{"unknown, not there", lost, nil, ""},
		{"unknown, there", fmt.Errorf("wrapped: %w", lost), there(1, 2), ""},
		{"unknown, half there", lost, there(1), "partial: half a transaction (unknown)"},
		{"committed in part", partial, there(1, 2), ""},
		{"committed in part, and lost", partial, nil, "partial: told committed, but rows are missing"},
		{"rolled back in part, and there", failed, there(1), "partial: told rolled back, but rows are there"},
	} {
		s := &story{id: 1, told: outcomeOf(c.err), rows: []*row{
			{key: "main", seq: 1}, {key: "main", seq: 2}, {key: "main", seq: 3, fate: may}, {key: "main", seq: 4, fate: never},
		}}
		got := kindsOf(check([]*story{s}, []place{{key: "main", rows: c.rows, hots: map[string]int64{}}}))
		if got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}

func kindsOf(findings []finding) string {
	var kinds []string
	for _, f := range findings {
		kinds = append(kinds, f.kind)
	}
	return strings.Join(kinds, ", ")
}

func TestCheckWrongPlace(t *testing.T) {
	s := &story{id: 1, told: outcomeOf(nil), rows: []*row{{key: "archive", seq: 1}}}
	for _, c := range []struct {
		f    found
		want string
	}{
		{found{table: "archive", bind: "main", txn: 1, seq: 1}, "a row in the wrong database, told committed, but rows are missing"},
		{found{table: "main", bind: "main", txn: 1, seq: 1}, "a row in the wrong database, told committed, but rows are missing"},
		{found{table: "archive", bind: "archive", txn: 9, seq: 1}, "a row of no transaction, told committed, but rows are missing"},
		{found{table: "archive", bind: "archive", txn: 1, seq: 1}, ""},
		{found{table: "archive", bind: "archive", txn: 1, seq: 1, val: 7}, "rows with another value"},
	} {
		got := kindsOf(check([]*story{s}, []place{{key: "archive", rows: []found{c.f}, hots: map[string]int64{}}}))
		if got != c.want {
			t.Errorf("%+v: found %q, want %q", c.f, got, c.want)
		}
	}
}

func TestCheckHots(t *testing.T) {
	stories := []*story{
		{id: 1, told: outcomeOf(nil), bumps: []*bump{{key: "main"}, {key: "main", fate: may}, {key: "main", fate: never}}},
		{id: 2, told: outcomeOf(errors.New("no")), bumps: []*bump{{key: "main"}}},
		{id: 3, told: outcomeOf(&bindkey.PartialCommitError{Failed: "main", Unknown: true}), bumps: []*bump{{key: "main"}}},
	}
	for sum, want := range map[int64]string{0: "updates of hot rows", 1: "", 2: "", 3: "", 4: "updates of hot rows"} {
		if got := kindsOf(check(stories, []place{{key: "main", hots: map[string]int64{"main": sum}}})); got != want {
			t.Errorf("sum %d: found %q, want %q", sum, got, want)
		}
	}
	if got := kindsOf(check(nil, []place{{key: "main", hots: map[string]int64{"archive": 1}}})); got != "updates of hot rows" {
		t.Errorf("an update in the wrong database: found %q", got)
	}
}

func TestCheckWaiters(t *testing.T) {
	commit, rollback, partial := error(nil), errors.New("no"), &bindkey.PartialCommitError{Failed: "main"}
	for _, c := range []struct {
		commit bool
		fate   fate
		err    error
		ran    int32
		good   bool
	}{
		{true, must, commit, 1, true}, {true, must, commit, 0, false}, {true, must, commit, 2, false},
		{true, never, commit, 1, false}, {true, never, commit, 0, true}, {true, may, commit, 0, true},
		{true, must, rollback, 1, false}, {true, must, rollback, 0, true}, {true, must, partial, 1, false},
		{false, must, rollback, 1, true}, {false, must, rollback, 0, false}, {false, must, commit, 1, false},
		{false, must, partial, 1, false}, {false, must, partial, 0, true}, {false, may, rollback, 0, true},
	} {
		w := &waiter{commit: c.commit, fate: c.fate}
		w.ran.Store(c.ran)
		s := &story{told: outcomeOf(c.err), waiters: []*waiter{w}}
		if got := s.checkWaiters(); (len(got) == 0) != c.good {
			t.Errorf("%+v: found %v", c, kindsOf(got))
		}
	}
}

// What is undone is as it was at the mark.
func TestUndo(t *testing.T) {
	s := &story{rows: []*row{{seq: 1, val: 1}, {seq: 2}}, waiters: []*waiter{{}}}
	m := s.mark()
	s.rows[0].val, s.rows[1].fate = 2, never // an UPDATE and a DELETE
	s.rows = append(s.rows, &row{seq: 3})
	s.bumps = append(s.bumps, &bump{})
	s.waiters = append(s.waiters, &waiter{commit: true}, &waiter{})
	s.undo(m, may)
	got := fmt.Sprint(*s.rows[0], *s.rows[1], *s.rows[2], *s.bumps[0], s.waiters[0].fate, s.waiters[1].fate, s.waiters[2].fate)
	want := fmt.Sprint(row{seq: 1, val: 1}, row{seq: 2}, row{seq: 3, fate: never}, bump{fate: never}, must, never, may)
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestConnectionIDs(t *testing.T) {
	postgres := append([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00K\x00\x00\x00\x0c"), 0, 0, 1, 2, 9, 9, 9, 9)
	mysql := append([]byte("\x4a\x00\x00\x00\x0a5.5.5-10.11\x00"), 2, 1, 0, 0, 'x')
	for i := range postgres[:17] {
		if id := postgresID(postgres[:i]); id != 0 {
			t.Errorf("PostgreSQL: %d in the first %d bytes", id, i)
		}
	}
	if got, want := []int64{postgresID(postgres), mysqlID(mysql), mysqlID(mysql[:18])}, []int64{258, 258, 0}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
