package binddebug_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/binddebug"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The tenants that are open are listed by name; what is closed is not.
func TestTenants(t *testing.T) {
	dir := t.TempDir()
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, tenant+".db"))}}, nil
	}))
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plugin.Close() })
	type Parcel struct {
		_  struct{} `bind:"customer"`
		ID uint
	}
	for _, tenant := range []string{"acme", "globex", "initech"} {
		if err := db.WithContext(bindkey.WithTenant(context.Background(), tenant)).AutoMigrate(&Parcel{}); err != nil {
			t.Fatal(err)
		}
	}
	<-plugin.Evict("initech")

	ask := func(accept string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, "/debug/binds", nil)
		request.Header.Set("Accept", accept)
		answer := httptest.NewRecorder()
		(&binddebug.Handler{Plugin: plugin}).ServeHTTP(answer, request)
		return answer
	}
	var report binddebug.Report
	if err := json.Unmarshal(ask("application/json").Body.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	var tenants []string
	for _, pool := range report.Pools {
		if pool.Key == "customer" {
			tenants = append(tenants, pool.Tenant)
			if !pool.OK || pool.Stats == nil {
				t.Errorf("%+v", pool)
			}
		}
	}
	if got := strings.Join(tenants, " "); !report.OK || got != "acme globex" {
		t.Errorf("%q, %+v", got, report)
	}
	if page := ask("text/html").Body.String(); !strings.Contains(page, "acme") || !strings.Contains(page, "<td>customer/*</td>") || strings.Contains(page, "initech") {
		t.Error(page)
	}
}
