package bindkey

import (
	"fmt"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
)

// A ForeignKey is one that a relation asks for, and that can't be, since its
// tables live in different binds.
type ForeignKey struct {
	Name string  // of the constraint, as GORM names it: "fk_users_logs"
	From Columns // what would refer
	To   Columns // what it would refer to
}

// Columns are columns of one table, and where that lives.
type Columns struct {
	Key   string   // the bind
	Model string   // the table's model: "models.User"
	Table string   // "users"
	Names []string // the columns
}

// String is the foreign key in one line.
func (f ForeignKey) String() string {
	return fmt.Sprintf("foreign key %s from %s to %s", f.Name, f.From, f.To)
}

// String is "users(id) in \"main\"".
func (c Columns) String() string { return migrate.Columns(c).String() }

// foreignKeys are those that the package migrate left out.
func foreignKeys(skipped []migrate.ForeignKey) (keys []ForeignKey) {
	for _, key := range skipped {
		keys = append(keys, ForeignKey{Name: key.Name, From: Columns(key.From), To: Columns(key.To)})
	}
	return keys
}
