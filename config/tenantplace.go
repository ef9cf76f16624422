package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/dsn"
)

// A place is where the rows of a URL are. Its parts are decoded.
type place struct {
	dialect  string
	database string   // a name; of SQLite the path of a file
	servers  []string // hosts, ports, sockets and instances
	users    []string
	schemas  []string // of PostgreSQL, that tables are looked for in; of an unknown dialect, the parameters
}

// placeOf reads a URL as the driver of its dialect does.
func placeOf(rawURL string, dialector gorm.Dialector) place {
	p := place{dialect: dialector.Name()}
	if p.dialect == "sqlite" {
		p.database = sqliteFile(dsn.Of(dialector).DSN)
		return p
	}
	parts := partsOf(rawURL)
	params, _ := url.ParseQuery(parts.query) // what can't be read, the opener has refused
	lower := map[string]string{}             // SQL Server's driver tells no cases apart
	for name, values := range params {
		lower[strings.ToLower(name)] = values[0]
	}
	first := func(values ...string) string {
		for _, value := range values {
			if value != "" {
				return value
			}
		}
		return ""
	}
	user, _, _ := strings.Cut(parts.userinfo, ":")
	user = first(lower["user"], lower["user id"], unescaped(user))
	path := strings.TrimLeft(unescaped(parts.path), "/")
	p.users = []string{user}
	defaultPort := ""
	switch p.dialect {
	case "postgres":
		defaultPort = "5432"
		p.database = first(lower["dbname"], lower["database"], path, os.Getenv("PGDATABASE"), user) // as pgx and the server
		p.schemas = schemasOf(lower["search_path"]+searchPathsOf(lower["options"]), user)
	case "mysql":
		defaultPort = "3306"
		p.database = path
	case "sqlserver":
		defaultPort = "1433"
		p.database = first(lower["database"], lower["initial catalog"])
		p.servers = append(p.servers, "instance "+path)
	default: // any parameter may say where the rows are
		p.database = path
		for name, value := range lower {
			p.schemas = append(p.schemas, name+"="+value)
		}
		sort.Strings(p.schemas)
	}
	for _, host := range strings.Split(first(lower["host"], lower["unix_socket"], lower["server"], parts.hosts), ",") {
		port := ""
		if at := strings.LastIndex(host, ":"); at > strings.LastIndex(host, "]") && !strings.HasPrefix(host, "/") {
			host, port = host[:at], host[at+1:]
		}
		p.servers = append(p.servers, "host "+unescaped(host), "port "+first(lower["port"], port, defaultPort))
	}
	return p
}

// urlParts are the parts of a URL as they stand. net/url reads no list of hosts, and no braces
// in one.
type urlParts struct{ userinfo, hosts, path, query, fragment string }

func partsOf(rawURL string) (p urlParts) {
	_, rest, _ := strings.Cut(rawURL, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		p.hosts, rest = rest[:end], rest[end:]
	} else {
		p.hosts, rest = rest, ""
	}
	if at := strings.LastIndex(p.hosts, "@"); at >= 0 {
		p.userinfo, p.hosts = p.hosts[:at], p.hosts[at+1:]
	}
	if !strings.HasPrefix(schemeOf(rawURL), "sqlite") { // what it takes as a path stands as it is
		rest, p.fragment, _ = strings.Cut(rest, "#")
	}
	p.path, p.query, _ = strings.Cut(rest, "?")
	return p
}

func unescaped(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}

// searchPathsOf are those in the options of a connection, "-c search_path=acme", each
// behind a comma.
func searchPathsOf(options string) (paths string) {
	for _, option := range strings.Split(" "+options, " -") {
		if _, path, is := strings.Cut(option, "search_path="); is {
			paths += "," + path
		}
	}
	return paths
}

// schemasOf are the schemas of a search_path, which is PostgreSQL's own without one.
func schemasOf(path, user string) (schemas []string) {
	if path == "" {
		path = `"$user",public`
	}
	for _, schema := range strings.Split(path, ",") {
		if schema = strings.Trim(schema, " \t\"'"); schema == "$user" {
			schema = user
		}
		if schema != "" {
			schemas = append(schemas, schema)
		}
	}
	return schemas
}

// sqliteFile is the path in a DSN of SQLite's drivers.
func sqliteFile(text string) string {
	path, _, _ := strings.Cut(text, "?")
	if uri, is := strings.CutPrefix(path, "file:"); is {
		uri, _, _ = strings.Cut(uri, "#")
		if authority, after := strings.CutPrefix(uri, "//"); after {
			_, uri, _ = strings.Cut(authority, "/")
			uri = "/" + uri
		}
		return unescaped(uri)
	}
	return path
}

