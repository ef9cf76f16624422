package bindkey

import (
	"database/sql"
	"strings"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// A destination is where a statement goes, and why.
type destination struct {
	bind   *bind
	writes bool // of the statement's processor
	why    Reason
	raw    bool          // the statement's SQL was given
	facts  sqlscan.Facts // what that SQL says
	// subqueries are the binds of subqueries in it that its text does not show.
	subqueries []string
}

// destination weighs the evidence of a statement, in this order:
//
//  1. Use, in the statement or in the one that GORM derived it from.
//  2. SQL that was given (Raw, Exec, a raw join): its known tables decide.
//  3. Table(…) and clause.From: the known tables, the subqueries' binds.
//  4. The model, if it has a key, or if its own table is in the statement; then
//     the destination, if it has a key.
//  5. The default bind.
//
// Evidence of different binds is a [*CrossBindError].
func (p *Plugin) destination(stmt *gorm.Statement, d *destination) error {
	err := p.weighed(stmt, d)
	if u := p.effectiveUse(stmt); u != nil {
		if u.from != nil && err == nil && d.why != ReasonDefault && d.bind != u.from {
			return nil // chained on the result, and of another bind
		}
		ran := &use{key: u.key, applied: u.applied, from: u.from}
		if err == nil && d.why != ReasonDefault {
			ran.from = d.bind
		}
		stmt.Clauses[usingClause] = clause.Clause{Expression: ran}
		d.bind, err = p.lookup(u.key, "")
		d.why = ReasonUse
		return err
	}
	if err == nil && p.claused.Load() {
		if b, derived := p.derived(stmt, d.bind); derived {
			d.bind, d.why = b, ReasonUse
		}
	}
	return err
}

// weighed weighs all evidence but Use. Which dialect given SQL is written in
// depends on where it goes, and that on what it names: a text that dialects read
// differently goes to the bind that it names in the bind's own dialect.
func (p *Plugin) weighed(stmt *gorm.Statement, d *destination) error {
	if stmt.SQL.Len() == 0 {
		return p.weigh(stmt, d)
	}
	text := stmt.SQL.String()
	err := p.weighAs(stmt, text, p.dialect.lexicon, d)
	if !p.mixed || !sqlscan.Ambiguous(text) {
		return err
	}
	if u := p.effectiveUse(stmt); u != nil {
		if b, err := p.lookup(u.key, ""); err == nil {
			return p.weighAs(stmt, text, b.written, d)
		}
	}
	return p.agreed(stmt, text, d, err)
}

// agreed is the bind that a text names in that bind's own dialect. d and err are
// what it is in the handle's.
func (p *Plugin) agreed(stmt *gorm.Statement, text string, d *destination, err error) error {
	var agreed []destination
	for _, written := range p.lexicons {
		d := destination{writes: d.writes}
		if p.weighAs(stmt, text, written, &d) != nil || d.bind.written != written {
			continue
		}
		if len(agreed) > 0 && d.why == ReasonDefault {
			continue
		}
		if len(agreed) > 0 && agreed[0].why == ReasonDefault {
			agreed = nil
		}
		agreed = append(agreed, d)
	}
	if len(agreed) == 0 {
		if err == nil {
			err = &CrossBindError{Claims: []Claim{{Key: d.bind.key, Source: "the text, read as one in the handle's dialect"}},
				Way: "in that bind's own dialect it reads differently; choose with bindkey.Use"}
		}
		return err
	}
	for _, other := range agreed[1:] {
		if other.bind != agreed[0].bind {
			return &CrossBindError{Way: "choose one with bindkey.Use", Claims: []Claim{
				{Key: agreed[0].bind.key, Source: "the text, read in that bind's dialect"},
				{Key: other.bind.key, Source: "the same text, read in that bind's"}}}
		}
	}
	*d = agreed[0]
	return nil
}

func (p *Plugin) weighAs(stmt *gorm.Statement, text string, written sqlscan.Dialect, d *destination) error {
	rest, keys := neutral.WithoutUses(text)
	*d = destination{writes: d.writes, raw: true, facts: p.memory.Scan(rest, written), subqueries: keys}
	return p.weigh(stmt, d)
}

// weigh weighs all evidence but Use.
func (p *Plugin) weigh(stmt *gorm.Statement, d *destination) error {
	var model *home
	if stmt.Schema != nil {
		if model = p.homeOf(stmt.Schema); model.err != nil {
			return model.err
		}
	}
	own := ownTable(stmt) && !d.raw // so there is a model
	if own && p.strict && !model.keyed() {
		return &UnboundError{Model: schemaName(stmt.Schema), Table: stmt.Table, Known: p.known()}
	}
	if own && len(stmt.Joins) == 0 && !has(stmt, "FROM") && (!d.writes || !has(stmt, "INSERT") && !has(stmt, "UPDATE")) && !mayHaveSubquery(whereOf(stmt)) {
		d.bind, d.why = model.bind, model.why
		return nil
	}

	e := evidence{plugin: p, written: p.dialect.lexicon}
	if model != nil && (own || model.keyed()) {
		e.written = model.bind.written
	}
	switch {
	case d.raw:
		e.names(d.facts.Tables, ReasonRawSQL)
		e.keys(d.subqueries, ReasonRawSQL)
	case own:
	case stmt.TableExpr != nil && namesOnly(stmt.TableExpr, stmt.Table):
		e.name(sqlscan.Fold(stmt.Table), ReasonTable)
	case stmt.TableExpr != nil:
		e.expression(stmt, "SELECT * FROM ", *stmt.TableExpr, ReasonTable)
	case stmt.Table != "":
		e.table(stmt.Table, false)
	}
	if !d.raw {
		e.clauses(stmt, d.writes)
		e.rawSubqueries(whereOf(stmt))
		if err := e.joins(stmt); err != nil {
			return err
		}
	}
	switch {
	case own, model != nil && model.keyed():
		// A model without a key counts, too, where its own table is in the
		// statement; a DTO's is not.
		e.add(model.bind, model.why, model.claim.Source)
	case !e.decided():
		if err := e.destination(stmt); err != nil {
			return err
		}
	}
	b, why, err := e.verdict()
	home := own || model != nil && model.keyed()
	if err != nil && home && p.allows(stmt, model.bind) {
		b, why, err = model.bind, model.why, nil
	}
	if err != nil {
		return err
	}
	if b != nil {
		d.bind, d.why = b, why
		if home {
			d.bind = model.bind // or one that shares its database
		}
		return nil
	}
	if p.strict && !d.raw && (stmt.Table != "" || stmt.TableExpr != nil) {
		unbound := &UnboundError{Table: stmt.Table, Known: p.known()}
		if unbound.Table == "" {
			unbound.Table = stmt.TableExpr.SQL
		}
		return unbound
	}
	d.bind, d.why = p.defaultBind(), ReasonDefault
	return nil
}

// ownTable reports whether the statement's table is its model's own, and not
// one that was given to Table or From.
func ownTable(stmt *gorm.Statement) bool {
	if stmt.Schema == nil {
		return false
	}
	if from, ok := stmt.Clauses["FROM"].Expression.(clause.From); ok && len(from.Tables) > 0 {
		return false
	}
	if stmt.TableExpr == nil {
		return stmt.Table == stmt.Schema.Table
	}
	// GORM makes an expression of a model's "schema.table" (statement.go).
	if len(stmt.TableExpr.Vars) > 0 || strings.Count(stmt.Schema.Table, ".") != 1 {
		return false
	}
	if stmt.TableExpr.SQL == stmt.Quote(stmt.Schema.Table) {
		return true
	}
	var spoken strings.Builder // what is chained on a result has the bind's own quotes
	innerDialector(stmt.DB.Dialector).QuoteTo(&spoken, stmt.Schema.Table)
	return stmt.TableExpr.SQL == spoken.String()
}

// An evidence collects what a statement says of its bind.
type evidence struct {
	plugin *Plugin
	found  []evidenced
	unsure []string // tables that several binds have
	// written is the dialect that given SQL is written in.
	written sqlscan.Dialect
}

type evidenced struct {
	bind   *bind
	why    Reason
	source string
	table  string // in the place of source, for what is not told but in an error
}

func (e *evidence) decided() bool { return len(e.found) > 0 }

func (e *evidence) add(b *bind, why Reason, source string) {
	e.found = append(e.found, evidenced{bind: b, why: why, source: source})
}

// names adds the binds of known tables. A table of several binds is no
// evidence, but must agree with the rest.
func (e *evidence) names(tables []string, why Reason) {
	for _, table := range tables {
		e.name(table, why)
	}
}

func (e *evidence) name(table string, why Reason) {
	binds := e.plugin.bindsWithTable(table)
	switch len(binds) {
	case 0:
	case 1:
		e.found = append(e.found, evidenced{bind: binds[0], why: why, table: table})
	default:
		e.unsure = append(e.unsure, table)
	}
}

// namesOnly reports whether Table was given a table's name alone, which GORM has
// quoted: there is nothing else to read in it.
func namesOnly(expr *clause.Expr, table string) bool {
	if len(expr.Vars) > 0 || len(table) == 0 {
		return false
	}
	for i := 0; i < len(table); i++ {
		if c := table[i] | ' '; !('a' <= c && c <= 'z' || '0' <= table[i] && table[i] <= '9' || table[i] == '_' || c >= 0x80) {
			return false
		}
	}
	sql := expr.SQL
	if name, ok := neutral.Name(sql); ok {
		return name == table
	}
	return len(sql) == len(table)+2 && sql[1:len(sql)-1] == table && strings.IndexByte("`\"[", sql[0]) >= 0 && strings.IndexByte("`\"]", sql[len(sql)-1]) >= 0
}

// text adds the known tables that a text names, and the binds of its subqueries.
func (e *evidence) text(text string, why Reason) {
	rest, keys := neutral.WithoutUses(text)
	e.names(e.plugin.memory.Scan(rest, e.written).Tables, why)
	e.keys(keys, why)
}

// keys adds the binds of subqueries.
func (e *evidence) keys(keys []string, why Reason) {
	for _, key := range keys {
		if b, err := e.plugin.lookup(key, ""); err == nil {
			e.add(b, why, "a subquery")
		}
	}
}

// expression adds the tables of SQL that was given with arguments. Each
// subquery among them is evidence of the bind that it would go to. GORM renders
// what is left.
func (e *evidence) expression(stmt *gorm.Statement, prefix string, expr clause.Expr, why Reason) {
	if len(expr.Vars) == 0 {
		e.text(prefix+expr.SQL, why)
		return
	}
	vars := make([]any, len(expr.Vars))
	for i, value := range expr.Vars {
		vars[i] = e.withoutSubqueries(value, why)
	}
	session := stmt.DB.Session(&gorm.Session{NewDB: true, DryRun: true, Logger: logger.Discard, Initialized: true})
	scratch := session.Statement
	scratch.Schema, scratch.Table, scratch.Model = stmt.Schema, stmt.Table, stmt.Model
	scratch.Dest, scratch.ReflectValue, scratch.Unscoped = stmt.Dest, stmt.ReflectValue, stmt.Unscoped
	defer func() {
		// An expression of the application's that can't be rendered here says so
		// where GORM renders it.
		_ = recover()
	}()
	clause.NamedExpr{SQL: prefix + expr.SQL, Vars: vars}.Build(scratch)
	e.text(scratch.SQL.String(), why)
}

// withoutSubqueries is an argument with its subqueries asked where they go, and
// left out: they may say Use, which their text does not show, and rendering
// them here and again in the statement would double the work at each level.
func (e *evidence) withoutSubqueries(value any, why Reason) any {
	each := func(values []any) []any {
		without := make([]any, len(values))
		for i, value := range values {
			without[i] = e.withoutSubqueries(value, why)
		}
		return without
	}
	switch value := value.(type) {
	case *gorm.DB:
		route, err := e.plugin.Explain(value)
		if err != nil {
			return value // refused where it is rendered
		}
		if b, err := e.plugin.lookup(route.Key, ""); err == nil {
			e.add(b, why, "a subquery")
		}
		return clause.Expr{SQL: "SELECT 1"}
	case sql.NamedArg:
		return sql.Named(value.Name, e.withoutSubqueries(value.Value, why))
	case clause.Expr:
		value.Vars = each(value.Vars)
		return value
	case clause.NamedExpr:
		value.Vars = each(value.Vars)
		return value
	case []any:
		return each(value)
	case map[string]any:
		without := make(map[string]any, len(value))
		for name, value := range value {
			without[name] = e.withoutSubqueries(value, why)
		}
		return without
	default:
		return value
	}
}

// table adds a table's name; a raw one may be any SQL that stands for a table.
func (e *evidence) table(name string, raw bool) {
	switch {
	case name == "" || name == clause.CurrentTable:
	case raw:
		e.text("SELECT * FROM "+name, ReasonTable)
	default:
		e.name(sqlscan.Fold(name), ReasonTable)
	}
}

// clauses adds the tables of clauses that were given: FROM, and in a write INSERT
// and UPDATE. A soft delete has an UPDATE.
func (e *evidence) clauses(stmt *gorm.Statement, writes bool) {
	if insert, ok := stmt.Clauses["INSERT"].Expression.(clause.Insert); ok && writes {
		e.table(insert.Table.Name, insert.Table.Raw)
	}
	if update, ok := stmt.Clauses["UPDATE"].Expression.(clause.Update); ok && writes {
		e.table(update.Table.Name, update.Table.Raw)
	}
	from, ok := stmt.Clauses["FROM"].Expression.(clause.From)
	if !ok {
		return
	}
	for _, table := range from.Tables {
		e.table(table.Name, table.Raw)
	}
	for _, join := range from.Joins {
		if join.Expression != nil {
			e.expression(stmt, "SELECT * FROM x ", clause.Expr{SQL: "?", Vars: []any{join.Expression}}, ReasonRawSQL)
		} else {
			e.table(join.Table.Name, join.Table.Raw)
		}
	}
}

func whereOf(stmt *gorm.Statement) []clause.Expression {
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	return where.Exprs
}

// mayHaveSubquery reports whether there may be a subquery in conditions.
func mayHaveSubquery(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		switch expr.(type) {
		case clause.AndConditions, clause.OrConditions, clause.NotConditions:
			return true
		}
	}
	return hasSubquery(exprs)
}

