package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gormbind/gormbind/config"
)

// A tenant is one that -tenants names. Errors say where: a line of a file that was meant
// for something else may hold a password.
type tenant struct{ name, at string }

// tenantsIn are the tenants that a flag's value names, each once: with commas between, or
// in a file or on standard input with one a line.
func tenantsIn(flag string, stdin io.Reader) (all []tenant, err error) {
	seen := map[string]bool{}
	add := func(name, at string) {
		if name != "" && !seen[name] {
			seen[name] = true
			all = append(all, tenant{name, at})
		}
	}
	path, listed := strings.CutPrefix(flag, "@")
	if !listed {
		for _, name := range strings.Split(flag, ",") {
			name = strings.TrimSpace(name)
			add(name, fmt.Sprintf("tenant %q", name))
		}
	} else {
		from, called := stdin, "standard input"
		if path != "-" {
			file, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			defer file.Close()
			from, called = file, path
		}
		lines := bufio.NewScanner(from)
		for n := 1; lines.Scan(); n++ {
			if line := strings.TrimSpace(lines.Text()); !strings.HasPrefix(line, "#") {
				add(line, fmt.Sprintf("%s:%d", called, n))
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", called, err)
		}
	}
	if len(all) == 0 && flag != "" {
		return nil, fmt.Errorf("-tenants %s names no tenant", flag)
	}
	return all, nil
}

// databasesOf are those that no tenant has, and then those of each tenant, of all binds or
// of one.
func databasesOf(loaded *config.Config, tenants []tenant, key string) ([]config.Database, error) {
	all, err := loaded.DatabasesOf()
	if err != nil {
		return nil, err
	}
	for _, one := range tenants {
		databases, err := loaded.DatabasesOf(one.name)
		switch {
		case errors.Is(err, config.ErrTenantName):
			return nil, fmt.Errorf("%s: %w", one.at, errors.Unwrap(err)) // without the name
		case err != nil:
			return nil, err
		}
		for _, database := range databases {
			if database.Tenant != "" && (key == "" || database.Key == key) {
				all = append(all, database)
			}
		}
	}
	return all, nil
}
