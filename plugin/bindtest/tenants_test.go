package bindtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

type (
	// A Customer lives in main, which all share.
	Customer struct {
		Name string `gorm:"primaryKey"`
	}
	// An Order lives in the database of its customer.
	Order struct {
		_     struct{} `bind:"customer"`
		ID    uint
		Item  string
		Parts []Part
	}
	Part struct {
		_       struct{} `bind:"customer"`
		ID      uint
		OrderID uint
		Text    string
	}
)

// AfterCreate counts the orders of a customer in main.
func (o *Order) AfterCreate(tx *gorm.DB) error {
	if o.Item != "counted" {
		return nil
	}
	return tx.Create(&Customer{Name: "counted " + bindkey.TenantOf(tx.Statement.Context, "customer")}).Error
}

func tenantPlugin(options ...bindkey.Option) *bindkey.Plugin {
	return bindkey.New(append(options, bindkey.Models(&Customer{}, &Order{}, &Part{}))...)
}

var threeTenants = []string{"acme", "globex", "initech"}

// openTenants opens a handle with the tenants acme, globex and initech.
func openTenants(t bindtest.TB, options ...bindtest.Option) *gorm.DB {
	t.Helper()
	return bindtest.Open(t, tenantPlugin(), append(options, bindtest.Tenants("customer", threeTenants))...)
}

func of(db *gorm.DB, tenant string) *gorm.DB {
	return db.WithContext(bindkey.WithTenant(context.Background(), tenant))
}

// items are the orders of each tenant, and what main has: "acme: anvil rope; main: counted acme".
func items(t bindtest.TB, db *gorm.DB) string {
	t.Helper()
	var all []string
	for _, tenant := range threeTenants {
		var names []string
		for _, order := range bindtest.Rows(t, db, "customer/"+tenant, &Order{}) {
			names = append(names, order.Item)
		}
		for _, part := range bindtest.Rows(t, db, "customer/"+tenant, &Part{}) {
			names = append(names, part.Text)
		}
		if len(names) > 0 {
			all = append(all, tenant+": "+strings.Join(names, " "))
		}
	}
	for _, customer := range bindtest.Rows(t, db, "main", &Customer{}) {
		all = append(all, "main: "+customer.Name)
	}
	return strings.Join(all, "; ")
}

// The plugin works as in production: everything that a program does for a tenant is in that
// one's database, and nothing of it elsewhere.
func TestTenants(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		t.Run(fmt.Sprint("PrepareStmt=", prepare), func(t *testing.T) {
			for i := 0; i < 3; i++ { // the first migrates, the others copy
				db := openTenants(t, bindtest.Config(gorm.Config{PrepareStmt: prepare}))
				acme, globex := of(db, "acme"), of(db, "globex")
				must(t, acme.Create(&Order{Item: "counted", Parts: []Part{{Text: "a"}, {Text: "b"}}}).Error)
				must(t, globex.CreateInBatches([]Order{{Item: "x"}, {Item: "y"}, {Item: "z"}}, 2).Error)
				must(t, globex.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Delete(&Order{}, "item = ?", "x").Error, tx.Create(&Customer{Name: "globex"}).Error,
						tx.Exec("UPDATE orders SET item = ? WHERE item = ?", "yy", "y").Error)
				}))
				_ = acme.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&Order{Item: "undone"}).Error, tx.Create(&Customer{Name: "undone"}).Error, errors.New("no"))
				})
				if got, want := items(t, db), "acme: counted a b; globex: yy z; main: counted acme; main: globex"; got != want {
					t.Errorf("the databases hold %s, want %s", got, want)
				}
				var orders []Order
				must(t, acme.Preload("Parts").Find(&orders).Error)
				if len(orders) != 1 || len(orders[0].Parts) != 2 {
					t.Errorf("acme reads %+v", orders)
				}
				if err := db.Find(&orders).Error; !errors.Is(err, bindkey.ErrNoTenant) {
					t.Errorf("without a tenant: %v", err)
				}
				err := acme.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&Order{Item: "mine"}).Error, of(tx, "globex").Create(&Order{Item: "yours"}).Error)
				})
				if !errors.Is(err, bindkey.ErrTenantConflict) || strings.Contains(items(t, db), "mine") {
					t.Errorf("two tenants in a transaction: %v; %s", err, items(t, db))
				}
			}
		})
	}
}

