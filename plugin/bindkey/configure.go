package bindkey

import (
	"bytes"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Configure gives a bind settings of its own, in the place of the handle's: set
// receives a copy of the handle's [gorm.Config] and changes it. It can change
//
//	SkipDefaultTransaction, PrepareStmt, Logger, TranslateError, NowFunc,
//	FullSaveAssociations, PropagateUnscoped, AllowGlobalUpdate, QueryFields,
//	DisableForeignKeyConstraintWhenMigrating, IgnoreRelationshipsWhenMigrating
//
// What a session sets (db.Session, db.Debug) holds as it does without
// Configure. Other fields are an [*InvalidSettingError] when the plugin is
// installed, since GORM reads them before it is known which bind a statement
// goes to (NamingStrategy, CreateBatchSize, DefaultContextTimeout, …) or they
// make no sense for one bind (ConnPool, Dialector, …). GORM's Scan logs with
// the session's logger, whatever the bind.
//
// It returns the plugin, so that calls chain; several for one key add up. A
// key that no bind has is an [*UnknownBindError] when the plugin is installed.
// A call after that configures nothing, and logs an error.
func (p *Plugin) Configure(key string, set func(*gorm.Config)) *Plugin {
	if p.lateCall("bind %q was configured after db.Use; configure all binds before", key) {
		return p
	}
	if p.configuring == nil {
		p.configuring = map[string][]func(*gorm.Config){}
	}
	p.configuring[key] = append(p.configuring[key], set)
	return p
}

// An InvalidSettingError says that [Plugin.Configure] was given a setting that
// one bind can't have for itself.
type InvalidSettingError struct {
	Key   string // the bind
	Field string // the field of gorm.Config
}

func (e *InvalidSettingError) Error() string {
	return fmt.Sprintf("bindkey: bind %q: %s can't be set for one bind, since GORM reads it before it is known where a statement goes; set it in the gorm.Config of the handle",
		e.Key, e.Field)
}

// Is reports whether target is [ErrInstall].
func (e *InvalidSettingError) Is(target error) bool { return target == ErrInstall }

// settings are those fields of gorm.Config that a bind may have for itself. All
// are read by callbacks, after routing, or by the migrator.
type settings struct {
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

func settingsOf(config *gorm.Config) *settings {
	return &settings{
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

// sessionSet tells which settings a session has set itself, one bit for each.
type sessionSet uint16

// replace puts s into a session's configuration, in the place of from, but for
// what the session has set itself: what it had set before, and what is not
// from's.
func (s *settings) replace(from *settings, config *gorm.Config, set sessionSet) sessionSet {
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

func replaceSetting[T any](bit int, set *sessionSet, of, from *T, to T) {
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

// configured are the settings of a bind: those of its dialect and its handle,
// as Configure has changed them.
func (b *bind) configured(base *settings) (*settings, error) {
	own := base
	if b.dialect != b.plugin.dialect && !identical(&b.dialect.now, &base.NowFunc) {
		spoken := *base
		spoken.NowFunc = b.dialect.now
		own = &spoken
	}
	sets := b.plugin.configuring[b.key]
	if len(sets) == 0 {
		return own, nil
	}
	config := *b.plugin.db.Config
	before := config
	own.replace(base, &config, 0)
	for _, set := range sets {
		set(&config)
	}
	if field := changedField(&before, &config); field != "" {
		return nil, &InvalidSettingError{Key: b.key, Field: field}
	}
	return settingsOf(&config), nil
}

// changedField is a field that Configure may not change and has, or "".
func changedField(before, after *gorm.Config) string {
	allowed := reflect.TypeOf(settings{})
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
