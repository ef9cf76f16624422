// Package tenantload proves that tenants stay apart: many of them under random load
// from many goroutines, with evictions, tenants that can't be opened, and transactions
// that are rolled back. Every row names its tenant, so one elsewhere shows.
package tenantload

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The models of the load: documents and their pages live in each tenant's database, and
// events in one that all share.
type (
	Document struct {
		_      struct{} `bind:"customer"`
		ID     uint
		Tenant string
		Pages  []Page
	}
	Page struct {
		_          struct{} `bind:"customer"`
		ID         uint
		DocumentID uint
		Tenant     string
	}
	Event struct {
		ID     uint
		Tenant string
	}
)

// AfterCreate writes in a hook, for the tenant of the context that it is given.
func (d *Document) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&Page{Tenant: bindkey.TenantOf(tx.Statement.Context, "customer"), DocumentID: d.ID}).Error
}

// Models are all models of the load.
func Models() []any { return []any{&Document{}, &Page{}, &Event{}} }

// Open opens a tenant, as bindkey.Tenants wants it.
type Open = func(ctx context.Context, tenant string) (dbresolver.Config, error)

// ErrRefused is what an opening fails with now and then.
var ErrRefused = errors.New("refused by the load")

// Sometimes makes an opening fail one time in five.
func Sometimes(open Open) Open {
	return func(ctx context.Context, tenant string) (dbresolver.Config, error) {
		if rand.Intn(5) == 0 {
			return dbresolver.Config{}, ErrRefused
		}
		return open(ctx, tenant)
	}
}

// Names are so many tenants.
func Names(n int) (names []string) {
	for i := 0; i < n; i++ {
		names = append(names, fmt.Sprintf("t%02d", i))
	}
	return names
}

// A Load is a program under load.
type Load struct {
	*testing.T
	DB         *gorm.DB
	Plugin     *bindkey.Plugin
	Tenants    []string
	Goroutines int
	Rounds     int // of each goroutine

	documents, events []atomic.Int64 // that are committed, by tenant
	refused           atomic.Int64
}

// Run makes the tables, runs the load, and then compares what the databases hold, which
// look tells past the plugin: how many rows of a table name each tenant.
func (l *Load) Run(look func(tenant, table string) (rows map[string]int64, err error)) {
	l.Helper()
	l.documents, l.events = make([]atomic.Int64, len(l.Tenants)), make([]atomic.Int64, len(l.Tenants))
	l.must(l.DB.AutoMigrate(&Event{}))
	for _, tenant := range l.Tenants {
		db := l.DB.WithContext(bindkey.WithTenant(context.Background(), tenant))
		l.until(func() error { return db.AutoMigrate(&Document{}, &Page{}) })
	}
	var all sync.WaitGroup
	for g := 0; g < l.Goroutines; g++ {
		random := rand.New(rand.NewSource(int64(g)))
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < l.Rounds && !l.Failed(); i++ {
				l.round(random)
			}
		}()
	}
	all.Wait()
	if l.refused.Load() == 0 {
		l.Error("no opening has failed: the load shows less than it says")
	}
	for i, tenant := range l.Tenants {
		documents := l.documents[i].Load()
		for table, want := range map[string]int64{"documents": documents, "pages": 3 * documents} {
			rows, err := look(tenant, table)
			l.must(err)
			if len(rows) > 1 || rows[tenant] != want {
				l.Errorf("%s of %s: %v, and %d were committed", table, tenant, rows, want)
			}
		}
		var events int64
		l.must(l.DB.Model(&Event{}).Where("tenant = ?", tenant).Count(&events).Error)
		if want := l.events[i].Load(); events != want {
			l.Errorf("%d events of %s, and %d were committed", events, tenant, want)
		}
	}
}

func (l *Load) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// until tries again what only a refused opening has kept from happening.
func (l *Load) until(do func() error) {
	l.Helper()
	for {
		err := do()
		if errors.Is(err, ErrRefused) {
			l.refused.Add(1)
			for tenant := range l.Tenants {
				l.Plugin.Evict(l.Tenants[tenant]) // the failure is forgotten
			}
			continue
		}
		l.must(err)
		return
	}
}
