package puresqlite_test

import (
	"strings"
	"testing"

	"github.com/gormbind/gormbind/internal/puresqlite"
)

func TestDSN(t *testing.T) {
	for name, want := range map[string]string{
		"":                                       "",
		"?name":                                  "?name",
		"main.db":                                "main.db?_pragma=busy_timeout(5000)&_time_format=sqlite",
		"main.db?":                               "main.db?_pragma=busy_timeout(5000)&_time_format=sqlite",
		":memory:":                               ":memory:?_pragma=busy_timeout(5000)&_time_format=sqlite",
		"main.db?_timeout=1&_fk=on":              "main.db?_pragma=busy_timeout(1)&_pragma=foreign_keys%28on%29&_time_format=sqlite",
		"main.db?_journal_mode=WAL&_sync=1":      "main.db?_pragma=busy_timeout(5000)&_pragma=journal_mode%28WAL%29&_pragma=synchronous%281%29&_time_format=sqlite",
		"file:main.db?_cache_size=-2000&mode=ro": "file:main.db?_pragma=busy_timeout(5000)&_pragma=cache_size%28-2000%29&mode=ro&_time_format=sqlite",
		"main.db?_pragma=a(1)&_txlock=exclusive": "main.db?_pragma=busy_timeout(5000)&_pragma=a%281%29&_txlock=exclusive&_time_format=sqlite",
		"main.db?_time_format=datetime&_timeout=10": "main.db?_pragma=busy_timeout(10)&_time_format=datetime",
		"main.db?_loc=hunter2":                      "error",
		"main.db?_auth_pass=hunter2":                "error",
		"main.db?_fk=hunter2);DROP":                 "error",
		"main.db?_fk=hunter2)":                      "error",
	} {
		got, err := puresqlite.DSN(name)
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", name, err)
			}
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