// A tenant that the test does not have is refused, and the error says which it has.
func TestTenantIsRefused(t *testing.T) {
	db := openTenants(t)
	before := bindtest.Look(t, db)
	for name, want := range map[string]string{"hooli": `known: acme, globex, initech`, "../main": "the name is not one of a tenant"} {
		var refused *bindkey.TenantError
		err := of(db, name).Create(&Order{Item: "anvil"}).Error
		if !errors.As(err, &refused) || refused.Tenant != name || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bindtest.Same(t, db, before)
}

// Tenants are opened and closed as in production, and keep their databases.
func TestTenantsAreClosed(t *testing.T) {
	plugin := tenantPlugin()
	db := bindtest.Open(t, plugin, bindtest.Tenants("customer", threeTenants, bindkey.TenantLimit(1), bindkey.TenantWait(100*time.Millisecond)))
	for i := 0; i < 2; i++ {
		rec := bindtest.Record(t, db)
		for _, tenant := range threeTenants {
			must(t, of(db, tenant).Create(&Order{Item: fmt.Sprint(tenant, i)}).Error)
			if open := mapKeysOf(plugin.Stats()); open != "customer/"+tenant+" main" {
				t.Errorf("these are open: %s", open)
			}
		}
		rec.WantStatements(3) // what a dialector asks when a pool is opened is not the program's
	}
	if got := items(t, db); got != "acme: acme0 acme1; globex: globex0 globex1; initech: initech0 initech1" {
		t.Errorf("the databases hold %s", got)
	}
	pool, err := of(db, "acme").First(&Order{}).DB()
	must(t, err)
	<-plugin.Evict("acme")
	if err := pool.Ping(); err == nil {
		t.Error("a pool that the program keeps outlives its tenant")
	}
	rows, err := of(db, "acme").Model(&Order{}).Rows()
	must(t, err)
	if err := of(db, "globex").First(&Order{}).Error; !errors.Is(err, bindkey.ErrTenant) {
		t.Errorf("rows of acme are read, and globex is opened beside it: %v", err)
	}
	must(t, rows.Close())
}

// All tenants are migrated, each once, also with several binds of them and with models that
// only the option names.
func TestTenantsAreMigrated(t *testing.T) {
	type Region struct {
		_  struct{} `bind:"region"`
		ID uint
	}
	type Bill struct{ ID uint }
	type Untagged struct{ ID uint }
	for i := 0; i < 2; i++ {
		plugin := tenantPlugin(bindkey.Models(&Region{}))
		db := bindtest.Open(t, plugin, bindtest.Bind("customer", &Untagged{}),
			bindtest.Tenants("customer", threeTenants, bindkey.TenantData(&Bill{})), bindtest.Tenants("region", []string{"eu", "Eu"}))
		if open := mapKeysOf(plugin.Stats()); open != "main" {
			t.Errorf("nobody has asked, and these are open: %s", open)
		}
		tables := strings.Split(bindtest.Look(t, db).String(), "\n")
		want := "customer/acme: bills|customer/acme: orders|customer/acme: parts|customer/acme: untaggeds|" +
			"customer/globex: bills|customer/globex: orders|customer/globex: parts|customer/globex: untaggeds|" +
			"customer/initech: bills|customer/initech: orders|customer/initech: parts|customer/initech: untaggeds|" +
			"main: customers|region/Eu: regions|region/eu: regions|"
		if got := strings.Join(tables, "|"); got != want {
			t.Errorf("the tables are %s", got)
		}
		ctx := bindkey.WithTenant(bindkey.WithTenant(context.Background(), "acme", "customer"), "Eu", "region")
		must(t, db.WithContext(ctx).Create(&Region{ID: 7}).Error)
		must(t, db.WithContext(ctx).Create(&Bill{ID: 7}).Error)
		if n, m := len(bindtest.Rows(t, db, "region/Eu", &Region{})), len(bindtest.Rows(t, db, "region/eu", &Region{})); n != 1 || m != 0 {
			t.Errorf("Eu has %d rows, and eu %d", n, m)
		}
	}
	// A bind that only TenantData names, with a relation to another one.
	type Land struct {
		_  struct{} `bind:"lands"`
		ID uint
	}
	type Visit struct {
		ID     uint
		LandID uint
		Land   Land
	}
	visits := bindtest.Open(t, bindkey.New(), bindtest.Tenants("shard", []string{"s0"}, bindkey.TenantData(&Visit{})))
	must(t, of(visits, "s0").Create(&Visit{Land: Land{ID: 7}}).Error)
	if n, m := len(bindtest.Rows(t, visits, "shard/s0", &Visit{})), len(bindtest.Rows(t, visits, "lands", &Land{})); n != 1 || m != 1 {
		t.Errorf("the shard has %d rows, and lands %d", n, m)
	}
	// Other tenants are another template.
	db := bindtest.Open(t, tenantPlugin(), bindtest.Tenants("customer", []string{"hooli"}))
	must(t, of(db, "hooli").Create(&Order{Item: "box"}).Error)
}

func migrateTenants(db *gorm.DB) error {
	tenantMigrations++
	if bindkey.TenantOf(db.Statement.Context, "customer") != "" {
		return errors.New("the context names a tenant")
	}
	if err := db.AutoMigrate(&Customer{}); err != nil {
		return err
	}
	for _, tenant := range threeTenants {
		if err := errors.Join(of(db, tenant).AutoMigrate(&Order{}, &Part{}), of(db, tenant).Create(&Order{Item: "first of " + tenant}).Error); err != nil {
			return err
		}
	}
	return nil
}

var tenantMigrations int

// Migrations of the program's own run once, for all tenants, and say whose tables they make.
func TestTenantsWithMigrate(t *testing.T) {
	for i := 0; i < 2; i++ {
		if got := items(t, openTenants(t, bindtest.Migrate(migrateTenants))); got != "acme: first of acme; globex: first of globex; initech: first of initech" {
			t.Errorf("the databases hold %s", got)
		}
	}
	if tenantMigrations != 1 {
		t.Errorf("it ran %d times", tenantMigrations)
	}
	plugin := tenantPlugin()
	db := bindtest.Open(t, plugin, bindtest.Tenants("customer", threeTenants), bindtest.Migrate(func(db *gorm.DB) error {
		return plugin.EachTenant(context.Background(), threeTenants, func(ctx context.Context) error { return db.WithContext(ctx).AutoMigrate(&Order{}, &Part{}) })
	}))
	must(t, of(db, "globex").Create(&Order{Item: "laser"}).Error)
}

// A tenant has a replica, as a bind has.
func TestTenantsWithReplica(t *testing.T) {
	db := openTenants(t, bindtest.Replica("customer"))
	rec := bindtest.Record(t, db)
	must(t, of(db, "acme").Create(&Order{Item: "anvil"}).Error)
	must(t, of(db, "acme").First(&Order{}).Error)
	must(t, of(db, "acme").Clauses(dbresolver.Write).First(&Order{}).Error)
	var got []string
	for _, s := range rec.Statements("customer/acme") {
		got = append(got, s.Key+" "+s.Tenant+" "+s.Role)
	}
	if want := "customer acme source, customer acme replica, customer acme source"; strings.Join(got, ", ") != want {
		t.Errorf("the statements went to %v", got)
	}
}

// A program in which everything is a tenant's: the default bind has tenants.
func TestTenantsOfTheDefaultBind(t *testing.T) {
	db := bindtest.Open(t, bindkey.New(bindkey.Models(&Customer{})), bindtest.Tenants("main", []string{"acme", "globex"}))
	must(t, of(db, "acme").Create(&Customer{Name: "ada"}).Error)
	if n, m := len(bindtest.Rows(t, db, "main/acme", &Customer{})), len(bindtest.Rows(t, db, "main/globex", &Customer{})); n != 1 || m != 0 {
		t.Errorf("acme has %d rows, globex %d", n, m)
	}
	if err := db.Create(&Customer{Name: "ada"}).Error; !errors.Is(err, bindkey.ErrNoTenant) {
		t.Errorf("without a tenant: %v", err)
	}
}

// TenantBy and the other options are the program's; the dialect is the test's.
func TestTenantOptions(t *testing.T) {
	type user struct{}
	elsewhere := sqlitedb.Open(t.TempDir() + "/no/such/folder.db")
	db := bindtest.Open(t, tenantPlugin(), bindtest.Tenants("customer", threeTenants, bindkey.TenantDialect(elsewhere),
		bindkey.TenantBy(func(ctx context.Context) (string, bool) {
			name, ok := ctx.Value(user{}).(string)
			return name, ok
		})))
	must(t, db.WithContext(context.WithValue(context.Background(), user{}, "globex")).Create(&Order{Item: "laser"}).Error)
	if got := items(t, db); got != "globex: laser" {
		t.Errorf("the databases hold %s", got)
	}
}

func TestTenantsRefuses(t *testing.T) {
	tenants := func(key string, names ...string) bindtest.Option { return bindtest.Tenants(key, names) }
	for name, c := range map[string]struct {
		plugin  *bindkey.Plugin
		options []bindtest.Option
		want    string
	}{
		"none":      {tenantPlugin(), []bindtest.Option{tenants("customer")}, `names no tenant of the bind "customer"`},
		"twice":     {tenantPlugin(), []bindtest.Option{tenants("customer", "acme", "globex", "acme")}, `names the tenant "acme" of the bind "customer" twice`},
		"a name":    {tenantPlugin(), []bindtest.Option{tenants("customer", "../main")}, `names the tenant "../main" of the bind "customer": a name has`},
		"two":       {tenantPlugin(), []bindtest.Option{tenants("customer", "acme"), tenants("customer", "globex")}, `is there twice for the bind "customer"`},
		"a key":     {tenantPlugin(), []bindtest.Option{tenants("custmer", "acme")}, `an option names the bind "custmer", which no model names (known: customer, main)`},
		"ambiguous": {tenantPlugin(), []bindtest.Option{tenants("customer", "acme"), bindtest.Bind("customer/acme")}, `there is a bind "customer/acme", which is what the database of the tenant "acme"`},
		"a replica": {tenantPlugin(), []bindtest.Option{tenants("customer", "acme"), bindtest.Replica("customer/acme")}, `an option names the bind "customer/acme"`},
		"an option": {tenantPlugin(), []bindtest.Option{bindtest.Tenants("customer", []string{"acme"}, bindkey.TenantLimit(0))}, "option TenantLimit"},
		"the plugin's own": {tenantPlugin(bindkey.Tenants("customer", func(context.Context, string) (pools dbresolver.Config, err error) { return pools, err })), nil,
			"without Tenants (their options go into bindtest.Tenants, with the names of the tenants that the test needs)"},
		"the plugin's own main": {tenantPlugin(bindkey.Tenants("main", func(context.Context, string) (pools dbresolver.Config, err error) { return pools, err })),
			[]bindtest.Option{tenants("customer", "acme")}, `the plugin has binds already: "main"`},
		"the plugin's own, too": {tenantPlugin(bindkey.Tenants("main", func(context.Context, string) (pools dbresolver.Config, err error) { return pools, err })),
			[]bindtest.Option{tenants("main", "acme")}, `"main"`},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, func(t bindtest.TB) { bindtest.Open(t, c.plugin, c.options...) }, "bindtest: Open: ", c.want)
		})
	}
	// The names that the kit takes are those that the plugin takes.
	for _, name := range []string{"a", "_a", "9", "A-b.c_d", strings.Repeat("a", 128), "", "-a", ".a", "a b", "a/b", "é", "a\n", strings.Repeat("a", 129)} {
		said := try(t, func(t bindtest.TB) {
			bindtest.Open(t, tenantPlugin(), tenants("customer", name))
		})
		err := of(openTenants(t), name).First(&Order{}).Error
		if valid := name != "" && !strings.Contains(err.Error(), "the name is not one of a tenant"); valid != (said == "") {
			t.Errorf("%q: the kit says %q, and the plugin %v", name, said, err)
		}
	}
}

type (
	// A Shipment is of a customer, and its address is where TenantData says.
	Shipment struct {
		_         struct{} `bind:"customer"`
		ID        uint
		AddressID uint
		Address   Address
	}
	Address struct{ ID uint }
)

// A copy is of a handle whose tables are in the same databases, also those of models that
// only a relation names.
func TestTemplateOfTenantData(t *testing.T) {
	for _, at := range []string{"main", "customer/acme", "main"} {
		table := "addresses"
		if at == "main" {
			table = "others"
		}
		db := bindtest.Open(t, bindkey.New(bindkey.Models(&Shipment{})), bindtest.Tenants("customer", []string{"acme"}, bindkey.TenantData(table)))
		must(t, of(db, "acme").Create(&Address{}).Error)
		if n := len(bindtest.Rows(t, db, at, &Address{})); n != 1 {
			t.Errorf("%s has %d addresses", at, n)
		}
	}
}
