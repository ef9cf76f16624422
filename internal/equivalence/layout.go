package equivalence

import (
	"context"
	"fmt"
	"math/rand"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A layout says where each table lives, and how the plugin is told.
type layout struct {
	name  string
	binds map[string]string // table → bind
	keyed map[string]bool   // models that have a key; the others live in the default bind
	data  map[string][]any  // bind → what is given to Register

	tenanted map[string]bool // binds whose database the context chooses
}

// newLayout draws one: all tables in one bind, spread over two or over three,
// or so that related models are apart.
func newLayout(rng *rand.Rand, s *schema) *layout {
	l := &layout{binds: map[string]string{}, keyed: map[string]bool{}, data: map[string][]any{}, tenanted: map[string]bool{}}
	switch n := rng.Intn(10); {
	case n == 0:
		l.name = "one bind" // that of the tag in models.go
		for _, m := range s.models {
			l.binds[m.name] = betaBind
		}
	case n < 4:
		l.name = "two binds"
		two := rng.Perm(3)[:2]
		for _, m := range s.models {
			l.binds[m.name] = bindKeys[two[rng.Intn(2)]]
		}
	case n < 8:
		l.name = "three binds"
		for _, m := range s.models {
			l.binds[m.name] = bindKeys[rng.Intn(3)]
		}
	default:
		l.name = "apart"
		l.apart(rng, s)
	}
	for _, m := range s.models {
		bind := l.binds[m.name]
		if bind != mainBind || rng.Intn(2) == 0 {
			l.keyed[m.name] = true
			l.data[bind] = append(l.data[bind], m.pointer())
		}
	}
	l.joinTables(rng, s)
	for _, key := range bindKeys[1:] {
		l.tenanted[key] = rng.Intn(2) == 0
	}
	if l.tenanted[bindKeys[1]] || l.tenanted[bindKeys[2]] { // what a tenant's model has says where it lives
		for _, m := range s.models {
			if !l.keyed[m.name] {
				l.keyed[m.name] = true
				l.data[mainBind] = append(l.data[mainBind], m.pointer())
			}
		}
	}
	return l
}

// apart gives each model the bind that fewest of its relations have.
func (l *layout) apart(rng *rand.Rand, s *schema) {
	for _, i := range rng.Perm(len(s.models)) {
		m := s.models[i]
		near := map[string]int{}
		for _, other := range s.models {
			for _, r := range other.relations {
				if r.owner == m {
					near[l.binds[r.target.name]]++
				}
				if r.target == m {
					near[l.binds[r.owner.name]]++
				}
			}
		}
		best := rng.Intn(3)
		for _, n := range rng.Perm(3) {
			if near[bindKeys[n]] < near[bindKeys[best]] {
				best = n
			}
		}
		l.binds[m.name] = bindKeys[best]
	}
}

// joinTables places the join tables: with the model that declares the relation,
// or where Register says. Both sides of a relation that two models declare
// must agree, so they are told where they live in different binds.
func (l *layout) joinTables(rng *rand.Rand, s *schema) {
	for _, t := range s.tables {
		if _, placed := l.binds[t.name]; placed {
			continue
		}
		declarers := map[string]bool{}
		for _, m := range s.models {
			for _, r := range m.relations {
				if r.join == t {
					declarers[l.binds[m.name]] = true
				}
			}
		}
		bind := bindKeys[rng.Intn(3)]
		if l.name == "one bind" {
			bind = betaBind
		}
		switch {
		case t.name == "product_tags": // tagged
			bind = betaBind
		case len(declarers) == 1 && rng.Intn(2) == 0: // not told
			for declared := range declarers {
				bind = declared
			}
		case t.model != nil:
			l.keyed[t.name] = true
			l.data[bind] = append(l.data[bind], t.model.pointer())
		default:
			l.data[bind] = append(l.data[bind], t.name)
		}
		l.binds[t.name] = bind
	}
}

// crossed reports whether some tables live in several binds.
func (l *layout) crossed(tables []string) bool {
	for _, t := range tables {
		if l.binds[t] != l.binds[tables[0]] {
			return true
		}
	}
	return false
}

func (l *layout) String() string {
	var parts []string
	for _, key := range bindKeys {
		var tables []string
		for _, t := range sortedKeys(l.binds) {
			if l.binds[t] == key {
				tables = append(tables, t)
			}
		}
		if l.tenanted[key] {
			key += ", of a tenant"
		}
		parts = append(parts, key+": "+strings.Join(tables, " "))
	}
	return fmt.Sprintf("%s (%s)", l.name, strings.Join(parts, "; "))
}

// install makes the plugin for a layout, and installs it. It returns the handle for the
// calls: its context names the tenant of binds that have some.
func (l *layout) install(db *gorm.DB, s *schema, open func(bind string) gorm.Dialector) (*bindkey.Plugin, *gorm.DB, error) {
	p := bindkey.New(bindkey.Models(s.all...)).
		Register(mainBind, dbresolver.Config{}, l.data[mainBind]...)
	for _, key := range bindKeys[1:] {
		pools := dbresolver.Config{Sources: []gorm.Dialector{open(key)}}
		if !l.tenanted[key] {
			p.Register(key, pools, l.data[key]...)
			continue
		}
		p.RegisterTenants(key, func(_ context.Context, name string) (dbresolver.Config, error) {
			if name != tenant {
				return dbresolver.Config{}, fmt.Errorf("no call is for the tenant %q", name)
			}
			return pools, nil
		}, bindkey.TenantData(l.data[key]...))
	}
	if err := db.Use(p); err != nil {
		return nil, nil, err
	}
	db = db.WithContext(background)
	for key, has := range l.tenanted { // opened now, so that what a call sends is its own
		if err := db.Clauses(bindkey.Use(key)).Exec("SELECT 1").Error; has && err != nil {
			return nil, nil, err
		}
	}
	return p, db, nil
}

// tenant is whom all calls are for.
const tenant = "acme"
