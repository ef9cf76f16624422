package bindkey

import (
	"fmt"
	"strings"
	"sync"
	"testing"
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
