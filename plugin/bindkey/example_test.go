package bindkey_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// exampleFiles makes a folder for SQLite files, and names them as dialectors.
func exampleFiles() (file func(name string) gorm.Dialector, remove func()) {
	dir, err := os.MkdirTemp("", "bindkey")
	if err != nil {
		log.Fatal(err)
	}
	return func(name string) gorm.Dialector { return sqlite.Open(filepath.Join(dir, name) + "?_foreign_keys=on") },
		func() { _ = os.RemoveAll(dir) }
}

// exampleHandle is a handle over main.db and analytics.db, with the tables of
// models.User (in main) and models.LogEntry (in analytics).
func exampleHandle(options ...bindkey.Option) (db *gorm.DB, plugin *bindkey.Plugin, remove func()) {
	file, removeFiles := exampleFiles()
	db, err := gorm.Open(file("main.db"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		log.Fatal(err)
	}
	plugin = bindkey.New(append(options, bindkey.Models(&models.User{}, &models.LogEntry{}))...).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{file("analytics.db")}})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		log.Fatal(err)
	}
	return db, plugin, func() {
		_ = plugin.Close()
		closeDB(db)
		removeFiles()
	}
}

// One handle over two databases: a model in each, and a row in each.
func Example() {
	file, remove := exampleFiles()
	defer remove()

	db, err := gorm.Open(file("main.db"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{file("analytics.db")}})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	defer plugin.Close()

	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil { // each table in its own database
		log.Fatal(err)
	}
	user := models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}
	if err := db.Create(&user).Error; err != nil { // a row in main and one in analytics, in one transaction
		log.Fatal(err)
	}
	var found models.User
	if err := db.Preload("Logs").First(&found).Error; err != nil { // main, then analytics
		log.Fatal(err)
	}
	fmt.Println(found.Name, found.Logs[0].Event)

	// The same question to each database, which has one table.
	for _, key := range plugin.Keys() {
		tables, err := db.Clauses(bindkey.Use(key)).Migrator().GetTables()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key, tables[0])
	}
	// Output:
	// ada joined
	// analytics logs
	// main users
}

// A model says where it lives with a tag, on a blank field or any other that
// is not a relation.
func Example_tag() {
	type Audited struct {
		_         struct{} `bind:"analytics"`
		CreatedBy string
	}
	type Invoice struct {
		_  struct{} `bind:"main"` // a tag on a blank field
		ID uint
	}
	type Export struct {
		ID      uint
		Audited // an embedded struct hands its key down
	}
	type Payment struct {
		ID      uint
		Audited `bind:"main"` // and can be overridden
	}

	plugin := bindkey.New().Register("analytics", dbresolver.Config{})
	fmt.Println(plugin.KeyOf(&Invoice{}))
	fmt.Println(plugin.KeyOf([]Export{}))
	fmt.Println(plugin.KeyOf(Payment{}))
	// Output:
	// main <nil>
	// analytics <nil>
	// main <nil>
}

// models.LogEntry says where it lives with a method:
//
//	func (LogEntry) Bind() string { return "analytics" }
func ExampleBinder() {
	var model bindkey.Binder = models.LogEntry{}
	fmt.Println(model.Bind())

	plugin := bindkey.New().Register("analytics", dbresolver.Config{})
	fmt.Println(plugin.KeyOf(model))
	// Output:
	// analytics
	// analytics <nil>
}

