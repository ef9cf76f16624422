package bindkey

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dialect"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/logplace"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// prepareDialects gives each bind its dialectors and settings, and tells whether the
// plugin has to look at them at all.
func (p *Plugin) prepareDialects(db *gorm.DB) error {
	p.base = dialect.SettingsOf(db.Config)
	if p.logBinds {
		p.base.Logger, _ = logplace.Telling(p.base.Logger)
		p.logsTexts = logplace.InSQL(p.base.Logger)
	}
	for _, b := range p.registered {
		if b.config.TraceResolverMode {
			p.base.Logger = dbresolver.NewResolverModeLogger(p.base.Logger)
		}
	}
	p.chainDialector = &dialector{Dialector: p.dialect.Dialector, plugin: p, dialect: p.dialect}
	var failures []error
	for key := range p.configuring {
		if _, err := p.lookup(key, ""); err != nil {
			failures = append(failures, fmt.Errorf("bindkey: Plugin.Configure: %w", err))
		}
	}
	written := map[sqlscan.Dialect]bool{}
	p.eachBind(func(b *bind) {
		p.mixed = p.mixed || !b.isOpen() || b.dialect != p.dialect // one that opens later may have any
		if sql := b.product.SQL; !written[sql] {
			written[sql] = true
			p.sqlDialects = append(p.sqlDialects, sql)
		}
	})
	p.chainDialector.neutral = p.mixed
	p.switching = p.mixed
	p.eachBind(func(b *bind) {
		if b.isOpen() {
			failures = append(failures, b.prepareDialect())
		}
	})
	return errors.Join(failures...)
}

// prepareDialect makes a bind's dialectors. In a plugin of one dialect, a bind without
// settings of its own has the handle's.
func (b *bind) prepareDialect() error {
	p := b.plugin
	settings, err := b.configured(p.base)
	if err != nil {
		return err
	}
	b.settings = settings
	b.warnUntranslated()
	if err := b.tellScans(); err != nil {
		return err
	}
	b.dialectors.Range(func(set, _ any) bool { b.dialectors.Delete(set); return true }) // of an installation that failed
	if !p.mixed && settings == p.base {
		b.chainDialector = p.chainDialector
		return nil
	}
	if !p.switching {
		p.switching = true
	}
	settings.Replace(p.base, b.plain.Config, 0) // for the migrator and the errors of COMMIT
	b.chainDialector = b.dialector(0)
	return nil
}

// dialector is the one of the bind's statements in a session that has set some
// settings itself, to be told when a statement of another bind comes from there.
func (b *bind) dialector(set dialect.SessionSet) *dialector {
	if known, ok := b.dialectors.Load(set); ok {
		return known.(*dialector)
	}
	outside := dialector{Dialector: b.dialect.Dialector, plugin: b.plugin, dialect: b.dialect, bind: b, set: set}
	inside, subquery := outside, outside
	outside.neutral, subquery.neutral = b.plugin.mixed, b.plugin.mixed
	outside.rendering, outside.subquery = &inside, &subquery
	inside.rendering, subquery.rendering = &inside, &subquery
	known, _ := b.dialectors.LoadOrStore(set, &outside)
	return known.(*dialector)
}

// applyDialect makes a statement one of its bind's dialect and settings: with a Config
// of its own, since sessions share theirs, and since the Config stays with the
// result. What is chained on that may be a statement of another bind again.
func (p *Plugin) applyDialect(db *gorm.DB, b *bind, kind statementKind) error {
	from, ok := db.Config.Dialector.(*dialector)
	switch {
	case ok:
	case routedBy(db.Config.ConnPool) != p:
		return errStale
	default:
		return installError("the Dialector of this *gorm.DB was replaced by a %T after bindkey; replace it before db.Use(bindkey.New())", db.Config.Dialector)
	}
	if !p.mixed && (from == b.chainDialector || from.bind == b) {
		return nil
	}
	spoke := p.dialect
	if from.bind != nil {
		spoke = from.bind.dialect
	}
	config := *db.Config
	subquery := kind == queryStatement && isSubquery(db)
	outside := b.chainDialector
	if set := p.configure(db, b, &config); set != 0 && outside != p.chainDialector {
		outside = b.dialector(set)
	}
	config.Dialector = outside
	if b.dialect != spoke {
		config.ClauseBuilders = b.dialect.Builders
	}
	if subquery {
		config.Logger = logger.Discard // as GORM has set it
		if p.mixed {
			config.Dialector = outside.subquery
		}
	}
	db.Config = &config
	if !p.mixed {
		return nil
	}

	stmt := db.Statement
	if own := p.dialect.Clauses[kind]; b.dialect != p.dialect && sameSlice(stmt.BuildClauses, own) {
		stmt.BuildClauses = b.dialect.Clauses[kind]
	}
	if config.Dialector != outside {
		return nil // the statement that it stands in is rendered
	}
	stmt.TableExpr = b.dialect.Table(stmt.TableExpr)
	return nil
}

// configure puts a bind's settings into a session's configuration.
func (p *Plugin) configure(db *gorm.DB, b *bind, config *gorm.Config) dialect.SessionSet {
	if from, ok := db.Config.Dialector.(*dialector); ok && from.bind != nil {
		return b.settings.Replace(from.bind.settings, config, from.set)
	}
	return b.settings.Replace(p.base, config, 0)
}

func sameSlice(a, b []string) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}
