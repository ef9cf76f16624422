package keys

import (
	"reflect"

	"golang.org/x/tools/go/analysis"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/consts"
)

// TagName is the struct tag that holds a key, where the program has bindkey.TagName.
var TagName = UsualTag

// Analyzer gives other analyzers a [Reader] for the package at hand.
var Analyzer = &analysis.Analyzer{
	Name:       "bindkeys",
	Doc:        "read bind keys from types",
	Requires:   []*analysis.Analyzer{consts.Analyzer},
	ResultType: reflect.TypeOf(Reader{}),
	Run: func(pass *analysis.Pass) (any, error) {
		return Reader{Tag: TagName, Const: pass.ResultOf[consts.Analyzer].(consts.Finder)}, nil
	},
}