// Reads go to a replica, writes and transactions to a source. The replica is a
// second file here, with a row of its own that shows when it answers.
func ExamplePlugin_Register() {
	file, remove := exampleFiles()
	defer remove()
	replica, err := gorm.Open(file("replica.db"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_ = replica.AutoMigrate(&models.LogEntry{})
	replica.Create(&models.LogEntry{Event: "from the replica"})

	db, err := gorm.Open(file("main.db"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New().
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{file("analytics.db")},
			Replicas: []gorm.Dialector{file("replica.db")},
		}).
		SetMaxOpenConns(10)
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	defer plugin.Close()

	_ = db.AutoMigrate(&models.LogEntry{})                // the source
	db.Create(&models.LogEntry{Event: "from the source"}) // the source
	read := func(tx *gorm.DB) error {
		var entry models.LogEntry
		err := tx.First(&entry).Error
		fmt.Println(entry.Event)
		return err
	}
	_ = read(db)                           // a replica
	_ = read(db.Clauses(dbresolver.Write)) // the source
	_ = db.Transaction(read)               // the source
	// Output:
	// from the replica
	// from the source
	// from the source
}

// Register's data are models and table names that live in the bind without a
// tag.
func ExamplePlugin_Register_data() {
	type Visit struct{ ID uint }
	type Session struct{ ID uint }
	plugin := bindkey.New().
		Register("analytics", dbresolver.Config{}, &Visit{}, "sessions")
	fmt.Println(plugin.KeyOf(&Visit{}))
	fmt.Println(plugin.KeyOf(&Session{}))
	// Output:
	// analytics <nil>
	// analytics <nil>
}

// Use sends one statement to another bind than its model's.
func ExampleUse() {
	db, _, remove := exampleHandle()
	defer remove()

	inAnalytics := db.Clauses(bindkey.Use("analytics"))
	if err := inAnalytics.Migrator().CreateTable(&models.User{}); err != nil {
		log.Fatal(err)
	}
	db.Create(&models.User{Name: "ada"})                                             // main, says the model
	db.Clauses(bindkey.Use("analytics")).Create(&models.User{Name: "ada, archived"}) // analytics

	var user, archived models.User
	db.First(&user)
	db.Clauses(bindkey.Use("analytics")).First(&archived)
	fmt.Println(user.Name)
	fmt.Println(archived.Name)

	err := db.Clauses(bindkey.Use("nowhere")).First(&user).Error
	fmt.Println(errors.Is(err, bindkey.ErrUnknownBind))
	// Output:
	// ada
	// ada, archived
	// true
}

// Explain tells where a statement would go, and runs nothing.
func ExamplePlugin_Explain() {
	db, plugin, remove := exampleHandle()
	defer remove()

	dry := db.Session(&gorm.Session{DryRun: true}) // for finishers, which run at once
	for _, tx := range []*gorm.DB{
		db.Model(&models.LogEntry{}).Where("event = ?", "joined"),
		db.Table("users"),
		db.Raw("DELETE FROM logs"),
		dry.Create(&models.User{Name: "ada"}),
	} {
		route, err := plugin.Explain(tx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, because of its %s: a %s on %v\n", route.Key, route.Why, route.Operation, route.Roles)
	}
	// Output:
	// analytics, because of its method: a read on [source]
	// main, because of its table: a read on [source]
	// analytics, because of its raw SQL: a write on [source]
	// main, because of its tag: a write on [source]
}

// KeyOf asks no database, so it can stand in a test of a program's models.
func ExamplePlugin_KeyOf() {
	type Lost struct {
		_  struct{} `bind:"analitics"`
		ID uint
	}
	plugin := bindkey.New().Register("analytics", dbresolver.Config{})
	fmt.Println(plugin.KeyOf(&models.User{}))

	_, err := plugin.KeyOf(&Lost{})
	fmt.Println(err)
	// Output:
	// main <nil>
	// bindkey: model bindkey_test.Lost has bind key "analitics", which is not registered (known: analytics, main); register it with Plugin.Register or correct the name
}

// Check finds the mistakes of all models at once. The option Models does so in
// db.Use.
func ExamplePlugin_Check() {
	type Lost struct {
		_  struct{} `bind:"nowhere"`
		ID uint
	}
	type Torn struct {
		ID   uint   `bind:"main"`
		Name string `bind:"analytics"`
	}
	plugin := bindkey.New().Register("analytics", dbresolver.Config{})
	err := plugin.Check(&models.User{}, &Lost{}, &Torn{})

	var unknown *bindkey.UnknownBindError
	if errors.As(err, &unknown) {
		fmt.Println(unknown.Model, "names", unknown.Key)
	}
	var conflict *bindkey.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println(conflict.Subject, "says", len(conflict.Claims), "things")
	}
	// Output:
	// bindkey_test.Lost names nowhere
	// model bindkey_test.Torn says 2 things
}

// Models are checked when the plugin is installed, so that a program with a
// mistake does not start.
func ExampleModels() {
	file, remove := exampleFiles()
	defer remove()
	db, err := gorm.Open(file("main.db"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	err = db.Use(bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).
		Register("metrics", dbresolver.Config{Sources: []gorm.Dialector{file("metrics.db")}}))
	fmt.Println(err)
	// Output:
	// bindkey: model models.LogEntry has bind key "analytics", which is not registered (known: main, metrics); register it with Plugin.Register or correct the name
}

// With Strict, a model without a key is an error instead of one in the default
// bind.
func ExampleStrict() {
	type Forgotten struct{ ID uint }
	plugin := bindkey.New(bindkey.Strict()).Register("analytics", dbresolver.Config{})
	_, err := plugin.KeyOf(&Forgotten{})
	fmt.Println(errors.Is(err, bindkey.ErrUnbound))
	// Output:
	// true
}

// Default names the bind of models without a key.
func ExampleDefault() {
	type Plain struct{ ID uint }
	plugin := bindkey.New(bindkey.Default("core")).Register("analytics", dbresolver.Config{})
	fmt.Println(plugin.KeyOf(&Plain{}))
	// Output:
	// core <nil>
}

// TagName is for programs whose bind tags mean something else.
func ExampleTagName() {
	type Form struct {
		_  struct{} `bind:"required" db:"analytics"`
		ID uint
	}
	plugin := bindkey.New(bindkey.TagName("db")).Register("analytics", dbresolver.Config{})
	fmt.Println(plugin.KeyOf(&Form{}))
	// Output:
	// analytics <nil>
}

// A transaction spans binds: when one insert fails, the rows of both databases
// are rolled back.
func Example_transaction() {
	db, _, remove := exampleHandle()
	defer remove()

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.User{Name: "ada"}).Error; err != nil { // main
			return err
		}
		if err := tx.Create(&models.LogEntry{ID: 1, Event: "joined"}).Error; err != nil { // analytics
			return err
		}
		return tx.Create(&models.LogEntry{ID: 1, Event: "joined again"}).Error // id 1 is taken
	})
	fmt.Println(err)

	var users, entries int64
	db.Model(&models.User{}).Count(&users)
	db.Model(&models.LogEntry{}).Count(&entries)
	fmt.Println(users, "users,", entries, "log entries")
	// Output:
	// UNIQUE constraint failed: logs.id
	// 0 users, 0 log entries
}

