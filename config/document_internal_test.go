package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of settings into docs/configuration.md, and binds.schema.json")

const page = "../docs/configuration.md"

// TestDocuments holds the table of settings in the documents, and the schema,
// against the table in setting.go. go test ./config -run TestDocuments -update
// writes them.
func TestDocuments(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), "<!-- settings -->\n")
	_, after, ends := strings.Cut(rest, "<!-- end -->\n")
	if !begins || !ends {
		t.Fatalf("%s has no place for the table of settings", page)
	}
	want := before + "<!-- settings -->\n" + settingsTable() + "<!-- end -->\n" + after
	before, rest, begins = strings.Cut(want, "<!-- two_phase -->\n")
	_, after, ends = strings.Cut(rest, "<!-- end of two_phase -->\n")
	if !begins || !ends {
		t.Fatalf("%s has no place for the settings of two_phase", page)
	}
	want = before + "<!-- two_phase -->\n" + phaseTable() + "<!-- end of two_phase -->\n" + after
	if *update {
		for file, text := range map[string]string{page: want, "binds.schema.json": string(settingsSchema(t))} {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s has another table of settings than\n%s", page, settingsTable())
	}
	if got, want := Schema(), settingsSchema(t); !bytes.Equal(got, want) {
		t.Errorf("binds.schema.json is not\n%s", want)
	}
}

func settingsTable() string {
	var table strings.Builder
	table.WriteString("| in the file | variable of `analytics` | value | what it is | without it |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range allSettings {
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s | %s |\n", s.name, prefix("analytics")+s.suffix(), s.kind, s.doc, s.none)
	}
	return table.String()
}

func phaseTable() string {
	var table strings.Builder
	table.WriteString("| in the file | value | what it is | without it |\n| --- | --- | --- | --- |\n")
	for _, s := range phaseSettings {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", s.name, s.kind, s.doc, s.none)
	}
	return table.String()
}

func settingsSchema(t *testing.T) []byte {
	type object = map[string]any
	const placeholder = `\$\{`
	text := func(pattern string) object { return object{"type": "string", "pattern": pattern + "|" + placeholder} }
	number := func(least int) object {
		return object{"anyOf": []any{object{"type": "integer", "minimum": least}, text(`^[0-9]+$`)}}
	}
	url := text(`^[a-zA-Z][a-zA-Z0-9+.-]*://`)
	forms := map[kind]object{
		kindURL:      url,
		kindURLs:     {"anyOf": []any{object{"type": "array", "minItems": 1, "items": url}, url}},
		kindPolicy:   text("^(" + strings.Join(policyNames, "|") + ")$"),
		kindPositive: number(1),
		kindNumber:   number(0),
		kindDuration: text(`^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$`),
		kindSwitch:   {"anyOf": []any{object{"type": "boolean"}, text("^(true|false)$")}},
	}
	properties := object{}
	for _, s := range allSettings {
		property := object{"description": strings.ReplaceAll(s.doc, "`", "") + " Without it: " + strings.ReplaceAll(s.none, "`", "") + "."}
		for name, value := range forms[s.kind] {
			property[name] = value
		}
		properties[s.name] = property
	}
	phases := object{}
	forms[kindName] = object{"type": "string"}
	for _, s := range phaseSettings {
		property := object{"description": strings.ReplaceAll(s.doc, "`", "") + " Without it: " + strings.ReplaceAll(s.none, "`", "") + "."}
		for name, value := range forms[s.kind] {
			property[name] = value
		}
		phases[s.name] = property
	}
	phases["every"].(object)["pattern"] = phases["every"].(object)["pattern"].(string) + "|^never$"
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "Binds of gormbind",
		"description":          "The databases of a program, and how they are connected to. ${NAME} in a value is a variable of the environment.",
		"type":                 "object",
		"required":             []string{"binds"},
		"additionalProperties": false,
		"properties": object{"binds": object{
			"description":          "Each bind by its key; main is the one that the handle opens.",
			"type":                 "object",
			"propertyNames":        object{"pattern": `^[\p{L}\p{N}_.-]+$`},
			"additionalProperties": object{"$ref": "#/$defs/bind"},
		}, "two_phase": object{
			"description":          "Transactions over several databases are committed in two phases.",
			"type":                 "object",
			"required":             []string{"app"},
			"additionalProperties": false,
			"properties":           phases,
		}},
		"$defs": object{"bind": object{"type": "object", "additionalProperties": false, "properties": properties}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}
