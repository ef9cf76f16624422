package bindkey

import (
	"reflect"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A dialect is all that GORM compiles a statement with. Each bind has one;
// binds whose dialects are the same share it.
type dialect struct {
	gorm.Dialector
	builders  map[string]clause.ClauseBuilder
	clauses   [statementKinds][]string
	callbacks [statementKinds]func(*gorm.DB) // those that send the statement
	now       func() time.Time
	product   *product.Profile
	quoted    *quotedNames // nil: each name is quoted anew
}

// dialectOf is the dialect of a handle.
func dialectOf(db *gorm.DB) *dialect {
	callbacks := db.Callback()
	create, query, update := callbacks.Create(), callbacks.Query(), callbacks.Update()
	remove, row, raw := callbacks.Delete(), callbacks.Row(), callbacks.Raw()
	d := &dialect{
		Dialector: innerDialector(db.Dialector),
		builders:  db.ClauseBuilders,
		clauses: [statementKinds][]string{
			createStatement: create.Clauses, queryStatement: query.Clauses, updateStatement: update.Clauses,
			deleteStatement: remove.Clauses, rowStatement: row.Clauses, rawStatement: raw.Clauses,
		},
		callbacks: [statementKinds]func(*gorm.DB){
			createStatement: create.Get("gorm:create"), queryStatement: query.Get("gorm:query"), updateStatement: update.Get("gorm:update"),
			deleteStatement: remove.Get("gorm:delete"), rowStatement: row.Get("gorm:row"), rawStatement: raw.Get("gorm:raw"),
		},
		now:     db.NowFunc,
		product: product.Of(db.Dialector.Name()),
	}
	if quotesAlike(d.Dialector) {
		d.quoted = new(quotedNames)
	}
	return d
}

// same reports whether binds can share a dialect: it compiles every statement
// alike, and has nothing to itself. ClickHouse's callbacks, for one, are methods
// of a dialector that remembers its servers.
func (d *dialect) same(other *dialect) bool {
	return d.alike(other) && !hides(reflect.ValueOf(d.Dialector)) && !hides(reflect.ValueOf(other.Dialector))
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

// alike reports whether two dialects compile every statement alike. Their names
// don't tell: MariaDB has RETURNING and MySQL has not, and both are "mysql".
func (d *dialect) alike(other *dialect) bool {
	if d.Name() != other.Name() || !reflect.DeepEqual(d.clauses, other.clauses) || len(d.builders) != len(other.builders) {
		return false
	}
	for name := range d.builders {
		if _, ok := other.builders[name]; !ok {
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

// defaultNow is the code of the NowFunc that GORM gives a handle.
var defaultNow = sync.OnceValue(func() uintptr {
	db, err := gorm.Open(nil)
	if err != nil {
		return 0
	}
	return codeOf(db.NowFunc)
})

// codeOf tells functions apart, which Go does not compare.
func codeOf(now func() time.Time) uintptr { return reflect.ValueOf(now).Pointer() }

// givenNow is the application's NowFunc, or nil where GORM or the dialector
// chose it: MySQL's rounds to what a DATETIME column holds.
func givenNow(handle *gorm.DB) func() time.Time {
	code := codeOf(handle.NowFunc)
	if code == defaultNow() {
		return nil
	}
	var applied gorm.Config
	if d, ok := innerDialector(handle.Dialector).(interface{ Apply(*gorm.Config) error }); ok {
		if err := d.Apply(&applied); err == nil && applied.NowFunc != nil && codeOf(applied.NowFunc) == code {
			return nil
		}
	}
	return handle.NowFunc
}

// givenBuilders are the clause builders that the application gave its handle,
// beside those of the dialector.
func givenBuilders(handle *gorm.DB) map[string]clause.ClauseBuilder {
	given := map[string]clause.ClauseBuilder{}
	var own map[string]clause.ClauseBuilder
	if d, ok := innerDialector(handle.Dialector).(interface {
		ClauseBuilders() map[string]clause.ClauseBuilder
	}); ok {
		own = d.ClauseBuilders()
	}
	for name, builder := range handle.ClauseBuilders {
		if _, ok := own[name]; !ok {
			given[name] = builder
		}
	}
	return given
}
