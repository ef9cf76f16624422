package resolver

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"
)

// The names that dbresolver keeps to itself are still its names.
func TestNamesOfDBResolver(t *testing.T) {
	if name := (&dbresolver.DBResolver{}).Name(); name != CallbackName {
		t.Errorf("name %q", name)
	}
	db, err := gorm.Open(nil, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	using := db.Clauses(dbresolver.Use("x")).Statement.Clauses[UsingClause].Expression
	if using == nil || UseKey(using) != "x" {
		t.Errorf("Use leaves %v", using)
	}
	if op := Asked(db.Statement); op != "" {
		t.Errorf("%q is asked for", op)
	}
	for setting, op := range map[string]dbresolver.Operation{writeSetting: dbresolver.Write, readSetting: dbresolver.Read} {
		tx := db.Clauses(op)
		if _, ok := tx.Get(setting); !ok || Asked(tx.Statement) != op {
			t.Errorf("%s does not set %s", op, setting)
		}
	}
}