// lateConstraint is a table in main whose constraint the database checks only
// at COMMIT, which then fails.
const lateConstraint = "CREATE TABLE badges (user_id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)"

// Databases commit one after the other, the default bind last. Here its COMMIT
// fails, when that of analytics is done: the error says what stayed.
func ExamplePartialCommitError() {
	db, _, remove := exampleHandle()
	defer remove()
	db.Exec(lateConstraint)

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.LogEntry{Event: "joined"}).Error; err != nil { // analytics
			return err
		}
		return tx.Exec("INSERT INTO badges (user_id) VALUES (7)").Error // main; there is no user 7
	})
	var partial *bindkey.PartialCommitError
	if errors.As(err, &partial) {
		fmt.Println("committed:", partial.Committed)
		fmt.Println("failed:", partial.Failed)
	}
	// Output:
	// committed: [analytics]
	// failed: main
}

// CommitOrder names the binds that commit first. What is likely to fail at
// COMMIT goes first: nothing is committed then.
func ExampleCommitOrder() {
	db, _, remove := exampleHandle(bindkey.CommitOrder("main"))
	defer remove()
	db.Exec(lateConstraint)

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.LogEntry{Event: "joined"}).Error; err != nil { // analytics
			return err
		}
		return tx.Exec("INSERT INTO badges (user_id) VALUES (7)").Error // main; there is no user 7
	})
	fmt.Println(err)
	fmt.Println("committed in part:", errors.Is(err, bindkey.ErrPartialCommit))

	var entries int64
	db.Model(&models.LogEntry{}).Count(&entries)
	fmt.Println(entries, "log entries")
	// Output:
	// bindkey: COMMIT in bind "main": FOREIGN KEY constraint failed
	// committed in part: false
	// 0 log entries
}

