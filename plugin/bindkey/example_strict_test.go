//go:build cgo

package bindkey_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Parcel says where it lives.
type Parcel struct {
	_  struct{} `bind:"shipping"`
	ID uint
}

// Label does not.
type Label struct{ ID uint }

// With Strict, a model without a key is an error. Without it, the model lives in the
// default bind. Models finds the mistake when the program starts.
func ExampleStrict() {
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
	shipping := dbresolver.Config{Sources: []gorm.Dialector{sqlite.Open(filepath.Join(dir, "shipping.db"))}}

	err = db.Use(bindkey.New(bindkey.Strict(), bindkey.Models(&Parcel{}, &Label{})).Register("shipping", shipping))
	fmt.Println(errors.Is(err, bindkey.ErrUnbound))

	var unbound *bindkey.UnboundError
	if errors.As(err, &unbound) {
		fmt.Println(unbound.Model)
	}
	// Output:
	// true
	// bindkey_test.Label
}
