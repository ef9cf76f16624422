package bindkey

import (
	"database/sql"
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"
)

// open opens the pools of every bind. The handle's own connection is the
// default bind, if no other was registered under its key.
func (p *Plugin) open(db *gorm.DB) error {
	p.own = p.realPoolOf(unwrap(db.ConnPool), false)
	p.lexicon = lexiconOf(db.Dialector.Name())
	for _, b := range p.registered {
		if err := b.open(db); err != nil {
			return err
		}
	}
	for table, keys := range p.names {
		for _, key := range keys {
			b, _ := p.bindNamed(key)
			p.tables.add(table, b)
		}
	}
	p.applySettings(p.setters)
	if fallback := p.defaultBind(); !fallback.asked {
		if p.adopted != nil {
			return p.adopted.open(fallback)
		}
		return fallback.open(db)
	}
	return nil
}

// realPoolOf is the one realPool of a connection pool.
func (p *Plugin) realPoolOf(conn gorm.ConnPool, opened bool) *realPool {
	p.pooling.Lock()
	defer p.pooling.Unlock()
	for _, known := range p.pools {
		if known.conn == conn {
			return known
		}
	}
	maxSize, ttl := p.db.PrepareStmtMaxSize, p.db.PrepareStmtTTL
	pool := &realPool{conn: conn, opened: opened, store: func() *gorm.PreparedStmtDB {
		return gorm.NewPreparedStmtDB(conn, maxSize, ttl)
	}}
	p.pools = append(p.pools, pool)
	return pool
}

// open opens a bind's sources and replicas itself, since dbresolver opens them
// with the handle's plugins and clause builders, and hands the open pools to a
// dbresolver of the bind's own.
func (b *bind) open(handle *gorm.DB) error {
	var registered dbresolver.Config
	registered.Policy, registered.TraceResolverMode = b.config.Policy, b.config.TraceResolverMode

	b.sources, b.replicas = nil, nil
	for i, source := range b.config.Sources {
		opened, err := b.openPool(handle, source, roleName("source", i), false)
		if err != nil {
			return err
		}
		if i == 0 {
			b.plain = opened
		}
	}
	if len(b.sources) == 0 {
		b.sources = []*boundPool{newBoundPool(b, b.plugin.own, roleName("source", 0), false)}
		b.plain = plainHandle(handle, b.plugin.own.conn)
	}
	for i, replica := range b.config.Replicas {
		if _, err := b.openPool(handle, replica, roleName("replica", i), true); err != nil {
			return err
		}
	}
	for _, pool := range b.sources {
		registered.Sources = append(registered.Sources, poolDialector{b.plain.Dialector, pool.real.conn})
	}
	for _, pool := range b.replicas {
		registered.Replicas = append(registered.Replicas, poolDialector{b.plain.Dialector, pool.real.conn})
	}
	resolver := dbresolver.Register(registered)
	if err := plainHandle(b.plain, b.sources[0].real.conn).Use(resolver); err != nil {
		return &OpenError{Key: b.key, Role: "dbresolver", Err: err, text: err.Error()}
	}
	b.resolver, b.ask = resolver, callbacksOf(resolver)
	return nil
}

// openPool opens one source or replica, with the handle's configuration but
// with plugins, clause builders and a prepared-statement cache of its own.
func (b *bind) openPool(handle *gorm.DB, d gorm.Dialector, role string, replica bool) (*gorm.DB, error) {
	if d == nil {
		return nil, &OpenError{Key: b.key, Role: role, text: "its dialector is nil"}
	}
	config := plainConfig(handle)
	config.Logger = logger.Discard // it would print the DSN that some drivers put in their errors
	opened, err := gorm.Open(d, &config)
	if err != nil {
		return nil, &OpenError{Key: b.key, Role: role, Err: err, text: withoutSecrets(err.Error(), d)}
	}
	opened.Config.Logger = handle.Logger
	if name := handle.Dialector.Name(); d.Name() != name {
		closeQuietly(opened.ConnPool, d)
		return nil, &OpenError{Key: b.key, Role: role, text: "its dialect is " + d.Name() + ", but the handle's is " + name +
			", and one plugin does not speak two dialects yet; open a *gorm.DB of its own for it"}
	}
	real := b.plugin.realPoolOf(opened.ConnPool, !supplied(d))
	pool := newBoundPool(b, real, role, replica)
	if replica {
		b.replicas = append(b.replicas, pool)
	} else {
		b.sources = append(b.sources, pool)
	}
	return opened, nil
}

// plainConfig is a handle's configuration, without what belongs to it alone.
// The schema cache stays shared: models given to SetupJoinTable are there.
func plainConfig(handle *gorm.DB) gorm.Config {
	config := *handle.Config
	config.ConnPool, config.Dialector = nil, nil
	config.Plugins = map[string]gorm.Plugin{}
	config.ClauseBuilders = map[string]clause.ClauseBuilder{}
	config.PrepareStmt = false
	config.DryRun = false
	return config
}

