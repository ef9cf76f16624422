// The name ends in .gen.go for the reason that internal/migrate/migrator.gen.go
// tells.

package bindkey

import (
	"context"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
)

// AutoMigrate is [gorm.DB.AutoMigrate] for some binds only: models of others are
// left alone, and so are related models and join tables that live there. With
// no keys it is for all binds. So AutoMigrate for each key in turn does what
// the handle's own AutoMigrate does at once.
//
// It returns [ErrInstall] before the plugin is installed, an
// [*UnknownBindError] for a key that no bind has, and the errors of the
// handle's AutoMigrate.
//
//	err := plugin.AutoMigrate(ctx, []string{"analytics"}, &User{}, &LogEntry{}) // logs alone
func (p *Plugin) AutoMigrate(ctx context.Context, keys []string, models ...any) error {
	if p.db == nil {
		return installError("AutoMigrate needs an installed plugin; call db.Use first")
	}
	var only []migrate.Bind
	for _, key := range keys {
		b, err := p.lookup(key, "")
		if err != nil {
			return err
		}
		only = append(only, b)
	}
	return p.migrations.On(p.freshSession(ctx)).Only(only...).AutoMigrate(models...)
}