// rawSubqueries adds the binds of subqueries whose SQL was given, where they have
// a Use or a model: GORM renders these without a callback (statement.go, AddVar),
// and their text does not tell.
func (e *evidence) rawSubqueries(exprs []clause.Expression) {
	for _, expr := range exprs {
		switch expr := expr.(type) {
		case clause.Expr:
			for _, value := range expr.Vars {
				query, ok := value.(*gorm.DB)
				if !ok || query.Statement.SQL.Len() == 0 || !has(query.Statement, usingClause) && query.Statement.Model == nil {
					continue
				}
				if route, err := e.plugin.Explain(query); err == nil && route.Why != ReasonDefault {
					if b, err := e.plugin.lookup(route.Key, ""); err == nil {
						e.add(b, ReasonTable, "a subquery")
					}
				}
			}
		case clause.AndConditions:
			e.rawSubqueries(expr.Exprs)
		case clause.OrConditions:
			e.rawSubqueries(expr.Exprs)
		case clause.NotConditions:
			e.rawSubqueries(expr.Exprs)
		}
	}
}

// joins adds what is joined: the models of relations, the tables of SQL.
func (e *evidence) joins(stmt *gorm.Statement) error {
	for i := range stmt.Joins {
		join := &stmt.Joins[i]
		switch relations := relationsNamed(stmt.Schema, join.Name); {
		case join.Expression != nil:
			e.expression(stmt, "SELECT * FROM x ", clause.Expr{SQL: "?", Vars: []any{join.Expression}}, ReasonRawSQL)
		case len(relations) > 0:
			for _, rel := range relations {
				b, err := e.plugin.strictly(rel.FieldSchema)
				if err != nil {
					return err
				}
				e.add(b, ReasonTable, "model "+schemaName(rel.FieldSchema))
			}
		default:
			e.expression(stmt, "SELECT * FROM x ", clause.Expr{SQL: join.Name, Vars: join.Conds}, ReasonRawSQL)
		}
	}
	return nil
}

