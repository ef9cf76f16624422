package bindkey

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// The sentinels. Each error of this package wraps one of them, so that a
// program tests with [errors.Is] what went wrong, and with [errors.As] and the
// typed error beside it which model, key or table it was. No text holds a
// pointer, a file path, a password or a DSN.
var (
	// ErrUnknownBind is in the chain of every [*UnknownBindError].
	ErrUnknownBind = errors.New("bindkey: unknown bind key")
	// ErrUnbound is in the chain of every [*UnboundError].
	ErrUnbound = errors.New("bindkey: no bind key")
	// ErrConflict is in the chain of every [*ConflictError].
	ErrConflict = errors.New("bindkey: conflicting bind keys")
	// ErrInvalidKey is in the chain of every [*InvalidKeyError].
	ErrInvalidKey = errors.New("bindkey: invalid bind key")
	// ErrCrossBind is in the chain of every [*CrossBindError].
	ErrCrossBind = errors.New("bindkey: statement crosses binds")
	// ErrAmbiguousTable is in the chain of every [*AmbiguousTableError].
	ErrAmbiguousTable = errors.New("bindkey: table known in several binds")
	// ErrAmbiguousSession is in the chain of every [*AmbiguousSessionError].
	ErrAmbiguousSession = errors.New("bindkey: no bind to ask in a transaction over several")
	// ErrTransactionControl is in the chain of every [*TransactionControlError].
	ErrTransactionControl = errors.New("bindkey: SQL controls a transaction")
	// ErrImplicitCommit is in the chain of every [*ImplicitCommitError].
	ErrImplicitCommit = errors.New("bindkey: statement commits one branch of a transaction")
	// ErrPartialCommit is in the chain of every [*PartialCommitError].
	ErrPartialCommit = errors.New("bindkey: transaction committed in part")
	// ErrRolledBack says that a database has rolled its branch of a transaction back by
	// itself, so that the transaction can only be rolled back as a whole.
	ErrRolledBack = product.ErrEnded
	// ErrNoAnswer says that a database has not answered COMMIT or ROLLBACK in time
	// ([EndTimeout]).
	ErrNoAnswer = xact.ErrNoAnswer
	// ErrInDoubt is in the chain of every [*InDoubtError].
	ErrInDoubt = errors.New("bindkey: transaction in doubt")
	// ErrPending is in the chain of every [*PendingError].
	ErrPending = errors.New("bindkey: transaction committed, but not everywhere yet")
	// ErrHeuristic is in the chain of every [*HeuristicError].
	ErrHeuristic = errors.New("bindkey: branch finished by others")
	// ErrAbortedByRecovery says that a transaction is rolled back everywhere, since recovery
	// took it for abandoned while it was at COMMIT. It may be run again.
	ErrAbortedByRecovery = errors.New("bindkey: recovery has rolled the transaction back while it was at COMMIT, which took longer than the grace period; it may be run again")
	// ErrCannotPrepare says that a database, or a pool, can't take part in a COMMIT in two
	// phases ([TwoPhase]).
	ErrCannotPrepare = errors.New("bindkey: cannot commit in two phases")
	// ErrNoSQLTx says that a branch has no *sql.Tx to give away ([SQLTx]).
	ErrNoSQLTx = errors.New("bindkey: a branch of MySQL or MariaDB that may be prepared (XA) has no *sql.Tx; use the transaction's *gorm.DB, or begin it with bindkey.OnePhase")
	// ErrReadOnly says that a read-only transaction, which is at a replica, was
	// given a write, or DDL through the migrator. Databases refuse raw SQL that
	// writes there, but for SQLite, which knows no read-only transactions.
	ErrReadOnly = errors.New("bindkey: transaction is read-only")
	// ErrInstall says that the plugin can't be installed on this handle, or is
	// installed already: [gorm.DB.Use] returns it, wrapped in the reason. Calls that the
	// plugin, as it was installed, can't do are errors of this kind, too.
	ErrInstall = errors.New("bindkey: cannot install")
	// ErrForeignPool says that a statement came with a connection pool that is
	// neither the plugin's nor a plain one of database/sql, or with the pool of
	// a handle that was made before the plugin was installed.
	ErrForeignPool = errors.New("bindkey: connection pool is not the plugin's")
)

// An UnknownBindError says that a model, a [Use] or a call names a bind that
// is not registered.
type UnknownBindError struct {
	Key   string   // the key that nobody registered
	Model string   // the model that has it; empty where a Use or a call names it
	Known []string // the keys that are registered, sorted

	of string // the bind whose tenant the key names, as logs do: "customer" of "customer/acme"
}

func (e *UnknownBindError) Error() string {
	subject := fmt.Sprintf("bind key %q", e.Key)
	if e.Model != "" {
		subject = fmt.Sprintf("model %s has bind key %q, which", e.Model, e.Key)
	}
	way := "register it with Plugin.Register or correct the name"
	if e.of != "" {
		way = fmt.Sprintf("bind %q has tenants, so say that key, as in bindkey.Use(%q), and name the tenant with db.WithContext(bindkey.WithTenant(ctx, tenant))", e.of, e.of)
	}
	return fmt.Sprintf("bindkey: %s is not registered (known: %s); %s", subject, strings.Join(e.Known, ", "), way)
}