// plainHandle makes a handle of the same dialect on another pool, with GORM's
// and the dialect's callbacks, and no others. Initialising the dialector again
// would open another connection.
func plainHandle(like *gorm.DB, conn gorm.ConnPool) *gorm.DB {
	config := plainConfig(like)
	config.DisableAutomaticPing = true
	for name, builder := range like.ClauseBuilders {
		config.ClauseBuilders[name] = builder
	}
	plain, err := gorm.Open(poolDialector{innerDialector(like.Dialector), conn}, &config)
	if err != nil {
		panic("bindkey: a dialector that only sets the pool failed: " + err.Error())
	}
	plain.Config.Dialector = innerDialector(like.Dialector)
	copyCallbacks(like, plain)
	return plain
}

// copyCallbacks copies GORM's and the dialect's callbacks by name.
func copyCallbacks(from, to *gorm.DB) {
	source, target := from.Callback(), to.Callback()
	create, query, update := target.Create(), target.Query(), target.Update()
	remove, row, raw := target.Delete(), target.Row(), target.Raw()
	for _, processor := range []struct {
		get      func(string) func(*gorm.DB)
		register func(string, func(*gorm.DB)) error
		names    []string
	}{
		{source.Create().Get, create.Register, createCallbacks},
		{source.Query().Get, query.Register, queryCallbacks},
		{source.Update().Get, update.Register, updateCallbacks},
		{source.Delete().Get, remove.Register, deleteCallbacks},
		{source.Row().Get, row.Register, rowCallbacks},
		{source.Raw().Get, raw.Register, rawCallbacks},
	} {
		for _, name := range processor.names {
			if callback := processor.get(name); callback != nil {
				_ = processor.register(name, callback) // in order, so that no conflict can arise
			}
		}
	}
	create.Clauses, query.Clauses, update.Clauses = source.Create().Clauses, source.Query().Clauses, source.Update().Clauses
	remove.Clauses, row.Clauses, raw.Clauses = source.Delete().Clauses, source.Row().Clauses, source.Raw().Clauses
}

// A poolDialector is a dialector whose pool is open already.
type poolDialector struct {
	gorm.Dialector
	conn gorm.ConnPool
}

func (d poolDialector) Initialize(db *gorm.DB) error {
	db.ConnPool = d.conn
	return nil
}

// supplied reports whether the application gave the dialector an open pool:
// the dialectors of GORM have a field Conn for that.
func supplied(d gorm.Dialector) bool {
	conn := dialectorField(d, "Conn")
	return conn.IsValid() && !conn.IsZero()
}

func dialectorField(d gorm.Dialector, name string) (field reflect.Value) {
	defer func() {
		if recover() != nil { // a nil pointer to an embedded Config
			field = reflect.Value{}
		}
	}()
	value := reflect.Indirect(reflect.ValueOf(d))
	if value.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return value.FieldByName(name)
}

func (p *Plugin) realPools() []*realPool {
	p.pooling.Lock()
	defer p.pooling.Unlock()
	return p.pools[:len(p.pools):len(p.pools)]
}

func (p *Plugin) closeOpened() error {
	var failures []error
	for _, pool := range p.realPools() {
		if pool.opened {
			if db, ok := pool.conn.(interface{ Close() error }); ok {
				failures = append(failures, db.Close())
			}
		}
	}
	return errors.Join(failures...)
}

func closeQuietly(conn gorm.ConnPool, d gorm.Dialector) {
	if db, ok := conn.(*sql.DB); ok && !supplied(d) {
		_ = db.Close()
	}
}

var (
	urlPattern      = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'` + "`" + `]*`)
	passwordPattern = regexp.MustCompile(`(?i)(password|passwd|pwd)\s*[=:]\s*('[^']*'|[^\s;,)"'` + "`" + `]*)`)
)

// withoutSecrets takes what a driver's error says of the DSN out of its text.
func withoutSecrets(text string, d gorm.Dialector) string {
	if dsn := dialectorField(d, "DSN"); dsn.IsValid() && dsn.Kind() == reflect.String && dsn.String() != "" {
		text = strings.ReplaceAll(text, dsn.String(), "…")
		if u, err := url.Parse(dsn.String()); err == nil {
			if password, ok := u.User.Password(); ok && password != "" {
				text = strings.ReplaceAll(text, password, "…")
			}
			for _, values := range u.Query() {
				for _, value := range values {
					if len(value) > 2 { // drivers quote a parameter that they refuse
						text = strings.ReplaceAll(text, value, "…")
					}
				}
			}
		}
	}
	text = urlPattern.ReplaceAllString(text, "…")
	return passwordPattern.ReplaceAllString(text, "$1=…")
}
