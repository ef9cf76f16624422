package bindkey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

const (
	// Name is the plugin's name in [gorm.Config].Plugins.
	Name = "bindkey"
	// DefaultKey is the key of the default bind, unless [Default] names another.
	DefaultKey = "main"
	// DefaultTagName is the struct tag that holds a model's key, unless
	// [TagName] names another.
	DefaultTagName = "bind"
)

// A Plugin routes every statement of one *gorm.DB to the bind of its model.
// Make it with [New], register binds, and install it with [gorm.DB.Use]. It
// serves one handle; its methods are safe for concurrent use once installed.
type Plugin struct {
	models

	mixed     bool // some bind has another dialect
	switching bool // some bind has another dialect, or settings of its own

	xacts          xact.Hooks        // of its transactions
	naming         schema.Namer      // the handle's own, where the plugin has put another in its place
	base           *dialect.Settings // the handle's own
	chainDialector *dialector        // in the handle and its sessions, before a statement is routed
	sqlDialects    []sqlscan.Dialect // of all binds
	texts          sqlscan.Cache     // what was found in SQL

	installing sync.Mutex
	migrations *migrate.Migrations

	transactions atomic.Uint64 // their numbers in the log, with LogBinds
	logsTexts    bool          // the handle's logger is one that LogBinds puts the place into the SQL of
}

var _ gorm.Plugin = (*Plugin)(nil)

// New makes a plugin. Without options, the default bind's key is "main", the
// struct tag is "bind", and models without a key live in the default bind.
// Mistakes in options show when the plugin is installed.
func New(options ...Option) *Plugin {
	p := &Plugin{}
	p.plugin, p.config = p, newConfig(options)
	for _, f := range p.families {
		p.registerFamily(f)
	}
	p.xacts.Order = p.commitOrder
	p.migrations = migrate.New(migrateHost{p})
	p.catalog = p.newCatalog()
	p.tables.Found = p.logGuess
	return p
}

// Name is "bindkey", as [gorm.Plugin] wants.
func (p *Plugin) Name() string { return Name }

// Register registers a bind: config's sources and replicas, under a key. As in
// dbresolver, no sources means the handle's own connection, no replicas means
// that reads go to the sources, and no policy means a random one. data are
// models, or names of tables, that live there without a tag; a model given
// here lives here whatever its type says.
//
// It returns the plugin, so that calls chain. Mistakes (a key registered
// twice, or empty; a model given to two binds) show when the plugin is
// installed. A call after that registers nothing, and logs an error.
func (p *Plugin) Register(key string, config dbresolver.Config, data ...any) *Plugin {
	if p.lateCall("bind %q was registered after db.Use; register all binds before", key) {
		return p
	}
	if b := p.register(key, "Register", data); b != nil {
		b.config = config
	}
	return p
}

// register notes a bind, which says by what it was registered, or a mistake.
func (p *Plugin) register(key, by string, data []any) *bind {
	if key == "" {
		p.mistake(&InvalidKeyError{Subject: "Plugin." + by, Reason: "the bind key is empty"})
		return nil
	}
	b, taken := p.bindNamed(key)
	if taken && b.registered {
		one := "one Register"
		if b.family != nil {
			one = "Tenants"
		}
		p.mistake(&ConflictError{Subject: "bind key " + quoted(key), Way: "register each key once, with all its sources and replicas",
			Claims: []Claim{{Key: key, Source: one}, {Key: key, Source: "another " + by}}})
		return nil
	}
	b.registered = true
	p.registered = append(p.registered, b)
	for _, item := range data {
		p.registerData(key, item)
	}
	return b
}

// lateCall logs a call that came after the plugin was installed, and reports
// whether it did.
func (p *Plugin) lateCall(format string, args ...any) bool {
	if p.db == nil {
		return false
	}
	p.db.Logger.Error(context.Background(), "%v", installError(format, args...))
	return true
}

// KeyOf is the bind key of a model, given as a struct, a pointer, a slice or
// an array of them. It asks no database. Before the plugin is installed, it
// knows the binds registered with the plugin, not those of a dbresolver of the
// application. It returns the errors that a statement with this model would:
// [*UnknownBindError], [*ConflictError], [*InvalidKeyError], [*UnboundError].
func (p *Plugin) KeyOf(model any) (string, error) {
	s, err := p.parse(model)
	if err != nil {
		return "", noModel(model, err)
	}
	b, err := p.requiredBind(s)
	if err != nil {
		return "", err
	}
	return b.key, nil
}

// Check finds the mistakes of all models at once, joined in one error, for a
// program's start or its tests. Once the plugin is installed, it also makes
// their tables known to raw SQL and Table, as the option [Models] does.
func (p *Plugin) Check(models ...any) error {
	var mistakes []error
	told := map[string]bool{} // a model and its join tables may have one mistake
	mistake := func(err error) {
		if !told[err.Error()] {
			told[err.Error()] = true
			mistakes = append(mistakes, err)
		}
	}
	for _, model := range models {
		s, err := p.parse(model)
		if err != nil {
			mistake(noModel(model, err))
			continue
		}
		for _, s := range append(joinTables(s), s) {
			if b, err := p.requiredBind(s); err != nil {
				mistake(err)
			} else if p.db != nil { // else the table's name is not yet that of the handle's NamingStrategy
				if p.peekBindOfModel(s).keyed() {
					p.tables.Add(s.Table, b)
				} else {
					p.tables.AddUnkeyed(s.Table)
				}
			}
		}
	}
	return errors.Join(mistakes...)
}

func joinTables(s *schema.Schema) (tables []*schema.Schema) {
	for _, rel := range s.Relationships.Many2Many {
		tables = append(tables, rel.JoinTable)
	}
	return tables
}

func noModel(model any, err error) error {
	return fmt.Errorf("bindkey: GORM does not accept %s as a model: %w", catalog.WithoutImportPaths(fmt.Sprintf("%T", model)), err)
}
