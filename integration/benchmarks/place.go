package main

import (
	"database/sql"
	"errors"
	"fmt"

	"gorm.io/gorm"

	lab "github.com/gormbind/gormbind/internal/benchlab"

	"github.com/gormbind/gormbind/integration/servers"
)

const (
	turns      = 5 // contenders, each with databases of its own
	goroutines = 4 // the most that work has: connections that each pool keeps
)

// A place has a pair of databases for each turn of a sitting. The turns are
// drawn anew each time, and so are the databases that a contender gets: how much
// one has grown is not one contender's lot.
type place struct {
	home, other *servers.Server
	pairs       [turns]map[string]*servers.Database
}

func (p *place) DryRun() bool { return false }

func (p *place) server(database string) *servers.Server {
	if database == lab.Home {
		return p.home
	}
	return p.other
}

func (p *place) Begin(string) error {
	for _, server := range []*servers.Server{p.home, p.other} {
		if err := server.Answers(); err != nil {
			return fmt.Errorf("%w: %w", lab.ErrAbsent, err)
		}
	}
	for turn := range p.pairs {
		p.pairs[turn] = map[string]*servers.Database{}
		for _, name := range []string{lab.Home, lab.Other} {
			database, err := p.server(name).Create(fmt.Sprintf("bench%d_%s", turn, name))
			if err != nil {
				return err
			}
			p.pairs[turn][name] = database
			if err := p.seed(name, database); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *place) seed(name string, database *servers.Database) error {
	pool, err := database.Open()
	if err != nil {
		return err
	}
	defer pool.Close()
	return lab.Seed(p.Dialector(name, pool))
}

// End drops what Begin has made, also where it has failed.
func (p *place) End() error {
	var failures []error
	for _, pair := range p.pairs {
		for _, database := range pair {
			failures = append(failures, database.Drop())
		}
	}
	return errors.Join(failures...)
}

// Open gives replicas the database of their source.
func (p *place) Open(turn int, databases []string) (map[string]*sql.DB, error) {
	pools := map[string]*sql.DB{}
	for _, name := range databases {
		source := p.pairs[turn][lab.Other]
		if name == lab.Home {
			source = p.pairs[turn][lab.Home]
		}
		pool, err := source.Open()
		if err != nil {
			return nil, err
		}
		pool.SetMaxIdleConns(goroutines)
		pools[name] = pool
	}
	return pools, nil
}

func (p *place) Dialector(database string, pool *sql.DB) gorm.Dialector {
	return p.server(database).DialectorOn(pool)
}
