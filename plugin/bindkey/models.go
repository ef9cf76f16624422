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

// A models is where models and tables live. It knows no statement.
type models struct {
	registry
	catalog    *catalog.Catalog
	modelBinds modelBinds
	tables     catalog.Tables[*bind]
	parsed     sync.Map // schemas parsed before the plugin is installed
	joined     sync.Map // place → *schema.Relationship
	// learned are the schemas of GORM's cache that were looked at for their tables.
	learned sync.Map
}

// newCatalog makes the catalog of what options and Register say. Its maps are the
// plugin's, since KeyOf and Check may be asked before all is registered.
func (m *models) newCatalog() *catalog.Catalog {
	return catalog.New(catalog.Source{
		Tag: m.tag, Default: m.defaultKey, Types: m.registeredTypes, Names: m.names,
		Parse:   m.parse,
		HasName: func(table string) bool { return m.adopted.knows(table) },
		Resolve: m.resolveKey,
	})
}

// resolveKey is the key of the bind that lookup finds, without opening it.
func (m *models) resolveKey(key string) (string, bool) {
	if b, ok := m.binds.Load(key); ok {
		return b.(*bind).key, true
	}
	if key == m.defaultKey {
		return key, true
	}
	if m.adopted.knows(key) {
		return m.adopted.KeyOf(key), true
	}
	return "", false
}

// faultsError is the public error of what the catalog finds wrong with a key.
func (m *models) faultsError(faults []catalog.Fault) error {
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
			found = append(found, &UnknownBindError{Key: fault.Key, Model: fault.Model, Known: m.known()})
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// parse is GORM's own parser, with the handle's schema cache, where models
// given to SetupJoinTable are.
func (m *models) parse(model any) (*schema.Schema, error) {
	if catalog.ModelType(model) == nil {
		return nil, schema.ErrUnsupportedDataType // GORM's parser would print the value, or panic
	}
	if m.db == nil {
		parsed, err := schema.Parse(model, &m.parsed, schema.NamingStrategy{})
		return parsed, shortened(err)
	}
	stmt := gorm.Statement{DB: m.db}
	err := stmt.Parse(model)
	return stmt.Schema, shortened(err)
}

// schemaCache is GORM's own of the handle, or nil where this version of GORM hides
// it elsewhere.
func (m *models) schemaCache() *sync.Map {
	field := reflect.ValueOf(m.db.Config).Elem().FieldByName("cacheStore")
	if !field.IsValid() || field.Type() != reflect.TypeOf((*sync.Map)(nil)) {
		return nil
	}
	return (*sync.Map)(field.UnsafePointer())
}

// eachSchema visits the schemas that GORM has parsed for the handle: its cache
// is the only place where the owner of a relation is found from the other side.
func (m *models) eachSchema(visit func(*schema.Schema)) {
	cache := m.schemaCache()
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

// relationOf is the many2many relation to the statement's model over a join
// table of this name, or nil.
func (m *models) relationOf(stmt *gorm.Statement, table string) (*schema.Relationship, error) {
	type place struct {
		target *schema.Schema
		table  string
	}
	if found, ok := m.joined.Load(place{stmt.Schema, table}); ok {
		return found.(*schema.Relationship), nil
	}
	var found *schema.Relationship
	var conflict error
	m.eachSchema(func(s *schema.Schema) {
		for _, rel := range s.Relationships.Many2Many {
			if rel.JoinTable == nil || rel.JoinTable.Table != table || rel.FieldSchema != stmt.Schema {
				continue
			}
			if found != nil && conflict == nil {
				one, other := m.peekBindOfModel(found.JoinTable), m.peekBindOfModel(rel.JoinTable)
				if one.err == nil && other.err == nil && !one.bind.shares(other.bind) {
					conflict = &AmbiguousTableError{Table: table, Keys: sortedKeys(map[string]bool{one.bind.key: true, other.bind.key: true})}
				}
			}
			found = rel
		}
	})
	if found != nil && conflict == nil {
		m.joined.Store(place{stmt.Schema, table}, found)
	}
	return found, conflict
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

// modelClaim says in errors which bind a schema's model lives in.
func modelClaim(s *schema.Schema, b *bind) Claim {
	return Claim{Key: b.key, Source: "model " + schemaName(s)}
}
