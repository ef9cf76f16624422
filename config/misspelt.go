package config

import (
	"strings"
)

// wrongNames are what others call a setting: too far from its name to be near.
var wrongNames = map[string][]string{
	nameURL:              {"DSN"},
	nameReplicas:         {"REPLICA", "REPLICAS", "READ_REPLICA", "READ_REPLICAS", "READ_REPLICA_URL", "READ_REPLICA_URLS"},
	"policy":             {"REPLICA_POLICY"},
	"max_open_conns":     {"POOL", "POOL_SIZE", "MAX_CONNS", "MAX_CONNECTIONS", "MAX_OPEN", "MAX_OPEN_CONNECTIONS"},
	"max_idle_conns":     {"MAX_IDLE", "MAX_IDLE_CONNECTIONS", "IDLE_CONNS"},
	"conn_max_lifetime":  {"MAX_LIFETIME", "LIFETIME", "CONN_LIFETIME", "CONNECTION_MAX_LIFETIME"},
	"conn_max_idle_time": {"MAX_IDLE_TIME", "IDLE_TIME", "IDLE_TIMEOUT", "CONNECTION_MAX_IDLE_TIME"},
	"connect_timeout":    {"TIMEOUT", "CONN_TIMEOUT", "CONNECTION_TIMEOUT"},
	"statement_timeout":  {"TIMEOUT", "QUERY_TIMEOUT"},
	"lock_timeout":       {"TIMEOUT"},
	"prepare_stmt":       {"PREPARE"},
}

// misspelt finds variables that are no setting, but are meant as one: they would be
// ignored in silence. Others that begin like a bind's may be somebody else's:
// Kubernetes sets MAIN_DB_PORT and MAIN_DB_SERVICE_HOST for a service main-db.
func (c *Config) misspelt() (mistakes []error) {
	if c.environ == nil {
		return nil
	}
	known := map[string]bool{}
	for _, b := range c.binds {
		for _, s := range allSettings {
			known[prefix(b.key)+s.suffix()] = true
		}
	}
	for _, variable := range c.environ() {
		variable, _, _ = strings.Cut(variable, "=")
		if known[variable] || c.expanded[variable] {
			continue
		}
		for _, b := range c.binds {
			name, is := strings.CutPrefix(variable, prefix(b.key)+"_DB_")
			if meant := b.meant(name); is && len(meant) > 0 {
				mistakes = append(mistakes, &SettingError{Key: b.key, Origin: variable, Err: errUnknown,
					text: "there is no such setting; did you mean " + orList(meant) + "?"})
				break
			}
		}
	}
	return mistakes
}

// meant are the bind's variables that a name without "…_DB_" may stand for.
func (b *bind) meant(name string) (meant []string) {
	for _, s := range allSettings {
		if near(name, strings.ToUpper(s.name)) {
			return []string{prefix(b.key) + s.suffix()}
		}
	}
	for _, s := range allSettings {
		if s.name == nameURL && len(b.given[nameURL]) > 0 {
			continue // so a DSN is for another program
		}
		for _, wrong := range wrongNames[s.name] {
			if name == wrong {
				meant = append(meant, prefix(b.key)+s.suffix())
			}
		}
	}
	return meant
}

func orList(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// near reports whether two names differ by a character, or long ones by two.
func near(a, b string) bool {
	allowed := 1
	if len(b) > 6 {
		allowed = 2
	}
	return distance(a, b) <= allowed
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := before
			if a[i-1] != b[j-1] {
				changed++
			}
			before = row[j]
			row[j] = least(changed, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

func least(a, b, c int) int {
	if b < a {
		a = b
	}
	if c < a {
		a = c
	}
	return a
}
