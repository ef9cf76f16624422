package bindkey

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"
)

// The names that dbresolver keeps to itself are still its names.
func TestNamesOfDBResolver(t *testing.T) {
	if name := (&dbresolver.DBResolver{}).Name(); name != resolverCallback {
		t.Errorf("name %q", name)
	}
	db, err := gorm.Open(nil, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tx := db.Clauses(dbresolver.Use("x"))
	if u := useOf(tx.Statement); u == nil || u.key != "x" {
		t.Errorf("Use leaves %v", tx.Statement.Clauses)
	}
	for setting, op := range map[string]dbresolver.Operation{writeSetting: dbresolver.Write, readSetting: dbresolver.Read} {
		if _, ok := db.Clauses(op).Get(setting); !ok {
			t.Errorf("%s does not set %s", op, setting)
		}
	}
}
