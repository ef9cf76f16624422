package bindkey

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// A Plan is what AutoMigrate would do, bind by bind, in its order.
type Plan []BindPlan

// A BindPlan is what AutoMigrate would do in one bind.
type BindPlan struct {
	Key string // the bind
	// Statements would run, in this order: none if the tables are as the models
	// say. The BEGIN and COMMIT around those that recreate a table of SQLite are
	// not among them.
	Statements []string
	// LeftOut are the foreign keys that the bind's tables do without, since they
	// would cross databases, whether there is something to run or not.
	LeftOut []ForeignKey
}

// Empty reports whether AutoMigrate would run nothing.
func (p Plan) Empty() bool {
	for _, bind := range p {
		if len(bind.Statements) > 0 {
			return false
		}
	}
	return true
}

// String is the plan as a script, with the binds and what is left out in
// comments.
func (p Plan) String() string {
	var text strings.Builder
	for i, bind := range p {
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "-- bind %q", bind.Key)
		if len(bind.Statements) == 0 {
			text.WriteString(": nothing to do")
		}
		text.WriteByte('\n')
		for _, key := range bind.LeftOut {
			fmt.Fprintf(&text, "-- left out: %s\n", key)
		}
		for _, statement := range bind.Statements {
			fmt.Fprintf(&text, "%s;\n", statement)
		}
	}
	return text.String()
}

// Plan tells what AutoMigrate of the models would run in each bind, without
// running it, and without its log: it asks one source of each bind what is
// there. Related models and join tables that AutoMigrate adds are in it. SQL
// that was set on a session (gorm:table_options) is not.
//
// SQLite is asked for its tables' DDL, and AutoMigrate runs on empty copies of
// them in memory, opened with the source's own driver: SQLite changes a column
// by making its table anew out of the DDL that is there. Two binds on one
// database that each have a table of one name both plan it.
//
// It returns [ErrInstall] before the plugin is installed, the errors of routing
// ([*UnknownBindError], [*UnboundError], …), and what a database answers.
func (p *Plugin) Plan(models ...any) (Plan, error) {
	if p.db == nil {
		return nil, installError("Plan needs an installed plugin; call db.Use first")
	}
	m := p.migratorFor(context.Background())
	values, leftOut, err := m.withRelated(models)
	if err != nil {
		return nil, err
	}
	groups, err := m.group(values)
	if err != nil {
		return nil, err
	}
	var plan Plan
	for _, group := range groups {
		planned := BindPlan{Key: group.bind.key}
		if planned.Statements, err = m.plan(group); err != nil {
			return nil, fmt.Errorf("bindkey: bind %q: %w", group.bind.key, err)
		}
		for _, key := range leftOut {
			if key.From.Key == planned.Key {
				planned.LeftOut = append(planned.LeftOut, key)
			}
		}
		plan = append(plan, planned)
	}
	return plan, nil
}

// migratorFor is the migrator of a session of the handle.
func (p *Plugin) migratorFor(ctx context.Context) migrator {
	return migrator{plugin: p, db: p.db.Session(&gorm.Session{NewDB: true, Initialized: true, Context: ctx})}
}

// plan runs a bind's AutoMigrate on a recorder.
func (m migrator) plan(group bindGroup) ([]string, error) {
	source, err := group.bind.source(m.db.Statement.Context)
	if err != nil {
		return nil, err
	}
	r := newRecorder(group.bind, source.real.conn)
	if group.bind.plain.Dialector.Name() == "sqlite" {
		scratch, closeScratch, err := emptyCopy(m.db.Statement.Context, source.real)
		if err != nil {
			return nil, err
		}
		defer closeScratch()
		r.conn, r.runs = scratch, true
	}
	session := m.on(group.bind, r)
	session.Config.Logger = logger.Discard // nothing has run
	session.Config.DryRun = false          // GORM would print, and some migrators not ask
	if err := session.Migrator().AutoMigrate(group.values...); err != nil {
		return nil, err
	}
	return r.statements, r.failed
}

// A recorder is a migrator's connection that changes no database. What the
// migrator asks goes to conn; what it would execute is written down, and goes
// to conn only where that is a scratch database.
type recorder struct {
	conn gorm.ConnPool
	*recording
}

type recording struct {
	bind       *bind
	runs       bool // conn is a scratch database
	statements []string
	known      map[string]bool
	failed     error // the first question that failed: HasTable and its like drop the error
}

func newRecorder(b *bind, conn gorm.ConnPool) *recorder {
	return &recorder{conn: conn, recording: &recording{bind: b, known: map[string]bool{}}}
}

