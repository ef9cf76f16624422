package dialect

import (
	"bytes"
	"reflect"
	"time"
	"unsafe"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Settings are those fields of gorm.Config that a bind may have for itself. All
// are read by callbacks, after routing, or by the migrator.
type Settings struct {
	SkipDefaultTransaction                   bool
	PrepareStmt                              bool
	TranslateError                           bool
	FullSaveAssociations                     bool
	PropagateUnscoped                        bool
	AllowGlobalUpdate                        bool
	QueryFields                              bool
	DisableForeignKeyConstraintWhenMigrating bool
	IgnoreRelationshipsWhenMigrating         bool
	Logger                                   logger.Interface
	NowFunc                                  func() time.Time
}

// SettingsOf are those of a configuration.
func SettingsOf(config *gorm.Config) *Settings {
	return &Settings{
		SkipDefaultTransaction:                   config.SkipDefaultTransaction,
		PrepareStmt:                              config.PrepareStmt,
		TranslateError:                           config.TranslateError,
		FullSaveAssociations:                     config.FullSaveAssociations,
		PropagateUnscoped:                        config.PropagateUnscoped,
		AllowGlobalUpdate:                        config.AllowGlobalUpdate,
		QueryFields:                              config.QueryFields,
		DisableForeignKeyConstraintWhenMigrating: config.DisableForeignKeyConstraintWhenMigrating,
		IgnoreRelationshipsWhenMigrating:         config.IgnoreRelationshipsWhenMigrating,
		Logger:                                   config.Logger,
		NowFunc:                                  config.NowFunc,
	}
}

// SessionSet tells which settings a session has set itself, one bit for each.
type SessionSet uint16

// Replace puts s into a session's configuration, in the place of from, but for
// what the session has set itself: what it had set before, and what is not
// from's.
func (s *Settings) Replace(from *Settings, config *gorm.Config, set SessionSet) SessionSet {
	if s == from {
		return set
	}
	replaceSetting(0, &set, &config.SkipDefaultTransaction, &from.SkipDefaultTransaction, s.SkipDefaultTransaction)
	replaceSetting(1, &set, &config.PrepareStmt, &from.PrepareStmt, s.PrepareStmt)
	replaceSetting(2, &set, &config.TranslateError, &from.TranslateError, s.TranslateError)
	replaceSetting(3, &set, &config.FullSaveAssociations, &from.FullSaveAssociations, s.FullSaveAssociations)
	replaceSetting(4, &set, &config.PropagateUnscoped, &from.PropagateUnscoped, s.PropagateUnscoped)
	replaceSetting(5, &set, &config.AllowGlobalUpdate, &from.AllowGlobalUpdate, s.AllowGlobalUpdate)
	replaceSetting(6, &set, &config.QueryFields, &from.QueryFields, s.QueryFields)
	replaceSetting(7, &set, &config.DisableForeignKeyConstraintWhenMigrating,
		&from.DisableForeignKeyConstraintWhenMigrating, s.DisableForeignKeyConstraintWhenMigrating)
	replaceSetting(8, &set, &config.IgnoreRelationshipsWhenMigrating,
		&from.IgnoreRelationshipsWhenMigrating, s.IgnoreRelationshipsWhenMigrating)
	replaceSetting(9, &set, &config.Logger, &from.Logger, s.Logger)
	replaceSetting(10, &set, &config.NowFunc, &from.NowFunc, s.NowFunc)
	return set
}

func replaceSetting[T any](bit int, set *SessionSet, of, from *T, to T) {
	switch {
	case *set&(1<<bit) != 0:
	case identical(of, from):
		*of = to
	default:
		*set |= 1 << bit
	}
}

// identical reports whether two variables hold the same value bit by bit: Go
// does not compare functions, nor interfaces of any type.
func identical[T any](a, b *T) bool {
	size := unsafe.Sizeof(*a)
	return bytes.Equal(unsafe.Slice((*byte)(unsafe.Pointer(a)), size), unsafe.Slice((*byte)(unsafe.Pointer(b)), size))
}

// ChangedField is a field that Configure may not change and has, or "".
func ChangedField(before, after *gorm.Config) string {
	allowed := reflect.TypeOf(Settings{})
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for i := 0; i < was.NumField(); i++ {
		field := was.Type().Field(i)
		if _, ok := allowed.FieldByName(field.Name); ok || !field.IsExported() {
			continue
		}
		bits := func(of reflect.Value) []byte {
			return unsafe.Slice((*byte)(of.Field(i).Addr().UnsafePointer()), field.Type.Size())
		}
		if !bytes.Equal(bits(was), bits(is)) {
			return field.Name
		}
	}
	return ""
}

// HasNow reports whether a NowFunc is the dialect's own.
func (d *Dialect) HasNow(now func() time.Time) bool { return identical(&d.Now, &now) }
