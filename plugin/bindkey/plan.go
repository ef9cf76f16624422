package bindkey

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"
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
//
// It has no context, so for models of a bind with tenants ask [Plugin.TenantPlans].
func (p *Plugin) Plan(models ...any) (Plan, error) { return p.plan(context.Background(), models) }

func (p *Plugin) plan(ctx context.Context, models []any) (Plan, error) {
	if p.db == nil {
		return nil, installError("Plan needs an installed plugin; call db.Use first")
	}
	found, err := p.migrations.Plan(p.freshSession(ctx), models...)
	if err != nil {
		return nil, err
	}
	var plan Plan
	for _, bind := range found {
		plan = append(plan, BindPlan{Key: bind.Key, Statements: bind.Statements, LeftOut: foreignKeys(bind.Skipped)})
	}
	return plan, nil
}

// freshSession is a session of the handle, for calls that are given none.
func (p *Plugin) freshSession(ctx context.Context) *gorm.DB {
	return p.db.Session(&gorm.Session{NewDB: true, Initialized: true, Context: ctx})
}
