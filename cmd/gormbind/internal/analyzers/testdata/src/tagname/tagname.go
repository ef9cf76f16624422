// Package tagname has keys in another tag, and bind means something else.
package tagname

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

type User struct {
	gorm.Model `db:"main"`
	Name       string `bind:""`
}

var _ = bindkey.New(bindkey.TagName("db"))
