package dialect

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// counting is a dialector of an application, which quotes as it likes: here each
// name another way each time.
type counting struct {
	gorm.Dialector
	asked int
}

func (c *counting) QuoteTo(writer clause.Writer, name string) {
	c.asked++
	_, _ = writer.WriteString(fmt.Sprint(c.asked, name))
}

// silent writes nothing, and so allocates nothing.
type silent struct{ written int }

func (s *silent) WriteByte(byte) error { s.written++; return nil }

func (s *silent) WriteString(text string) (int, error) { s.written += len(text); return len(text), nil }

func quotedBy(d gorm.Dialector, name string) string {
	var quoted strings.Builder
	d.QuoteTo(&quoted, name)
	return quoted.String()
}

func openedDialect(t *testing.T, d gorm.Dialector) *Dialect {
	t.Helper()
	db, err := gorm.Open(d, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if conn, err := db.DB(); err == nil {
			_ = conn.Close()
		}
	})
	return Of(db, db.Dialector)
}

// A name is quoted as the dialector quotes it, the first time and again, where
// names share places, and from many goroutines.
func TestQuoteTo(t *testing.T) {
	d := openedDialect(t, sqlitedb.Open(":memory:"))
	if d.quoted == nil {
		t.Fatal("GORM's own dialector is asked each time")
	}
	belongs := neutral.Belongs("main")
	start, end := belongs[:strings.Index(belongs, "@")], belongs[strings.Index(belongs, "main")+len("main"):]
	names := []string{"", "users", "Users", "main.users", "a.b.c.d", ".", "..", "users.", ".users", "`users`", "`main`.`users`",
		"`", "``", "```", "us`ers", "us``ers", "`us`.ers", `"users"`, `us"ers`, "'", "[users]", "users AS u", "users; DROP", "größe",
		"用户", "\x00", "\xff", "a\nb", "*", "count(*)", "?", "$1", "@name", clause.CurrentTable, clause.PrimaryKey,
		start, end, start + `"users` + end, start + "?0" + end, belongs,
		strings.Repeat("long", 1000)}
	for i := 0; i < 10000; i++ { // more than there are places
		names = append(names, fmt.Sprint("name", i))
	}
	want := make([]string, len(names))
	for i, name := range names {
		want[i] = quotedBy(d.Dialector, neutral.Unmark(name))
	}
	var together sync.WaitGroup
	for g := 0; g < 8; g++ {
		g := g
		together.Add(1)
		go func() {
			defer together.Done()
			for n := 0; n < 2*len(names); n++ {
				i := (n + g*len(names)/8) % len(names) // each from elsewhere
				if got := quotedBy(d, names[i]); got != want[i] {
					t.Errorf("%.40q: %.40q, want %.40q", names[i], got, want[i])
				}
			}
		}()
	}
	together.Wait()

	var writer silent
	fresh := openedDialect(t, sqlitedb.Open(":memory:"))
	for _, name := range []string{"users", "main.users"} {
		fresh.QuoteTo(&writer, name)
		if n := testing.AllocsPerRun(100, func() { fresh.QuoteTo(&writer, name) }); n > 0 {
			t.Errorf("%s: a name that is remembered allocates %v times", name, n)
		}
	}
	if writer.written == 0 {
		t.Error("nothing was written")
	}
}

// What a name is quoted as is remembered of GORM's own dialectors alone: another
// may quote a name another way the next time, and is asked each time.
func TestQuotesAlike(t *testing.T) {
	own := sqlitedb.Open(":memory:")
	for name, c := range map[string]struct {
		dialector gorm.Dialector
		want      bool
	}{
		"GORM's":                  {own, true},
		"GORM's by value":         {*own.(*sqlite.Dialector), false}, // which allocates where it is asked
		"an application's":        {&counting{Dialector: own}, false},
		"an application's, bare":  {struct{ gorm.Dialector }{own}, false},
		"one without a name":      {&struct{ gorm.Dialector }{own}, false},
		"one that embeds GORM's":  {&struct{ *sqlite.Dialector }{own.(*sqlite.Dialector)}, false},
		"the plugin's around one": {&counting{Dialector: &counting{Dialector: own}}, false},
	} {
		if got := quotesAlike(c.dialector); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}

	asked := &counting{Dialector: own}
	d := openedDialect(t, asked)
	before := asked.asked
	for i := 1; i <= 3; i++ {
		if got, want := quotedBy(d, "users"), fmt.Sprint(before+i, "users"); got != want {
			t.Errorf("quoted %q, want %q", got, want)
		}
	}
}
