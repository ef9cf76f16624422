package bindkey

import (
	"context"
	"fmt"
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
)

// A DriftKind says in what a database differs from its models' keys.
type DriftKind string

// The kinds of drift.
const (
	MissingTable    DriftKind = "missing table"      // a model's own database has no table for it
	MisplacedTable  DriftKind = "misplaced table"    // another bind's database has one
	CrossForeignKey DriftKind = "foreign key across" // a model's table has a foreign key to a table of another bind
)

// A Drift is one difference between the databases and the models' keys.
type Drift struct {
	Kind  DriftKind
	Model string // "models.LogEntry", `of join table "user_tags"`
	Table string // the model's
	Key   string // the model's bind
	// Other is the other bind: in whose database the misplaced table is, or to
	// which the foreign key refers. Empty for a missing table.
	Other string
	// ForeignKey is the constraint's name, which may be empty on SQLite, and
	// References the table that it refers to. Both are for CrossForeignKey.
	ForeignKey, References string
}

// String is the drift in one line.
func (d Drift) String() string {
	switch d.Kind {
	case MissingTable:
		return fmt.Sprintf("bind %q has no table %s for model %s", d.Key, quoted(d.Table), d.Model)
	case MisplacedTable:
		return fmt.Sprintf("bind %q has a table %s, but model %s lives in %q", d.Other, quoted(d.Table), d.Model, d.Key)
	default:
		name := "a foreign key"
		if d.ForeignKey != "" {
			name += " " + quoted(d.ForeignKey)
		}
		return fmt.Sprintf("in bind %q, table %s of model %s has %s to table %s, which lives in %q",
			d.Key, quoted(d.Table), d.Model, name, quoted(d.References), d.Other)
	}
}

// Drifts are the differences that [Plugin.Drift] found.
type Drifts []Drift

// String has one difference a line.
func (d Drifts) String() string {
	lines := make([]string, len(d))
	for i, one := range d {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Drift compares the databases with the models' keys, for programs that gave
// models a key after their tables were made, or moved them: it finds tables
// that their own bind does not have, tables in the database of another bind
// that has no model for them, known or given, and foreign keys to tables of
// another bind. Join tables are looked at with the models that declare them. It
// is nil where all is well. Two binds on one database have no drift between
// them; a view is no table.
//
// It asks one source of every bind and changes nothing. Of a bind with tenants it asks
// the one that the context names, or none; see [Plugin.TenantDrifts]. Foreign keys are read
// from the catalogs of SQLite, PostgreSQL, MySQL and MariaDB; other dialects
// are asked for those that GORM would have named.
//
// It returns [ErrInstall] before the plugin is installed, the errors of routing
// for all models joined ([*UnknownBindError], [*UnboundError], …), and what a
// database answers.
func (p *Plugin) Drift(ctx context.Context, models ...any) (Drifts, error) {
	if p.db == nil {
		return nil, installError("Drift needs an installed plugin; call db.Use first")
	}
	differences, err := p.migrations.Drift(p.freshSession(ctx), models...)
	if err != nil {
		return nil, err
	}
	var drifts Drifts
	for _, d := range differences {
		drifts = append(drifts, Drift{Kind: driftKinds[d.Kind], Model: d.Model, Table: d.Table, Key: d.Key,
			Other: d.Other, ForeignKey: d.ForeignKey, References: d.References})
	}
	return drifts, nil
}

var driftKinds = [...]DriftKind{
	migrate.MissingTable:    MissingTable,
	migrate.MisplacedTable:  MisplacedTable,
	migrate.CrossForeignKey: CrossForeignKey,
}
