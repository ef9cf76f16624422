package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/internal/sqlitedb"
)

// TestStack asks each look at the stack from inside GORM, without the plugin: when
// GORM's frames change, it says which look no longer sees what it should.
func TestStack(t *testing.T) {
	plain, err := gorm.Open(sqlitedb.Open(filepath.Join(t.TempDir(), "stack.db")), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := plain.DB()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := plain.AutoMigrate(&stackThing{}); err != nil {
		t.Fatal(err)
	}
	open := func(config *gorm.Config) (*gorm.DB, *stackPool) {
		probe := &stackPool{DB: pool}
		db, err := gorm.Open(&stackDialector{Dialector: sqlite.Dialector{Conn: probe}, probe: probe}, config)
		if err != nil {
			t.Fatal(err)
		}
		return db, probe
	}

	t.Run("transactionCaller", func(t *testing.T) {
		nothing := func(*gorm.DB) error { return nil }
		batches := []stackThing{{Text: "a"}, {Text: "b"}}
		for name, c := range map[string]struct {
			run                func(db *gorm.DB) error
			transaction, gorms bool
		}{
			"Begin":       {func(db *gorm.DB) error { return db.Begin().Rollback().Error }, false, false},
			"Transaction": {func(db *gorm.DB) error { return db.Transaction(nothing) }, true, false},
			"a batch":     {func(db *gorm.DB) error { return db.CreateInBatches(&batches, 1).Error }, true, true},
			"a generic one": {func(db *gorm.DB) error {
				return gorm.G[stackThing](db).CreateInBatches(context.Background(), &batches, 1)
			}, true, true},
			"a single write": {func(db *gorm.DB) error { return db.Create(&stackThing{}).Error }, false, true},
		} {
			for _, prepare := range []bool{false, true} {
				db, probe := open(&gorm.Config{PrepareStmt: prepare})
				batches[0].ID, batches[1].ID = 0, 0
				if err := c.run(db); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !probe.began || probe.transaction != c.transaction || probe.gorms != c.gorms {
					t.Errorf("%s, PrepareStmt %v: begun %v, by Transaction %v, GORM's %v", name, prepare, probe.began, probe.transaction, probe.gorms)
				}
			}
		}
	})

	t.Run("transactionCaller of a savepoint", func(t *testing.T) {
		db, probe := open(&gorm.Config{})
		err := db.Transaction(func(tx *gorm.DB) error {
			nested := tx.Transaction(func(*gorm.DB) error { return nil })
			if !probe.transaction || probe.gorms {
				t.Errorf("Transaction: by Transaction %v, GORM's %v", probe.transaction, probe.gorms)
			}
			saved := tx.SavePoint("s").Error
			if probe.transaction || probe.gorms {
				t.Errorf("SavePoint: by Transaction %v, GORM's %v", probe.transaction, probe.gorms)
			}
			batched := tx.CreateInBatches([]stackThing{{Text: "c"}, {Text: "d"}}, 1).Error
			if !probe.transaction || !probe.gorms {
				t.Errorf("a batch: by Transaction %v, GORM's %v", probe.transaction, probe.gorms)
			}
			return errors.Join(nested, saved, batched)
		})
		if err != nil {
			t.Error(err)
		}
	})

	t.Run("preparesForStore", func(t *testing.T) {
		db, probe := open(&gorm.Config{PrepareStmt: true})
		var things []stackThing
		if err := db.Find(&things).Error; err != nil || !probe.stores {
			t.Errorf("a statement of GORM's: %v, %v", probe.stores, err)
		}
		stmt, err := probe.PrepareContext(context.Background(), "SELECT 1")
		if err != nil || probe.stores {
			t.Errorf("a statement of the program's: %v, %v", probe.stores, err)
		} else if err := stmt.Close(); err != nil {
			t.Error(err)
		}
	})

	t.Run("isSubquery", func(t *testing.T) {
		db, _ := open(&gorm.Config{})
		var looks []bool
		err := db.Callback().Query().Before("gorm:query").Register("look", func(db *gorm.DB) { looks = append(looks, isSubquery(db)) })
		if err != nil {
			t.Fatal(err)
		}
		var things []stackThing
		dry := &gorm.Session{DryRun: true}
		for name, c := range map[string]struct {
			run  func()
			want []bool // GORM renders what is inside first, or last
		}{
			"Find":                {func() { db.Find(&things) }, []bool{false}},
			"Find in DryRun":      {func() { db.Session(dry).Find(&things) }, []bool{false}},
			"Discard in DryRun":   {func() { db.Session(&gorm.Session{DryRun: true, Logger: logger.Discard}).Find(&things) }, []bool{false}},
			"a subquery in Where": {func() { db.Where("id IN (?)", db.Model(&stackThing{}).Select("id")).Find(&things) }, []bool{false, true}},
			"a subquery in Table": {func() { db.Table("(?) AS t", db.Model(&stackThing{})).Find(&things) }, []bool{false, true}},
			"a generic subquery": {func() {
				_, _ = gorm.G[stackThing](db).Where("id IN (?)", gorm.G[stackThing](db).Select("id")).Find(context.Background())
			}, []bool{false, true}},
		} {
			looks = nil
			c.run()
			if len(looks) != len(c.want) || looks[0] != c.want[0] || looks[len(looks)-1] != c.want[len(c.want)-1] {
				t.Errorf("%s: %v, want %v", name, looks, c.want)
			}
		}
	})
}

type stackThing struct {
	ID   uint
	Text string
}

// stackPool is a pool that looks at the stack where those of the plugin do.
type stackPool struct {
	*sql.DB
	began, transaction, gorms, stores bool
}

func (p *stackPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	p.began = true
	p.transaction, p.gorms = transactionCaller()
	return p.DB.BeginTx(ctx, opts)
}

func (p *stackPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

func (p *stackPool) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	p.stores = preparesForStore()
	return p.DB.PrepareContext(ctx, query)
}

// stackDialector looks where the plugin's dialector does, at a savepoint.
type stackDialector struct {
	sqlite.Dialector
	probe *stackPool
}

func (d *stackDialector) SavePoint(tx *gorm.DB, name string) error {
	d.probe.transaction, d.probe.gorms = transactionCaller()
	return d.Dialector.SavePoint(tx, name)
}