// ExecContext writes a statement down. A migrator that finds its own changes
// missing may want one again: an index of MySQL, once for its column and once
// for its table.
func (r *recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	text := query
	if len(args) > 0 {
		text = r.bind.plain.Dialector.Explain(query, args...)
	}
	if r.runs {
		result, err := r.conn.ExecContext(ctx, query, args...)
		if err == nil {
			r.statements = append(r.statements, text)
		}
		return result, err
	}
	if !r.known[text] {
		r.known[text] = true
		r.statements = append(r.statements, text)
	}
	return driver.RowsAffected(0), nil
}

// QueryContext asks, if the query only reads: a migrator might make changes
// with RETURNING, or call a function that does.
func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.refuse(query); err != nil {
		return nil, r.fail(err)
	}
	rows, err := r.conn.QueryContext(ctx, query, args...)
	return rows, r.fail(err)
}

func (r *recorder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.refuse(query); err != nil {
		return errorRow(r.fail(err))
	}
	row := r.conn.QueryRowContext(ctx, query, args...)
	_ = r.fail(row.Err())
	return row
}

// PrepareContext is of gorm.ConnPool; migrators run without PrepareStmt.
func (r *recorder) PrepareContext(context.Context, string) (*sql.Stmt, error) {
	return nil, gorm.ErrNotImplemented
}

func (r *recorder) refuse(query string) error {
	if r.runs || r.bind.plugin.memory.Scan(query, r.bind.product.SQL).Reads {
		return nil
	}
	return fmt.Errorf("the dialect's migrator sends a query that may change something, and is only to be asked: %s", query)
}

func (r *recorder) fail(err error) error {
	if r.failed == nil {
		r.failed = err
	}
	return err
}

// BeginTx is of gorm.ConnPoolBeginner: SQLite's migrator recreates a table in a
// transaction.
func (r *recorder) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx := &recorderTx{recorder: recorder{r.conn, r.recording}}
	if scratch, ok := r.conn.(gorm.TxBeginner); ok && r.runs {
		begun, err := scratch.BeginTx(ctx, opts)
		if err != nil {
			return nil, err
		}
		tx.conn, tx.tx = begun, begun
	}
	return tx, nil
}

// A recorderTx is a recorder in a transaction of its scratch database.
type recorderTx struct {
	recorder
	tx *sql.Tx // nil without one
}

func (t *recorderTx) Commit() error {
	if t.tx == nil {
		return nil
	}
	return t.tx.Commit()
}

func (t *recorderTx) Rollback() error {
	if t.tx == nil {
		return nil
	}
	return t.tx.Rollback()
}

// emptyCopy makes a database in memory with the tables of a SQLite database,
// and no rows.
func emptyCopy(ctx context.Context, source *realPool) (_ *sql.Conn, closeAll func(), err error) {
	db, err := source.sqlDB()
	if err != nil {
		return nil, nil, fmt.Errorf("its pool is no *sql.DB, whose driver Plan needs: %w", err)
	}
	memory := sql.OpenDB(memoryConnector{db.Driver()})
	conn, err := memory.Conn(ctx)
	if err != nil {
		_ = memory.Close()
		return nil, nil, err
	}
	closeAll = func() {
		_ = conn.Close()
		_ = memory.Close()
	}
	if err := copyTables(ctx, db, conn); err != nil {
		closeAll()
		return nil, nil, err
	}
	return conn, closeAll, nil
}

// A memoryConnector opens a database in memory with SQLite's driver.
type memoryConnector struct{ driver driver.Driver }

func (c memoryConnector) Connect(context.Context) (driver.Conn, error) {
	return c.driver.Open(":memory:")
}

func (c memoryConnector) Driver() driver.Driver { return c.driver }

func copyTables(ctx context.Context, from *sql.DB, to *sql.Conn) error {
	rows, err := from.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
		ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, ddl string
		if err := rows.Scan(&name, &ddl); err != nil {
			return err
		}
		// A virtual table has made its own tables by now.
		var made int
		if err := to.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", name).Scan(&made); err != nil {
			return err
		}
		if made > 0 {
			continue
		}
		if _, err := to.ExecContext(ctx, ddl); err != nil {
			return fmt.Errorf("copy %s: %w", quoted(name), err)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var keys int
	if err := from.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&keys); err != nil {
		return err
	}
	_, err = to.ExecContext(ctx, fmt.Sprintf("PRAGMA foreign_keys = %d", keys))
	return err
}