// relationsNamed are the relations that a join names, "Team" or "Team.Owner";
// nil where it is SQL. GORM decides in the same way (callbacks/query.go).
func relationsNamed(s *schema.Schema, name string) (relations []*schema.Relationship) {
	for _, part := range strings.Split(name, ".") {
		if s == nil {
			return nil
		}
		rel, ok := s.Relationships.Relations[part]
		if !ok {
			return nil
		}
		relations, s = append(relations, rel), rel.FieldSchema
	}
	return relations
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
		if !found.bind.shares(e.found[0].bind) {
			return nil, "", e.crossing(nil)
		}
	}
	if len(e.found) == 0 {
		return e.unanimous()
	}
	first := e.found[0]
	for _, table := range e.unsure {
		if !sharesAny(e.plugin.bindsWithTable(table), first.bind) {
			return nil, "", e.crossing(nil)
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
			if sharesAny(candidates, b) {
				both = append(both, b)
			}
		}
		candidates = both
	}
	switch len(candidates) {
	case 0:
		return nil, "", e.crossing(nil)
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

// crossing is the error of evidence that disagrees: with itself, or with the
// bind that the statement was routed to.
func (e *evidence) crossing(routed *bind) *CrossBindError {
	err := &CrossBindError{Way: "load the relation with Preload, ask each database in a statement of its own, choose one with bindkey.Use, or, if one database has all of it, let the statement through with bindkey.AllowCrossBind"}
	claim := func(key, source string) {
		for _, known := range err.Claims {
			if known.Key == key && known.Source == source {
				return
			}
		}
		err.Claims = append(err.Claims, Claim{Key: key, Source: source})
	}
	if routed != nil {
		claim(routed.key, "the statement")
	}
	for _, found := range e.found {
		if found.table != "" {
			found.source = "table " + quoted(found.table)
		}
		claim(found.bind.key, found.source)
	}
	for _, table := range e.unsure {
		for _, b := range e.plugin.bindsWithTable(table) {
			claim(b.key, "table "+quoted(table))
		}
	}
	return err
}

func sharesAny(binds []*bind, b *bind) bool {
	for _, one := range binds {
		if one.shares(b) {
			return true
		}
	}
	return false
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