// longest is how long names can be, by dialect, and what comes of one that is longer.
var longest = map[string]struct {
	limit int
	count func(string) int
	why   string
}{
	"postgres":  {63, bytesIn, "PostgreSQL cuts a name after 63 bytes, so that two tenants may get one database, user or schema"},
	"mysql":     {64, utf8.RuneCountInString, "MySQL and MariaDB have databases whose names are 64 characters at most"},
	"sqlserver": {128, utf8.RuneCountInString, "SQL Server has databases whose names are 128 characters at most"},
	"sqlite":    {255 - len("-journal"), bytesIn, "file systems have names of 255 bytes at most, and SQLite's journal needs 8 of them"},
}

func bytesIn(text string) int { return len(text) }

// tooLong is what is wrong with a tenant's names. Those that other has as well do not come
// of the tenant's.
func (p place) tooLong(other place) error {
	most, known := longest[p.dialect]
	if !known {
		return nil
	}
	for i, name := range p.names() {
		if others := other.names(); most.count(name) > most.limit && (i >= len(others) || name != others[i]) {
			return fmt.Errorf("with this one, the URL has a name of %d, and %s; shorten it, or what stands around %s", most.count(name), most.why, tenantMark)
		}
	}
	return nil
}

func (p place) names() []string {
	switch p.dialect {
	case "sqlite":
		return strings.Split(filepath.ToSlash(p.database), "/")
	case "postgres":
		return append(append([]string{p.database}, p.users...), p.schemas...)
	}
	return []string{p.database}
}

// besideFile reports whether the file is what SQLite keeps beside one of another name.
func (p place) besideFile() bool {
	for _, end := range []string{"-journal", "-wal", "-shm"} {
		if p.dialect == "sqlite" && strings.HasSuffix(strings.ToLower(p.database), end) {
			return true
		}
	}
	return false
}

// reaches reports whether a tenant's rows are where another bind's are, because of the
// tenant's name: other is the same URL with another name.
//
// Where the name makes the database's, hosts do not count. One server has many names
// (localhost, 127.0.0.1, a socket, a pooler, those of DNS), and two of them would be taken for two
// servers. So a database of this name on another server is refused as well: rather that
// than a tenant in main. Cases do not count either, since some servers and file systems
// tell none apart.
func (p place) reaches(bind, other place) bool {
	if p.dialect != bind.dialect || !p.sameDatabase(bind) {
		return false
	}
	return p.database != other.database || makesOneOf(p.servers, other.servers, bind.servers) || makesOneOf(p.schemas, other.schemas, bind.schemas)
}

// makesOneOf reports whether a name that is not in others too is one of the bind's.
func makesOneOf(names, others, binds []string) bool {
	for i, name := range names {
		for _, one := range binds {
			if (i >= len(others) || name != others[i]) && strings.EqualFold(name, one) {
				return true
			}
		}
	}
	return false
}

func (p place) sameDatabase(bind place) bool {
	if p.dialect != "sqlite" {
		return strings.EqualFold(p.database, bind.database)
	}
	one, oneErr := os.Stat(p.database)
	two, twoErr := os.Stat(bind.database)
	return strings.EqualFold(realPath(p.database), realPath(bind.database)) || oneErr == nil && twoErr == nil && os.SameFile(one, two)
}

// realPath is a path without links, as far as there is one.
func realPath(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	for dir, rest := path, ""; ; dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		if dir == filepath.Dir(dir) {
			return path
		}
	}
}

// checkPlace finds what a tenant's name must not do: make a name that is too long, or lead
// to another bind's database.
func (c *Config) checkPlace(pattern endpoint, tenant, text string, dialector gorm.Dialector) error {
	otherText := strings.ReplaceAll(pattern.url, tenantMark, tenant+"0")
	otherDialector, problem := c.openers.dialector(otherText)
	if problem != nil {
		return problem
	}
	own, other := placeOf(text, dialector), placeOf(otherText, otherDialector)
	if err := own.tooLong(other); err != nil {
		return fmt.Errorf("%w; %v", ErrTenantName, err)
	}
	if own.besideFile() && own.database != other.database {
		return fmt.Errorf("%w; with this one, the file would be one that SQLite keeps beside another tenant's; write an end behind %s: %s.db", ErrTenantName, tenantMark, tenantMark)
	}
	for _, b := range c.binds {
		if b.tenanted() {
			continue
		}
		for _, e := range append([]endpoint{b.source}, b.replicas...) {
			if own.reaches(placeOf(e.url, e.dialector), other) {
				return fmt.Errorf("%w; with this one, the URL would lead to the database of bind %q, or to one of its name on another server; rename one, or write a prefix before %s: customer_%s", ErrTenantName, b.key, tenantMark, tenantMark)
			}
		}
	}
	return nil
}
