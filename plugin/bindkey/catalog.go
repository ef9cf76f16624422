package bindkey

import (
	"errors"
	"reflect"
	"regexp"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

// newCatalog makes the catalog of what options and Register say. Its maps are the
// plugin's, since KeyOf and Check may be asked before all is registered.
func (p *Plugin) newCatalog() *catalog.Catalog {
	return catalog.New(catalog.Source{
		Tag: p.tag, Default: p.defaultKey, Types: p.data, Names: p.names,
		Parse:   p.parse,
		HasName: func(table string) bool { return p.adopted.knows(table) },
		Resolve: p.resolveKey,
	})
}

// resolveKey is the key of the bind that lookup finds, without opening it.
func (p *Plugin) resolveKey(key string) (string, bool) {
	if b, ok := p.binds.Load(key); ok {
		return b.(*bind).key, true
	}
	if key == p.defaultKey {
		return key, true
	}
	if p.adopted.knows(key) {
		return p.adopted.KeyOf(key), true
	}
	return "", false
}

// faultsError is the public error of what the catalog finds wrong with a key.
func (p *Plugin) faultsError(faults []catalog.Fault) error {
	var found []error
	for _, fault := range faults {
		switch fault := fault.(type) {
		case catalog.Invalid:
			found = append(found, &InvalidKeyError{Subject: fault.Subject, Reason: fault.Reason})
		case catalog.Conflict:
			err := &ConflictError{Subject: fault.Subject, Way: fault.Way}
			for _, claim := range fault.Claims {
				err.Claims = append(err.Claims, Claim{Key: claim.Key, Source: claim.Source})
			}
			found = append(found, err)
		case catalog.Ambiguous:
			found = append(found, &AmbiguousTableError{Table: fault.Table, Keys: fault.Keys})
		case catalog.Unknown:
			found = append(found, &UnknownBindError{Key: fault.Key, Model: fault.Model, Known: p.known()})
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// parse is GORM's own parser, with the handle's schema cache, where models
// given to SetupJoinTable are.
func (p *Plugin) parse(model any) (*schema.Schema, error) {
	if catalog.ModelType(model) == nil {
		return nil, schema.ErrUnsupportedDataType // GORM's parser would print the value, or panic
	}
	if p.db == nil {
		parsed, err := schema.Parse(model, &p.parsed, schema.NamingStrategy{})
		return parsed, shortened(err)
	}
	stmt := gorm.Statement{DB: p.db}
	err := stmt.Parse(model)
	return stmt.Schema, shortened(err)
}

// schemaCache is GORM's own of the handle, or nil where this version of GORM hides
// it elsewhere.
func (p *Plugin) schemaCache() *sync.Map {
	field := reflect.ValueOf(p.db.Config).Elem().FieldByName("cacheStore")
	if !field.IsValid() || field.Type() != reflect.TypeOf((*sync.Map)(nil)) {
		return nil
	}
	return (*sync.Map)(field.UnsafePointer())
}

// eachSchema visits the schemas that GORM has parsed for the handle: its cache
// is the only place where the owner of a relation is found from the other side.
func (p *Plugin) eachSchema(visit func(*schema.Schema)) {
	cache := p.schemaCache()
	if cache == nil {
		return
	}
	cache.Range(func(_, cached any) bool {
		if s, ok := cached.(*schema.Schema); ok {
			visit(s)
		}
		return true
	})
}

// A parseError is an error of GORM's parser, without the import paths and
// pointers in its text.
type parseError struct{ error }

func (e parseError) Error() string {
	return catalog.WithoutImportPaths(address.ReplaceAllString(e.error.Error(), ""))
}

var address = regexp.MustCompile(`:? *0x[0-9a-f]+`)

func (e parseError) Unwrap() error { return e.error }

func shortened(err error) error {
	if err == nil {
		return nil
	}
	return parseError{err}
}

// schemaName is the name of a schema's model for errors.
func schemaName(s *schema.Schema) string { return catalog.SchemaName(s) }
