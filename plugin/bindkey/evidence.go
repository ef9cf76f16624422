package bindkey

import (
	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// An evidence collects what a statement says of its bind.
type evidence struct {
	plugin *Plugin
	found  []evidenced
	unsure []string // tables that several binds have
	// unknown are tables that no bind is known to have.
	unknown []string
	// rawDialect is the dialect that given SQL is written in.
	rawDialect sqlscan.Dialect
	// fallback is the ambient bind, which has the tables that are known through a
	// model without a key; nil: the default bind.
	fallback *bind
	kind     crossingKind
}

type evidenced struct {
	bind   *bind
	why    Reason
	source string
	table  string // in the place of source, for what is not told but in an error
	keyed  bool   // and not only the ambient or default bind's
}

func (e *evidence) decided() bool { return len(e.found) > 0 }

func (e *evidence) add(b *bind, why Reason, source string) {
	e.found = append(e.found, evidenced{bind: b, why: why, source: source, keyed: true})
}

// names adds the binds of known tables. A table of several binds is no
// evidence, but must agree with the rest.
func (e *evidence) names(tables []string, why Reason) {
	for _, table := range tables {
		if !stmtscan.IsNobodys(table) {
			e.name(table, why)
		}
	}
}

func (e *evidence) name(table string, why Reason) {
	binds, keyed := e.plugin.whereIs(table, e.fallback)
	if len(binds) == 0 && e.plugin.learnParsed() {
		binds, keyed = e.plugin.whereIs(table, e.fallback)
	}
	switch len(binds) {
	case 0:
		e.unknown = append(e.unknown, table)
	case 1:
		if !keyed && e.fallback != nil {
			why = ReasonUse
		}
		e.found = append(e.found, evidenced{bind: binds[0], why: why, table: table, keyed: keyed})
	default:
		e.unsure = append(e.unsure, table)
	}
}

// text adds the known tables that a text names, and the binds of its subqueries.
func (e *evidence) text(text string, why Reason) {
	rest, keys := neutral.WithoutUses(text)
	e.names(e.plugin.texts.Scan(rest, e.rawDialect).Tables, why)
	e.keys(keys, why)
}

// keys adds the binds of subqueries.
func (e *evidence) keys(keys []string, why Reason) {
	for _, key := range keys {
		if key == "" { // what has no key
			b := e.fallback
			if b == nil {
				b = e.plugin.defaultBind()
			}
			e.found = append(e.found, evidenced{bind: b, why: why, source: "a subquery"})
			continue
		}
		if b, err := e.plugin.lookup(key, ""); err == nil {
			e.add(b, why, "a subquery")
		}
	}
}

// mentions adds what a statement names. own: its table is its model's.
func (e *evidence) mentions(stmt *gorm.Statement, own, writes bool) error {
	var room [4]stmtscan.Mention // enough for most
	for _, mention := range stmtscan.Mentions(stmt, own, writes, room[:0]) {
		why := ReasonTable
		if mention.Joined {
			why = ReasonRawSQL
		}
		switch {
		case mention.Table != "":
			e.name(mention.Table, why)
		case mention.Text != "":
			e.text(mention.Text, why)
		case mention.Subquery != nil:
			// An error is told where GORM renders the subquery.
			if route, _, err := e.plugin.explain(mention.Subquery); err == nil {
				e.subquery(route, why)
			}
		case mention.RawSubquery != nil:
			query := mention.RawSubquery
			if !stmtscan.Has(query.Statement, resolver.UsingClause) && query.Statement.Model == nil {
				continue // its text tells
			}
			if route, _, err := e.plugin.explain(query); err == nil && route.Why != ReasonDefault {
				e.subquery(route, why)
			}
		case mention.Relation != nil:
			b, err := e.plugin.requiredBind(mention.Relation)
			if err != nil {
				return err
			}
			e.add(b, why, "model "+schemaName(mention.Relation))
		}
	}
	return nil
}

func (e *evidence) subquery(route Route, why Reason) {
	if b, err := e.plugin.lookup(route.Key, ""); err == nil {
		e.add(b, why, "a subquery")
	}
}

// scanTarget adds the key of what a query scans into, if that is not its model.
func (e *evidence) scanTarget(stmt *gorm.Statement) error {
	t := catalog.ModelType(stmt.Dest)
	if t == nil || stmt.Schema != nil && stmt.Schema.ModelType == t {
		return nil
	}
	claim, faults := e.plugin.catalog.OfType(t)
	if faults != nil || claim.Key == "" {
		return e.plugin.faultsError(faults)
	}
	b, err := e.plugin.lookup(claim.Key, catalog.TypeName(t))
	if err == nil {
		e.add(b, Reason(claim.Why), "model "+catalog.TypeName(t))
	}
	return err
}
