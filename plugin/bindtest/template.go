package bindtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A template is what databases have once they are migrated: the bytes of a SQLite file, or
// what was sent to a server, to be sent again. So no server needs a template database
// that somebody would have to drop.
type template struct {
	mu     sync.Mutex // held while it is made
	made   bool
	files  map[string][]byte
	script map[string][]line

	// config is kept, so that no other has the addresses that are in the template's key.
	config gorm.Config
}

// A line is a statement that was sent, with its variables.
type line struct {
	sql  string
	args []any
}

var (
	templating sync.Mutex
	templates  = map[string]*template{}
)

// template is the template of all handles that are migrated alike.
func (c *choices) template(plugin *bindkey.Plugin, keys []string) (*template, error) {
	config := &c.config
	identity := []string{fmt.Sprintf("%q %#v %v %v", keys, config.NamingStrategy, config.DisableForeignKeyConstraintWhenMigrating, config.IgnoreRelationshipsWhenMigrating)}
	add := func(what, at any) { identity = append(identity, fmt.Sprintf("%v in %v", what, at)) }
	model := func(model any, at any) {
		t := reflect.TypeOf(model)
		add(fmt.Sprintf("%s %x", t, reflect.ValueOf(t).Pointer()), at) // two may have one name, in functions
	}
	given := len(plugin.Models())
	for i, m := range withRelated(plugin.Models()) {
		key, err := plugin.KeyOf(m)
		if unknown := (*bindkey.UnknownBindError)(nil); errors.As(err, &unknown) {
			key, err = unknown.Key, nil // it is registered later, unless it has tenants
		}
		if err != nil && i < given {
			return nil, err
		}
		model(m, key)
	}
	sort.Strings(identity[1+given:]) // relations are in no order
	for _, f := range c.tenants {
		add(fmt.Sprintf("tenants %q", f.names), f.key)
	}
	for _, key := range keys {
		for _, item := range c.data[key] {
			if table, ok := item.(string); ok {
				add(table, key)
			} else {
				model(item, key)
			}
		}
		if server, ok := c.server(key); ok {
			add(server.Driver, key)
		}
	}
	if c.migrate != nil {
		name := runtime.FuncForPC(reflect.ValueOf(c.migrate).Pointer()).Name()
		if literal.MatchString(name) {
			return &template{}, nil // nobody else's
		}
		add(name, "all")
	}
	templating.Lock()
	defer templating.Unlock()
	id := strings.Join(identity, "\n")
	if templates[id] == nil {
		templates[id] = &template{config: c.config}
	}
	return templates[id], nil
}

// literal is how the runtime calls a function literal, and a method that is a value,
// which may both do something else each time.
var literal = regexp.MustCompile(`\.func\d|-fm$`)

// A scribe writes down what a migration sends to databases.
type scribe struct {
	mu      sync.Mutex
	lines   map[string][]line
	unclear map[string]bool // something was rolled back, so that what is there is not what was sent
}

// note writes down a call that has succeeded.
func (s *scribe) note(key string, call testkit.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch call.Kind {
	case testkit.Rollback, testkit.SavePoint, testkit.RollbackTo:
		s.unclear[key] = true
	case testkit.Statement:
		if !call.Part {
			s.lines[key] = append(s.lines[key], line{call.SQL, values(call.Args)})
		}
	}
}

func values(args []driver.NamedValue) []any {
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg.Value
	}
	return values
}

// script is what has to be sent again to a database, or false if that would not be the
// same: something was rolled back, or a statement names the database itself.
func (s *scribe) script(key, database string) (lines []line, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines[key] {
		if reads(line.sql) {
			continue
		}
		if strings.Contains(line.sql, database) || strings.Contains(fmt.Sprint(line.args...), database) {
			return nil, false
		}
		lines = append(lines, line)
	}
	return lines, !s.unclear[key]
}

// reads reports whether a statement only looks at the catalog: one that a migration sends
// to find out what is there. A SELECT that calls something of the database's might change
// it, and is sent again.
func reads(sql string) bool { return catalogs.MatchString(sql) }

var catalogs = regexp.MustCompile(`(?is)^\s*(SHOW\b|SELECT\b.*\b(information_schema|pg_catalog|pg_class|pg_index|pg_attribute|pg_constraint|sqlite_master)\b|SELECT\s+(DATABASE|CURRENT_DATABASE|VERSION)\(\))`)

// play sends a script to a fresh database.
func play(d *database, lines []line) error {
	pool := sql.OpenDB(d.connector)
	defer pool.Close()
	conn, err := pool.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, line := range lines {
		if _, err := conn.ExecContext(context.Background(), line.sql, line.args...); err != nil {
			return fmt.Errorf("%s: %w", line.sql, err)
		}
	}
	return nil
}

// keep makes a template of databases that were migrated. One that can't be copied is
// made anew by each test.
func (tpl *template) keep(databases map[string]*database, s *scribe) error {
	files, scripts := map[string][]byte{}, map[string][]line{}
	for key, d := range databases {
		if d.file == "" {
			lines, ok := s.script(key, d.name)
			if !ok {
				return nil
			}
			scripts[key] = lines
			continue
		}
		content, err := os.ReadFile(d.file)
		if err != nil {
			return err
		}
		if _, err := os.Stat(d.file + "-wal"); err == nil {
			return nil // the file is not all of it
		}
		files[key] = content
	}
	tpl.files, tpl.script, tpl.made = files, scripts, true
	return nil
}
