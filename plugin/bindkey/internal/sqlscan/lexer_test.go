package sqlscan

import (
	"strings"
	"testing"
)

// TestLexer shows tokens as their text, behind a letter for their kind.
func TestLexer(t *testing.T) {
	for _, c := range []struct{ dialects, sql, want string }{
		{"", "", ""},
		{"", " \t\r\n\f\v", ""},
		{"", "SELECT a_1, ü FROM t$x", "w:SELECT w:a_1 o:, w:ü w:FROM w:t$x"},
		{"", "a.b", "w:a o:. w:b"},
		{"", "a>=?", "w:a o:> o:= o:?"},
		{"", "'it''s' ''", "s:'it''s' s:''"},
		{"", `"a""b" ""`, `q:"a""b" q:""`},
		{"", "`a``b`x", "q:`a``b` w:x"},
		{"", "'open", "s:'open"},
		{"", `"open`, `q:"open`},
		{"", "/* open", ""},
		{"", "a/**/b", "w:a w:b"},
		{"", "a/*/b*/c", "w:a w:c"},
		{"", "a / b * c", "w:a o:/ w:b o:* w:c"},
		{"", "1 2.5 .5 1e9 1.5E+3 7.", "o:1 o:2.5 o:. o:5 " + "E:1e9 o:1.5E+3 o:7."},
		{"", "$1 @p1 :name ?1 @@x", "o:$1 o:@p1 o::name o:? o:1 O:@@x"},
		{"", "a::text", "w:a o:: o::text"},
		{"", "\x00\x7f", "o:\x00 o:\x7f"},

		{"postgres", `'a\' b`, `s:'a\' w:b`},
		{"postgres", `E'a\'' e'\\' be'x'`, `s:E'a\'' s:e'\\' w:be s:'x'`},
		{"postgres", "$$ ' $$ $a$ $$ $b$ $a$", "s:$$ ' $$ s:$a$ $$ $b$ $a$"},
		{"postgres", "$a $1$ x$$y $é$z$é$", "o:$a o:$1$ w:x$$y s:$é$z$é$"},
		{"postgres", "$a$ open", "s:$a$ open"},
		{"postgres", "a /* /* b */ c */ d", "w:a w:d"},
		{"postgres", "a -- b\rc", "w:a w:c"},
		{"postgres", "a[1]", "w:a o:[ o:1 o:]"},
		{"postgres", "a#>b @> c", "w:a o:# o:> w:b o:@ o:> w:c"},
		{"postgres", "1FROM", "o:1 w:FROM"},

		{"mysql", `'a\'b' "a\"b" 'a\\'`, `s:'a\'b' q:"a\"b" s:'a\\'`},
		{"mysql", "`a\\`", "q:`a\\`"},
		{"mysql", "a # b\nc", "w:a w:c"},
		{"mysql", "1--2 -- x\n3 --", "o:1 o:- o:- o:2 o:3 o:- o:-"},
		{"mysql", "a /*! b */ c /*!50001 d */ /*M!100 e */ /* f */", "w:a w:b w:c w:d w:e"},
		{"mysql", "2*/*x*/3 */", "o:2 o:* o:3 o:* o:/"},
		{"mysql", "2024_logs 1x", "w:2024_logs w:1x"},
		{"mysql", "a /* /* b */ c", "w:a w:c"},
		{"mysql", "[a]", "o:[ w:a o:]"},

		{"sqlite", "[a b] [a]]", "q:[a b] q:[a] o:]"},
		{"sqlite", `'a\' b`, `s:'a\' w:b`},
		{"sqlite", "a /* /* b */ c", "w:a w:c"},
		{"sqlite", "0xFF x'00'", "o:0xFF w:x s:'00'"},
		{"sqlite", "$$ a $$", "o:$$ w:a o:$$"},

		{"sqlserver", "[a]]b] [open", "q:[a]]b] q:[open"},
		{"sqlserver", "#t ##t a#b a@b @x", "w:#t w:##t w:a#b w:a@b o:@x"},
		{"sqlserver", "a /* /* b */ c */ d", "w:a w:d"},
		{"sqlserver", "N'x'", "w:N s:'x'"},
	} {
		for _, dialect := range (sqlCase{dialects: c.dialects}).in() {
			// MySQL takes 1e9 for a word and SQL Server @@x for one parameter, which is as good.
			want := strings.NewReplacer("E:", map[bool]string{true: "w:", false: "o:"}[dialect == "mysql"],
				"O:@@x", map[bool]string{true: "o:@@x", false: "o:@ o:@x"}[dialect == "sqlserver"]).Replace(c.want)
			var got []string
			for l := (lexer{src: c.sql, dialect: DialectOf(dialect)}); ; {
				token := l.scan()
				if token.kind == endToken {
					break
				}
				got = append(got, string("?wqso"[token.kind])+":"+c.sql[token.start:token.end])
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("%s: %q\n\t got %q\n\twant %q", dialect, c.sql, got, want)
			}
		}
	}
}

func TestLexerKeywords(t *testing.T) {
	for _, c := range []struct {
		word string
		want keyword
	}{
		{"select", kwSelect},
		{"SELECT", kwSelect},
		{"SeLeCt", kwSelect},
		{"foreign_key_check", kwTableInfo},
		{"pg_advisory_lock", kwEffect},
		{"PG_TRY_ADVISORY_XACT_LOCK_SHARED", kwEffect},
		{"selects", noKeyword},
		{"selec", noKeyword},
		{"", noKeyword},
		{"pg_advisory_", noKeyword},
		{"ſelect", noKeyword}, // folds to select, but not in ASCII
		{strings.Repeat("x", 1000), noKeyword},
	} {
		if got := keywordOf(c.word); got != c.want {
			t.Errorf("%s: %d, want %d", c.word, got, c.want)
		}
	}
}

// DialectOf is the dialect of a dialector, by its name.
func DialectOf(name string) Dialect {
	switch name {
	case "mysql":
		return MySQL
	case "postgres":
		return Postgres
	case "sqlite":
		return SQLite
	case "sqlserver":
		return TransactSQL
	default:
		return Standard
	}
}
