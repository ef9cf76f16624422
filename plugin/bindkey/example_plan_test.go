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

// Pupil lives in the default bind, main.
type Pupil struct {
	ID    uint
	Name  string
	Marks []Mark
}

// Mark lives in the bind marks.
type Mark struct {
	_       struct{} `bind:"marks"`
	ID      uint
	PupilID uint
	Points  int
}

// Plan tells what AutoMigrate would run, for a look before a deployment.
func ExamplePlugin_Plan() {
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
	plugin := bindkey.New(bindkey.Models(&Pupil{}, &Mark{})).
		Register("marks", dbresolver.Config{
			Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "marks.db"))},
		})
	check(db.Use(plugin))
	defer plugin.Close()

	plan, err := plugin.Plan(&Pupil{}, &Mark{})
	check(err)
	fmt.Print(plan)

	check(db.AutoMigrate(&Pupil{}, &Mark{}))
	plan, err = plugin.Plan(&Pupil{}, &Mark{})
	check(err)
	fmt.Println(plan.Empty())
	// Output:
	// -- bind "main"
	// CREATE TABLE `pupils` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text);
	//
	// -- bind "marks"
	// -- left out: foreign key fk_pupils_marks from marks(pupil_id) in "marks" to pupils(id) in "main"
	// CREATE TABLE `marks` (`id` integer PRIMARY KEY AUTOINCREMENT,`pupil_id` integer,`points` integer);
	// true
}
