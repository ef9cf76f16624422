package sqlscan

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// What is read of a text is what scan reads, the first time, again, and after
// other texts have taken its place, in each dialect and from many goroutines.
func TestCache(t *testing.T) {
	var c Cache
	texts := []string{"SELECT * FROM `a` -- FROM b", "SELECT 'x\\' FROM a; -- ' FROM b"}
	for i := 0; i < 6000; i++ { // more than there are places
		texts = append(texts, fmt.Sprintf("SELECT * FROM t%d", i))
	}
	for _, length := range []int{shortText + 1, longText + 1} {
		texts = append(texts, "SELECT * FROM long /*"+strings.Repeat("x", length)+"*/")
	}
	again := append(texts[:len(texts):len(texts)], texts[:10]...)
	var together sync.WaitGroup
	for i := 0; i < 4; i++ {
		together.Add(1)
		go func() {
			defer together.Done()
			for _, text := range again {
				for _, written := range []Dialect{MySQL, Postgres} {
					if got, want := fmt.Sprint(c.Scan(text, written)), fmt.Sprint(scan(text, written)); got != want {
						t.Errorf("%.40q: %s, want %s", text, got, want)
					}
				}
			}
		}()
	}
	together.Wait()
	c.Scan(texts[0], MySQL) // whatever had taken its place
	if n := testing.AllocsPerRun(100, func() { c.Scan(texts[0], MySQL) }); n > 0 {
		t.Errorf("a text that is remembered allocates %v times", n)
	}
	if _, place, _ := c.recall(texts[len(texts)-1], MySQL); place != nil {
		t.Error("a text of any length is remembered")
	}
}

// What is seen of a text is what needOf sees, and what is read of it is what
// scan reads, whichever is asked first.
func TestCacheOfNeeds(t *testing.T) {
	texts := []string{"", "x", "SELECT 1", "SELECT * FROM `a` -- FROM b", "SELECT 'x\\' FROM a; -- ' FROM b", "SELECT * FROM a JOIN b",
		"SELECT * FROM a WHERE id IN (SELECT id FROM b)", "DELETE FROM a WHERE id IN b", "DELETE FROM a; DELETE FROM b", "COMMIT", "CREATE TABLE a (b int)", "DELETE FROM a; RELEASE b",
		"SELECT * FROM " + marked("N(a)"), "SELECT * FROM a WHERE id IN (" + neutral.Belongs("main") + "SELECT id FROM c)"}
	for _, length := range []int{shortText, shortText + 1, longText, longText + 1} {
		texts = append(texts, "SELECT * FROM long, other /*"+strings.Repeat("x", length-29)+"*/")
		texts = append(texts, "SELECT * FROM long JOIN other /*"+strings.Repeat("x", length-33)+"*/")
	}
	for i := 0; i < 1000; i++ { // in four dialects, more than there are places
		texts = append(texts, fmt.Sprintf("SELECT * FROM t%d", i), fmt.Sprintf("SELECT * FROM t%d, (SELECT 1)", i))
	}
	dialects := []Dialect{MySQL, Postgres, SQLite, TransactSQL}
	seen, told := make([][]Need, len(texts)), make([][]string, len(texts))
	for i, text := range texts {
		for _, written := range dialects {
			seen[i] = append(seen[i], needOf(text, written))
			told[i] = append(told[i], fmt.Sprint(scan(text, written)))
		}
	}
	check := func(c *Cache, i, n int, glances bool) {
		switch text, written := texts[i], dialects[n]; glances {
		case true:
			if got := c.Need(text, written); got != seen[i][n] {
				t.Errorf("%.60q: %v, want %v", text, got, seen[i][n])
			}
		default:
			if got := fmt.Sprint(c.Scan(text, written)); got != told[i][n] {
				t.Errorf("%.60q: %s, want %s", text, got, told[i][n])
			}
		}
	}
	for _, order := range [][]bool{{true, true, false, false, true}, {false, true, false}} {
		var c Cache
		for round := 0; round < 2; round++ { // again, after others
			for i := range texts {
				for n := range dialects {
					for _, glances := range order {
						check(&c, i, n, glances)
					}
				}
			}
		}
	}
	var c Cache
	var together sync.WaitGroup
	for g := 0; g < 8; g++ {
		g := g
		together.Add(1)
		go func() {
			defer together.Done()
			for i := range texts[:1000] {
				for n := range dialects {
					check(&c, i, n, (i+g)%2 == 0)
					check(&c, i, n, (i+g)%3 == 0)
				}
			}
		}()
	}
	together.Wait()

	for _, first := range []func(string, Dialect){
		func(text string, written Dialect) { c.Need(text, written) },
		func(text string, written Dialect) { c.Scan(text, written) },
	} {
		for _, text := range []string{texts[4], "SELECT * FROM a JOIN b /*" + strings.Repeat("y", shortText) + "*/"} {
			c = Cache{}
			first(text, MySQL)
			if memo, _, _ := c.recall(text, MySQL); memo == nil {
				t.Errorf("%.20q: it is not remembered", text)
			}
			if n := testing.AllocsPerRun(100, func() { c.Need(text, MySQL) }); n > 0 {
				t.Errorf("%.20q: a text that is remembered allocates %v times", text, n)
			}
		}
	}
}

// Two texts that have one hash are not taken for each other, nor is one text in
// two dialects.
func TestCacheOfOneHash(t *testing.T) {
	const text = "SELECT * FROM users"
	for name, other := range map[string]memo{
		"text":    {text: "SELECT * FROM logs JOIN tags", dialect: MySQL},
		"Dialect": {text: text, dialect: Postgres},
	} {
		var c Cache
		_, place, hash := c.recall(text, MySQL)
		other.hash, other.read = hash, true
		other.need, other.facts = NeedTables, scan("SELECT * FROM logs JOIN tags", other.dialect)
		for i := 0; i < 2; i++ {
			other := other
			place.Store(&other)
			if got := c.Need(text, MySQL); got != needOf(text, MySQL) {
				t.Errorf("another %s: %v", name, got)
			}
			place.Store(&other)
			if got, want := fmt.Sprint(c.Scan(text, MySQL)), fmt.Sprint(scan(text, MySQL)); got != want {
				t.Errorf("another %s: %s, want %s", name, got, want)
			}
		}
	}
}