// SQLTx is a branch of the transaction, for libraries that want a *sql.Tx.
func ExampleSQLTx() {
	db, _, remove := exampleHandle()
	defer remove()

	insert := func(tx *sql.Tx) error { // knows nothing of GORM
		_, err := tx.Exec("INSERT INTO logs (event) VALUES ('by database/sql')")
		return err
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.User{Name: "ada"}).Error; err != nil {
			return err
		}
		analytics, err := bindkey.SQLTx(tx, "analytics")
		if err != nil {
			return err
		}
		return insert(analytics) // commits and rolls back with the user
	})
	if err != nil {
		log.Fatal(err)
	}
	var entry models.LogEntry
	db.First(&entry)
	fmt.Println(entry.Event)
	// Output:
	// by database/sql
}

// A mail goes out once the rows of all databases are committed.
func ExampleAfterCommit() {
	db, _, remove := exampleHandle()
	defer remove()

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}).Error; err != nil {
			return err
		}
		err := bindkey.AfterCommit(tx, func(context.Context) error {
			fmt.Println("a mail to ada")
			return nil
		})
		fmt.Println("before COMMIT")
		return err
	})
	fmt.Println(err)
	// Output:
	// before COMMIT
	// a mail to ada
	// <nil>
}

// An observer is told what is sent, and what becomes of transactions.
func ExampleObserve() {
	told := func(what bindkey.Placement, text string) func(error) {
		fmt.Printf("%s %s: %s\n", what.Key, what.Role, text)
		return nil
	}
	db, _, remove := exampleHandle(bindkey.Observe(bindkey.Observer{
		Statement: func(_ context.Context, s bindkey.SentStatement) (context.Context, func(error)) {
			return nil, told(s.Placement, "a statement for "+s.Table)
		},
		Stage: func(_ context.Context, s bindkey.BranchStage) func(error) { return told(s.Placement, string(s.Stage)) },
		End:   func(_ context.Context, end bindkey.TransactionEnd) { fmt.Println(end.Outcome, end.Committed) },
	}))
	defer remove()

	db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}})
	// Output:
	// main source: BEGIN
	// main source: a statement for users
	// analytics source: BEGIN
	// analytics source: a statement for logs
	// analytics source: CHECK
	// main source: CHECK
	// analytics source: COMMIT
	// main source: COMMIT
	// committed [analytics main]
}

// AfterRollback undoes what no database knows of.
func ExampleAfterRollback() {
	db, _, remove := exampleHandle()
	defer remove()

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := bindkey.AfterRollback(tx, func(context.Context) error {
			fmt.Println("the upload is deleted")
			return nil
		}); err != nil {
			return err
		}
		return errors.New("the program changed its mind")
	})
	fmt.Println(err)
	// Output:
	// the upload is deleted
	// the program changed its mind
}

// A statement over two databases is refused, before any database is asked.
func Example_errors() {
	db, _, remove := exampleHandle()
	defer remove()

	var users []models.User
	err := db.Joins("JOIN logs ON logs.user_id = users.id").Find(&users).Error

	var crossing *bindkey.CrossBindError
	if errors.As(err, &crossing) {
		for _, claim := range crossing.Claims {
			fmt.Println(claim.Source, "is in", claim.Key)
		}
	}
	fmt.Println(errors.Is(err, bindkey.ErrCrossBind))
	// Output:
	// table "logs" is in analytics
	// model models.User is in main
	// true
}

