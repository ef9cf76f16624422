package conformance

import (
	"context"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A layout says in which bind models live.
type layout struct {
	name      string
	near, far string // binds
	// plugin is made anew for each handle, since it serves one.
	plugin func(s *suite) *bindkey.Plugin
}

func layouts() []layout {
	near, far := append(models(false), migratedModels(false)...), append(models(true), migratedModels(true)...)
	all := append(append([]any{}, near...), far...)
	// with has analytics as well: a bind with one database, or one of which the context
	// chooses the database.
	with := func(s *suite, p *bindkey.Plugin, data ...any) *bindkey.Plugin {
		pools := dbresolver.Config{Sources: []gorm.Dialector{s.databases[analyticsKey].dial()}}
		if !s.tenants {
			return p.Register(analyticsKey, pools, data...)
		}
		return p.RegisterTenants(analyticsKey, func(context.Context, string) (dbresolver.Config, error) { return pools, nil },
			bindkey.TenantDialect(s.databases[analyticsKey].dial()), bindkey.TenantData(data...))
	}
	return []layout{
		// main is registered, without sources: it is the handle's own connection.
		{"main to analytics", mainKey, analyticsKey, func(s *suite) *bindkey.Plugin {
			return with(s, bindkey.New(bindkey.Models(all...)).Register(mainKey, dbresolver.Config{}, near...), far...)
		}},
		// main is registered, with a source of its own.
		{"analytics to main", analyticsKey, mainKey, func(s *suite) *bindkey.Plugin {
			return with(s, bindkey.New(bindkey.Models(all...)).
				Register(mainKey, dbresolver.Config{Sources: []gorm.Dialector{s.databases[mainKey].dial()}}, far...), near...)
		}},
		// Models without a key live in the default bind, the handle's own.
		{"in main", mainKey, mainKey, func(s *suite) *bindkey.Plugin {
			return with(s, bindkey.New(bindkey.Models(all...)))
		}},
		{"in analytics", analyticsKey, analyticsKey, func(s *suite) *bindkey.Plugin {
			return with(s, bindkey.New(bindkey.Models(all...)), all...)
		}},
	}
}

// across tells that the models live in two databases.
func (l layout) across() bool { return l.near != l.far }

// runs and inTransactions say which groups run with or without prepared
// statements, and also inside a transaction. All layouts together have them all,
// and the mirrored world has them the other way round.
func (l layout) runs(g group, prepare bool) bool {
	switch {
	case g.migrates: // slow, and the migrator prepares nothing
		return prepare == (l.near == analyticsKey && !l.across())
	case l.across() && prepare:
		return l.near == mainKey && !g.each
	default:
		return true
	}
}

func (l layout) inTransactions(g group) bool {
	return l.near == analyticsKey && g.each != l.across()
}

// samples reports whether a case runs this time, of all the layouts and modes
// that it is in: in a sample ([testkit.Full]) it does the first time, and one of
// the five after that, another than for its neighbours.
func (s *suite) samples(name string) bool {
	number, known := s.numbers[name]
	if !known {
		number = len(s.numbers)
		s.numbers[name] = number
	}
	s.times[name]++
	return testkit.Full() || s.times[name] == 1 || s.times[name] == 2+number%5
}

// bindOf is where a table lives.
func (l layout) bindOf(name string) string {
	if isFar(name) {
		return l.far
	}
	return l.near
}

// layout runs all cases in a layout.
func (s *suite) layout(t *testing.T, l layout) {
	s.seed(t, l)
	for _, prepare := range []bool{false, true} {
		prepare := prepare
		if prepare && l.across() && l.near != mainKey {
			continue
		}
		t.Run(modeName(prepare), func(t *testing.T) {
			h := s.openHandles(t, l, prepare)
			for _, g := range groups() {
				g := g
				if !l.runs(g, prepare) {
					continue
				}
				t.Run(g.name, func(t *testing.T) {
					for _, c := range g.cases {
						c := c
						if c.together && l.across() {
							continue
						}
						if s.samples(g.name + "/" + c.name) {
							t.Run(c.name, func(t *testing.T) { h.run(t, c, false) })
						}
						if !c.alone && !prepare && l.inTransactions(g) && s.samples(g.name+"/"+c.name) {
							t.Run(c.name+" in a transaction", func(t *testing.T) { h.run(t, c, true) })
						}
					}
					for _, test := range g.tests {
						test := test
						t.Run(test.name, func(t *testing.T) { test.run(t, h) })
					}
				})
			}
			// What no case has looked at must be as it was, too.
			s.expectSeed(t, l, nil)
		})
	}
}

// handles are the routed handle and its twins, all with one configuration.
type handles struct {
	*suite
	layout layout
	routed *target
	twins  map[string]*target // by bind; one, unless the layout is across
	// unprepared are twins, too, always without PrepareStmt.
	unprepared map[string]*target
	plugin     *bindkey.Plugin
}

// A target is a handle that cases run on, and what it logs.
type target struct {
	db     *gorm.DB
	log    *recorder
	routed bool
	// at is where a table lives.
	at func(table string) *database
	// elsewhere are databases where new tables must not appear.
	elsewhere func(table string) []*database
}

func (s *suite) openHandles(t *testing.T, l layout, prepare bool) *handles {
	t.Helper()
	h := &handles{suite: s, layout: l, twins: map[string]*target{}, unprepared: map[string]*target{}}
	for _, key := range []string{l.near, l.far} {
		if h.twins[key] != nil {
			continue
		}
		h.twins[key] = s.openTwin(t, key, prepare)
		h.unprepared[key] = h.twins[key]
		if prepare {
			h.unprepared[key] = s.openTwin(t, key, false)
		}
	}
	log := &recorder{}
	db := open(t, s.databases[mainKey].dial(), config(prepare, log))
	h.plugin = l.plugin(s)
	must(t, db.Use(h.plugin))
	t.Cleanup(func() { _ = h.plugin.Close() })
	db = db.WithContext(background)
	h.routed = &target{db: db, log: log, routed: true,
		at: func(name string) *database { return s.databases[l.bindOf(name)] },
		elsewhere: func(name string) []*database {
			if l.bindOf(name) == mainKey {
				return []*database{s.databases[analyticsKey]}
			}
			return []*database{s.databases[mainKey]}
		},
	}
	return h
}

func (s *suite) openTwin(t *testing.T, key string, prepare bool) *target {
	t.Helper()
	log := &recorder{}
	return &target{
		db: open(t, s.twins[key].dial(), config(prepare, log)), log: log,
		at:        func(string) *database { return s.twins[key] },
		elsewhere: func(string) []*database { return nil },
	}
}
