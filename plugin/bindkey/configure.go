package bindkey

import (
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/logplace"
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

// configured are the settings of a bind: those of its dialect and its handle,
// as Configure has changed them.
func (b *bind) configured(base *dialect.Settings) (*dialect.Settings, error) {
	own := base
	if b.dialect != b.plugin.dialect && !b.dialect.HasNow(base.NowFunc) {
		spoken := *base
		spoken.NowFunc = b.dialect.Now
		own = &spoken
	}
	sets := b.plugin.configuring[b.key]
	if len(sets) == 0 {
		return own, nil
	}
	config := *b.plugin.db.Config
	before := config
	own.Replace(base, &config, 0)
	for _, set := range sets {
		set(&config)
	}
	if field := dialect.ChangedField(&before, &config); field != "" {
		return nil, &InvalidSettingError{Key: b.key, Field: field}
	}
	if b.plugin.logBinds {
		config.Logger, _ = logplace.Telling(config.Logger)
	}
	return dialect.SettingsOf(&config), nil
}
