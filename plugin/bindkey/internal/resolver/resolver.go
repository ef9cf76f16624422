// Package resolver is dbresolver as the plugin uses it: it makes one of a bind's
// pools, reads one that the application has made, and asks either to pick a pool.
package resolver

import (
	"context"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"
)

// A Resolver picks one of several pools, by the policy of a dbresolver.
type Resolver struct {
	DB *dbresolver.DBResolver
	// source and replica are dbresolver's callbacks: its only way to ask for a pool.
	source, replica func(*gorm.DB)
	// using is the clause that names the bind in the application's dbresolver.
	using map[string]clause.Clause
}

// New makes a dbresolver of pools that are open, given as dialectors, on a plain
// handle.
func New(plain *gorm.DB, config dbresolver.Config) (*Resolver, error) {
	resolver := dbresolver.Register(config)
	if err := plain.Use(resolver); err != nil {
		return nil, err
	}
	return of(resolver), nil
}

func of(resolver *dbresolver.DBResolver) *Resolver {
	return &Resolver{
		DB:      resolver,
		source:  resolver.Callback().Create().Get(CallbackName),
		replica: resolver.Callback().Query().Get(CallbackName),
	}
}

// Pick asks the policy for the pool of one statement, exactly once. With
// dbresolver's TraceResolverMode, the context that it returns carries dbresolver's
// mark for the log.
func (r *Resolver) Pick(ctx context.Context, op dbresolver.Operation) (gorm.ConnPool, context.Context) {
	// A scratch statement, since dbresolver's callbacks guess from the
	// statement's SQL and Settings what the plugin already knows.
	scratch := scratches.Get().(*gorm.DB)
	defer scratches.Put(scratch)
	scratch.Config = r.DB.DB.Config
	stmt := scratch.Statement
	stmt.ConnPool, stmt.Context, stmt.Clauses = nil, ctx, r.using
	if op == dbresolver.Read {
		r.replica(scratch)
	} else {
		r.source(scratch)
	}
	picked, ctx := stmt.ConnPool, stmt.Context
	stmt.ConnPool, stmt.Context, stmt.Clauses, scratch.Config = nil, nil, nil, nil
	return picked, ctx
}

var scratches = sync.Pool{New: func() any {
	db := &gorm.DB{Statement: &gorm.Statement{}}
	db.Statement.DB = db
	return db
}}
