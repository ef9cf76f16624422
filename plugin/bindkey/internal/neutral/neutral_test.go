package neutral

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// A style is a dialector, as far as neutral SQL is rendered with it.
type style struct {
	gorm.Dialector
	bindVar func(stmt *gorm.Statement) string
	quote   string // the opening and the closing one
}

func (s style) BindVarTo(writer clause.Writer, stmt *gorm.Statement, _ any) {
	_, _ = writer.WriteString(s.bindVar(stmt))
}

func (s style) QuoteTo(writer clause.Writer, name string) {
	_, _ = writer.WriteString(s.quote[:1] + strings.ReplaceAll(name, ".", s.quote[1:]+"."+s.quote[:1]) + s.quote[1:])
}

func counted(prefix string) func(*gorm.Statement) string {
	return func(stmt *gorm.Statement) string { return fmt.Sprint(prefix, len(stmt.Vars)) }
}

// marked is a text in which a name is N(name), a variable V(index).
func marked(text string) string {
	return strings.NewReplacer("N(", namePrefix, "V(", variablePrefix, ")", markEnd).Replace(text)
}

func unnumbered(*gorm.Statement) string { return "?" }

var styles = map[string]gorm.Dialector{
	"question marks, backticks": style{bindVar: unnumbered, quote: "``"},
	"numbers, double quotes":    style{bindVar: counted("$"), quote: `""`},
	"names, double quotes":      style{bindVar: counted("@p"), quote: `""`},
	"numbers, brackets":         style{bindVar: counted("?"), quote: "[]"},
	"sqlite":                    sqlite.Dialector{},
}

// TestRender renders what GORM's builders are written with: a name is
// N(name), a variable V(index).
func TestRender(t *testing.T) {
	vars := []any{"a", 2, nil}
	for _, c := range []struct {
		name, neutral string
		want          map[string]string // by style; "" for all others
	}{
		{"nothing", "", nil},
		{"plain SQL", "SELECT ?, '$1', @p1 FROM `a` WHERE \"b\" = [c]", nil},
		{"a name", "SELECT * FROM N(logs)", map[string]string{
			"": "SELECT * FROM `logs`", "numbers, double quotes": `SELECT * FROM "logs"`,
			"names, double quotes": `SELECT * FROM "logs"`, "numbers, brackets": "SELECT * FROM [logs]"}},
		{"a name alone", "N(a)", map[string]string{
			"": "`a`", "numbers, double quotes": `"a"`, "names, double quotes": `"a"`, "numbers, brackets": "[a]"}},
		{"a qualified name", "N(s.a).N(b)", map[string]string{
			"": "`s`.`a`.`b`", "numbers, double quotes": `"s"."a"."b"`, "names, double quotes": `"s"."a"."b"`, "numbers, brackets": "[s].[a].[b]"}},
		{"variables", "x = V(0) AND y = V(1)", map[string]string{
			"": "x = ? AND y = ?", "numbers, double quotes": "x = $1 AND y = $2",
			"names, double quotes": "x = @p1 AND y = @p2", "numbers, brackets": "x = ?1 AND y = ?2"}},
		{"the same variable again, and out of order", "V(2)V(0)V(2)", map[string]string{
			"": "???", "numbers, double quotes": "$3$1$3", "names, double quotes": "@p3@p1@p3", "numbers, brackets": "?3?1?3"}},
		{"both", "N(a) = V(0)", map[string]string{
			"": "`a` = ?", "numbers, double quotes": `"a" = $1`, "names, double quotes": `"a" = @p1`, "numbers, brackets": "[a] = ?1"}},
		{"an index out of range", "V(3) V(-1) V(99999999999999999999)", map[string]string{"": "V(3) V(-1) V(99999999999999999999)"}},
		{"no index", "V() V(x) V(0x) V( 0) V(1.5)", map[string]string{"": "V() V(x) V(0x) V( 0) V(1.5)"}},
		{"a mark that does not end", "a \x01", nil},
		{"a name that does not end", "a \x01\"logs", nil},
		{"an end without a mark", "a \x02 b", nil},
		{"an end without a mark, then a mark", "\x02V(0)", map[string]string{
			"": "\x02?", "numbers, double quotes": "\x02$1", "names, double quotes": "\x02@p1", "numbers, brackets": "\x02?1"}},
	} {
		marks := strings.NewReplacer("N(", namePrefix, "V(", variablePrefix, ")", markEnd)
		for name, d := range styles {
			neutral := marks.Replace(c.neutral)
			want, ok := c.want[name]
			if !ok {
				want = c.want[""]
			}
			want = marks.Replace(want)
			if c.want == nil {
				want = neutral
			}
			if got := Render(d, neutral, vars); got != want {
				t.Errorf("%s, %s: %q\n\t got %q\n\twant %q", c.name, name, neutral, got, want)
			}
		}
	}
}

