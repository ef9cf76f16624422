//go:build cgo

package bindkey_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Ticket lives in the default bind, main.
type Ticket struct {
	ID    uint
	Title string
}

// Job lives in the bind queue.
type Job struct {
	_    struct{} `bind:"queue"`
	ID   uint
	Kind string
}

// SQLTx is the *sql.Tx of one database of the transaction, for libraries that
// want one: here a queue that knows nothing of GORM.
func ExampleSQLTx() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)

	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "main.db")), &gorm.Config{})
	check(err)
	plugin := bindkey.New(bindkey.Models(&Ticket{}, &Job{})).
		Register("queue", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "queue.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()
	check(db.AutoMigrate(&Ticket{}, &Job{}))

	enqueue := func(tx *sql.Tx, kind string) error {
		_, err := tx.Exec("INSERT INTO jobs (kind) VALUES (?)", kind)
		return err
	}
	check(db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&Ticket{Title: "it does not start"}).Error; err != nil {
			return err
		}
		queue, err := bindkey.SQLTx(tx, "queue")
		if err != nil {
			return err
		}
		return enqueue(queue, "answer") // is committed, or rolled back, with the ticket
	}))

	var job Job
	check(db.First(&job).Error)
	fmt.Println(job.Kind)
	// Output:
	// answer
}
