//go:build !cgo

package main

import _ "github.com/gormbind/gormbind/config/sqlitepure" // the other driver needs a C compiler