// Is reports whether target is [ErrUnknownBind].
func (e *UnknownBindError) Is(target error) bool { return target == ErrUnknownBind }

// An UnboundError says that nothing tells which bind a model or table lives
// in, and that the default bind is not taken for it: [Strict] forbids that, or rows of all
// tenants would be there with owners whose ids are each tenant's own.
type UnboundError struct {
	Model string   // the model without a key; empty where only a table is named
	Table string   // its table
	Known []string // the keys that are registered, sorted
	Owner string   // a model of a bind of [Tenants] that has it, in a has one or has many relation; or empty
}

func (e *UnboundError) Error() string {
	if e.Owner != "" {
		return fmt.Sprintf("bindkey: model %s has no bind key, so it would live in the default bind, and there the rows of all tenants would be mixed: model %s has it, which lives in a bind with tenants, and two tenants' owners may have one id; give it the key of its owner, or, if ids are unique among tenants, that of its own bind (known: %s)",
			e.Model, e.Owner, strings.Join(e.Known, ", "))
	}
	subject := "table " + quoted(e.Table)
	if e.Model != "" {
		subject = "model " + e.Model
	}
	return fmt.Sprintf("bindkey: %s has no bind key, and the plugin is strict (known: %s); give the model a bind tag or a Bind method, name it in Plugin.Register, or choose with bindkey.Use",
		subject, strings.Join(e.Known, ", "))
}

// Is reports whether target is [ErrUnbound].
func (e *UnboundError) Is(target error) bool { return target == ErrUnbound }

// A ConflictError says that one thing was given two different bind keys.
type ConflictError struct {
	Subject string  // what has them: a model, a join table, a bind key
	Claims  []Claim // who says what
	Way     string  // the way out
}

// A Claim is one statement about where a model or table lives.
type Claim struct {
	Key    string // the bind key
	Source string // who says so: "method Bind", "tag on field ID", "embedded struct base.Audited", …
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("bindkey: %s has conflicting bind keys: %s; %s", e.Subject, claims(e.Claims), e.Way)
}

// Is reports whether target is [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// An InvalidKeyError says that a model's bind key can't be read: it is empty,
// its Bind method panics on a zero value, the tag is on a field that can't
// carry one, or a method or tag only looks like a key.
type InvalidKeyError struct {
	Subject string // the model, or what else was given
	Reason  string // what is wrong, and the way out
}

func (e *InvalidKeyError) Error() string {
	return fmt.Sprintf("bindkey: %s: %s", e.Subject, e.Reason)
}

// Is reports whether target is [ErrInvalidKey].
func (e *InvalidKeyError) Is(target error) bool { return target == ErrInvalidKey }

// A CrossBindError says that one statement names tables or models of different
// binds, or that a connection of one bind was given to a statement of another.
// No database was asked.
type CrossBindError struct {
	Claims []Claim // what the statement names, and the bind of each
	Way    string  // the way out
}

func (e *CrossBindError) Error() string {
	return fmt.Sprintf("bindkey: statement crosses binds: %s; %s", claims(e.Claims), e.Way)
}

// Is reports whether target is [ErrCrossBind].
func (e *CrossBindError) Is(target error) bool { return target == ErrCrossBind }

// An AmbiguousTableError says that a statement names, without a model, a table
// that several binds have.
type AmbiguousTableError struct {
	Table string   // the table's name
	Keys  []string // the binds that have one of that name, sorted
}

func (e *AmbiguousTableError) Error() string {
	return fmt.Sprintf("bindkey: table %s is known in several binds (%s) and no model says which; name one with db.Model, or choose with bindkey.Use",
		quoted(e.Table), strings.Join(e.Keys, ", "))
}

// Is reports whether target is [ErrAmbiguousTable].
func (e *AmbiguousTableError) Is(target error) bool { return target == ErrAmbiguousTable }

// An AmbiguousSessionError says that SQL which names no table, such as SET LOCAL
// or SELECT lastval(), was given to a transaction with branches in several binds:
// it asks a session, and each branch has one of its own. Nothing was sent.
type AmbiguousSessionError struct {
	Keys []string // in a hook its statement's bind, then those whose branch has begun, in that order
}

func (e *AmbiguousSessionError) Error() string {
	return fmt.Sprintf("bindkey: no table says which database is asked, and the transaction is in several binds (%s); say which with Clauses(bindkey.Use(key)), or with db.Model",
		strings.Join(e.Keys, ", "))
}

// Is reports whether target is [ErrAmbiguousSession].
func (e *AmbiguousSessionError) Is(target error) bool { return target == ErrAmbiguousSession }

// A TransactionControlError says that BEGIN, COMMIT, ROLLBACK, SAVEPOINT or the
// like was given as SQL. Nothing was sent. A script that ends what it begins is
// sent outside of transactions, and all is on a connection of the program's own
// ([gorm.DB.Connection]).
type TransactionControlError struct {
	Statement string // its first words: "SAVEPOINT"
	Way       string // the way out
}

