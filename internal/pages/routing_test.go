package pages_test

import (
	"os"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	sqlite "github.com/gormbind/gormbind/internal/sqlitedb" // the regions are blocks of the documents, which open SQLite so
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// TestQuickStartWithReplica runs the example of docs/routing.md, word for word, over a replica with rows of its own that show when it answers.
func TestQuickStartWithReplica(t *testing.T) {
	sameAsRegion(t, "docs/routing.md", "go", 0, "replica")
	dir := t.TempDir()
	before, err := os.Getwd()
	must(t, err)
	must(t, os.Chdir(dir))
	t.Cleanup(func() { _ = os.Chdir(before) })
	replica := openPlain(t, "replica.db")
	must(t, replica.AutoMigrate(&models.LogEntry{}))
	must(t, replica.Create(&[]models.LogEntry{{UserID: 1, Event: "seen by the replica"}, {UserID: 1}, {UserID: 1}}).Error)
	db := openPlain(t, "main.db")

	type (
		User     = models.User
		LogEntry = models.LogEntry
	)
	check := func(err error) { t.Helper(); must(t, err) }
	ada := User{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}
	var user User
	var logs []LogEntry
	var replicaCount, count int64

	// region: replica
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
		Register("analytics", dbresolver.Config{
			Sources:  []gorm.Dialector{sqlite.Open("analytics.db")},
			Replicas: []gorm.Dialector{sqlite.Open("replica.db")},
		})
	check(db.Use(plugin))

	check(db.AutoMigrate(&User{}, &LogEntry{}))                                    // main, source of analytics
	check(db.Create(&ada).Error)                                                   // main, source of analytics
	check(db.Preload("Logs").First(&user).Error)                                   // main, replica of analytics
	check(db.Raw("SELECT count(*) FROM logs").Scan(&replicaCount).Error)           // replica of analytics
	check(db.Exec("UPDATE logs SET event = ? WHERE id = ?", "signed up", 1).Error) // source of analytics
	check(db.Clauses(dbresolver.Write).Find(&logs).Error)                          // source of analytics
	check(db.Clauses(bindkey.Use("analytics")).Raw("SELECT 1").Scan(&count).Error) // replica of analytics, says Use
	// end
	t.Cleanup(func() { _ = plugin.Close() })
	if len(user.Logs) != 3 || user.Logs[0].Event != "seen by the replica" || replicaCount != 3 || count != 1 {
		t.Errorf("the replica did not answer: %+v, %d, %d", user, replicaCount, count)
	}
	must(t, db.Transaction(func(tx *gorm.DB) error {
		grace := User{Name: "grace"}
		if err := tx.Create(&grace).Error; err != nil { // main
			return err
		}
		if err := tx.Create(&LogEntry{UserID: grace.ID}).Error; err != nil { // source of analytics
			return err
		}
		return tx.Model(&LogEntry{}).Count(&count).Error // source of analytics, as all in a transaction
	}))
	if len(logs) != 1 || logs[0].Event != "signed up" || count != 2 {
		t.Errorf("the source did not answer: %+v, %d", logs, count)
	}
	files := map[string]string{"main": "main.db", "analytics": "analytics.db"}
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
	if got := rows(t, "main.db", "SELECT name FROM users ORDER BY id"); got != "ada, grace" {
		t.Errorf("main has %s", got)
	}
	if got := rows(t, "analytics.db", "SELECT event FROM logs ORDER BY id"); got != "signed up, " {
		t.Errorf("analytics has %s", got)
	}
	if got := rows(t, "replica.db", "SELECT count(*) FROM logs"); got != "3" {
		t.Errorf("the replica has %s rows", got)
	}
}

// TestOwnResolver installs as docs/routing.md shows.
func TestOwnResolver(t *testing.T) {
	sameAsRegion(t, "docs/routing.md", "go", 1, "own resolver")
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	check := func(err error) { t.Helper(); must(t, err) }
	// region: own resolver
	resolver := dbresolver.Register(dbresolver.Config{
		Sources: []gorm.Dialector{sqlite.Open(files["analytics"])},
	}, "analytics")
	check(db.Use(resolver))      // first
	check(db.Use(bindkey.New())) // then
	// end
	must(t, db.AutoMigrate(&blockUser{}, &blockEntry{}))
	holds(t, files, "main", "users")
	holds(t, files, "analytics", "logs")
}
