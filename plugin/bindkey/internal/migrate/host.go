package migrate

import (
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// A Host knows where models and tables live. The session that asks is db: its
// Use, its transaction and its Table(…) count. Errors reach the program as they
// are.
type Host interface {
	// BindOf finds the bind of a model or of a table's name: that of Use, else its
	// own. table is what Table(…) names for a model, or "".
	BindOf(db *gorm.DB, value any, table string) (Bind, error)
	// BindOfSchema is BindOf where only a schema is given, or none, and where a
	// part of it is asked about, that needs no key.
	BindOfSchema(db *gorm.DB, s *schema.Schema) (Bind, error)
	// Home is a model's own bind, whatever Use says. A model that has none is an
	// error; not so with Use, where it is nil.
	Home(db *gorm.DB, s *schema.Schema) (Bind, error)
	// HasUse reports whether a Use decides where the session's calls go.
	HasUse(db *gorm.DB) bool
	// View is the bind of a view's query, or that of Use, and the query as SQL that
	// the bind's own migrator can read.
	View(db, query *gorm.DB) (Bind, *gorm.DB, error)

	// Also are models that AutoMigrate makes tables of beside those that it is given.
	Also() []any
	// Binds are all binds that the session reaches, each once.
	Binds(db *gorm.DB) ([]Bind, error)
	// BindsWithTable are the binds where a table is known by this name or, unless
	// exactly, by its last part.
	BindsWithTable(name string, exactly bool) []Bind
	// Learn makes a table known in a bind. Whether it has a key is that of a model,
	// or of a table's old name; a view, of nil, has one.
	Learn(db *gorm.DB, of any, table string, b Bind)

	// Parse is a model's schema, with the table that Table(…) names, or "".
	Parse(model any, table string) (*schema.Schema, error)
	// ModelName is a schema's model, as errors name it.
	ModelName(s *schema.Schema) string
	// OfModel is an error of a call for a model or a table's name, with the model's name
	// where it wants one.
	OfModel(err error, value any) error
	// CrossBind is the error for a call that would touch two binds at once.
	CrossBind(from, to Claim, way string) error
}

// A Bind is what one of the host's keys names. Binds are compared by ==.
type Bind interface {
	Key() string
	// SessionConfig is a session's configuration, with what the bind has for itself.
	SessionConfig(db *gorm.DB) gorm.Config
	// Conn is what a session's call runs on: its transaction's branch, a connection
	// of the program's own if that is the bind's, or a source. It opens the bind.
	Conn(db *gorm.DB) (gorm.ConnPool, error)

	// Change begins a call that changes the bind's tables, and done ends it.
	Change(db *gorm.DB) (done func(), err error)

	// What follows is asked once the bind is open.

	Dialector() gorm.Dialector
	// Session is a plain session of the bind on a connection, with the settings of
	// the session that asks.
	Session(db *gorm.DB, conn gorm.ConnPool) *gorm.DB
	// Shares reports whether the pools of two binds show that both are in one
	// database.
	Shares(other Bind) bool
}

// A Claim is what one side of a call says of where it lives.
type Claim struct {
	Key    string
	Source string // `table "users"`, "model models.User"
}

func contains(binds []Bind, b Bind) bool {
	for _, one := range binds {
		if one == b {
			return true
		}
	}
	return false
}
