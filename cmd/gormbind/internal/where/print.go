package where

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table prints a map for people.
func (m *Map) Table(to io.Writer) error {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "MODEL\tKEY\tWHY\tTABLE\tCROSSES")
	for _, row := range m.Models {
		var crosses []string
		for _, cross := range row.Crosses {
			crosses = append(crosses, fmt.Sprintf("%s → %s (%s)", cross.Field, cross.Model, cross.Key))
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", row.Model, row.Key, row.Why, row.Table, strings.Join(crosses, ", "))
	}
	out.Flush()
	for _, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if _, err := fmt.Fprintln(to, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// JSON prints a map for programs.
func (m *Map) JSON(to io.Writer) error {
	out := json.NewEncoder(to)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(m)
}
