package bindkey

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// A destination is where a statement goes, and why.
type destination struct {
	bind  *bind
	why   Reason
	raw   bool     // the statement's SQL was given
	facts sqlFacts // what that SQL says
}

// destination weighs the evidence of a statement, in this order:
//
//  1. Use, in the statement or in the one that GORM derived it from.
//  2. SQL that was given (Raw, Exec, a raw join): its known tables decide.
//  3. Table(…): the known table, or the tables of the subquery in it.
//  4. The model, if it has a key; then the destination, if it has one.
//  5. The default bind.
//
// Evidence of different binds is a [*CrossBindError].
func (p *Plugin) destination(stmt *gorm.Statement) (destination, error) {
	var d destination
	if stmt.SQL.Len() > 0 {
		d.raw = true
		d.facts = readSQL(stmt.SQL.String(), p.lexicon)
	}
	if p.claused.Load() {
		if u := p.effectiveUse(stmt); u != nil {
			b, err := p.lookup(u.key, "")
			d.bind, d.why = b, ReasonUse
			return d, err
		}
	}
	err := p.weigh(stmt, &d)
	if err == nil && p.claused.Load() {
		if b, derived := p.derived(stmt, d.bind); derived {
			d.bind, d.why = b, ReasonUse
		}
	}
	return d, err
}

// weigh weighs all evidence but Use.
func (p *Plugin) weigh(stmt *gorm.Statement, d *destination) error {
	var model *home
	if stmt.Schema != nil {
		model = p.homeOf(stmt.Schema)
	}
	own := ownTable(stmt)
	if own && model != nil && !d.raw && len(stmt.Joins) == 0 && model.keyed() {
		// The statement of most programs: a model with a key, and no other evidence.
		d.bind, d.why = model.bind, model.why
		return model.err
	}

	e := evidence{plugin: p}
	switch {
	case d.raw:
		e.names(d.facts.tables, ReasonRawSQL)
	case !own && stmt.TableExpr != nil:
		e.names(p.tablesIn(stmt), ReasonTable)
	case !own && stmt.Table != "":
		e.names([]string{foldTable(stmt.Table)}, ReasonTable)
	}
	if !d.raw {
		e.joins(stmt, p.lexicon)
	}
	if model != nil && model.keyed() {
		if model.err != nil {
			return model.err
		}
		e.add(model.bind, model.why, model.claim.Source)
	} else if !e.decided() {
		if err := e.destination(stmt); err != nil {
			return err
		}
	}
	b, why, err := e.verdict()
	if err != nil {
		return err
	}
	if b != nil {
		d.bind, d.why = b, why
		return nil
	}
	if p.strict && !d.raw {
		unbound := &UnboundError{Table: stmt.Table, Known: p.known()}
		if model != nil && own {
			unbound.Model = schemaName(stmt.Schema)
		}
		return unbound
	}
	d.bind, d.why = p.defaultBind(), ReasonDefault
	return nil
}

// ownTable reports whether the statement's table is its model's own, and not
// one that was given to Table.
func ownTable(stmt *gorm.Statement) bool {
	if stmt.Schema == nil {
		return stmt.Table == "" && stmt.TableExpr == nil
	}
	if stmt.Table == stmt.Schema.Table {
		return true
	}
	// GORM keeps the second part of "schema.table" (statement.go).
	return strings.HasSuffix(stmt.Schema.Table, "."+stmt.Table) && strings.Count(stmt.Schema.Table, ".") == 1
}

// tablesIn finds the tables that Table(…) names: its text, with what GORM puts
// in for its arguments. A subquery is rendered by GORM's query callbacks in
// DryRun, where it is routed too, so that its models are known afterwards.
func (p *Plugin) tablesIn(stmt *gorm.Statement) []string {
	session := stmt.DB.Session(&gorm.Session{NewDB: true, DryRun: true, Logger: logger.Discard, Initialized: true})
	scratch := session.Statement
	scratch.Schema, scratch.Table = stmt.Schema, stmt.Table
	scratch.WriteString("SELECT * FROM ")
	stmt.TableExpr.Build(scratch)
	return readSQL(scratch.SQL.String(), p.lexicon).tables
}

// An evidence collects what a statement says of its bind.
type evidence struct {
	plugin *Plugin
	found  []evidenced
	unsure []string // tables that several binds have
}

