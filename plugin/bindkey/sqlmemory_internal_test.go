package bindkey

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// What is read of a text is what readSQL reads, the first time, again, and after
// other texts have taken its place, in each dialect and from many goroutines.
func TestSQLMemory(t *testing.T) {
	var p Plugin
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
				for _, written := range []lexicon{mysqlSQL, postgresSQL} {
					if got, want := fmt.Sprint(p.read(text, written)), fmt.Sprint(readSQL(text, written)); got != want {
						t.Errorf("%.40q: %s, want %s", text, got, want)
					}
				}
			}
		}()
	}
	together.Wait()
	p.read(texts[0], mysqlSQL) // whatever had taken its place
	if n := testing.AllocsPerRun(100, func() { p.read(texts[0], mysqlSQL) }); n > 0 {
		t.Errorf("a text that is remembered allocates %v times", n)
	}
	if _, place, _ := p.memory.recall(texts[len(texts)-1], mysqlSQL); place != nil {
		t.Error("a text of any length is remembered")
	}
}

// What is seen of a text is what glanceAt sees, and what is read of it is what
// readSQL reads, whichever is asked first.
func TestSQLMemoryOfGlances(t *testing.T) {
	texts := []string{"", "x", "SELECT 1", "SELECT * FROM `a` -- FROM b", "SELECT 'x\\' FROM a; -- ' FROM b", "SELECT * FROM a JOIN b",
		"SELECT * FROM a WHERE id IN (SELECT id FROM b)", "DELETE FROM a WHERE id IN b", "DELETE FROM a; DELETE FROM b",
		"SELECT * FROM " + marked("N(a)"), "SELECT * FROM a WHERE id IN (" + neutral.Belongs("main") + "SELECT id FROM c)"}
	for _, length := range []int{shortText, shortText + 1, longText, longText + 1} {
		texts = append(texts, "SELECT * FROM long, other /*"+strings.Repeat("x", length-29)+"*/")
		texts = append(texts, "SELECT * FROM long JOIN other /*"+strings.Repeat("x", length-33)+"*/")
	}
	for i := 0; i < 1000; i++ { // in four lexicons, more than there are places
		texts = append(texts, fmt.Sprintf("SELECT * FROM t%d", i), fmt.Sprintf("SELECT * FROM t%d, (SELECT 1)", i))
	}
	lexicons := []lexicon{mysqlSQL, postgresSQL, sqliteSQL, transactSQL}
	seen, told := make([]glance, len(texts)), make([][]string, len(texts))
	for i, text := range texts {
		seen[i] = glanceAt(text)
		for _, written := range lexicons {
			told[i] = append(told[i], fmt.Sprint(readSQL(text, written)))
		}
	}
	check := func(p *Plugin, i, n int, glances bool) {
		switch text, written := texts[i], lexicons[n]; glances {
		case true:
			if got := p.glance(text, written); got != seen[i] {
				t.Errorf("%.60q: %v, want %v", text, got, seen[i])
			}
		default:
			if got := fmt.Sprint(p.read(text, written)); got != told[i][n] {
				t.Errorf("%.60q: %s, want %s", text, got, told[i][n])
			}
		}
	}
	for _, order := range [][]bool{{true, true, false, false, true}, {false, true, false}} {
		var p Plugin
		for round := 0; round < 2; round++ { // again, after others
			for i := range texts {
				for n := range lexicons {
					for _, glances := range order {
						check(&p, i, n, glances)
					}
				}
			}
		}
	}
	var p Plugin
	var together sync.WaitGroup
	for g := 0; g < 8; g++ {
		g := g
		together.Add(1)
		go func() {
			defer together.Done()
			for i := range texts[:1000] {
				for n := range lexicons {
					check(&p, i, n, (i+g)%2 == 0)
					check(&p, i, n, (i+g)%3 == 0)
				}
			}
		}()
	}
	together.Wait()

	for _, first := range []func(string, lexicon){
		func(text string, written lexicon) { p.glance(text, written) },
		func(text string, written lexicon) { p.read(text, written) },
	} {
		for _, text := range []string{texts[4], "SELECT * FROM a JOIN b /*" + strings.Repeat("y", shortText) + "*/"} {
			p.memory = sqlMemory{}
			first(text, mysqlSQL)
			if memo, _, _ := p.memory.recall(text, mysqlSQL); memo == nil {
				t.Errorf("%.20q: it is not remembered", text)
			}
			if n := testing.AllocsPerRun(100, func() { p.glance(text, mysqlSQL) }); n > 0 {
				t.Errorf("%.20q: a text that is remembered allocates %v times", text, n)
			}
		}
	}
}

// Two texts that have one hash are not taken for each other, nor is one text in
// two lexicons.
func TestSQLMemoryOfOneHash(t *testing.T) {
	const text = "SELECT * FROM users"
	for name, other := range map[string]sqlMemo{
		"text":    {text: "SELECT * FROM logs JOIN tags", written: mysqlSQL},
		"lexicon": {text: text, written: postgresSQL},
	} {
		var p Plugin
		_, place, hash := p.memory.recall(text, mysqlSQL)
		other.hash, other.read = hash, true
		other.glance, other.facts = glanceNested, readSQL("SELECT * FROM logs JOIN tags", other.written)
		for i := 0; i < 2; i++ {
			other := other
			place.Store(&other)
			if got := p.glance(text, mysqlSQL); got != glanceAt(text) {
				t.Errorf("another %s: %v", name, got)
			}
			place.Store(&other)
			if got, want := fmt.Sprint(p.read(text, mysqlSQL)), fmt.Sprint(readSQL(text, mysqlSQL)); got != want {
				t.Errorf("another %s: %s, want %s", name, got, want)
			}
		}
	}
}
