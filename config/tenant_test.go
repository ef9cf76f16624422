package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type tenantNote struct {
	_    struct{} `bind:"customer"`
	ID   uint
	Text string
}

// A URL with {tenant} is a bind with a database for each tenant, with its settings.
func TestTenantURL(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	c := mustLoad(t, config.Bind("customer", ""), env(map[string]string{
		"MAIN_DB_URL":                "sqlite:///" + dir + "/main.db",
		"ANALYTICS_DB_URL":           "sqlite:///" + dir + "/analytics.db",
		"CUSTOMER_DB_URL":            "sqlite:///" + dir + "/customer_{tenant}.db",
		"CUSTOMER_DB_REPLICA_URLS":   "sqlite:///" + dir + "/replica_{tenant}.db",
		"CUSTOMER_DB_MAX_OPEN_CONNS": "3",
	}))
	plugin := bindkey.New()
	db, err := c.Open(plugin, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = plugin.Close()
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}()
	for _, tenant := range []string{"acme", "globex"} {
		tx := db.WithContext(bindkey.WithTenant(context.Background(), tenant))
		if err := errors.Join(tx.AutoMigrate(&tenantNote{}), tx.Create(&tenantNote{Text: tenant}).Error); err != nil {
			t.Fatal(err)
		}
		for file, want := range map[string]string{"customer_": tenant, "replica_": tenant + " replica"} {
			plain, err := gorm.Open(sqlitedb.Open(dir+"/"+file+tenant+".db"), &gorm.Config{Logger: logger.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if file == "replica_" {
				err = errors.Join(plain.AutoMigrate(&tenantNote{}), plain.Create(&tenantNote{Text: want}).Error)
			}
			var found tenantNote
			if err = errors.Join(err, plain.First(&found).Error); err != nil || found.Text != want {
				t.Errorf("%s%s has %q, %v", file, tenant, found.Text, err)
			}
			pool, _ := plain.DB()
			_ = pool.Close()
		}
		var found tenantNote
		if err := tx.First(&found).Error; err != nil || found.Text != tenant+" replica" {
			t.Errorf("%q, %v", found.Text, err)
		}
		if got := plugin.Stats()["customer/"+tenant]["source"].MaxOpenConnections; got != 3 {
			t.Errorf("%d connections", got)
		}
	}
	for _, tenant := range []string{"../main", "a.b", "a/b", "a?mode=memory", "a%2Fb", "a@b", "{tenant}"} {
		err := db.WithContext(bindkey.WithTenant(context.Background(), tenant)).First(&tenantNote{}).Error
		if !errors.Is(err, bindkey.ErrTenant) {
			t.Errorf("%q: %v", tenant, err)
		}
	}
	if _, err := os.Stat(dir + "/customer_tenant.db"); err == nil {
		t.Error("the name that a pattern is tried with has a file")
	}

	if keys := c.Tenanted(); len(keys) != 1 || keys[0] != "customer" {
		t.Error(keys)
	}
	databases, err := c.DatabasesOf("acme", "globex")
	if err != nil || len(databases) != 2+4 {
		t.Fatalf("%v, %v", databases, err)
	}
	for _, database := range databases {
		if _, _, err := database.Ping(context.Background()); (err == nil) != (database.Key != "analytics" || fileIs(dir+"/analytics.db")) {
			t.Errorf("%s of %q: %v", database.Key, database.Tenant, err)
		}
	}
	if _, err := c.DatabasesOf("../main"); !errors.Is(err, config.ErrTenantName) {
		t.Error(err)
	}
	if without, err := c.DatabasesOf(); err != nil || len(without) != 2 {
		t.Errorf("%v, %v", without, err)
	}
}

// The option Tenants says who is a tenant, and what a URL can't say.
func TestTenantsOption(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	variables := env(map[string]string{
		"MAIN_DB_URL":              "sqlite:///" + dir + "/main.db",
		"ANALYTICS_DB_URL":         "sqlite:///" + dir + "/analytics.db",
		"CUSTOMER_DB_URL":          "sqlite:///" + dir + "/customer_{tenant}.db",
		"CUSTOMER_DB_TENANT_LIMIT": "1",
	})
	type customer struct {
		Name string `gorm:"primaryKey"`
	}
	type parcel struct{ ID uint }
	type user struct{}
	var db *gorm.DB
	check := func(ctx context.Context, tenant string) error {
		return db.WithContext(ctx).First(&customer{}, "name = ?", tenant).Error
	}
	c := mustLoad(t, config.Bind("customer", ""), variables, config.Tenants("customer", check,
		bindkey.TenantData(&parcel{}), bindkey.TenantLimit(50), bindkey.TenantBy(func(ctx context.Context) (string, bool) {
			name, ok := ctx.Value(user{}).(string)
			return name, ok
		})))
	plugin := bindkey.New()
	var err error
	if db, err = c.Open(plugin, &gorm.Config{Logger: logger.Discard}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = plugin.Close()
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}()
	if err := errors.Join(db.AutoMigrate(&customer{}), db.Create(&[]customer{{"acme"}, {"globex"}}).Error); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme", "globex"} {
		of := db.WithContext(context.WithValue(context.Background(), user{}, name))
		if err := errors.Join(of.AutoMigrate(&parcel{}), of.Create(&parcel{}).Error); err != nil || !fileIs(dir+"/customer_"+name+".db") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, open := plugin.Stats()["customer/acme"]; open {
		t.Error("two are open, and tenant_limit is 1")
	}
	err = db.WithContext(bindkey.WithTenant(context.Background(), "initech")).Create(&parcel{}).Error
	if !errors.Is(err, bindkey.ErrTenant) || !errors.Is(err, gorm.ErrRecordNotFound) || fileIs(dir+"/customer_initech.db") {
		t.Errorf("initech, who is no customer: %v", err)
	}

	for want, options := range map[string][]config.Option{
		"is there twice": {config.Tenants("customer", check), config.Tenants("customer", nil)},
		`"custmer"`:      {config.Tenants("custmer", check)},
		"no {tenant}":    {config.Tenants("analytics", check)},
	} {
		_, err := config.Load(append(options, config.Bind("customer", ""), variables)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if want == `"custmer"` && !errors.Is(err, bindkey.ErrUnknownBind) {
			t.Error(err)
		}
	}
}

func fileIs(path string) bool { _, err := os.Stat(path); return err == nil }

// Another dialect than main's is found without a tenant's database.
func TestTenantURLOfAnotherDialect(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	var opened []string
	c := mustLoad(t, config.Bind("customer", "other://app:secret@db/customer_{tenant}?x=1"), config.Bind("main", "sqlite:///"+dir+"/main.db"),
		env(map[string]string{"ANALYTICS_DB_URL": "sqlite:///" + dir + "/a.db"}),
		config.Schemes(config.Openers{"other": func(url string) (gorm.Dialector, error) {
			opened = append(opened, url)
			return sqlitedb.Open(dir + "/other.db"), nil
		}}))
	plugin := bindkey.New()
	if _, err := c.Open(plugin, &gorm.Config{Logger: logger.Discard}); err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	if last := opened[len(opened)-1]; last != "other://app:secret@db/?x=1" {
		t.Error(last)
	}
}

// A tenant whose name would lead to the database of another bind is none. A schema for each
// tenant in one database is no such name.
func TestTenantOfAnotherBind(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	c := mustLoad(t, config.Bind("customer", ""), env(map[string]string{
		"MAIN_DB_URL":      "sqlite:///" + dir + "/main.db?_pragma=busy_timeout(1000)",
		"ANALYTICS_DB_URL": "sqlite:///" + dir + "/analytics.db",
		"CUSTOMER_DB_URL":  "sqlite:///" + dir + "/{tenant}.db",
	}))
	plugin := bindkey.New()
	db, err := c.Open(plugin, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = plugin.Close()
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}()
	for tenant, want := range map[string]error{"main": config.ErrTenantName, "analytics": config.ErrTenantName, "acme": nil} {
		if err := db.WithContext(bindkey.WithTenant(context.Background(), tenant)).AutoMigrate(&tenantNote{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", tenant, err)
		}
		if _, err := c.DatabasesOf(tenant); !errors.Is(err, want) {
			t.Errorf("%s: %v", tenant, err)
		}
	}
	c = mustLoad(t, config.Bind("customer", ""), env(map[string]string{
		"MAIN_DB_URL": "sqlite:///" + dir + "/main.db", "ANALYTICS_DB_URL": "sqlite:///" + dir + "/analytics.db",
		"CUSTOMER_DB_URL": "sqlite:///" + dir + "/main.db?schema={tenant}",
	}))
	if _, err := c.DatabasesOf("main"); errors.Is(err, config.ErrTenantName) {
		t.Error(err)
	}
}

// However two URLs are written: what leads to another bind's database is told.
func TestTenantOfAnotherBindInOtherWords(t *testing.T) {
	for _, one := range []struct {
		main, pattern string
		wrong         string // however it is written
	}{
		{"sqlserver://app@db?database=main", "sqlserver://app@db:1433?Database={tenant}&x=1", "main"},
		{"postgres://app@db/main", "postgresql://app@DB:5432/{tenant}", "main"},
		{"postgres://app@db:5433/main", "postgres://app@db/{tenant}", "main"}, // the port may be a pooler's
		{"postgres://app@db/main", "postgres://app@db/{tenant}?application_name={tenant}", "main"},
		{"postgres://app@db/x?search_path=main", "postgres://app@db/x?application_name={tenant}&search_path={tenant}", "main"},
		{"mysql://app@db/main", "mariadb://app@db/{tenant}?x=1", "main"},
		{"postgres://app@a:1,b:2/main?x=1", "postgres://app@a:1,b:2/{tenant}", "main"},
		{"postgres://app@main.db/x", "postgres://app@{tenant}.db/x", "main"},
		{"postgres://app@db/x?search_path=main", "postgres://app@db/x?search_path={tenant}", "main"},
		{"postgres://app@db/x", "postgres://app@db/x?search_path={tenant}", ""},
		{"postgres://main@db/x", "postgres://{tenant}@db/x", "main"},
		{"sqlite:///./main.db", "sqlite:///{tenant}.db", "main"},
		{"sqlite:////main.db", "sqlite:///{tenant}.db", ""},
	} {
		c := mustLoad(t, servers(), config.Bind("customer", ""), env(map[string]string{"MAIN_DB_URL": one.main, "ANALYTICS_DB_URL": "sqlite:///analytics", "CUSTOMER_DB_URL": one.pattern}))
		for _, tenant := range []string{"main", "MAIN", "Main", "acme"} {
			refused := strings.EqualFold(tenant, one.wrong)
			if _, err := c.DatabasesOf(tenant); errors.Is(err, config.ErrTenantName) != refused {
				t.Errorf("%s and %s, tenant %s: %v", one.main, one.pattern, tenant, err)
			}
		}
	}
}

// What a pattern can't be is a mistake.
func TestTenantURLMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		want      string
	}{
		"main":                      {map[string]string{"MAIN_DB_URL": "sqlite:///{tenant}.db"}, "the handle opens this bind"},
		"a replica for all":         {map[string]string{"CUSTOMER_DB_URL": "sqlite:///{tenant}.db", "CUSTOMER_DB_REPLICA_URLS": "sqlite:///all.db"}, "another's rows"},
		"a replica for each":        {map[string]string{"CUSTOMER_DB_URL": "sqlite:///all.db", "CUSTOMER_DB_REPLICA_URLS": "sqlite:///{tenant}.db"}, "another's rows"},
		"a limit of none":           {map[string]string{"CUSTOMER_DB_TENANT_LIMIT": "5"}, "the bind has no tenants"},
		"a wait for none":           {map[string]string{"CUSTOMER_DB_TENANT_WAIT": "5s"}, "the bind has no tenants"},
		"a scheme that is nobody's": {map[string]string{"CUSTOMER_DB_URL": "nobody://{tenant}"}, "scheme is not known"},
	} {
		if c.variables["CUSTOMER_DB_URL"] == "" {
			c.variables["CUSTOMER_DB_URL"] = "sqlite:///c.db"
		}
		_, err := config.Load(config.Bind("customer", ""), env(c.variables))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := mustLoad(t, env(nil))
	if _, err := c.DatabasesOf("acme"); err == nil {
		t.Error("no bind has tenants")
	}
}

// tenant_limit and tenant_wait are those of the bind.
func TestTenantSettings(t *testing.T) {
	c := mustLoad(t, config.Bind("customer", ""), env(map[string]string{
		"MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": "sqlite://",
		"CUSTOMER_DB_URL":          "sqlite:///" + filepath.ToSlash(t.TempDir()) + "/customer_{tenant}.db",
		"CUSTOMER_DB_TENANT_LIMIT": "1", "CUSTOMER_DB_TENANT_WAIT": "50ms",
	}))
	plugin := bindkey.New()
	db, err := c.Open(plugin, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	acme, globex := db.WithContext(bindkey.WithTenant(context.Background(), "acme")), db.WithContext(bindkey.WithTenant(context.Background(), "globex"))
	err = errors.Join(acme.AutoMigrate(&tenantNote{}), acme.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&tenantNote{Text: "acme"}).Error; err != nil {
			return err
		}
		if err := globex.AutoMigrate(&tenantNote{}); !errors.Is(err, bindkey.ErrTenant) || !strings.Contains(err.Error(), "50ms") && !strings.Contains(err.Error(), "in use") {
			t.Errorf("a second tenant is open: %v", err)
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}

// A bind with tenants that the program registers stands beside a file that has main alone.
func TestTenantsBesideConfiguration(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	type user struct{}
	c := mustLoad(t, file(t, "binds: {main: {url: \"sqlite:///"+dir+"/main.db\"}}"), env(nil))
	plugin := bindkey.New(bindkey.Tenants("customer", func(_ context.Context, tenant string) (dbresolver.Config, error) {
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(dir + "/elsewhere_" + tenant + ".db")}}, nil
	}, bindkey.TenantBy(func(ctx context.Context) (string, bool) {
		name, ok := ctx.Value(user{}).(string)
		return name, ok
	})))
	type Shared struct{ ID uint }
	db := mustOpen(t, c, plugin)
	acme := db.WithContext(context.WithValue(context.Background(), user{}, "acme"))
	if err := errors.Join(acme.AutoMigrate(&tenantNote{}, &Shared{}), acme.Create(&tenantNote{}).Error, db.Create(&Shared{}).Error); err != nil {
		t.Fatal(err)
	}
	if !fileIs(dir+"/elsewhere_acme.db") || !db.Migrator().HasTable(&Shared{}) || db.Clauses(bindkey.Use("main")).Migrator().HasTable("tenant_notes") {
		t.Error("the tables are elsewhere")
	}
}
