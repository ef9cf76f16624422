// Package bindmap is a map of a program's models: which bind each lives in, and why, its
// table, its join tables, and the relations that cross from one database to another.
//
// [github.com/gormbind/gormbind/plugin/bindkey.Plugin.Map] draws one of a running program,
// and the command gormbind one of a program's source. It prints as an aligned table, as
// Markdown, and as a Mermaid diagram with a box for each bind.
package bindmap

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// A Map is which models live where.
type Map struct {
	Default string  `json:"default"` // the key of what has none
	Models  []Model `json:"models"`  // sorted by key, then by name
}

// A Model is a model, or a join table.
type Model struct {
	Name      string     `json:"model"`               // "shop.User"; of a join table that GORM makes, the fields that declare it
	Key       string     `json:"key"`                 // the bind's, or Unknown
	Why       string     `json:"why"`                 // "tag on field _", "method Bind", "Register", "default", …
	Tenants   bool       `json:"tenants,omitempty"`   // the bind has a database for each tenant, and the table is in all of them
	Table     string     `json:"table"`               // in the database, or Unknown
	Join      bool       `json:"join,omitempty"`      // it is a join table that GORM makes
	Mistake   string     `json:"mistake,omitempty"`   // why its key is not known
	Relations []Relation `json:"relations,omitempty"` // in the order of their names
}

// A Relation is a field of a model that refers to another.
type Relation struct {
	Field   string `json:"field"`          // "Logs"
	Model   string `json:"model"`          // "shop.LogEntry"
	Key     string `json:"key"`            // that model's
	Table   string `json:"table"`          // that model's
	Join    string `json:"join,omitempty"` // the join table, of many2many
	Crosses bool   `json:"crosses"`        // the models, or the join table and one of them, are in different binds
	// Served is how GORM reads a relation that crosses: "preload", one query for
	// each database, since a join can't be sent; "two queries" where a join table is not in the
	// database of the model that it leads to, so that Association asks both, too. Such a relation
	// has no foreign key in any database.
	Served string `json:"served,omitempty"`
}

// Unknown is the key or table of what nobody knows.
const Unknown = "?"

// The ways in which a relation that crosses is served.
const (
	ByPreload    = "preload"
	ByTwoQueries = "two queries"
)

// ServedBy is how a relation that crosses is served, by the binds of its join table, if it
// has one, and of the model that it leads to.
func ServedBy(join, target string) string {
	if join != "" && join != target {
		return ByTwoQueries
	}
	return ByPreload
}

// Less is the order of a map: those without a known key come last.
func Less(one, other Model) bool {
	if one.Key != other.Key {
		return other.Key == Unknown || one.Key != Unknown && one.Key < other.Key
	}
	return one.Name < other.Name
}

// place is the key; that of a bind with tenants is "customer/*".
func (m Model) place() string {
	if m.Tenants {
		return m.Key + "/*"
	}
	return m.Key
}

var columns = []string{"MODEL", "KEY", "WHY", "TABLE", "CROSSES"}

// cells are a model's line of the table.
func (m Model) cells() []string {
	var crosses []string
	for _, relation := range m.Relations {
		if relation.Crosses {
			crosses = append(crosses, fmt.Sprintf("%s → %s (%s, %s)", relation.Field, relation.Model, relation.Key, relation.Served))
		}
	}
	return []string{m.Name, m.place(), m.Why, m.Table, strings.Join(crosses, ", ")}
}

// String is the map as an aligned table.
func (m Map) String() string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, strings.Join(columns, "\t"))
	for _, model := range m.Models {
		fmt.Fprintln(out, strings.Join(model.cells(), "\t"))
	}
	_ = out.Flush() // into a Builder
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// Markdown is the map as a table of Markdown.
func (m Map) Markdown() string {
	var text strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			cells[i] = markdown.Replace(cell)
		}
		fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | "))
	}
	line([]string{"model", "key", "why", "table", "crosses"})
	text.WriteString("| --- | --- | --- | --- | --- |\n")
	for _, model := range m.Models {
		line(model.cells())
	}
	return text.String()
}

var markdown = strings.NewReplacer("|", `\|`, "_", `\_`, "*", `\*`, "<", "&lt;", "\n", " ")
