package sqlscan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
)

// marked is a text in which a name is N(name), a variable V(index).
func marked(text string) string {
	return regexp.MustCompile(`[NV]\([^)]*\)`).ReplaceAllStringFunc(text, func(mark string) string {
		var written strings.Builder
		inside := mark[2 : len(mark)-1]
		if mark[0] == 'N' {
			neutral.WriteName(&written, inside)
			return written.String()
		}
		index, _ := strconv.Atoi(inside)
		neutral.WriteVar(&written, &gorm.Statement{Vars: make([]any, index+1)})
		return written.String()
	})
}

// Each mark is looked at once, whatever is left open.
func TestLexerOfNeutralInLinearTime(t *testing.T) {
	belongs := neutral.Belongs("main")
	start, end := belongs[:strings.Index(belongs, "@")], belongs[strings.Index(belongs, "main")+len("main"):]
	for name, part := range map[string]string{
		"variables": marked("V(0)"), "names": marked("N(a)"), "open marks": start, "open names": start + `"`, "ends": end, "no index": start + "?x" + end,
	} {
		const times = 1 << 17
		text := strings.Repeat(part, times)
		began := time.Now()
		for l := (lexer{src: text}); l.scan().kind != endToken; {
		}
		if took := time.Since(began); took > 10*time.Second { // a quarter of a second, and hours if it were quadratic
			t.Errorf("%s: %v", name, took)
		}
	}
}

// TestLexerOfNeutral: a neutral name is a quoted name, and a variable is none,
// whatever dialect the text around them is read as.
func TestLexerOfNeutral(t *testing.T) {
	text := marked("SELECT N(a), '\x01' FROM N(main).N(my logs) WHERE x = V(12) AND V(0) /* \x01 */ b")
	want := marked("SELECT|q:N(a)|,|'\x01'|FROM|q:N(main)|.|q:N(my logs)|WHERE|x|=|V(12)|AND|V(0)|b")
	for _, dialect := range []Dialect{Standard, MySQL, Postgres, SQLite, TransactSQL} {
		var got []string
		for l := (lexer{src: text, dialect: dialect}); ; {
			token := l.scan()
			if token.kind == endToken {
				break
			}
			kind := map[tokenKind]string{quotedToken: "q:"}[token.kind]
			got = append(got, kind+text[token.start:token.end])
		}
		if got := strings.Join(got, "|"); got != want {
			t.Errorf("dialect %d:\n\t got %q\n\twant %q", dialect, got, want)
		}
		facts := scan(marked("SELECT * FROM N(logs) JOIN N(main.Users) ON id = V(0) WHERE id IN (V(1)")+")", dialect)
		if got := fmt.Sprint(facts.Tables); got != "[logs main.users]" || !facts.Reads {
			t.Errorf("dialect %d: tables %s, reads %v", dialect, got, facts.Reads)
		}
	}
}
