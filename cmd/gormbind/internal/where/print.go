package where

import (
	"encoding/json"
	"io"

	"github.com/gormbind/gormbind/plugin/bindmap"
)

// Table prints a map for people.
func (m *Map) Table(to io.Writer) error { return m.print(to, bindmap.Map.String) }

// Markdown prints it as a table of Markdown.
func (m *Map) Markdown(to io.Writer) error { return m.print(to, bindmap.Map.Markdown) }

// Mermaid prints it as a diagram.
func (m *Map) Mermaid(to io.Writer) error { return m.print(to, bindmap.Map.Mermaid) }

// print prints the map as the plugin prints its own.
func (m *Map) print(to io.Writer, as func(bindmap.Map) string) error {
	drawn := bindmap.Map{Default: m.Default}
	for _, row := range m.Models {
		drawn.Models = append(drawn.Models, row.drawn())
	}
	_, err := io.WriteString(to, as(drawn))
	return err
}

func (r Row) drawn() bindmap.Model {
	return bindmap.Model{Name: r.Model, Key: r.Key, Tenants: r.Tenants, Why: r.Why, Table: r.Table, Join: r.join, Relations: r.relations}
}

// JSON prints a map for programs.
func (m *Map) JSON(to io.Writer) error {
	out := json.NewEncoder(to)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(m)
}
