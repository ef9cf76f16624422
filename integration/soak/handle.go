package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A handle is one *gorm.DB over the three databases, with the binds in one of their
// orders. Rounds share handles, since GORM keeps what a handle has prepared for good:
// the heap would grow by each.
type handle struct {
	at      map[string]*database // by bind
	pools   map[string]*sql.DB
	db      *gorm.DB
	plugin  *bindkey.Plugin
	prepare bool
	about   []string
}

// numHandles are the orders of three databases, with PrepareStmt and without.
const numHandles = 12

var orders = [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// handle is one of the handles, which is opened when it is needed first. Its
// settings come from the seed.
func (r *run) handle(number int) (*handle, error) {
	if h := r.handles[number]; h != nil {
		return h, nil
	}
	before := steady()
	rng := rand.New(rand.NewSource(r.seed<<20 - int64(number) - 1))
	h := &handle{at: map[string]*database{}, pools: map[string]*sql.DB{}, prepare: number >= len(orders)}
	for i, of := range orders[number%len(orders)] {
		h.at[keys[i]] = r.databases[of]
	}
	options := libraryOptions()
	var order []string
	if rng.Intn(2) == 0 {
		for _, i := range rng.Perm(len(keys))[:1+rng.Intn(len(keys))] {
			order = append(order, keys[i])
		}
		options = append(options, bindkey.CommitOrder(order...))
	}
	h.about = append(h.about, fmt.Sprintf("PrepareStmt %v, CommitOrder %v", h.prepare, order))
	err := h.openPools(rng)
	if err == nil {
		err = h.open(options)
	}
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	h.rest()
	r.handles[number] = h
	r.goroutines += steady() - before // a pool has one, however few connections
	return h, nil
}

// libraryOptions are those of all handles. The library must not wait longer than
// -bound for a database that does not answer.
func libraryOptions() []bindkey.Option {
	return []bindkey.Option{bindkey.EndTimeout(2 * time.Second)}
}

func (h *handle) openPools(rng *rand.Rand) error {
	for _, key := range keys {
		pool, about, err := h.at[key].open(rng)
		if err != nil {
			return err
		}
		h.pools[key] = pool
		h.about = append(h.about, fmt.Sprintf("%s: %s", key, about))
	}
	return nil
}

func (h *handle) open(options []bindkey.Option) (err error) {
	// A statement that is prepared in a transaction keeps that, and its context, for as long as
	// GORM keeps the statement: without a limit, each raw text for good. With a high one, hours go
	// by before every store is full and the heap has the size that it keeps.
	h.db, err = gorm.Open(h.at["main"].dialector(h.pools["main"]), &gorm.Config{PrepareStmt: h.prepare, PrepareStmtMaxSize: 10, Logger: logger.Discard})
	if err != nil {
		return err
	}
	h.plugin = bindkey.New(append(options, bindkey.Models(models...))...)
	for _, key := range keys[1:] {
		h.plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{h.at[key].dialector(h.pools[key])}})
	}
	return h.db.Use(h.plugin)
}

// wake makes the pools ready for a round.
func (h *handle) wake(connections int) {
	for _, pool := range h.pools {
		pool.SetMaxOpenConns(connections)
		pool.SetMaxIdleConns(connections)
	}
}

// rest closes all connections that are not in use.
func (h *handle) rest() {
	for _, pool := range h.pools {
		pool.SetMaxIdleConns(-1)
	}
}

func (h *handle) close() (err error) {
	if h.plugin != nil {
		err = h.plugin.Close()
	}
	for _, pool := range h.pools {
		err = errors.Join(err, pool.Close())
	}
	return err
}

func (h *handle) String() string { return strings.Join(h.about, "; ") }
