//go:build cgo

package bindkey_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Reader lives in the default bind, main.
type Reader struct {
	ID    uint
	Name  string
	Loans []Loan
}

// Loan lives in the bind library.
type Loan struct {
	_        struct{} `bind:"library"`
	ID       uint
	ReaderID uint
	Book     string
}

// A program that has a dbresolver keeps it. A key is then the name that a resolver
// was registered under.
func Example_dbresolver() {
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
	check(db.Use(dbresolver.Register(dbresolver.Config{ // first
		Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "library.db"))},
	}, "library")))
	plugin := bindkey.New(bindkey.Models(&Reader{}, &Loan{}))
	check(db.Use(plugin)) // then
	fmt.Println(plugin.Keys())

	check(db.AutoMigrate(&Reader{}, &Loan{}))
	check(db.Create(&Reader{Name: "ada", Loans: []Loan{{Book: "Emma"}}}).Error) // a row in each

	var books []string
	check(db.Clauses(dbresolver.Use("library")).Table("loans").Pluck("book", &books).Error)
	fmt.Println(books)
	// Output:
	// [library main]
	// [Emma]
}
