package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"go.yaml.in/yaml/v3"

	"github.com/gormbind/gormbind/config"
)

const oneBind = "binds: {main: {url: 'sqlite:///main.db'}}"

func withSetting(text string) string { return strings.Replace(oneBind, "}}", ", "+text+"}}", 1) }

// schemaCases are files, and whether they are right.
var schemaCases = map[string]bool{
	oneBind: true,
	"binds: {main: {url: '${URL}'}, über-2.x: {url: 'sqlite://'}}":                         true,
	withSetting("max_open_conns: 1"):                                                       true,
	withSetting("max_open_conns: '20'"):                                                    true,
	withSetting("max_open_conns: '${NUMBER}'"):                                             true,
	withSetting("max_idle_conns: 0"):                                                       true,
	withSetting("conn_max_lifetime: 1h30m"):                                                true,
	withSetting("conn_max_lifetime: 1.5h"):                                                 true,
	withSetting("conn_max_idle_time: '${TIME}'"):                                           true,
	withSetting("lock_timeout: 500ms"):                                                     true,
	withSetting("read_only: true"):                                                         true,
	withSetting("read_only: 'false'"):                                                      true,
	withSetting("prepare_stmt: '${SWITCH}'"):                                               true,
	withSetting("skip_default_transaction: false"):                                         true,
	withSetting("replica_urls: 'sqlite://'"):                                               true,
	withSetting("replica_urls: ['sqlite://', 'sqlite:///b.db'], " + "policy: round-robin"): true,
	withSetting("replica_urls: ['sqlite://', 'sqlite:///b.db'], " + "policy: '${POLICY}'"): true,

	"{}":                            false,
	"binds: []":                     false,
	oneBind + "\nother: 1":          false,
	"binds: {main: {url: main.db}}": false,
	"binds: {main: {url: 'sqlite://'}, 'a b': {url: 'sqlite://'}}":                   false,
	"binds: {main: 'sqlite://'}":                                                     false,
	withSetting("max_open_conn: 1"):                                                  false,
	withSetting("max_open_conns: 0"):                                                 false,
	withSetting("max_open_conns: many"):                                              false,
	withSetting("max_open_conns: 1.5"):                                               false,
	withSetting("max_idle_conns: -1"):                                                false,
	withSetting("conn_max_lifetime: 30"):                                             false,
	withSetting("conn_max_lifetime: soon"):                                           false,
	withSetting("lock_timeout: -1s"):                                                 false,
	withSetting("read_only: 'yes'"):                                                  false,
	withSetting("read_only: 1"):                                                      false,
	withSetting("prepare_stmt:"):                                                     false,
	withSetting("replica_urls: []"):                                                  false,
	withSetting("replica_urls: [b.db]"):                                              false,
	withSetting("replica_urls: {a: b}"):                                              false,
	withSetting("replica_urls: ['sqlite://', 'sqlite:///b.db'], " + "policy: first"): false,
}

// The schema and config.Load are of one opinion of a file, as far as it can be told
// from its form.
func TestSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("binds.json", bytes.NewReader(config.Schema())); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("binds.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NUMBER", "3")
	t.Setenv("URL", "sqlite:///c.db")
	t.Setenv("SWITCH", "true")
	t.Setenv("POLICY", "random")
	t.Setenv("TIME", "1m")
	for file, right := range schemaCases {
		var value any
		if err := yaml.Unmarshal([]byte(file), &value); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		encoded, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(encoded, &value)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		path := filepath.Join(t.TempDir(), "binds.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, loading := config.Load(config.File(path))
		if validating := schema.Validate(value); (validating == nil) != right || (loading == nil) != right {
			t.Errorf("%s: the schema says %v, and Load %v", file, validating, loading)
		}
	}
}
