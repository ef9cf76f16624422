package migrations

import (
	"context"
	"errors"
	"fmt"
	"log"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// exampleHandle is a handle over two databases in memory.
func exampleHandle() (*gorm.DB, *bindkey.Plugin) {
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		log.Fatal(err)
	}
	plugin := bindkey.New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(":memory:")}})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	return db, plugin
}

func Example_autoMigrate() {
	db, _ := exampleHandle()

	// region automigrate
	err := db.AutoMigrate(&models.User{}, &models.LogEntry{}) // users in main, logs in analytics
	// endregion
	fmt.Println(err, db.Migrator().HasTable(&models.User{}), db.Migrator().HasTable("logs"))
	// Output: <nil> true true
}

func Example_dryRun() {
	db, _ := exampleHandle()

	// region dryrun
	dry := db.Session(&gorm.Session{DryRun: true})
	err := dry.AutoMigrate(&models.User{}, &models.LogEntry{})
	// endregion
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text);
	// CREATE TABLE `logs` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`event` text,`created_at` datetime);
}

func Example_plan() {
	db, plugin := exampleHandle()

	// region plan
	plan, err := plugin.Plan(&models.User{}, &models.LogEntry{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan)
	// endregion
	if err := db.AutoMigrate(&models.User{}, &models.LogEntry{}); err != nil {
		log.Fatal(err)
	}
	plan, err = plugin.Plan(&models.User{}, &models.LogEntry{})
	if err != nil || !plan.Empty() {
		log.Fatal(plan, err)
	}
	// Output:
	// -- bind "main"
	// CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text);
	//
	// -- bind "analytics"
	// -- left out: foreign key fk_users_logs from logs(user_id) in "analytics" to users(id) in "main"
	// CREATE TABLE `logs` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`event` text,`created_at` datetime);
}

func Example_keys() {
	ctx := context.Background()
	db, plugin := exampleHandle()

	// region keys
	err := plugin.AutoMigrate(ctx, []string{"analytics"}, &models.User{}, &models.LogEntry{}) // logs alone
	// endregion
	fmt.Println(err, db.Migrator().HasTable("logs"), db.Migrator().HasTable("users"))
	// Output: <nil> true false
}

func Example_drift() {
	ctx := context.Background()
	db, plugin := exampleHandle()
	if err := plugin.AutoMigrate(ctx, []string{"main"}, &models.User{}); err != nil {
		log.Fatal(err)
	}
	if err := db.Clauses(bindkey.Use("main")).Exec("CREATE TABLE logs (id integer)").Error; err != nil {
		log.Fatal(err)
	}

	// region drift
	drifts, err := plugin.Drift(ctx, &models.User{}, &models.LogEntry{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(drifts)
	// endregion
	err = errors.Join(
		db.AutoMigrate(&models.LogEntry{}),
		db.Clauses(bindkey.Use("main")).Migrator().DropTable("logs"))
	if err != nil {
		log.Fatal(err)
	}
	if drifts, err = plugin.Drift(ctx, &models.User{}, &models.LogEntry{}); err != nil || drifts != nil {
		log.Fatal(drifts, err)
	}

	// Output:
	// bind "analytics" has no table "logs" for model models.LogEntry
	// bind "main" has a table "logs", but model models.LogEntry lives in "analytics"
}
