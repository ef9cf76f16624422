package pages_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	sqlite "github.com/gormbind/gormbind/internal/sqlitedb" // the regions are blocks of the documents, which open SQLite so
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

// TestTransactionsPage runs the examples of docs/transactions.md.
func TestTransactionsPage(t *testing.T) {
	sameAsRegion(t, "docs/transactions.md", "go", 0, "transaction")
	sameAsRegion(t, "docs/transactions.md", "go", 1, "partial commit")
	db := bindtest.Open(t, bindkey.New(bindkey.Models(&blockUser{}, &blockEntry{})))
	rec := bindtest.Record(t, db)
	user, entry := blockUser{Name: "ada"}, blockEntry{Event: "joined"}

	// region: transaction
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&user).Error; err != nil { // BEGIN in main, INSERT in main
			return err
		}
		return tx.Create(&entry).Error // BEGIN in analytics, INSERT in analytics
	}) // a check in both; COMMIT in analytics, COMMIT in main
	// end
	must(t, err)
	rec.WantTransactions("main committed, analytics committed")
	rec.WantCommits("analytics", "main")
	if users, logs := bindtest.Rows(t, db, "main", &blockUser{}), bindtest.Rows(t, db, "analytics", &blockEntry{}); len(users) != 1 || len(logs) != 1 || users[0].Name+logs[0].Event != "adajoined" {
		t.Errorf("the rows are %v and %v", users, logs)
	}

	bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("disk full"))
	err = db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&blockEntry{}).Error, tx.Create(&blockUser{}).Error)
	})
	var said strings.Builder
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	// region: partial commit
	var partial *bindkey.PartialCommitError
	if errors.As(err, &partial) {
		log.Printf("committed: %v, failed: %s (unknown: %v), rolled back: %v",
			partial.Committed, partial.Failed, partial.Unknown, partial.RolledBack)
	}
	// end
	if !strings.HasSuffix(said.String(), "committed: [analytics], failed: main (unknown: false), rolled back: []\n") {
		t.Errorf("it logs %s", said.String())
	}
}

// TestCrossBindPage runs the example of docs/cross-bind.md, on a connection that has
// the other database attached.
func TestCrossBindPage(t *testing.T) {
	sameAsRegion(t, "docs/cross-bind.md", "go", 0, "instead")
	sameAsRegion(t, "docs/cross-bind.md", "go", 1, "attached")
	db, files := twoFiles(t)
	must(t, db.Create(&[]blockUser{{Name: "ada", Logs: []blockEntry{{Event: "joined"}}}, {Name: "grace"}}).Error)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(1) // ATTACH is of one connection
	must(t, db.Clauses(bindkey.Use("main")).Exec("ATTACH ? AS analytics", files["analytics"]).Error)
	type (
		User     = blockUser
		LogEntry = blockEntry
	)
	check := func(err error) { t.Helper(); must(t, err) }
	var users []User
	var ids []uint
	var events []string

	// region: instead
	err = db.Joins("JOIN logs ON logs.user_id = users.id").Find(&users).Error // refused
	refused := errors.Is(err, bindkey.ErrCrossBind)                           // true

	check(db.Preload("Logs").Find(&users).Error)                         // main, then analytics
	check(db.Model(&LogEntry{}).Distinct().Pluck("user_id", &ids).Error) // analytics
	check(db.Where("id IN ?", ids).Preload("Logs").Find(&users).Error)   // main, then analytics
	// end
	if !refused || len(users) != 1 || len(users[0].Logs) != 1 {
		t.Errorf("refused %v (%v), then found %+v", refused, err, users)
	}

	// region: attached
	join := "JOIN analytics.logs ON logs.user_id = users.id"
	check(db.Clauses(bindkey.AllowCrossBind).Joins(join).Find(&users).Error)
	check(db.Clauses(bindkey.AllowCrossBind, bindkey.Use("main")).Raw("SELECT event FROM users " + join).Scan(&events).Error)
	// end
	if len(users) != 1 || fmt.Sprint(events) != "[joined]" {
		t.Errorf("found %+v and %q", users, events)
	}
}

// TestLimitsPage runs the example of docs/limits.md, word for word.
func TestLimitsPage(t *testing.T) {
	sameAsRegion(t, "docs/limits.md", "go", 0, "limits")
	type (
		User     = models.User
		LogEntry = models.LogEntry
	)
	files := tempFiles(t, "main", "analytics")
	db := openPlain(t, files["main"])
	plugin := bindkey.New(bindkey.Models(&User{}, &LogEntry{})).
		Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(files["analytics"])}})
	must(t, db.Use(plugin))
	t.Cleanup(func() { _ = plugin.Close() })
	must(t, db.AutoMigrate(&User{}, &LogEntry{}))
	must(t, db.Create(&[]User{{Name: "ada", Logs: []LogEntry{{Event: "joined"}}}, {Name: "grace"}}).Error)
	check := func(err error) { t.Helper(); must(t, err) }
	var users []User
	var err error

	// region: limits
	joined := db.Model(&LogEntry{}).Select("user_id").Where("event = ?", "joined")
	err = db.Where("id IN (?)", joined).Find(&users).Error // an error: the subquery is in analytics
	refused := errors.Is(err, bindkey.ErrCrossBind)        // true, and no database was asked

	var ids []uint
	check(joined.Find(&ids).Error)                     // analytics
	check(db.Where("id IN ?", ids).Find(&users).Error) // main
	// end
	if !refused || len(users) != 1 || users[0].Name != "ada" {
		t.Errorf("refused %v (%v), then found %+v", refused, err, users)
	}
}
