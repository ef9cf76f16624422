package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// exampleFiles makes a folder for SQLite files, and names them as dialectors.
func exampleFiles() (file func(name string) gorm.Dialector, remove func()) {
	dir, err := os.MkdirTemp("", "bindkey")
	if err != nil {
		log.Fatal(err)
	}
	return func(name string) gorm.Dialector { return sqlitedb.Open(filepath.Join(dir, name) + "?_foreign_keys=on") },
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
		_ = plugin.Close() // the handle's own pool stays open
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
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

// lateConstraint is a table in main whose constraint the database checks only
// at COMMIT, which then fails.
const lateConstraint = "CREATE TABLE badges (user_id INTEGER REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)"

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

// The log tells where each statement went.
func ExampleLogBinds() {
	file, remove := exampleFiles()
	defer remove()

	steady := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{} // not the same in each run
		}
		return a
	}
	out := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: steady}))
	config := logger.Config{LogLevel: logger.Warn, ParameterizedQueries: true}
	db, err := gorm.Open(file("main.db"), &gorm.Config{Logger: logger.NewSlogLogger(out, config)})
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New(bindkey.LogBinds(), bindkey.Models(&models.User{}, &models.LogEntry{})).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{file("analytics.db")},
			Replicas: []gorm.Dialector{file("analytics.db")}, // a replica of its own in production
		})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	defer plugin.Close()
	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		log.Fatal(err)
	}

	db = db.Debug() // logs every statement
	db.Create(&models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}}})
	db.Preload("Logs").Find(&[]models.User{})
	// Output:
	// level=INFO msg="SQL executed" trace.sql="INSERT INTO `logs` (`user_id`,`event`,`created_at`) VALUES (?,?,?) ON CONFLICT (`id`) DO UPDATE SET `user_id`=`excluded`.`user_id` RETURNING `id`" trace.rows=1 bind=analytics role=source tx=1
	// level=INFO msg="SQL executed" trace.sql="INSERT INTO `users` (`name`) VALUES (?) RETURNING `id`" trace.rows=1 bind=main role=source tx=1
	// level=INFO msg="SQL executed" trace.sql="SELECT * FROM `logs` WHERE `logs`.`user_id` = ?" trace.rows=1 bind=analytics role=replica
	// level=INFO msg="SQL executed" trace.sql="SELECT * FROM `users`" trace.rows=1 bind=main role=source
}

// The map of a program's models, as a table and as a diagram.
func ExamplePlugin_Map() {
	_, plugin, remove := exampleHandle()
	defer remove()

	fmt.Print(plugin.Map())
	fmt.Print(plugin.Map().Mermaid())
	// Output:
	// MODEL            KEY        WHY             TABLE  CROSSES
	// models.LogEntry  analytics  method Bind     logs
	// models.User      main       tag on field _  users  Logs → models.LogEntry (analytics, preload)
	// flowchart LR
	//     subgraph b0["analytics"]
	//         t0["<b>logs</b><br/>models.LogEntry"]
	//     end
	//     subgraph b1["main"]
	//         t1["<b>users</b><br/>models.User"]
	//     end
	//     t1 -.->|"Logs"| t0
}
