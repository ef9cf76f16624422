package binddebug_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/binddebug"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// The page of a program, as JSON.
func Example() {
	plugin, remove := examplePlugin()
	defer remove()

	mux := http.NewServeMux()
	mux.Handle("/debug/binds", &binddebug.Handler{Plugin: plugin})

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest("GET", "/debug/binds?format=json", nil))
	fmt.Println(strings.Join(strings.Split(answer.Body.String(), "\n")[:7], "\n"))
	// Output:
	// {
	//   "ok": true,
	//   "pools": [
	//     {
	//       "key": "analytics",
	//       "role": "source",
	//       "ok": true,
}

func examplePlugin() (plugin *bindkey.Plugin, remove func()) {
	dir, err := os.MkdirTemp("", "binddebug")
	if err != nil {
		log.Fatal(err)
	}
	db, err := gorm.Open(sqlitedb.Open(filepath.Join(dir, "main.db")), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	plugin = bindkey.New().Register("analytics", dbresolver.Config{Sources: []gorm.Dialector{sqlitedb.Open(filepath.Join(dir, "analytics.db"))}})
	if err := db.Use(plugin); err != nil {
		log.Fatal(err)
	}
	return plugin, func() {
		_ = plugin.Close()
		if own, err := db.DB(); err == nil {
			_ = own.Close()
		}
		_ = os.RemoveAll(dir)
	}
}
