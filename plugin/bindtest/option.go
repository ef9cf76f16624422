package bindtest

import (
	"gorm.io/gorm"
)

// An Option is a choice about the databases that [Open] makes.
type Option func(*choices)

type choices struct {
	config   gorm.Config
	data     map[string][]any // of binds that Bind named
	binds    []string
	servers  map[string]Server // by bind; "" is all others
	replicas []string
	tenants  []*tenants
	migrate  func(*gorm.DB) error
}

// Config is the configuration that the handle is opened with: what the program
// opens its own with. Without it, the handle has GORM's defaults and logs nothing.
func Config(config gorm.Config) Option {
	return func(c *choices) { c.config = config }
}

// Bind is a bind that no model names, or one whose models and tables are named by
// [bindkey.Plugin.Register] in the program: data is what Register is given there. Of a bind
// of [Tenants], data live with each tenant.
// Binds that models name need no Bind.
func Bind(key string, data ...any) Option {
	return func(c *choices) {
		c.binds = append(c.binds, key)
		c.data[key] = append(c.data[key], data...)
	}
}

// Replica gives binds a replica: a pool of its own for reads, on the source's
// database; to each of its tenants ([Tenants]). So a recording shows which reads go there ([Statement].Role), and no
// replica lags behind.
func Replica(keys ...string) Option {
	return func(c *choices) { c.replicas = append(c.replicas, keys...) }
}

// On makes the databases of these binds on a server; without keys, those of all
// binds for which no other On says otherwise. Without On, databases are SQLite files.
func On(server Server, keys ...string) Option {
	return func(c *choices) {
		if len(keys) == 0 {
			keys = []string{""}
		}
		for _, key := range keys {
			c.servers[key] = server
		}
	}
}

// Migrate makes the tables, in the place of AutoMigrate of all models that the
// plugin was given: for migrations with a tool, or for rows that each test begins with.
// A function that is declared runs once in a test binary, and its databases are copied for
// the tests that follow. A function literal runs for each test, since it may do
// something else each time. With [Tenants], its context names none.
func Migrate(migrate func(db *gorm.DB) error) Option {
	return func(c *choices) { c.migrate = migrate }
}

func choose(options []Option) *choices {
	c := &choices{data: map[string][]any{}, servers: map[string]Server{}}
	for _, option := range options {
		option(c)
	}
	return c
}

// server is the server of a bind, if its database is on one.
func (c *choices) server(key string) (Server, bool) {
	if server, ok := c.servers[key]; ok {
		return server, true
	}
	server, ok := c.servers[""]
	return server, ok
}

// dialector makes the dialector of a bind's database on a pool.
func (c *choices) dialector(key string) func(gorm.ConnPool) gorm.Dialector {
	if server, ok := c.server(key); ok && server.Dialector != nil {
		return server.Dialector
	}
	return onSQLite
}
