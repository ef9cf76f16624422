package bindmap

import (
	"fmt"
	"strings"
)

// Mermaid is the map as a diagram of Mermaid, which GitHub, GitLab and others draw where a
// block of Markdown has the language mermaid: a box for each bind with its tables in it, and an
// arrow for each relation, dotted where it crosses. It is a flowchart, since Mermaid's ER
// diagrams have no boxes around tables.
func (m Map) Mermaid() string {
	var text strings.Builder
	text.WriteString("flowchart LR\n")
	nodes, joins := map[[3]string]string{}, map[string]string{} // two packages may have models of one name
	for i, model := range m.Models {
		id := fmt.Sprintf("t%d", i)
		nodes[[3]string{model.Name, model.Key, model.Table}] = id
		if model.Join {
			for _, field := range strings.Split(model.Name, ", ") {
				joins[field] = id
			}
		}
	}
	box, boxes := "", 0
	for i, model := range m.Models {
		if i == 0 || model.Key != box {
			if i > 0 {
				text.WriteString("    end\n")
			}
			box = model.Key
			fmt.Fprintf(&text, "    subgraph b%d[\"%s\"]\n", boxes, mermaid.Replace(model.place()))
			boxes++
		}
		label := "<b>" + mermaid.Replace(model.Table) + "</b>"
		if !model.Join {
			label += "<br/>" + mermaid.Replace(model.Name)
		}
		fmt.Fprintf(&text, "        t%d[\"%s\"]\n", i, label)
	}
	if len(m.Models) > 0 {
		text.WriteString("    end\n")
	}
	keys := map[string]string{}
	for i, model := range m.Models {
		keys[fmt.Sprintf("t%d", i)] = model.Key
	}
	arrow := func(from, to, field string) {
		line := "-->"
		if keys[from] != keys[to] {
			line = "-.->"
		}
		if field != "" {
			line += `|"` + mermaid.Replace(field) + `"|`
		}
		fmt.Fprintf(&text, "    %s %s %s\n", from, line, to)
	}
	joined := map[string]bool{}
	for i, model := range m.Models {
		from := fmt.Sprintf("t%d", i)
		for _, relation := range model.Relations {
			to, known := nodes[[3]string{relation.Model, relation.Key, relation.Table}]
			if !known {
				continue
			}
			over := joins[model.Name+"."+relation.Field]
			if relation.Join == "" || over == "" {
				arrow(from, to, relation.Field)
				continue
			}
			arrow(from, over, relation.Field)
			if !joined[over+to] {
				joined[over+to] = true
				arrow(over, to, "")
			}
		}
	}
	return text.String()
}

// mermaid writes what has a meaning in a label as an entity of Mermaid.
var mermaid = strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "\n", " ")
