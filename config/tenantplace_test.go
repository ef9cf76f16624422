package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// A named dialector is SQLite's under another dialect's name: the places of URLs go by
// it. The modules config/… have the tests with the true ones.
type named struct {
	gorm.Dialector
	name string
}

func (n named) Name() string { return n.name }

// servers open no server, for URLs of all dialects.
func servers() config.Option {
	openers := config.Openers{}
	for scheme, name := range map[string]string{"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql", "sqlserver": "sqlserver", "other": "other"} {
		name := name
		openers[scheme] = func(string) (gorm.Dialector, error) { return named{sqlitedb.Open("file:x"), name}, nil }
	}
	return config.Schemes(openers)
}

// refused is what DatabasesOf says of a tenant.
func refused(t *testing.T, main, pattern, tenant string) error {
	t.Helper()
	c := mustLoad(t, servers(), config.Bind("customer", ""), env(map[string]string{
		"MAIN_DB_URL": main, "ANALYTICS_DB_URL": "sqlite://", "CUSTOMER_DB_URL": pattern,
	}))
	_, err := c.DatabasesOf(tenant)
	return err
}

// A tenant is not led to the database of main, however the two URLs are written.
func TestTenantOfAnotherBindBySpelling(t *testing.T) {
	const db = "postgres://127.0.0.1:5432/saas_{tenant}"
	for _, c := range []struct{ main, pattern, tenant string }{
		{"postgres://127.0.0.1/saas_main", db, "main"},
		{"postgres://localhost:5432/saas_main", db, "main"},
		{"postgresql://[::1]:5432/saas_main", db, "main"},
		{"postgres:///saas_main?host=/run/postgresql", db, "main"},
		{"postgres://pooler:6432/saas_main", db, "main"},
		{"postgres://a:5432,b:5432/saas_main", db, "main"},
		{"postgres://127.0.0.1/?dbname=saas_main", db, "main"},
		{"postgres://saas_main@127.0.0.1", db, "main"}, // its name is the user's
		{"postgres://127.0.0.1/saas%5Fmain", db, "main"},
		{"postgres://127.0.0.1/saas_main", "postgres://127.0.0.1/?dbname=saas_{tenant}", "main"},
		{"postgres://127.0.0.1/saas_main", db, "Main"},
		// The name makes the server's.
		{"postgres://main.db/app", "postgres://{tenant}.db:5432/app", "main"},
		{"postgres://db/app", "postgres://db:{tenant}/app", "5432"},
		{"postgres:///app?host=/run/main", "postgres:///app?host=/run/{tenant}", "main"},
		// Or the schema's.
		{"postgres://db/app", "postgres://db:5432/app?search_path={tenant}", "public"},
		{"postgres://app@db/app", "postgres://db:5432/app?search_path={tenant}", "app"},
		{"postgres://db/app?search_path=c_main", "postgres://db:5432/app?search_path=c_{tenant},public", "main"},
		{"postgres://db/app?search_path=c_main", "postgres://db/app?options=-c%20search_path%3Dc_{tenant}%20-c%20jit%3Doff", "main"},
		{"postgres://app@db/app", "postgres://{tenant}@db/app", "app"},

		{"mysql://127.0.0.1/saas_main", "mariadb://localhost:3306/saas_{tenant}", "main"},
		{"mysql:///saas_main?unix_socket=/run/mysqld.sock", "mysql://localhost/saas_{tenant}", "main"},
		{"sqlserver://db?database=saas_main", "sqlserver://db:1433?Database=saas_{tenant}", "main"},
		{"other://db/app?in=c_main", "other://db/app?in=c_{tenant}", "main"},
		{"sqlserver://db/main?database=app", "sqlserver://db/{tenant}?database=app", "main"},
	} {
		if err := refused(t, c.main, c.pattern, c.tenant); !errors.Is(err, config.ErrTenantName) || !strings.Contains(err.Error(), `bind "main"`) {
			t.Errorf("tenant %q of %s, with main at %s: %v", c.tenant, c.pattern, c.main, err)
		}
		if err := refused(t, c.main, c.pattern, "7077"); err != nil {
			t.Errorf("another tenant of %s, with main at %s: %v", c.pattern, c.main, err)
		}
	}
}

