package program

import (
	"go/types"
	"testing"

	"golang.org/x/tools/go/packages"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
)

// TestOptionsAreKnown holds the plugin's options against what this package knows:
// with one that it does not know, a program's keys count as not visible.
func TestOptionsAreKnown(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedTypes | packages.NeedImports | packages.NeedName}, calls.Bindkey)
	if err != nil || packages.PrintErrors(pkgs) > 0 {
		t.Fatal(err)
	}
	naming := map[string]bool{"Default": true, "TagName": true, "Models": true, "Tenants": true} // in collector.bindkey
	options := 0
	scope := pkgs[0].Types.Scope()
	for _, name := range scope.Names() {
		fn, ok := scope.Lookup(name).(*types.Func)
		if !ok || !fn.Exported() || fn.Type().(*types.Signature).Results().Len() != 1 || !isOption(fn.Type().(*types.Signature).Results().At(0).Type()) {
			continue
		}
		options++
		if !known["."+name] && !naming[name] {
			t.Errorf("bindkey.%s: add it to known in call.go if it names no bind, or read its keys in collector.bindkey", name)
		}
	}
	if options == 0 {
		t.Error("bindkey has no options")
	}
}