type evidenced struct {
	bind   *bind
	why    Reason
	source string
}

func (e *evidence) decided() bool { return len(e.found) > 0 }

func (e *evidence) add(b *bind, why Reason, source string) {
	e.found = append(e.found, evidenced{b, why, source})
}

// names adds the binds of known tables. A table of several binds is no
// evidence, but must agree with the rest.
func (e *evidence) names(tables []string, why Reason) {
	for _, table := range tables {
		binds := e.plugin.bindsWithTable(table)
		switch len(binds) {
		case 0:
		case 1:
			e.add(binds[0], why, "table "+quoted(table))
		default:
			e.unsure = append(e.unsure, table)
		}
	}
}

// joins adds the tables of joins that were given as SQL.
func (e *evidence) joins(stmt *gorm.Statement, dialect lexicon) {
	for i := range stmt.Joins {
		name := stmt.Joins[i].Name
		if strings.ContainsAny(name, " \t\n(") { // else the name of a relation
			e.names(readSQL("SELECT * FROM x "+name, dialect).tables, ReasonRawSQL)
		}
	}
}

// destination adds the key of what a query scans into, if that is not its model.
func (e *evidence) destination(stmt *gorm.Statement) error {
	t := modelType(stmt.Dest)
	if t == nil || stmt.Schema != nil && stmt.Schema.ModelType == t {
		return nil
	}
	key, why := e.plugin.data[t], ReasonRegistered
	if key == "" {
		read := e.plugin.keyOfType(t)
		if read.err != nil {
			return read.err
		}
		key, why = read.key, read.why
	}
	if key == "" {
		return nil
	}
	b, err := e.plugin.lookup(key, typeName(t))
	if err == nil {
		e.add(b, why, "model "+typeName(t))
	}
	return err
}

// verdict is the one bind that all evidence agrees on, or nil without any.
func (e *evidence) verdict() (*bind, Reason, error) {
	for _, found := range e.found {
		if found.bind != e.found[0].bind {
			return nil, "", e.crossing()
		}
	}
	if len(e.found) == 0 {
		return e.unanimous()
	}
	first := e.found[0]
	for _, table := range e.unsure {
		if !hasBind(e.plugin.bindsWithTable(table), first.bind) {
			return nil, "", e.crossing()
		}
	}
	return first.bind, first.why, nil
}

// unanimous is for statements that name only tables of several binds: the one
// bind that has them all.
func (e *evidence) unanimous() (*bind, Reason, error) {
	if len(e.unsure) == 0 {
		return nil, "", nil
	}
	candidates := e.plugin.bindsWithTable(e.unsure[0])
	for _, table := range e.unsure[1:] {
		var both []*bind
		for _, b := range e.plugin.bindsWithTable(table) {
			if hasBind(candidates, b) {
				both = append(both, b)
			}
		}
		candidates = both
	}
	switch len(candidates) {
	case 0:
		return nil, "", e.crossing()
	case 1:
		return candidates[0], ReasonTable, nil
	default:
		keys := map[string]bool{}
		for _, b := range candidates {
			keys[b.key] = true
		}
		return nil, "", &AmbiguousTableError{Table: e.unsure[0], Keys: sortedKeys(keys)}
	}
}

func (e *evidence) crossing() error {
	err := &CrossBindError{Way: "load the relation with Preload, ask each database in a statement of its own, or choose one with bindkey.Use"}
	for _, found := range e.found {
		err.Claims = append(err.Claims, Claim{Key: found.bind.key, Source: found.source})
	}
	for _, table := range e.unsure {
		for _, b := range e.plugin.bindsWithTable(table) {
			err.Claims = append(err.Claims, Claim{Key: b.key, Source: "table " + quoted(table)})
		}
	}
	return err
}

func hasBind(binds []*bind, b *bind) bool {
	for _, one := range binds {
		if one == b {
			return true
		}
	}
	return false
}

// bindsWithTable finds the binds where a folded name is a known table: as it
// stands, or by its last part, since SQL may qualify a table with its schema.
func (p *Plugin) bindsWithTable(name string) []*bind {
	if binds := p.tables.find(name); len(binds) > 0 {
		return binds
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		if binds := p.tables.find(name[dot+1:]); len(binds) > 0 {
			return binds
		}
	}
	if b, _ := p.adopted.bind(p, name); b != nil {
		return []*bind{b}
	}
	return nil
}