// The same of SQLite's files, of which there may be one already, or not yet.
func TestTenantOfAnotherBindByPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.ToSlash(dir)
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(dir+"/there.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(dir+"/there.db", dir+"/hard_main.db"); err != nil {
		t.Skip(err)
	}
	chdir(t, dir)
	plain := "sqlite:///" + dir + "/{tenant}.db"
	for _, c := range []struct{ main, pattern, tenant string }{
		{"sqlite:///" + dir + "/./main.db", plain, "main"},
		{"sqlite:///main.db", plain, "main"},
		{"sqlite:///" + dir + "/link/main.db", plain, "main"},
		{"sqlite:///" + dir + "//main.db", plain, "main"},
		{"sqlite:///file:" + dir + "/m%61in.db", plain, "main"},
		{"sqlite:///file://" + dir + "/main.db?cache=shared", plain, "main"},
		{"sqlite:///main.db", "sqlite:///{tenant}.db?cache=private", "main"},
		{"sqlite:///there.db", "sqlite:///hard_{tenant}.db", "main"},
		{"sqlite:///there.db", "sqlite:///link/{tenant}.db", "there"},
	} {
		if err := refused(t, c.main, c.pattern, c.tenant); !errors.Is(err, config.ErrTenantName) || !strings.Contains(err.Error(), `bind "main"`) {
			t.Errorf("tenant %q of %s, with main at %s: %v", c.tenant, c.pattern, c.main, err)
		}
		if err := refused(t, c.main, c.pattern, "acme"); err != nil {
			t.Errorf("acme of %s, with main at %s: %v", c.pattern, c.main, err)
		}
	}
}

// A name that is longer than its database allows is refused: PostgreSQL would cut it.
func TestTenantNameTooLong(t *testing.T) {
	for _, c := range []struct {
		pattern string
		most    int // letters of a tenant
	}{
		{"postgres://app@db/saas_{tenant}", 63 - 5},
		{"postgres://app@db/sa%61s_{tenant}", 63 - 5},
		{"postgres://app@db/%C3%BC{tenant}", 63 - 2},
		{"postgres://app@db/?dbname=saas_{tenant}", 63 - 5},
		{"postgres://app_{tenant}@db/app", 63 - 4},
		{"postgres://app@db/app?search_path=public,c_{tenant}", 63 - 2},
		{"postgres://app@db/app?options=-csearch_path%3Dc_{tenant}%20-cjit%3Doff", 63 - 2},
		{"postgres://app@db/app?sslcert=/etc/{tenant}", 128},
		{"postgres://app@{tenant}.db.internal/app", 128},
		{"mysql://app@db/{tenant}", 64},
		{"mariadb://app@db/%C3%BC{tenant}", 64 - 1},
		{"sqlserver://db?database=c_{tenant}", 128 - 2},
		{"sqlite:///" + strings.Repeat("x", 150) + "{tenant}.db", 247 - 150 - 3},
		{"sqlite:///" + strings.Repeat("x", 150) + "/{tenant}.db", 128},
	} {
		if err := refused(t, "sqlite://", c.pattern, strings.Repeat("t", c.most)); err != nil {
			t.Errorf("%d letters in %s: %v", c.most, c.pattern, err)
		}
		if c.most == 128 {
			continue
		}
		if err := refused(t, "sqlite://", c.pattern, strings.Repeat("t", c.most+1)); !errors.Is(err, config.ErrTenantName) || !strings.Contains(err.Error(), "shorten it") {
			t.Errorf("%d letters in %s: %v", c.most+1, c.pattern, err)
		}
	}
}

// A tenant is not led to the log that SQLite writes beside another's file.
func TestTenantOfFileBeside(t *testing.T) {
	for _, tenant := range []string{"acme-wal", "acme-shm", "acme-journal", "acme-WAL"} {
		if err := refused(t, "sqlite://", "sqlite:////data/{tenant}", tenant); !errors.Is(err, config.ErrTenantName) {
			t.Errorf("%s: %v", tenant, err)
		}
		if err := refused(t, "sqlite://", "sqlite:////data/{tenant}.db", tenant); err != nil {
			t.Error(err)
		}
	}
}

func chdir(t *testing.T, dir string) {
	t.Helper()
	back, err := os.Getwd()
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chdir(back) })
}
