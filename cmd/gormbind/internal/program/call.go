package program

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/calls"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/consts"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
)

// call reads one call, whatever it calls.
func (c *collector) call(call *ast.CallExpr) {
	c.markCalled(call)
	pkg, receiver, name := calls.Callee(c.pass.TypesInfo, call)
	switch {
	case pkg == calls.Bindkey:
		c.bindkey(call, receiver+"."+name)
	case pkg == calls.DBResolver && name == "Register":
		c.adopted(call)
	case pkg == calls.Config:
		c.config(call, name)
	case pkg == calls.Gorm && receiver == "DB":
		c.gorm(call, name)
	case pkg == calls.Gorm && name == "G":
		c.written(c.typeArgument(call), call)
	}
}

func (c *collector) markCalled(call *ast.CallExpr) {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		c.called[fun] = true
	case *ast.SelectorExpr:
		c.called[fun.Sel] = true
	}
}

// known are the functions and methods of bindkey that name no bind. What is not
// here may come with a later version, and name some.
var known = map[string]bool{
	".Strict": true, ".CommitOrder": true, ".OpenLate": true, ".SQLTx": true, ".AfterCommit": true, ".AfterRollback": true,
	".TwoPhase": true, ".PlacementOf": true, ".Observe": true, "Plugin.Observe": true, ".LogBinds": true,
	".EndTimeout": true,
}

func (c *collector) bindkey(call *ast.CallExpr, name string) {
	switch name {
	case ".New":
		c.said.Plugin, c.said.New = true, call.Pos()
	case ".Default":
		c.constant(call, 0, func(key string) { c.said.setDefault(key); c.said.key(key) })
	case ".TagName":
		c.constant(call, 0, c.said.setTagName)
	case ".Models":
		c.said.Lists = append(c.said.Lists, call)
		c.listed(call, 0)
	case "Plugin.Check":
		c.listed(call, 0)
	case "Plugin.Register":
		c.constant(call, 0, func(key string) {
			c.said.key(key)
			c.data(call, 2, key)
		})
	case ".Tenants", "Plugin.RegisterTenants":
		c.constant(call, 0, func(key string) {
			c.said.tenanted(key)
			c.tenants(call, key)
		})
	case "Plugin.AutoMigrate":
		for _, arg := range call.Args[min(2, len(call.Args)):] {
			c.written(c.pass.TypesInfo.TypeOf(arg), arg)
		}
	case ".Use":
		if key, ok := consts.Of(c.pass.TypesInfo, call.Args[0]); ok {
			c.said.Uses = append(c.said.Uses, Use{key, c.at(call.Args[0].Pos())})
		}
	default:
		if isOption(c.pass.TypesInfo.TypeOf(call)) && !known[name] {
			c.said.opaque(fmt.Sprintf("bindkey%s at %s is not known to this command", name, c.at(call.Pos()).Text))
		}
	}
}

// data notes the models and tables that a call gives to a bind, from its i-th argument
// on.
func (c *collector) data(call *ast.CallExpr, from int, key string) {
	for _, model := range c.listed(call, from) {
		c.said.Registered[TypeName(model)] = key
	}
	for _, arg := range call.Args[min(from, len(call.Args)):] {
		if table, ok := consts.Of(c.pass.TypesInfo, arg); ok {
			c.said.table(strings.ToLower(table), key)
		}
	}
}

// tenants notes the data among the options of Tenants.
func (c *collector) tenants(call *ast.CallExpr, key string) {
	if call.Ellipsis.IsValid() {
		c.said.ListedOpaque = true
		return
	}
	for _, arg := range call.Args[min(2, len(call.Args)):] {
		option, ok := ast.Unparen(arg).(*ast.CallExpr)
		if !ok {
			c.said.ListedOpaque = true
			continue
		}
		if _, _, name := calls.Callee(c.pass.TypesInfo, option); name == "TenantData" {
			c.data(option, 0, key)
		}
	}
}

func isOption(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "Option"
}

// constant hands a string argument on, or notes that it is none that is visible.
func (c *collector) constant(call *ast.CallExpr, i int, found func(string)) {
	if i < len(call.Args) {
		if value, ok := consts.Of(c.pass.TypesInfo, call.Args[i]); ok {
			found(value)
			return
		}
	}
	c.said.opaque("a key is no constant at " + c.at(call.Pos()).Text)
}

// listed notes the models among a call's arguments from the i-th on.
func (c *collector) listed(call *ast.CallExpr, from int) (models []*types.Named) {
	if call.Ellipsis.IsValid() {
		c.said.ListedOpaque = true
		return nil
	}
	for i := from; i < len(call.Args); i++ {
		t := c.pass.TypesInfo.TypeOf(call.Args[i])
		if _, ok := consts.Of(c.pass.TypesInfo, call.Args[i]); ok {
			continue // a table
		}
		model := keys.ModelType(t)
		if model == nil {
			c.said.ListedOpaque = true
			continue
		}
		models = append(models, model)
		c.related(model)
		c.keyed(model, Place{})
	}
	return models
}

