package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// customers is the file of docs/configuration.md.
const customers = `binds:
  main:
    url: sqlite:///${DATA}/main.db
  customer:
    url: sqlite:///${DATA}/customer_{tenant}.db
    tenant_limit: 50
`

// A Customer has a row in main, and a database of its own.
type Customer struct {
	Name string `gorm:"primaryKey"`
}

// A Purchase lives in the database of its customer.
type Purchase struct {
	_    struct{} `bind:"customer"`
	ID   uint
	Item string
}

// openCustomers opens main. A customer is looked for there before its database is opened.
func openCustomers(file string) (*gorm.DB, *bindkey.Plugin, error) {
	var db *gorm.DB
	cfg, err := config.Load(config.File(file), config.Tenants("customer", func(ctx context.Context, tenant string) error {
		return db.WithContext(ctx).First(&Customer{}, "name = ?", tenant).Error
	}))
	if err != nil {
		return nil, nil, err
	}
	plugin := bindkey.New()
	db, err = cfg.Open(plugin, &gorm.Config{Logger: logger.Discard})
	return db, plugin, err
}

// purchases answers with those of one customer.
func purchases(db *gorm.DB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := bindkey.WithTenant(r.Context(), r.FormValue("customer"))
		var found []Purchase
		err := db.WithContext(ctx).Find(&found).Error
		switch {
		case errors.Is(err, bindkey.ErrTenant) && errors.Is(err, gorm.ErrRecordNotFound),
			errors.Is(err, config.ErrTenantName), errors.Is(err, bindkey.ErrNoTenant):
			http.Error(w, "no such customer", http.StatusNotFound)
		case errors.Is(err, bindkey.ErrTenant):
			log.Print(err) // its database is down, or main is
			http.Error(w, "try again", http.StatusServiceUnavailable)
		case err != nil:
			log.Print(err)
			http.Error(w, "failed", http.StatusInternalServerError)
		default:
			_ = json.NewEncoder(w).Encode(found)
		}
	}
}

func ExampleTenants() {
	dir, err := os.MkdirTemp("", "customers")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Setenv("DATA", filepath.ToSlash(dir))
	defer os.Unsetenv("DATA")
	file := filepath.Join(dir, "binds.yaml")
	if err := os.WriteFile(file, []byte(customers), 0o600); err != nil {
		log.Fatal(err)
	}
	db, plugin, err := openCustomers(file)
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		_ = plugin.Close()
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}()
	acme := db.WithContext(bindkey.WithTenant(context.Background(), "acme"))
	err = errors.Join(
		db.AutoMigrate(&Customer{}), db.Create(&[]Customer{{"acme"}, {"globex"}}).Error,
		acme.AutoMigrate(&Purchase{}), acme.Create(&Purchase{Item: "anvil"}).Error,
		os.Mkdir(filepath.Join(dir, "customer_globex.db"), 0o700), // which is no database that can be opened
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"acme", "globex", "initech", "a.b", ""} {
		answer := httptest.NewRecorder()
		purchases(db)(answer, httptest.NewRequest("GET", "/?customer="+name, nil))
		fmt.Printf("%s: %d %s", name, answer.Code, answer.Body)
	}
	// Output:
	// acme: 200 [{"ID":1,"Item":"anvil"}]
	// globex: 503 try again
	// initech: 404 no such customer
	// a.b: 404 no such customer
	// : 404 no such customer
}
