package bindtest_test

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindtest"
)

func ExampleRecording_WantTransactions() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(join(tx, "ada"), errors.New("on second thought, no"))
	})
	rec.WantTransactions("main rolled back, analytics rolled back")
	fmt.Println("failed:", t.Failed())
	// Output: failed: false
}

// A program that takes db where it should take tx has two transactions.
func ExampleRecording_WantTransactions_mistake() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = db.Transaction(func(tx *gorm.DB) error {
		user := models.User{Name: "ada"}
		return errors.Join(tx.Create(&user).Error, db.Create(&models.LogEntry{UserID: user.ID}).Error)
	})
	rec.WantTransactions("main committed, analytics committed")
	// Output:
	// bindtest: the program had 2 transactions:
	// main committed
	// analytics committed
	// want 1:
	// main committed, analytics committed
}

func ExampleRecording_WantStatements() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = join(db, "ada")
	rec.WantStatements(2)
	rec.WantStatements(0, "analytics")
	// Output:
	// bindtest: the program sent 1 statement to "analytics", want 0:
	// analytics source: INSERT INTO `logs` (`user_id`,`event`,`created_at`) VALUES (?,?,?) RETURNING `id`  (sign_up.go:12)
}

func ExampleRecording_WantBinds() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	db.Find(&[]models.User{})
	rec.WantBinds("main")
	rec.WantBinds("main", "analytics")
	// Output:
	// bindtest: the program used the binds ["main"], want ["analytics", "main"]; it sent
	// main source: SELECT * FROM `users`  (sign_up.go:12)
}

func ExampleRecording_WantCommits() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = join(db, "ada")
	rec.WantCommits("analytics", "main") // the default bind commits last
	rec.WantCommits("main", "analytics")
	// Output:
	// bindtest: these binds committed: ["analytics", "main"], want ["main", "analytics"]; the transactions were
	// main committed, analytics committed
}

func ExampleRecording_Statements() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	db.Where("name = ?", "ada").Find(&[]models.User{})
	for _, sent := range rec.Statements("main") {
		fmt.Println(sent.Key, sent.Role, sent.SQL)
	}
	// Output: main source SELECT * FROM `users` WHERE name = ?
}

func ExampleRecording_Binds() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = join(db, "ada")
	fmt.Println(rec.Binds()) // sorted
	// Output: [analytics main]
}

func ExampleRecording_Commits() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = join(db, "ada")
	fmt.Println(rec.Commits())
	// Output: [analytics main]
}

func ExampleRecording_Transactions() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	bindtest.Fail(t, db, "main", bindtest.Commit, errors.New("disk full"))
	_ = join(db, "ada")
	for _, branch := range rec.Transactions()[0].Branches {
		fmt.Println(branch.Key, branch.Outcome == bindtest.Committed)
	}
	// Output:
	// main false
	// analytics true
}

func ExampleRecording_Reset() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	_ = join(db, "ada") // what the test needs first
	rec.Reset()
	db.Find(&[]models.User{})
	fmt.Println(len(rec.Statements()), rec.Commits())
	// Output: 1 []
}

func ExampleRecording_String() {
	t := newT()
	defer t.end()
	db := openModels(t)

	rec := bindtest.Record(t, db)
	fmt.Println(rec)
	_ = db.Transaction(func(tx *gorm.DB) error { return tx.Exec("DELETE FROM logs WHERE id < ?", 100).Error })
	t.Logf("%s", exampleLine.ReplaceAllString(rec.String(), "${1}clean.go:12"))
	// Output:
	// nothing
	// analytics source: DELETE FROM logs WHERE id < ?  (clean.go:12)
	// transaction: analytics committed
}

func ExamplePoint_String() {
	fmt.Println(bindtest.Commit, "and", bindtest.Statement.Nth(3))
	// Output: COMMIT and STATEMENT number 3
}
