package where

import (
	"go/types"
	"strings"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// A model is a type that was found, with who can read it.
type model struct {
	*types.Named
	reader keys.Reader
}

// models finds the models: those that the packages declare, those that they give to
// GORM and the plugin, and what relations of these refer to.
func (s *source) models() []model {
	var found []model
	seen := map[string]bool{}
	var add func(of model)
	add = func(of model) {
		name := program.TypeName(of.Named)
		if seen[name] {
			return
		}
		seen[name] = true
		found = append(found, of)
		for _, relation := range of.reader.Relations(of.Named) {
			if target := keys.ModelType(relation.Target); target != nil {
				add(model{target, of.reader})
			}
		}
	}
	for _, root := range s.roots {
		mixins := embedded(root)
		for _, name := range root.Types.Scope().Names() {
			declared, ok := root.Types.Scope().Lookup(name).(*types.TypeName)
			if !ok || declared.IsAlias() {
				continue
			}
			of := keys.ModelType(declared.Type())
			if of != nil && of.Obj() == declared && (s.said.Touched[program.TypeName(of)] || !mixins[of.Obj()] && s.looksLikeModel(root.reader, of)) {
				add(model{of, root.reader})
			}
		}
		for name := range s.said.Touched {
			if of := s.named(name); of != nil && s.imports(root, of.Obj().Pkg()) {
				add(model{of, root.reader})
			}
		}
	}
	return found
}

func (s *source) looksLikeModel(reader keys.Reader, of *types.Named) bool {
	read := reader.Read(of)
	_, registered := s.said.Tables[strings.ToLower(reader.Table(of))]
	// A tag of another library's in a type that is nothing of GORM's is no key.
	return keys.LooksLikeModel(of) || reader.Declares(of) ||
		keys.HasID(of) && (read.Claim.Key != "" || read.Faults != nil || registered)
}

// embedded are the types that a package's structs embed: bases, and no models of
// their own unless something else says so.
func embedded(in root) map[types.Object]bool {
	found := map[types.Object]bool{}
	for _, name := range in.Types.Scope().Names() {
		outer, ok := in.Types.Scope().Lookup(name).Type().Underlying().(*types.Struct)
		for i := 0; ok && i < outer.NumFields(); i++ {
			_, byGORM := keys.Settings(outer.Tag(i))["EMBEDDED"]
			if field := outer.Field(i); field.Embedded() || byGORM {
				if of := keys.ModelType(field.Type()); of != nil {
					found[of.Obj()] = true
				}
			}
		}
	}
	return found
}

// named is the type of a name with its import path, or nil.
func (s *source) named(name string) *types.Named {
	dot := strings.LastIndexByte(name, '.')
	pkg := s.packages[name[:max(dot, 0)]]
	if pkg == nil {
		return nil
	}
	if of := pkg.Types.Scope().Lookup(name[dot+1:]); of != nil {
		return keys.ModelType(of.Type())
	}
	return nil
}

// imports reports whether a root is a package or imports it, so that it can read
// its types.
func (s *source) imports(of root, pkg *types.Package) bool {
	seen := map[string]bool{}
	var reaches func(path string) bool
	reaches = func(path string) bool {
		if path == pkg.Path() {
			return true
		}
		if seen[path] || s.packages[path] == nil {
			return false
		}
		seen[path] = true
		for _, imported := range s.packages[path].Imports {
			if reaches(imported.PkgPath) {
				return true
			}
		}
		return false
	}
	return reaches(of.PkgPath)
}
