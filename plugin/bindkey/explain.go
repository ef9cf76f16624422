package bindkey

import (
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/migrate"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// A Route says where a statement would go.
type Route struct {
	Key       string               // the bind key
	Tenant    string               // of a bind with tenants ([Tenants]): which one
	Why       Reason               // what decided
	Operation dbresolver.Operation // dbresolver.Write or dbresolver.Read
	// Roles are the pools that the statement may go to: "source", "source-2",
	// "replica", …: the names of [Plugin.Stats]. Of several, the bind's policy
	// picks one when the statement runs. A bind or tenant that is not open has none.
	Roles []string
}

// Explain tells where a statement would go, without running it: no database, no
// policy and no callback is asked, and no branch of a transaction begins. A chain
// that is not finished counts as a query; what a finisher returned in DryRun
// counts as what it was, and so does the statement of a hook or callback. It
// returns the error that running the statement would, if routing refuses it.
//
//	route, err := plugin.Explain(db.Model(&LogEntry{}).Where("event = ?", "joined"))
func (p *Plugin) Explain(tx *gorm.DB) (Route, error) {
	route, b, err := p.explain(tx)
	if err != nil || b.family == nil {
		return route, err
	}
	if route.Tenant, err = b.family.tenantOf(tx.Statement.Context); err != nil {
		return Route{}, p.ofModel(err, tx.Statement.Schema, useOf(tx.Statement))
	}
	if set := b.family.open(route.Tenant); set != nil {
		route.Roles = rolesOf(set.pools(route.Operation))
	}
	return route, nil
}

// explain is Explain, and finds the bind, but no tenant of it.
func (p *Plugin) explain(tx *gorm.DB) (Route, *bind, error) {
	if p.db == nil {
		return Route{}, nil, installError("Explain needs an installed plugin; call db.Use first")
	}
	if tx.Error != nil {
		return Route{}, nil, tx.Error
	}
	kind := p.kindOf(tx.Statement)
	session := tx.Session(&gorm.Session{DryRun: true, Logger: logger.Discard, Initialized: true})
	session = withScopes(session)
	stmt := session.Statement
	if r := recordOf(tx.Statement); r != nil { // the statement's own, though it is a copy
		own := *r
		own.stmt = stmt
		stmt.ConnPool = p.withRecord(unwrapRecord(stmt.ConnPool), own)
	}
	if stmtscan.Built(stmt) {
		stmt.SQL.Reset() // by a finisher, and not given
	}
	if err := stmtscan.Parse(stmt); err != nil {
		return Route{}, nil, err
	}
	found := decision{writes: kind.Writes()}
	if err := p.decide(stmt, &found); err != nil {
		return Route{}, nil, err
	}
	return p.routeTo(session, kind, &found), found.bind, nil
}

// kindOf is what a statement is: while its callbacks run, their processor tells;
// else the clauses that a finisher left.
func (p *Plugin) kindOf(stmt *gorm.Statement) statementKind {
	switch {
	case p.runs(stmt, createStatement), stmtscan.Has(stmt, "INSERT"):
		return createStatement
	case p.runs(stmt, updateStatement), stmtscan.Has(stmt, "SET"), stmtscan.Has(stmt, "UPDATE"):
		return updateStatement
	case p.runs(stmt, deleteStatement), stmtscan.Has(stmt, "DELETE"):
		return deleteStatement
	case stmt.SQL.Len() > 0 && !stmtscan.Has(stmt, "SELECT"):
		return rawStatement
	default:
		return queryStatement
	}
}

// runs reports whether the callbacks of a processor run a statement.
func (p *Plugin) runs(stmt *gorm.Statement, kind statementKind) bool {
	if len(stmt.BuildClauses) == 0 {
		return false
	}
	p.pooling.Lock()
	defer p.pooling.Unlock()
	for _, d := range p.dialects {
		if sameSlice(stmt.BuildClauses, d.Clauses[kind]) {
			return true
		}
	}
	return false
}

// withScopes runs the Scopes of a chain. GORM shows them to nobody but its
// processors and the dialector's Migrator (migrator.go).
func withScopes(session *gorm.DB) *gorm.DB {
	if routed, ok := session.Migrator().(migrate.Migrator); ok {
		return routed.DB()
	}
	return session
}

func (p *Plugin) routeTo(db *gorm.DB, kind statementKind, found *decision) Route {
	route := Route{Key: found.bind.key, Why: found.why, Operation: p.operation(db.Statement, kind, found, resolver.Asked(db.Statement))}
	if !found.bind.isOpen() || found.bind.family != nil {
		return route
	}
	pools := found.bind.pools(route.Operation)
	if tx := transactionOf(db); tx != nil {
		pools = found.bind.pools(tx.operation())
	}
	route.Roles = rolesOf(pools)
	return route
}

func rolesOf(pools []*boundPool) (roles []string) {
	for _, pool := range pools {
		roles = append(roles, pool.role)
	}
	return roles
}
