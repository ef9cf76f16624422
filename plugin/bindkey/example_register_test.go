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

// Measurement lives in the bind telemetry.
type Measurement struct {
	_     struct{} `bind:"telemetry"`
	ID    uint
	Value string
}

// Reads go to a replica, writes and transactions to a source. A second file
// stands for the replica here. Its one row shows when it answers.
func ExamplePlugin_Register() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)
	file := func(name string) gorm.Dialector { return sqlite.Open(filepath.Join(dir, name)) }

	replica, err := gorm.Open(file("replica.db"), &gorm.Config{})
	check(err)
	check(replica.AutoMigrate(&Measurement{}))
	check(replica.Create(&Measurement{Value: "from the replica"}).Error)

	db, err := gorm.Open(file("main.db"), &gorm.Config{})
	check(err)
	plugin := bindkey.New(bindkey.Models(&Measurement{})).
		Register("telemetry", dbresolver.Config{
			Sources:  []gorm.Dialector{file("telemetry.db")},
			Replicas: []gorm.Dialector{file("replica.db")},
		}).
		SetMaxOpenConns(10)
	check(db.Use(plugin))
	defer plugin.Close()

	check(db.AutoMigrate(&Measurement{}))                          // the source
	check(db.Create(&Measurement{Value: "from the source"}).Error) // the source
	read := func(tx *gorm.DB) error {
		var m Measurement
		err := tx.First(&m).Error
		fmt.Println(m.Value)
		return err
	}
	check(read(db))                           // a replica
	check(read(db.Clauses(dbresolver.Write))) // the source
	check(db.Transaction(read))               // the source
	// Output:
	// from the replica
	// from the source
	// from the source
}
