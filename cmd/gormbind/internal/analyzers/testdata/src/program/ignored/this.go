//go:build other

package main

import (
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

func register(plugin *bindkey.Plugin) *bindkey.Plugin {
	return plugin.Register("biling", dbresolver.Config{}).Register("archive", dbresolver.Config{})
}
