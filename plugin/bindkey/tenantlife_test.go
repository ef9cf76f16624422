package bindkey_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The steps of docs/tenants.md, "Add, move, drop a customer".

// A Client is a customer, in main: the function given to Tenants looks here.
type Client struct {
	Name   string `gorm:"primaryKey"`
	File   string // its database
	Moving bool
}

var errMoving = errors.New("it is being moved")

type clientWorld struct {
	*testing.T
	dir    string
	db     *gorm.DB
	plugin *bindkey.Plugin
}

func newClientWorld(t *testing.T) *clientWorld {
	t.Helper()
	w := &clientWorld{T: t, dir: t.TempDir()}
	w.db = openPlain(t, sqlitedb.Open(w.path("main")+"?_busy_timeout=10000"), &gorm.Config{Logger: logger.Discard})
	w.plugin = bindkey.New(bindkey.Tenants("customer", func(ctx context.Context, tenant string) (dbresolver.Config, error) {
		var client Client
		if err := w.db.WithContext(ctx).First(&client, "name = ?", tenant).Error; err != nil {
			return dbresolver.Config{}, err
		}
		if client.Moving {
			return dbresolver.Config{}, errMoving
		}
		return dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(w.path(client.File) + "?_busy_timeout=10000")}}, nil
	}))
	w.must(w.db.Use(w.plugin))
	t.Cleanup(func() { _ = w.plugin.Close() })
	w.must(w.db.AutoMigrate(&Client{}))
	return w
}

func (w *clientWorld) path(file string) string { return filepath.Join(w.dir, file+".db") }

func (w *clientWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *clientWorld) of(client string) *gorm.DB {
	return w.db.WithContext(bindkey.WithTenant(context.Background(), client))
}

// add are the steps to add a customer.
func (w *clientWorld) add(name string) {
	w.Helper()
	w.must(w.db.Create(&Client{Name: name, File: name}).Error)
	w.plugin.Evict(name)
	w.must(w.of(name).AutoMigrate(&InvoiceRow{}))
}

func (w *clientWorld) rows(file string) (n int64) {
	w.Helper()
	plain := openPlain(w.T, sqlitedb.Open(w.path(file)), &gorm.Config{Logger: logger.Discard})
	w.must(plain.Model(&InvoiceRow{}).Count(&n).Error)
	return n
}

// A customer who was asked for before there was one is there once it is added.
func TestCustomerIsAdded(t *testing.T) {
	w := newClientWorld(t)
	if err := w.of("acme").Find(&[]InvoiceRow{}).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
		t.Fatal(err)
	}
	w.add("acme")
	w.must(w.of("acme").Create(&InvoiceRow{Tenant: "acme"}).Error)
	if n := w.rows("acme"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// A customer is moved while others write for it: each write is in the new database, or the
// program got an error. A transaction that runs is waited for.
func TestCustomerIsMoved(t *testing.T) {
	w := newClientWorld(t)
	w.add("acme")
	var written atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	write := func() error {
		err := w.of("acme").Create(&InvoiceRow{Tenant: "acme"}).Error
		if err == nil {
			written.Add(1)
		}
		return err
	}
	for i := 0; i < 2; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := write(); err != nil && !errors.Is(err, errMoving) {
					t.Error(err)
					return
				}
			}
		}()
	}
	for written.Load() < 8 && !t.Failed() {
		w.must(write())
	}

	// Close the way in, and wait for what runs.
	w.must(w.db.Model(&Client{Name: "acme"}).Update("moving", true).Error)
	<-w.plugin.Evict("acme")
	if err := write(); !errors.Is(err, errMoving) || !errors.Is(err, bindkey.ErrTenant) {
		t.Errorf("while it is moved: %v", err)
	}
	// Copy.
	content, err := os.ReadFile(w.path("acme"))
	w.must(err)
	w.must(os.WriteFile(w.path("elsewhere"), content, 0o600))
	old := w.rows("acme")
	// Change where open leads, and open again.
	w.must(w.db.Model(&Client{Name: "acme"}).Updates(map[string]any{"file": "elsewhere", "moving": false}).Error)
	<-w.plugin.Evict("acme") // the failure is remembered
	w.must(write())

	close(stop)
	wg.Wait()
	if n := w.rows("elsewhere"); n != written.Load() || n <= old {
		t.Errorf("the new database has %d rows, the old one %d, and %d were written", n, old, written.Load())
	}
	if n := w.rows("acme"); n != old {
		t.Errorf("the old database has %d rows, and had %d when it was copied", n, old)
	}
}

// A customer who is dropped is refused, and nobody makes the database again.
func TestCustomerIsDropped(t *testing.T) {
	w := newClientWorld(t)
	w.add("acme")
	w.must(w.of("acme").Create(&InvoiceRow{Tenant: "acme"}).Error)
	w.must(w.db.Delete(&Client{Name: "acme"}).Error)
	<-w.plugin.Evict("acme")
	w.must(os.Remove(w.path("acme")))
	for i := 0; i < 2; i++ {
		if err := w.of("acme").Create(&InvoiceRow{Tenant: "acme"}).Error; !errors.Is(err, gorm.ErrRecordNotFound) || !errors.Is(err, bindkey.ErrTenant) {
			t.Errorf("the error is %v", err)
		}
		w.plugin.Evict("acme")
	}
	if _, err := os.Stat(w.path("acme")); !os.IsNotExist(err) {
		t.Errorf("there is a file again: %v", err)
	}
}
