package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

type author struct {
	_     struct{} `bind:"customer"`
	ID    uint
	Name  string `gorm:"size:40;uniqueIndex:of_name"`
	Books []book
}

type book struct {
	_        struct{} `bind:"customer"`
	ID       uint
	Title    string `gorm:"size:40;index:of_title"`
	Pages    int    `gorm:"check:some_pages,pages > 0"`
	AuthorID uint
}

// The migrator sees and changes the tables of its tenant alone: tables, columns, indexes,
// constraints, foreign keys and sequences.
func TestMigratorOfSchemas(t *testing.T) {
	for _, server := range servers.All() {
		t.Run(server.Name, func(t *testing.T) {
			server.Need(t)
			s := schemas(t, server, "ddl", []string{"acme", "globex"})
			if server == servers.PostgreSQL { // tables differ on the way: TestTablesThatDiffer
				s.Pool = s.on(s.remembering(t, "exec"))
				t.Cleanup(func() { _ = s.Close() })
			}
			s.DB().SetMaxOpenConns(2)
			db, plugin := handle(t, s.open, s.dialector("acme"), gorm.Config{})
			of := func(tenant string) *gorm.DB { return db.WithContext(bindkey.WithTenant(soon(t), tenant)) }
			acme, globex := of("acme"), of("globex")
			must(t, acme.AutoMigrate(&author{}, &book{}))
			if globex.Migrator().HasTable(&author{}) || globex.Migrator().HasColumn(&author{}, "Name") || globex.Migrator().HasIndex(&author{}, "of_name") ||
				globex.Migrator().HasConstraint(&book{}, "fk_authors_books") {
				t.Error("globex has what acme has")
			}
			must(t, globex.AutoMigrate(&author{}, &book{}))
			for i := 0; i < 3; i++ {
				must(t, acme.Create(&author{Name: strings.Repeat("a", i+1), Books: []book{{Title: "a", Pages: 1}}}).Error)
			}
			one := author{Name: "g", Books: []book{{Title: "g", Pages: 1}}}
			must(t, globex.Create(&one).Error)
			if one.ID != 1 || one.Books[0].ID != 1 {
				t.Errorf("a sequence of two tenants: %+v", one)
			}
			if err := globex.Create(&book{Title: "g", Pages: 1, AuthorID: 3}).Error; err == nil {
				t.Error("globex' book has an author of acme")
			}

			must(t, acme.Migrator().DropIndex(&author{}, "of_name"))
			must(t, acme.Migrator().DropColumn(&book{}, "Title"))
			must(t, acme.Migrator().DropConstraint(&book{}, "fk_authors_books"))
			columns := map[string]int{}
			for tenant, db := range map[string]*gorm.DB{"acme": acme, "globex": globex} {
				types, err := db.Migrator().ColumnTypes(&book{})
				must(t, err)
				columns[tenant] = len(types)
				tables, err := db.Clauses(bindkey.Use("customer")).Migrator().GetTables()
				if want := tenant == "globex"; err != nil || len(tables) != 2 || db.Migrator().HasIndex(&author{}, "of_name") != want ||
					db.Migrator().HasConstraint(&book{}, "fk_authors_books") != want || db.Migrator().HasIndex(&book{}, "of_title") != want {
					t.Errorf("%s: %v, %v", tenant, tables, err)
				}
			}
			if columns["acme"] != 3 && columns["acme"] != 4 || columns["globex"] != columns["acme"]+1 {
				t.Errorf("columns: %v", columns)
			}
			plans, err := plugin.TenantPlans(context.Background(), []string{"acme", "globex"}, []any{&author{}, &book{}})
			if differ := plans.Differ(); err != nil || strings.Join(differ, " ") != "acme" {
				t.Errorf("%v, %v", differ, err)
			}
			must(t, acme.AutoMigrate(&author{}, &book{}))
			must(t, globex.Migrator().DropTable(&book{}, &author{}))
			if !acme.Migrator().HasTable(&book{}) || globex.Migrator().HasTable(&book{}) {
				t.Error("the wrong tables are dropped")
			}
			drifts, err := plugin.TenantDrifts(context.Background(), []string{"acme", "globex"}, []any{&author{}, &book{}})
			if err != nil || len(drifts) != 1 || drifts[0].Tenant != "globex" {
				t.Errorf("%v\n%s", err, drifts)
			}
		})
	}
}

// One shared connection, and one tenant open at a time, are enough for what has no
// statement inside of another one. What has ends with its context.
func TestSmallestPools(t *testing.T) {
	for _, server := range servers.All() {
		for _, prepare := range []bool{false, true} {
			t.Run(fmt.Sprint(server.Name, prepare), func(t *testing.T) {
				server.Need(t)
				s := schemas(t, server, "small", []string{"acme", "globex"})
				s.DB().SetMaxOpenConns(1)
				db, _ := handle(t, s.open, s.dialector("acme"), gorm.Config{PrepareStmt: prepare}, bindkey.TenantLimit(1))
				for _, tenant := range []string{"acme", "globex", "acme"} {
					ctx := bindkey.WithTenant(soon(t), tenant)
					db := db.WithContext(ctx)
					must(t, db.AutoMigrate(&author{}, &book{}))
					must(t, db.Where("1 = 1").Delete(&book{}).Error)
					must(t, db.Where("1 = 1").Delete(&author{}).Error)
					id := server.ConnectionID(t, s.DB())
					inner := errors.New("inner")
					must(t, db.Transaction(func(tx *gorm.DB) error {
						must(t, tx.Create(&author{Name: "a", Books: []book{{Title: tenant, Pages: 1}, {Title: tenant, Pages: 2}}}).Error)
						err := tx.Transaction(func(tx *gorm.DB) error { // a savepoint
							must(t, tx.Create(&author{Name: "b"}).Error)
							return inner
						})
						if !errors.Is(err, inner) {
							t.Error(err)
						}
						return tx.Preload("Books").First(&author{}).Error
					}))
					var found []author
					must(t, db.Preload("Books").Find(&found).Error)
					if len(found) != 1 || len(found[0].Books) != 2 || found[0].Books[0].Title != tenant {
						t.Errorf("%+v", found)
					}
					batches := 0
					must(t, db.FindInBatches(&[]book{}, 1, func(tx *gorm.DB, _ int) error {
						batches++
						return tx.Session(&gorm.Session{NewDB: true}).First(&author{}).Error
					}).Error)
					if batches != 2 {
						t.Error(batches)
					}

					rows, err := db.Model(&book{}).Rows()
					must(t, err)
					rows.Next()
					short, cancel := context.WithTimeout(ctx, 100_000_000)
					if err := db.WithContext(short).First(&author{}).Error; !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					cancel()
					must(t, rows.Close())
					must(t, db.First(&author{}).Error)
					if server.ConnectionID(t, s.DB()) != id {
						t.Error("the connection was closed for nothing")
					}
				}
			})
		}
	}
}
