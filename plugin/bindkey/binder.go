package bindkey

// A Binder is a model that says where it lives, as Flask-SQLAlchemy's
// __bind_key__ does. Bind is asked once per type, on a zero value, so it must
// not depend on the receiver's fields; receivers by value and by pointer both
// do. It must not return the empty string, nor wait for a goroutine that asks for
// its own model: that never ends.
type Binder interface {
	Bind() string
}

// A Reason says why a statement or a model goes where it goes.
type Reason string

// The reasons, in the order in which a statement weighs them.
const (
	ReasonUse        Reason = "use"        // a Use clause, bindkey's or dbresolver's
	ReasonRawSQL     Reason = "raw SQL"    // a known table in SQL that was given
	ReasonTable      Reason = "table"      // a known table in Table(…)
	ReasonRegistered Reason = "registered" // data given to Register, or to a dbresolver of the application
	ReasonMethod     Reason = "method"     // the model's Bind method
	ReasonTag        Reason = "tag"        // a bind tag on one of the model's own fields
	ReasonEmbedded   Reason = "embedded"   // the key of a struct that the model embeds
	ReasonJoinTable  Reason = "join table" // the model that declares the many2many relation
	// SQL that names no table: the bind of the statement that it runs inside, or the
	// one branch that has begun in its transaction.
	ReasonTransaction Reason = "transaction"
	ReasonDefault     Reason = "default" // nothing says: the default bind
)
