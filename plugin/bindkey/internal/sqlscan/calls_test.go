package sqlscan_test

import (
	"testing"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

func TestCallsUnknown(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT * FROM users": false,
		"SELECT count(*), COALESCE (name, '') FROM users WHERE id IN (?)": false,
		"SELECT (SELECT max(id) FROM users)":                              false,
		"SELECT bill(42)":                                                 true,
		"SELECT bill\n(42)":                                               true,
		"SELECT shop.bill(42)":                                            true,
		"SELECT count(*), `bill`(42)":                                     true,
		"SELECT bill/* */(42)":                                            true,
		"SELECT abs(bill(42))":                                            true,
		"SELECT größe(42)":                                                true,
	} {
		if got := sqlscan.CallsUnknown(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
