package dialect

import (
	"reflect"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

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
func givenNow(handle *gorm.DB, inner gorm.Dialector) func() time.Time {
	code := codeOf(handle.NowFunc)
	if code == defaultNow() {
		return nil
	}
	var applied gorm.Config
	if d, ok := inner.(interface{ Apply(*gorm.Config) error }); ok {
		if err := d.Apply(&applied); err == nil && applied.NowFunc != nil && codeOf(applied.NowFunc) == code {
			return nil
		}
	}
	return handle.NowFunc
}

// givenBuilders are the clause builders that the application gave its handle,
// beside those of the dialector.
func givenBuilders(handle *gorm.DB, inner gorm.Dialector) map[string]clause.ClauseBuilder {
	given := map[string]clause.ClauseBuilder{}
	var own map[string]clause.ClauseBuilder
	if d, ok := inner.(interface {
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
