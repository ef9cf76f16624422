// Package dialect is what a bind compiles SQL with: dialector, clause builders,
// callbacks and quoting; when two are the same; and what a bind has for itself of
// gorm.Config.
package dialect

import (
	"reflect"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/processor"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A Dialect is all that GORM compiles a statement with. Each bind has one;
// binds whose dialects are the same share it.
type Dialect struct {
	gorm.Dialector
	Builders  map[string]clause.ClauseBuilder
	Clauses   [processor.Kinds][]string
	Callbacks [processor.Kinds]func(*gorm.DB) // those that send the statement
	Now       func() time.Time
	Product   *product.Profile
	quoted    *quotedNames // nil: each name is quoted anew
}

// Of is the dialect of a handle, with its dialector as nobody has wrapped it.
func Of(db *gorm.DB, inner gorm.Dialector) *Dialect {
	d := &Dialect{
		Dialector: inner,
		Builders:  db.ClauseBuilders,
		Clauses:   processor.Clauses(db),
		Now:       db.NowFunc,
		Product:   product.Of(inner.Name()),
	}
	for kind, of := range processor.Of(db) {
		d.Callbacks[kind] = of.Get(processor.Sends[kind])
	}
	if quotesAlike(d.Dialector) {
		d.quoted = new(quotedNames)
	}
	return d
}

// Same reports whether binds can share a dialect: it compiles every statement
// alike, and has nothing to itself. ClickHouse's callbacks, for one, are methods
// of a dialector that remembers its servers.
func (d *Dialect) Same(other *Dialect) bool {
	return d.Alike(other) && !hides(reflect.ValueOf(d.Dialector)) && !hides(reflect.ValueOf(other.Dialector))
}

// hides reports whether a dialector has a state that it does not show.
func hides(value reflect.Value) bool {
	for (value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface) && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct {
		return false
	}
	for i := 0; i < value.NumField(); i++ {
		field := value.Type().Field(i)
		if !field.IsExported() && !field.Anonymous && !value.Field(i).IsZero() || field.Anonymous && hides(value.Field(i)) {
			return true
		}
	}
	return false
}

// Alike reports whether two dialects compile every statement alike. Their names
// don't tell: MariaDB has RETURNING and MySQL has not, and both are "mysql".
func (d *Dialect) Alike(other *Dialect) bool {
	if d.Name() != other.Name() || !reflect.DeepEqual(d.Clauses, other.Clauses) || len(d.Builders) != len(other.Builders) {
		return false
	}
	for name := range d.Builders {
		if _, ok := other.Builders[name]; !ok {
			return false
		}
	}
	return sameSettings(reflect.ValueOf(d.Dialector), reflect.ValueOf(other.Dialector))
}

// connectionFields are the fields of GORM's dialectors that say what they
// connect to, and not how they write SQL.
var connectionFields = map[string]bool{"DSN": true, "DSNConfig": true, "Conn": true, "DriverName": true, "ServerVersion": true, "Version": true}

// sameSettings compares the fields of two dialectors.
func sameSettings(a, b reflect.Value) bool {
	for a.Kind() == b.Kind() && (a.Kind() == reflect.Pointer || a.Kind() == reflect.Interface) && !a.IsNil() && !b.IsNil() {
		a, b = a.Elem(), b.Elem()
	}
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Kind() != reflect.Struct {
		return a.CanInterface() && reflect.DeepEqual(a.Interface(), b.Interface())
	}
	for i := 0; i < a.NumField(); i++ {
		field := a.Type().Field(i)
		switch {
		case connectionFields[field.Name] || !field.IsExported():
		case field.Anonymous:
			if !sameSettings(a.Field(i), b.Field(i)) {
				return false
			}
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			return false
		}
	}
	return true
}

// Table is what Table left in a statement, in the dialect.
func (d *Dialect) Table(expr *clause.Expr) *clause.Expr {
	if expr == nil || len(expr.Vars) > 0 || !neutral.Is(expr.SQL) {
		return expr
	}
	return &clause.Expr{SQL: neutral.Render(d, expr.SQL, nil), WithoutParentheses: expr.WithoutParentheses}
}
