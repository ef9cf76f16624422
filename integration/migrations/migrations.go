// Package migrations shows versioned migrations with goose: one folder for
// each bind, named after its key. docs/migrations.md shows its code.
//
// The SQL is such that PostgreSQL and MariaDB both know it, since the tests
// run it on either. A program writes each folder for the database of its bind.
package migrations

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// region goose

//go:embed main/*.sql analytics/*.sql
var folders embed.FS

// Up brings the database of every bind to the newest version of its folder.
func Up(ctx context.Context, plugin *bindkey.Plugin, folders fs.FS) error {
	for _, key := range plugin.Keys() {
		provider, err := Provider(plugin, key, folders)
		if err != nil {
			return err
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("bind %q: %w", key, err)
		}
	}
	return nil
}

// Provider is goose on the database of one bind: for Up, Down, Status and so
// on. It must not be closed, since that would close the bind's pool.
func Provider(plugin *bindkey.Plugin, key string, folders fs.FS) (*goose.Provider, error) {
	resolver, err := plugin.Resolver(key)
	if err != nil {
		return nil, err
	}
	source, err := resolver.DB.DB() // never a replica
	if err != nil {
		return nil, err
	}
	folder, err := fs.Sub(folders, key)
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(dialects[resolver.DB.Dialector.Name()], source, folder)
	if err != nil {
		return nil, fmt.Errorf("bind %q: %w", key, err)
	}
	return provider, nil
}

// dialects are goose's names for GORM's.
var dialects = map[string]goose.Dialect{
	"postgres": goose.DialectPostgres,
	"mysql":    goose.DialectMySQL,
	"sqlite":   goose.DialectSQLite3,
}

// endregion
