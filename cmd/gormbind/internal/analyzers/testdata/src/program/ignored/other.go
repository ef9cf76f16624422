//go:build !other

package main

import "github.com/gormbind/gormbind/plugin/bindkey"

func register(plugin *bindkey.Plugin) *bindkey.Plugin { return plugin }