func (e *TransactionControlError) Error() string {
	return fmt.Sprintf("bindkey: %s was given as SQL; %s", e.Statement, e.Way)
}

// Is reports whether target is [ErrTransactionControl].
func (e *TransactionControlError) Is(target error) bool { return target == ErrTransactionControl }

// An ImplicitCommitError says that a statement commits the transaction of its
// database by itself, as DDL does on MySQL and MariaDB, in a transaction that
// spans several binds: the others could still be rolled back. It was not sent;
// or, where it was alone in the transaction, no other bind's branch may begin
// behind it.
type ImplicitCommitError struct {
	Key       string   // the statement's bind
	Statement string   // its first words: "CREATE TABLE"
	Begun     []string // the other binds
}

func (e *ImplicitCommitError) Error() string {
	if len(e.Begun) == 0 {
		return fmt.Sprintf("bindkey: %s commits the transaction's branch in bind %q by itself, which the server refuses in one that may be prepared; run it outside of the transaction, or in one with bindkey.OnePhase",
			e.Statement, e.Key)
	}
	return fmt.Sprintf("bindkey: %s commits the transaction's branch in bind %q by itself, and not those in %s; run it outside of the transaction, or alone in one",
		e.Statement, e.Key, list(e.Begun))
}

// Is reports whether target is [ErrImplicitCommit].
func (e *ImplicitCommitError) Is(target error) bool { return target == ErrImplicitCommit }

// An OpenError says that a connection of a bind could not be opened. Its text
// names the bind and the cause, without the password of the DSN. Of a driver that
// can't read the DSN, it has no word: any may be a piece of the password.
type OpenError struct {
	Key  string // the bind
	Role string // "source", "source-2", "replica", …
	Err  error  // what the driver said, as it said it; nil where it was not asked

	text string // what may be told of Err
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("bindkey: bind %q: its %s could not be opened: %s", e.Key, e.Role, e.text)
}

// Unwrap returns the driver's error.
func (e *OpenError) Unwrap() error { return e.Err }

// A PartialCommitError says that a transaction was committed in some of its
// databases and not in others: the rows of Committed are there to stay.
type PartialCommitError struct {
	Committed  []string // binds whose branch is committed, in the order of their commits
	Failed     string   // the bind whose COMMIT failed
	Unknown    bool     // no answer decides that COMMIT: Failed may be committed all the same
	RolledBack []string // binds whose branch was rolled back because of it
	Err        error    // what the driver said to the COMMIT, and to a ROLLBACK that failed after it
	// Tenants are those of the binds with tenants ([Tenants]), by the bind's key; or nil.
	Tenants map[string]string
}

func (e *PartialCommitError) Error() string {
	var where []string
	if len(e.Committed) > 0 {
		where = append(where, fmt.Sprintf("rows of %s are committed", list(e.Committed)))
	}
	if e.Unknown {
		where = append(where, fmt.Sprintf("it is unknown whether rows of %q are (its COMMIT was interrupted, or its answer lost)", e.Failed))
	} else {
		where = append(where, fmt.Sprintf("rows of %q are not (its COMMIT failed)", e.Failed))
	}
	if len(e.RolledBack) > 0 {
		where = append(where, fmt.Sprintf("rows of %s are rolled back", list(e.RolledBack)))
	}
	of := ""
	for _, key := range sortedKeys(e.Tenants) {
		of += fmt.Sprintf(" (of %q, tenant %q)", key, e.Tenants[key])
	}
	return fmt.Sprintf("bindkey: transaction committed in part: %s%s: %v", strings.Join(where, ", "), of, e.Err)
}

// Is reports whether target is [ErrPartialCommit].
func (e *PartialCommitError) Is(target error) bool { return target == ErrPartialCommit }

// Unwrap returns the driver's error.
func (e *PartialCommitError) Unwrap() error { return e.Err }

// A BranchError says in which bind a transaction's BEGIN, COMMIT, ROLLBACK or
// savepoint failed.
type BranchError struct {
	Key       string // the bind
	Tenant    string // of a bind with tenants ([Tenants]): which one
	Operation string // "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", …
	Err       error  // what the driver said
}

func (e *BranchError) Error() string {
	return fmt.Sprintf("bindkey: %s in bind %q%s: %v", e.Operation, e.Key, ofTenant(e.Tenant), e.Err)
}

// Unwrap returns the driver's error.
func (e *BranchError) Unwrap() error { return e.Err }

// A misuse is [ErrInstall] in a call that installs nothing.
type misuse string

func (e misuse) Error() string { return "bindkey: " + string(e) }

func (e misuse) Is(target error) bool { return target == ErrInstall }

// installError wraps ErrInstall in a reason.
func installError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInstall}, args...)...)
}

func quoted(name string) string { return fmt.Sprintf("%q", name) }

func list(keys []string) string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = quoted(key)
	}
	return strings.Join(names, ", ")
}

func claims(of []Claim) string {
	parts := make([]string, len(of))
	for i, claim := range of {
		parts[i] = fmt.Sprintf("%s is in %q", claim.Source, claim.Key)
	}
	return strings.Join(parts, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