// related notes a model as listed, with what its relations refer to.
func (c *collector) related(model *types.Named) {
	if c.said.Listed[TypeName(model)] {
		return
	}
	c.said.Listed[TypeName(model)] = true
	for _, relation := range c.reader.Relations(model) {
		if target := keys.ModelType(relation.Target); target != nil {
			c.related(target)
			c.keyed(target, Place{})
		}
	}
}

// keyed notes a model that has a key of its own.
func (c *collector) keyed(model *types.Named, written Place) {
	c.said.Touched[TypeName(model)] = true
	if read := c.reader.Read(model); read.Claim.Key != "" {
		c.said.model(Model{TypeName(model), keys.TypeName(model), read.Claim.Key, c.at(model.Obj().Pos()), written})
	}
}

// adopted reads a Register of dbresolver: each name is one of a resolver, and so
// may be a key.
func (c *collector) adopted(call *ast.CallExpr) {
	if call.Ellipsis.IsValid() {
		c.said.opaque("the names of a dbresolver are not visible at " + c.at(call.Pos()).Text)
		return
	}
	for i, arg := range call.Args {
		if name, ok := consts.Of(c.pass.TypesInfo, arg); ok {
			c.said.key(name)
		} else if i > 0 && keys.ModelType(c.pass.TypesInfo.TypeOf(arg)) == nil {
			c.said.opaque("the names of a dbresolver are not visible at " + c.at(call.Pos()).Text)
		}
	}
}

// config reads the binds of package config.
func (c *collector) config(call *ast.CallExpr, name string) {
	switch name {
	case "Load":
		c.said.key("main", "analytics")
		if call.Ellipsis.IsValid() {
			c.said.opaque("the options of config.Load are not visible at " + c.at(call.Pos()).Text)
		}
	case "Bind":
		c.constant(call, 0, func(key string) {
			c.said.key(key)
			if url, ok := consts.Of(c.pass.TypesInfo, call.Args[1]); ok && strings.Contains(url, "{tenant}") {
				c.said.tenanted(key)
			}
		})
	case "Tenants":
		c.constant(call, 0, func(key string) {
			c.said.tenanted(key)
			c.tenants(call, key)
		})
	case "Schemes", "Lookup", "Variable", "Open", "Keys", "Dialector", "String", "GoString", "Databases", "DatabasesOf", "Tenanted",
		"TwoPhase", "Ping", "DefaultOpeners":
	default:
		c.said.opaque("config." + name + " at " + c.at(call.Pos()).Text + " may name binds outside of the program's text")
	}
}

// written are the methods of *gorm.DB whose argument is a model with a table of
// its own. What Find and Scan fill may be no more than a few columns.
var written = map[string]bool{
	"Create": true, "CreateInBatches": true, "Save": true, "Delete": true, "Model": true, "AutoMigrate": true,
}

func (c *collector) gorm(call *ast.CallExpr, name string) {
	switch {
	case name == "SetupJoinTable" && len(call.Args) == 3:
		owner, join := keys.ModelType(c.pass.TypesInfo.TypeOf(call.Args[0])), keys.ModelType(c.pass.TypesInfo.TypeOf(call.Args[2]))
		if field, ok := consts.Of(c.pass.TypesInfo, call.Args[1]); ok && owner != nil && join != nil {
			c.said.Joined[TypeName(owner)+"."+field] = TypeName(join)
			c.said.Touched[TypeName(join)] = true
		}
	case name == "AutoMigrate":
		for _, arg := range call.Args {
			c.written(c.pass.TypesInfo.TypeOf(arg), arg)
		}
	case written[name] && len(call.Args) > 0:
		c.written(c.pass.TypesInfo.TypeOf(call.Args[0]), call.Args[0])
	}
}

func (c *collector) written(t types.Type, at ast.Node) {
	if model := keys.ModelType(t); model != nil {
		c.keyed(model, c.at(at.Pos()))
	}
}

// typeArgument is T of gorm.G[T](db).
func (c *collector) typeArgument(call *ast.CallExpr) types.Type {
	if index, ok := ast.Unparen(call.Fun).(*ast.IndexExpr); ok {
		return c.pass.TypesInfo.TypeOf(index.Index)
	}
	return nil
}

// TypeName is a type's name with its import path, as facts have it.
func TypeName(model *types.Named) string {
	if model.Obj().Pkg() == nil {
		return model.Obj().Name()
	}
	return model.Obj().Pkg().Path() + "." + model.Obj().Name()
}
