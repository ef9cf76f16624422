package metrics_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/docs/metrics"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type Parcel struct {
	_  struct{} `bind:"customer"`
	ID uint
}

// The tenants of a bind are one series, or with a label one each. No counter goes back when
// one is closed.
func TestTenants(t *testing.T) {
	for name, labelled := range map[string]bool{"summed up": false, "with a label": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
			must(t, err)
			plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
				return dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, tenant+".db"))}}, nil
			}))
			must(t, db.Use(plugin))
			t.Cleanup(func() { _ = plugin.Close() })
			plugin.SetMaxOpenConns(1)
			registry := prometheus.NewPedanticRegistry()
			var options []metrics.Option
			if labelled {
				options = append(options, metrics.WithTenants())
			}
			must(t, metrics.Register(db, plugin, registry, options...))

			// waits uses a tenant's database twice, and waits for a second connection.
			waits := func(tenant string) {
				t.Helper()
				db := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
				must(t, db.AutoMigrate(&Parcel{}))
				tx := db.Begin()
				must(t, tx.Create(&Parcel{}).Error)
				must(t, tx.Find(&[]Parcel{}).Error)
				for _, pool := range plugin.Pools() {
					if pool.Tenant == tenant {
						ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
						_, err := pool.DB.Conn(ctx)
						cancel()
						if err == nil {
							t.Error("there is a second connection")
						}
					}
				}
				must(t, tx.Rollback().Error)
			}
			lasted := 0.0
			// look wants statements and waits of each tenant, and open pools with a connection.
			look := func(open float64, counted map[string]float64) {
				t.Helper()
				found, labels := gather(t, registry)
				if labels["tenant"] != labelled {
					t.Errorf("the labels are %v", labels)
				}
				all := 0.0
				for tenant, n := range counted {
					all += n
					if !labelled {
						continue
					}
					if got := found["go_sql_wait_count_total"]["db_name=customer/source tenant="+tenant]; got != n {
						t.Errorf("%v waits of %s, want %v: %v", got, tenant, n, found["go_sql_wait_count_total"])
					}
					if got := found["gormbind_statements_total"]["bind=customer failed=no role=source tenant="+tenant]; got < 2*n {
						t.Errorf("%v statements of %s: %v", got, tenant, found["gormbind_statements_total"])
					}
				}
				sum := func(name string) (n float64) {
					series := 0
					for labels, value := range found[name] {
						if strings.Contains(labels, "customer") {
							n += value
							series++
						}
					}
					if want := map[bool]int{false: 1, true: len(counted)}[labelled]; series != want {
						t.Errorf("%s: %d series, want %d: %v", name, series, want, found[name])
					}
					return n
				}
				if got := sum("go_sql_wait_count_total"); got != all {
					t.Errorf("%v waits, want %v", got, all)
				}
				if got := sum("go_sql_wait_duration_seconds_total"); got < lasted || got == 0 {
					t.Errorf("%v s of waiting, and %v s before", got, lasted)
				} else {
					lasted = got
				}
				if got := sum("go_sql_open_connections"); got != open {
					t.Errorf("%v connections, want %v", got, open)
				}
				if got := sum("go_sql_max_open_connections"); got != open {
					t.Errorf("%v connections at most, want %v", got, open)
				}
				sum("gormbind_statements_total")
			}
			waits("acme")
			waits("globex")
			look(2, map[string]float64{"acme": 1, "globex": 1})
			for n := 2.0; n < 6; n += 2 {
				waits("acme") // which is told when it is closed
				<-plugin.Evict("acme")
				look(1, map[string]float64{"acme": n, "globex": 1})
				waits("acme")
				look(2, map[string]float64{"acme": n + 1, "globex": 1})
			}
			<-plugin.Evict("acme")
			<-plugin.Evict("globex")
			look(0, map[string]float64{"acme": 5, "globex": 1})
		})
	}
}
