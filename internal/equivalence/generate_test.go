package equivalence

import (
	"errors"
	"testing"
)

// TestReproducible makes the same world and cases from a seed twice, in another
// order: a case must depend on nothing but the seed and its index.
func TestReproducible(t *testing.T) {
	make := func(indexes []int) (layout string, cases map[int]string) {
		w, err := newWorld(5, t.TempDir())
		if errors.Is(err, ErrNoAuthorizer) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.close() }()
		cases = map[int]string{}
		for _, index := range indexes {
			cases[index] = w.generate(5, index).String()
		}
		return w.layout.String(), cases
	}
	const n = 300
	var up, down []int
	for i := 0; i < n; i++ {
		up, down = append(up, i), append(down, n-1-i)
	}
	layout, cases := make(up)
	again, same := make(down)
	if layout != again {
		t.Errorf("two layouts of one seed:\n%s\n%s", layout, again)
	}
	for i := range cases {
		if cases[i] != same[i] {
			t.Errorf("case %d:\n%s\n%s", i, cases[i], same[i])
		}
	}
}

func TestRules(t *testing.T) {
	l := &layout{
		binds: map[string]string{"users": "main", "tags": "beta", "user_tags": "main", "items": "main"},
		keyed: map[string]bool{"tags": true},
	}
	users, tags, join, items := use{table: "users"}, use{table: "tags"}, use{table: "user_tags"}, use{table: "items"}
	weakUsers, weakTags := use{table: "users", weak: true}, use{table: "tags", weak: true}
	for name, c := range map[string]struct {
		statement statement
		shared    bool
		crosses   bool
		split     bool
	}{
		"one bind":                      {whole([]use{users, items}), false, false, false},
		"two binds":                     {whole([]use{users, tags}), false, true, false},
		"a model without a key":         {whole([]use{tags, weakUsers}), false, false, false},
		"a model with a key":            {whole([]use{users, weakTags}), false, true, false},
		"parts":                         {statement{parts: [][]use{{tags}, {join}}}, false, false, true},
		"parts in one bind":             {statement{parts: [][]use{{users}, {join}}, ifShared: true}, true, false, false},
		"a part that crosses":           {statement{parts: [][]use{{tags, items}, {join}}}, false, true, false},
		"columns of its own, shared":    {statement{parts: [][]use{{tags}, {join}}, ifShared: true}, true, true, false},
		"columns of its own, no shared": {statement{parts: [][]use{{tags}, {join}}, ifShared: true}, false, false, true},
	} {
		if v := l.judge(c.statement, c.shared); v.crosses != c.crosses || v.split != c.split {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
