package dialect

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/processor"
)

// PlainConfig is a handle's configuration, without what belongs to it alone.
// The schema cache stays shared: models given to SetupJoinTable are there. inner is
// the handle's dialector as nobody has wrapped it.
func PlainConfig(handle *gorm.DB, inner gorm.Dialector) gorm.Config {
	config := *handle.Config
	config.ConnPool, config.Dialector = nil, nil
	config.Plugins = map[string]gorm.Plugin{}
	config.ClauseBuilders = givenBuilders(handle, inner)
	config.NowFunc = givenNow(handle, inner)
	config.PrepareStmt = false
	config.DryRun = false
	return config
}

// Plain makes a handle of the same dialect on another pool, with GORM's and the
// dialect's callbacks, and no others. Initialising the dialector again would open
// another connection.
func Plain(like *gorm.DB, inner gorm.Dialector, conn gorm.ConnPool) *gorm.DB {
	config := PlainConfig(like, inner)
	config.DisableAutomaticPing = true
	config.NowFunc = like.NowFunc
	for name, builder := range like.ClauseBuilders {
		config.ClauseBuilders[name] = builder
	}
	plain, err := gorm.Open(OnPool(inner, conn), &config)
	if err != nil {
		panic("bindkey: a dialector that only sets the pool failed: " + err.Error())
	}
	plain.Config.Dialector = inner
	processor.Copy(like, plain)
	return plain
}

// OnPool is a dialector whose pool is open already.
func OnPool(d gorm.Dialector, conn gorm.ConnPool) gorm.Dialector { return onPool{d, conn} }

type onPool struct {
	gorm.Dialector
	conn gorm.ConnPool
}

func (d onPool) Initialize(db *gorm.DB) error {
	db.ConnPool = d.conn
	return nil
}

// Translate keeps GORM from warning of the onPool, which would hide that of the
// dialector behind it.
func (d onPool) Translate(err error) error {
	if translator, ok := d.Dialector.(gorm.ErrorTranslator); ok {
		return translator.Translate(err)
	}
	return err
}