// TestWrite renders what WriteVar and WriteName write.
func TestWrite(t *testing.T) {
	numbers := styles["numbers, double quotes"]
	quoted := func(name string) string {
		var b strings.Builder
		WriteName(&b, name)
		return b.String()
	}
	for _, c := range []struct{ name, text, want string }{
		{"a name", quoted("logs"), `"logs"`},
		{"a qualified name", quoted("main.logs"), `"main"."logs"`},
		{"an empty name", quoted(""), `""`},
		{"a name with quotes of other dialects", quoted("a`b[c"), "\"a`b[c\""},
		{"quoted already", quoted(quoted("logs")), `"logs"`},
		{"quoted three times", quoted(quoted(quoted("logs"))), `"logs"`},
		{"a name with a byte of a mark's end in it", quoted("a\x02 OR 1=1 --"), `"a OR 1=1 --"`},
		{"a name with what was a mark in another process", quoted("a\x0101\"b\x02"), `"a01"b"`},
		{"a name with a mark's end in it", quoted("a" + markEnd + " OR 1=1 --"), `"a OR 1=1 --"`},
		{"a mark in two halves around another", quoted(markStart[:5] + namePrefix + markStart[5:] + "?0" + markEnd), `"` + markStart[1:] + `?0"`},
		{"a qualified name of quoted parts", quoted(quoted("main") + "." + quoted("logs")), `"main"."logs"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !Is(c.text) {
				t.Errorf("%q is not neutral", c.text)
			}
			if got := Render(numbers, c.text, nil); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}

	var stmt gorm.Statement
	var text strings.Builder
	for i := 0; i < 12; i++ {
		stmt.Vars = append(stmt.Vars, i)
		WriteVar(&text, &stmt)
		text.WriteByte(' ')
	}
	if got := Render(numbers, text.String(), stmt.Vars); got != "$1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 " {
		t.Errorf("variables are %q", got)
	}
}

// A variable's dialector sees it last in the statement's variables, as GORM's
// AddVar lets it, and the statement's own stay as they are.
func TestRenderShowsTheVariables(t *testing.T) {
	vars := []any{"a", 2, 3.5}
	var seen []string
	d := style{quote: "``", bindVar: func(stmt *gorm.Statement) string {
		seen = append(seen, fmt.Sprint(stmt.Vars))
		return "?"
	}}
	Render(d, marked("V(1) V(0) V(2)"), vars)
	if got := strings.Join(seen, " "); got != "[a 2] [a] [a 2 3.5]" {
		t.Errorf("saw %s", got)
	}
	if got := fmt.Sprint(vars); got != "[a 2 3.5]" {
		t.Errorf("left %s", got)
	}
}

// SQL without marks is returned as it is, and nothing is copied.
func TestRenderOfPlainSQL(t *testing.T) {
	d := styles["numbers, double quotes"]
	if n := testing.AllocsPerRun(100, func() { Render(d, "SELECT * FROM logs WHERE id = $1", nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each mark is looked at once, whatever is left open.
func TestRenderInLinearTime(t *testing.T) {
	d := styles["numbers, double quotes"]
	for name, part := range map[string]string{
		"variables": marked("V(0)"), "names": marked("N(a)"), "open marks": markStart, "open names": namePrefix, "ends": markEnd, "no index": marked("V(x)"),
	} {
		const times = 1 << 17
		text := strings.Repeat(part, times)
		start := time.Now()
		Render(d, text, []any{1})
		if took := time.Since(start); took > 10*time.Second { // a quarter of a second, and hours if it were quadratic
			t.Errorf("%s: %v", name, took)
		}
	}
}

// FuzzRender checks that rendering never panics, leaves plain SQL alone,
// and puts names and variables where they were written.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{"", "SELECT 1", marked("N(a)"), marked("V(0)"), "\x01\x02", markStart, namePrefix, markEnd + namePrefix + "a", marked("V(99)V(-1)")} {
		f.Add(seed, "logs", seed)
	}
	d := styles["numbers, double quotes"]
	f.Fuzz(func(t *testing.T, before, name, after string) {
		vars := []any{1, 2}
		if text := Render(d, before, vars); !Is(before) && text != before {
			t.Errorf("%q became %q", before, text)
		}
		unmarked := func(text string) string { // which makes no mark of what is left
			for number := markStart[1:]; strings.Contains(text, number); {
				text = strings.ReplaceAll(text, number, "")
			}
			return text
		}
		before, name, after = unmarked(before), unmarked(name), unmarked(after)
		stmt := gorm.Statement{Vars: vars}
		var text, want strings.Builder
		text.WriteString(before)
		WriteName(&text, name)
		WriteVar(&text, &stmt)
		text.WriteString(after)
		want.WriteString(before)
		d.QuoteTo(&want, strings.NewReplacer("\x01", "", "\x02", "").Replace(name))
		want.WriteString("$2" + after)
		if got := Render(d, text.String(), vars); got != want.String() {
			t.Errorf("%q:\n\t got %q\n\twant %q", text.String(), got, want.String())
		}
		if again := Render(d, want.String(), vars); again != want.String() {
			t.Errorf("rendering twice: %q", again)
		}
	})
}

// FuzzNames checks that no name, nor two side by side, make a mark: what is written
// is one mark of a name each, and nothing in them says a variable, a bind or a Use.
// S, E and M stand for the parts of a mark, which nobody who chooses a name knows.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"logs", "S?0E", "S", "E", "SS", "S\"aE", "S@mainE", "S(mainES)E", "\x01S\"M", "M\x02", "\x01", "\x01S\x02\"", "E\x02S", "\x01\x01MM\x02\x02", "\x01ME?0\x01MEM\x02"} {
		f.Add(seed, seed)
		f.Add("\x01", seed)
	}
	known := strings.NewReplacer("S", markStart, "E", markEnd, "M", markStart[1:])
	f.Fuzz(func(t *testing.T, first, second string) {
		first, second = known.Replace(first), known.Replace(second)
		var text strings.Builder
		WriteName(&text, first)
		if _, ok := Name(text.String()); !ok {
			t.Fatalf("%q is written as %q", first, text.String())
		}
		text.WriteString(".")
		WriteName(&text, second)
		if _, keys := WithoutUses(text.String()); HasVars(text.String()) || keys != nil {
			t.Errorf("%q and %q are written as %q", first, second, text.String())
		}
		rendered := Render(styles["sqlite"], text.String(), []any{1})
		if strings.ContainsAny(rendered, "\x01\x02") {
			t.Errorf("%q and %q are rendered as %q", first, second, rendered)
		}
		var again strings.Builder
		if WriteName(&again, text.String()); Is(Unmark(again.String())) {
			t.Errorf("quoted again, %q", again.String())
		}
	})
}
