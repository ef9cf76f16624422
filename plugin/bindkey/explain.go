package bindkey

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"
)

// A Route says where a statement would go.
type Route struct {
	Key       string               // the bind key
	Why       Reason               // what decided
	Operation dbresolver.Operation // dbresolver.Write or dbresolver.Read
	// Roles are the pools that the statement may go to: "source", "source-2",
	// "replica", …: the names of [Plugin.Stats]. Of several, the bind's policy
	// picks one when the statement runs. A bind that is not open yet has none.
	Roles []string
}

// Explain tells where a statement would go, without running it: no database
// and no policy is asked, and no branch of a transaction begins. A chain that
// is not finished counts as a query; what a finisher returned in DryRun counts
// as what it was. It returns the error that running the statement would, if
// routing refuses it.
//
//	route, err := plugin.Explain(db.Model(&LogEntry{}).Where("event = ?", "joined"))
func (p *Plugin) Explain(tx *gorm.DB) (Route, error) {
	if p.db == nil {
		return Route{}, installError("Explain needs an installed plugin; call db.Use first")
	}
	var route Route
	session := tx.Session(&gorm.Session{DryRun: true, SkipDefaultTransaction: true, Logger: logger.Discard, Initialized: true})
	stmt := session.Statement
	stmt.Settings.Store(explainSetting, &route)
	run := session.Callback().Query()
	switch {
	case has(stmt, "INSERT"), has(stmt, "SET"), has(stmt, "UPDATE"), has(stmt, "DELETE"):
		stmt.SQL.Reset()
		run = session.Callback().Create()
	case has(stmt, "SELECT"):
		stmt.SQL.Reset() // built by a finisher, not given
	case stmt.SQL.Len() > 0:
		run = session.Callback().Raw()
	}
	p.explaining.Add(1)
	defer p.explaining.Add(-1)
	if err := run.Execute(session).Error; !errors.Is(err, errExplained) {
		return Route{}, err
	}
	return route, nil
}

const explainSetting = "bindkey:explain"

// errExplained stops the callbacks of a statement that is only explained.
var errExplained = errors.New("bindkey: statement explained, not run")

func has(stmt *gorm.Statement, clause string) bool {
	_, ok := stmt.Clauses[clause]
	return ok
}

// explained tells Explain where a statement goes, if it was Explain that asked.
func (p *Plugin) explained(db *gorm.DB, kind statementKind, found *destination) bool {
	asked, ok := db.Statement.Settings.Load(explainSetting)
	if !ok {
		return false
	}
	route := asked.(*Route)
	*route = Route{Key: found.bind.key, Why: found.why, Operation: p.operation(db.Statement, kind, found)}
	if !found.bind.isOpen() {
		return true
	}
	pools := found.bind.pools(route.Operation)
	if tx := transactionOf(db); tx != nil {
		pools = found.bind.pools(tx.operation())
	}
	for _, pool := range pools {
		route.Roles = append(route.Roles, pool.role)
	}
	return true
}
