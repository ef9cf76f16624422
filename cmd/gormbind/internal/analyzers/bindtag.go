package analyzers

import (
	"go/ast"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// BindTag finds keys that are empty, or only look like keys.
var BindTag = &analysis.Analyzer{
	Name: "bindtag",
	Doc: `find bind tags and Bind methods that are empty or malformed

	ID uint ` + "`bind:\"\"`" + `                   an empty key
	ID uint ` + "`bind: \"main\"`" + `              Go can't read it
	ID uint ` + "`bindkey:\"main\"`" + `            the tag is bind
	ID uint ` + "`gorm:\"bind:main\"`" + `          it has a tag of its own
	func (T) Bind() (string, error)     not the method that is asked
	func (T) BindKey() string           nor this

The plugin refuses such a model when it is first used. A model with a key of its
own may have them.`,
	Requires: []*analysis.Analyzer{inspect.Analyzer, keys.Analyzer, program.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		reader := pass.ResultOf[keys.Analyzer].(keys.Reader)
		eachFault(pass, keys.Malformed, func(fault keys.Fault) {
			pass.Report(analysis.Diagnostic{Pos: fault.Pos, Message: fault.Text(), SuggestedFixes: fixTag(pass, reader, fault)})
		})
		return nil, nil
	},
}

// fixTag rewrites a tag that holds a key in another form, if what results is a
// tag that Go reads whole.
func fixTag(pass *analysis.Pass, reader keys.Reader, fault keys.Fault) []analysis.SuggestedFix {
	literal := tagLiteral(pass, fault.Pos)
	if fault.Field == nil || literal == nil {
		return nil
	}
	old, err := strconv.Unquote(literal.Value)
	if err != nil {
		return nil
	}
	tag := respell(reader.Tag, old)
	if tag == "" || tag == old {
		return nil
	}
	return []analysis.SuggestedFix{{
		Message:   "write `" + tag + "`",
		TextEdits: []analysis.TextEdit{{Pos: literal.Pos(), End: literal.End(), NewText: []byte("`" + tag + "`")}},
	}}
}

var (
	// bindkey:"main", bind: "main", Bind='main', ,bind:main
	otherSpelling = regexp.MustCompile(`(?i)[,;\s]*\bbind[_-]?(?:key)?\s*[:=]\s*["']?([\w-]+)["']?`)
	// gorm:"size:20;bind:main"
	gormSetting = regexp.MustCompile(`gorm:"([^"]*)"`)
	wholeTag    = regexp.MustCompile(`^(?:[^\x00-\x20:"\x7f]+:"(?:[^"\\]|\\.)*"(?: |$))+$`)
)

// respell is a tag with its key in the right form, or empty.
func respell(name, tag string) string {
	key := ""
	take := func(text string) string {
		return otherSpelling.ReplaceAllStringFunc(text, func(found string) string {
			if key != "" {
				key = "?" // two
			} else {
				key = otherSpelling.FindStringSubmatch(found)[1]
			}
			return ""
		})
	}
	if setting := gormSetting.FindStringSubmatch(tag); setting != nil && otherSpelling.MatchString(setting[1]) {
		rest := strings.Trim(take(setting[1]), "; ")
		if rest != "" {
			rest = `gorm:"` + rest + `"`
		}
		tag = strings.Replace(tag, setting[0], rest, 1)
	} else {
		tag = take(tag)
	}
	tag = strings.TrimSpace(tag + " " + name + `:"` + key + `"`)
	if read, ok := reflect.StructTag(tag).Lookup(name); !ok || read != key || key == "" || key == "?" || !wholeTag.MatchString(tag) || strings.Contains(tag, "`") {
		return ""
	}
	return tag
}

// tagLiteral is the tag of the field at a position.
func tagLiteral(pass *analysis.Pass, at token.Pos) (literal *ast.BasicLit) {
	for _, file := range pass.Files {
		if at < file.FileStart || file.FileEnd < at {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Tag != nil && field.Pos() <= at && at < field.Type.End() && len(field.Names) < 2 {
				literal = field.Tag // the innermost is found last
			}
			return literal == nil || n == nil || n.Pos() <= at && at < n.End()
		})
	}
	return literal
}
