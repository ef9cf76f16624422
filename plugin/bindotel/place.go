package bindotel

import (
	"database/sql"
	"net"
	"reflect"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A place is what is known of a bind's pool before any statement: what all of its spans
// have in common.
type place struct {
	of         *sql.DB
	system     string // as in db.system.name
	attributes []attribute.KeyValue
	// measured are those of metrics: without what each tenant has for itself, unless that
	// was asked for.
	measured []attribute.KeyValue
}

// place is what is known of a pool. A tenant that was closed, and opened again, may be in
// another database.
func (o *observer) place(at bindkey.Placement, db *sql.DB) *place {
	if known := o.places.load(at); known != nil && known.of == db {
		return known
	}
	found := &place{of: db, system: "other_sql"}
	p := o.plugin.Load()
	if p != nil {
		found.system = systemOf(p, at.Key)
	}
	found.attributes = []attribute.KeyValue{dbSystemName.String(found.system), BindKey.String(at.Key)}
	if at.Role != "" {
		found.attributes = append(found.attributes, RoleKey.String(at.Role))
	}
	found.measured = found.attributes[:len(found.attributes):len(found.attributes)]
	found.attributes = append(found.attributes, serverOf(db).attributes()...)
	if at.Tenant != "" {
		found.attributes = append(found.attributes, TenantKey.String(at.Tenant))
	}
	if at.Tenant == "" || o.tenants {
		found.measured = found.attributes
	}
	o.places.store(at, found, p)
	return found
}

// systemOf is the db.system.name of a bind: its dialector's, by the names of the
// conventions. MariaDB says so in its version, which the dialector of MySQL has asked for.
func systemOf(p *bindkey.Plugin, key string) string {
	dialector, err := p.Dialector(key)
	if err != nil {
		return "other_sql"
	}
	switch name := dialector.Name(); name {
	case "postgres":
		return postgresql
	case "mysql":
		if strings.Contains(strings.ToLower(textField(reflect.ValueOf(dialector), "ServerVersion")), "mariadb") {
			return "mariadb"
		}
		return name
	case "sqlserver", "mssql":
		return sqlServer
	case "oracle":
		return "oracle.db"
	case "sqlite", "clickhouse":
		return name
	default:
		return "other_sql"
	}
}

// A server is what a driver's configuration says of where it connects.
type server struct {
	address   string
	port      int
	namespace string
}

func (s server) attributes() (list []attribute.KeyValue) {
	if s.namespace != "" {
		list = append(list, dbNamespace.String(s.namespace))
	}
	if s.address != "" {
		list = append(list, serverAddress.String(s.address))
		if s.port > 0 {
			list = append(list, serverPort.Int(s.port))
		}
	}
	return list
}

// serverOf reads the configuration that a driver has made of its DSN, in the connector of
// a *sql.DB, which database/sql shows to nobody: a DSN read once more might be read in
// another way, and tell a piece of a password. What has another form tells nothing.
func serverOf(db *sql.DB) (s server) {
	if db == nil {
		return s
	}
	defer func() {
		if recover() != nil {
			s = server{}
		}
	}()
	s, _ = findServer(reflect.ValueOf(db).Elem().FieldByName("connector"), 5)
	return s
}

// findServer looks for a configuration in a connector, and in those that it wraps.
func findServer(value reflect.Value, depth int) (server, bool) {
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct || depth == 0 {
		return server{}, false
	}
	if s, ok := configured(value); ok {
		return s, true
	}
	for i := 0; i < value.NumField(); i++ {
		switch value.Field(i).Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Struct:
			if s, ok := findServer(value.Field(i), depth-1); ok {
				return s, true
			}
		}
	}
	return server{}, false
}

// configured reads the configurations of pgx, MySQL and SQL Server.
func configured(value reflect.Value) (s server, ok bool) {
	has := func(name string, kind reflect.Kind) bool {
		field, found := value.Type().FieldByName(name)
		return found && len(field.Index) == 1 && field.Type.Kind() == kind
	}
	switch {
	case has("Addr", reflect.String) && has("Net", reflect.String) && has("DBName", reflect.String):
		s.address, s.namespace = textField(value, "Addr"), textField(value, "DBName")
		if host, port, err := net.SplitHostPort(s.address); err == nil {
			s.address = host
			s.port, _ = strconv.Atoi(port)
		}
		return s, true
	case has("Host", reflect.String) && has("Database", reflect.String):
		s.address, s.namespace = textField(value, "Host"), textField(value, "Database")
		if port := value.FieldByName("Port"); port.CanUint() && !strings.HasPrefix(s.address, "/") {
			s.port = int(port.Uint())
		}
		if instance := textField(value, "Instance"); instance != "" {
			s.namespace = strings.Trim(instance+"|"+s.namespace, "|")
		}
		if schema := searchPath(value.FieldByName("RuntimeParams")); schema != "" {
			s.namespace = strings.Trim(s.namespace+"|"+schema, "|")
		}
		if severalHosts(value.FieldByName("Fallbacks"), s) {
			s.address, s.port = "", 0
		}
		return s, true
	default:
		return s, false
	}
}

// searchPath is the first schema of PostgreSQL's search_path, as the connection was
// configured.
func searchPath(params reflect.Value) string {
	if params.Kind() != reflect.Map {
		return ""
	}
	path := params.MapIndex(reflect.ValueOf("search_path"))
	if !path.IsValid() {
		return ""
	}
	first, _, _ := strings.Cut(path.String(), ",")
	return strings.Trim(strings.TrimSpace(first), `"`)
}

// severalHosts reports whether a configuration names other hosts, too: nobody knows which
// one a statement has gone to.
func severalHosts(fallbacks reflect.Value, s server) bool {
	for i := 0; fallbacks.Kind() == reflect.Slice && i < fallbacks.Len(); i++ {
		one := fallbacks.Index(i)
		if textField(one, "Host") != s.address || s.port > 0 && int(reflect.Indirect(one).FieldByName("Port").Uint()) != s.port {
			return true
		}
	}
	return false
}

// textField is a field of a struct, or of what it embeds; "" without one.
func textField(value reflect.Value, name string) (text string) {
	defer func() {
		if recover() != nil { // a nil pointer to what is embedded
			text = ""
		}
	}()
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct {
		return ""
	}
	if field := value.FieldByName(name); field.IsValid() && field.Kind() == reflect.String {
		return field.String()
	}
	return ""
}