// A handle with a dbresolver of the program's own: a key is the name that a
// resolver was registered under.
func Example_dbresolver() {
	file, remove := exampleFiles()
	defer remove()

	db, err := gorm.Open(file("main.db"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	resolver := dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{file("analytics.db")}}, "analytics")
	if err := db.Use(resolver); err != nil { // first
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{}))
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	fmt.Println(plugin.Keys())

	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		log.Fatal(err)
	}
	if err := db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}}).Error; err != nil {
		log.Fatal(err)
	}
	var events []string
	db.Clauses(dbresolver.Use("analytics")).Table("logs").Pluck("event", &events)
	fmt.Println(events)
	// Output:
	// [analytics main]
	// [joined]
}

// The pools of one bind are set through its dbresolver.
func ExamplePlugin_Resolver() {
	_, plugin, remove := exampleHandle()
	defer remove()

	resolver, err := plugin.Resolver("analytics")
	if err != nil {
		log.Fatal(err)
	}
	resolver.SetMaxOpenConns(3)
	for _, key := range plugin.Keys() {
		fmt.Println(key, plugin.Stats()[key]["source"].MaxOpenConnections)
	}
	// Output:
	// analytics 3
	// main 0
}

// Ping asks every pool of every bind. Close closes those that the plugin
// opened, which the handle's own is not.
func ExamplePlugin_Ping() {
	_, plugin, remove := exampleHandle()
	defer remove()

	fmt.Println(plugin.Ping(context.Background()))
	_ = plugin.Close()
	err := plugin.Ping(context.Background())
	fmt.Println(strings.Contains(err.Error(), `bind "analytics"`), strings.Contains(err.Error(), `bind "main"`))
	// Output:
	// <nil>
	// true false
}

// An AfterCommit function that fails does not undo the rows.
func ExampleAfterCommitError() {
	db, _, remove := exampleHandle()
	defer remove()

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.User{Name: "ada"}).Error; err != nil {
			return err
		}
		return bindkey.AfterCommit(tx, func(context.Context) error { return errors.New("no mail server") })
	})
	var after *bindkey.AfterCommitError
	fmt.Println(errors.As(err, &after), after.Err)

	var users int64
	db.Model(&models.User{}).Count(&users)
	fmt.Println(users, "user")
	// Output:
	// true no mail server
	// 1 user
}

// A nested transaction that fails undoes what it wrote in every bind, also in
// one that it was the first to write to.
func Example_savepoint() {
	db, _, remove := exampleHandle()
	defer remove()

	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&models.User{Name: "ada"}).Error; err != nil { // main
			return err
		}
		_ = tx.Transaction(func(tx *gorm.DB) error {
			tx.Create(&models.User{Name: "grace"})                  // main
			tx.Create(&models.LogEntry{UserID: 2, Event: "joined"}) // analytics, for the first time
			return errors.New("not grace")
		})
		return tx.Create(&models.LogEntry{UserID: 1, Event: "joined"}).Error // analytics, anew
	})
	if err != nil {
		log.Fatal(err)
	}
	var users []models.User
	db.Preload("Logs").Find(&users)
	for _, user := range users {
		fmt.Println(user.Name, user.Logs[0].Event)
	}
	// Output:
	// ada joined
}

// A callback that counts statements by where they went.
func ExamplePlacementOf() {
	db, _, remove := exampleHandle()
	defer remove()

	count := map[bindkey.Placement]int{}
	counting := func(tx *gorm.DB) {
		if at, ok := bindkey.PlacementOf(tx); ok {
			count[at]++
		}
	}
	if err := db.Callback().Create().After("gorm:create").Register("app:count", counting); err != nil {
		log.Fatal(err)
	}
	db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}, {Event: "left"}}})
	for at, n := range count {
		fmt.Println(at.Key, at.Role, n)
	}
	// Unordered output:
	// main source 1
	// analytics source 1
}

// Pools are what a collector of sql.DBStats wants.
func ExamplePlugin_Pools() {
	_, plugin, remove := exampleHandle()
	defer remove()

	for _, pool := range plugin.Pools() {
		fmt.Println(pool.Key, pool.Role, pool.DB.Stats().MaxOpenConnections)
	}
	// Output:
	// analytics source 0
	// main source 0
}
