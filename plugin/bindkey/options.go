package bindkey

import "time"

// An Option configures a plugin, in [New]. One that can't be followed shows
// when the plugin is installed.
type Option func(*config) error

// Default names the bind where models without a key live. Its key is "main"
// unless this option names another. If the key is not registered, that bind is
// the connection that the *gorm.DB was opened with; in a handle with a
// dbresolver of the application's own, that dbresolver's global resolver.
func Default(key string) Option {
	return func(c *config) error {
		if key == "" {
			return &InvalidKeyError{Subject: "option Default", Reason: "the bind key is empty"}
		}
		c.defaultKey, c.defaultGiven = key, true
		return nil
	}
}

// Strict makes a model without a key, a table in db.Table that is not known, and
// SQL that names tables but none that is known an [*UnboundError] instead of
// sending it to the default bind. A join table has the key of the model that
// declares it; SQL that names no table goes to the default bind; and what a [Use]
// decides is not asked. Off by default.
func Strict() Option {
	return func(c *config) error {
		c.strict = true
		return nil
	}
}

// Models names the program's models. They are parsed when the plugin is
// installed, so that all their mistakes show there, joined in one error, and
// so that raw SQL, Table and the migrator know their tables from the start, as
// they know those of models given to [Plugin.Register]. Without it, a table is
// known once a statement has used its model; a name that went to the default bind
// before that is logged as an error.
func Models(models ...any) Option {
	return func(c *config) error {
		c.listed = append(c.listed, models...)
		return nil
	}
}

// TagName names the struct tag that holds a model's key, for programs whose
// bind tags mean something else. It is "bind" by default.
func TagName(name string) Option {
	return func(c *config) error {
		if name == "" {
			return &InvalidKeyError{Subject: "option TagName", Reason: "the tag name is empty"}
		}
		c.tag = name
		return nil
	}
}

// CommitOrder names the binds whose branches a transaction commits first, in
// this order. The others follow in the order in which they joined the
// transaction, and the default bind comes last, unless it is named here. A key
// that no bind has is an [*UnknownBindError] when the plugin is installed.
func CommitOrder(keys ...string) Option {
	return func(c *config) error {
		c.order = append(c.order, keys...)
		return nil
	}
}

// LogBinds makes each line that GORM logs tell where its statement went. GORM's default
// logger has it before the SQL, and so has a logger of the program's own:
//
//	[0.412ms] [rows:1] [analytics replica-2] SELECT * FROM `logs` …
//
// With GORM's slog logger ([logger.NewSlogLogger]) they are the attributes bind, role and,
// in a transaction, tx: a number that all of its statements have, and no other
// transaction of this handle. The level, the file and line, and what a logger leaves out (ParamsFilter,
// IgnoreRecordNotFoundError) stay as they are; so does dbresolver's TraceResolverMode.
// Savepoints and the migrator's statements tell their place, too; BEGIN and COMMIT
// are logged by nobody. A refused statement went nowhere, and tells nothing.
//
// The handle's Logger is then the plugin's, around the program's; where a session has a
// logger of its own (gorm.Session, Debug), that is wrapped when a statement runs. What
// Scan logs there has the place only if the handle's logger is one of texts. Off by
// default: then it costs nothing.
func LogBinds() Option {
	return func(c *config) error {
		c.logBinds = true
		return nil
	}
}

// EndTimeout is how long a transaction waits for a database that does not answer
// COMMIT or ROLLBACK: until so long after the transaction's context has ended, or, if
// that has no deadline, after COMMIT or ROLLBACK was sent. Then the connection is given
// up, and the error says so; whether a COMMIT took place is then unknown
// ([PartialCommitError]). It also limits the check before COMMIT and the way back to a
// savepoint in a transaction without a deadline. By default it is
// [DefaultEndTimeout]. A SQLite database runs inside the process, and is not limited.
//
// pgx closes the connection at once. MySQL's driver looks at no context in COMMIT and
// ROLLBACK, so that its connection is closed when the answer comes or the driver's
// own readTimeout is over.
func EndTimeout(limit time.Duration) Option {
	return func(c *config) error {
		if limit <= 0 {
			return installError("option EndTimeout: %v is no time to wait", limit)
		}
		c.endTimeout = limit
		return nil
	}
}

// DefaultEndTimeout is how long [EndTimeout] is without the option: 30 seconds. A
// COMMIT that takes longer is given up, so it is not shorter.
const DefaultEndTimeout = 30 * time.Second

// OpenLate lets the plugin be installed while a bind can't be opened: its
// database is down, or can't be reached yet. Such a bind is logged as an error,
// and opened by the first statement, migration or call that needs it once all
// its sources and replicas answer. Until then these fail with the bind's
// [*OpenError], and the other binds work. After a failure, the next attempt is
// made a second later at the earliest. Off by default: db.Use returns the
// OpenError.
//
// It does not concern the handle's own connection, which gorm.Open opens, nor
// connections that break later, which database/sql opens again.
func OpenLate() Option {
	return func(c *config) error {
		c.openLate = true
		return nil
	}
}
