package bindkey

import (
	"database/sql"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
)

// A destination is where a statement goes, and why.
type destination struct {
	bind    *bind
	writes  bool // of the statement's processor
	why     Reason
	keyed   bool          // something with a key decided
	raw     bool          // the statement's SQL was given
	facts   sqlscan.Facts // what that SQL says
	unknown []string      // tables in it that no bind is known to have
	// subqueries are the binds of subqueries in it that its text does not show.
	subqueries []string
	// ambient is where what has no key goes, in the statement and inside it.
	ambient *bind
	// route: the statement is routed, and not only asked about.
	route bool
	own   bool // it is on a connection of the application's own
	// refused is why a statement in DryRun would not be sent.
	refused *CrossBindError
	// use is the Use that holds, the statement's own or that of the one it was
	// derived from, and from the bind of the models that it holds for.
	use  *use
	from *bind
}

// fallback is where what has no key goes.
func (d *destination) fallback(p *Plugin) *bind {
	if d.ambient != nil {
		return d.ambient
	}
	return p.defaultBind()
}

// unkeyed is what decides where nothing with a key does.
func (d *destination) unkeyed(p *Plugin) {
	d.bind, d.why, d.keyed = d.fallback(p), ReasonDefault, false
	if d.ambient != nil {
		d.why = ReasonUse
	}
}

// destination weighs the evidence of a statement, in this order:
//
//  1. Use, in the statement or in the one that GORM derived it from.
//  2. SQL that was given (Raw, Exec, a raw join): its known tables decide.
//  3. Table(…) and clause.From: the known tables, the subqueries' binds.
//  4. The model, if it has a key, or if its own table is in the statement; then
//     the destination, if it has a key.
//  5. The ambient bind, of a Use around the statement; else the default bind.
//
// Evidence of different binds is a [*CrossBindError].
func (p *Plugin) destination(stmt *gorm.Statement, d *destination) error {
	err := p.decide(stmt, d)
	if err == nil && d.route && !stmt.DB.DryRun && len(d.unknown) > 0 && d.bind == p.defaultBind() {
		p.tables.guess(d.unknown)
	}
	if d.facts.Control != "" {
		if err := controlled(stmt.ConnPool, d.facts); err != nil {
			return err // the reason, whatever else there is
		}
	}
	return err
}

// controlled refuses SQL that begins or ends a transaction, or sets a savepoint:
// a branch's would be lost to the others, and one outside would be of whatever
// connection is free. On a connection of its own, a program knows what it does.
func controlled(pool gorm.ConnPool, facts sqlscan.Facts) error {
	switch tx := transactionIn(pool); {
	case tx != nil:
		return &TransactionControlError{Statement: facts.Control, Way: "in a transaction that may span binds, use SavePoint, RollbackTo, Commit or Rollback of its *gorm.DB, which reach every branch"}
	case routedBy(pool) == nil, facts.Balanced:
		return nil
	default:
		return &TransactionControlError{Statement: facts.Control, Way: "begin with db.Transaction or db.Begin; for a connection of one database, take it with db.Connection"}
	}
}

func (p *Plugin) decide(stmt *gorm.Statement, d *destination) error {
	ambient, err := p.ambientOf(stmt)
	if err != nil {
		return err
	}
	d.ambient = ambient
	err = p.weighed(stmt, d)
	if u := p.effectiveUse(stmt); u != nil {
		if u.from != nil && err == nil && d.keyed && d.bind != u.from {
			return nil // chained on the result, and of another bind
		}
		ran := &use{key: u.key, first: u.origin(), from: u.from}
		if err == nil && d.keyed {
			ran.from = d.bind
		}
		stmt.Clauses[usingClause] = clause.Clause{Expression: ran}
		if d.bind, err = p.lookup(u.key, ""); err != nil {
			return err
		}
		d.use, d.why, d.ambient = ran, ReasonUse, d.bind
		if stmt.Schema != nil {
			d.from = p.homeOf(stmt.Schema).bind
		}
		return nil
	}
	if r := around(stmt); r != nil && r.use != nil && err == nil {
		own := d.bind
		if !d.keyed {
			own = p.defaultBind()
		}
		if own == r.from {
			d.bind, d.why, d.use, d.from = r.bind, ReasonUse, r.use, r.from
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
	err := p.weighAs(stmt, text, p.dialect.Product.SQL, d)
	if !p.mixed || !sqlscan.Ambiguous(text) {
		return err
	}
	if u := p.effectiveUse(stmt); u != nil {
		if b, err := p.lookup(u.key, ""); err == nil {
			return p.weighAs(stmt, text, b.product.SQL, d)
		}
	}
	return p.agreed(stmt, text, d, err)
}

// agreed is the bind that a text names in that bind's own dialect. d and err are
// what it is in the handle's.
func (p *Plugin) agreed(stmt *gorm.Statement, text string, d *destination, err error) error {
	var agreed []destination
	for _, written := range p.lexicons {
		d := destination{writes: d.writes, route: d.route, ambient: d.ambient}
		if p.weighAs(stmt, text, written, &d) != nil || d.bind.product.SQL != written {
			continue
		}
		if len(agreed) > 0 && !d.keyed {
			continue
		}
		if len(agreed) > 0 && !agreed[0].keyed {
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
	*d = destination{writes: d.writes, route: d.route, ambient: d.ambient, raw: true, facts: p.memory.Scan(rest, written), subqueries: keys}
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
	if own && p.strict && !model.keyed() && d.ambient == nil && !p.decidedByUse(stmt) {
		return &UnboundError{Model: schemaName(stmt.Schema), Table: stmt.Table, Known: p.known()}
	}
	if own && len(stmt.Joins) == 0 && !has(stmt, "FROM") && (!d.writes || !has(stmt, "INSERT") && !has(stmt, "UPDATE")) && !mayHaveSubquery(whereOf(stmt)) {
		if d.bind, d.why, d.keyed = model.bind, model.why, model.keyed(); !d.keyed {
			d.unkeyed(p)
		}
		return nil
	}

	e := evidence{plugin: p, written: p.dialect.Product.SQL, fallback: d.ambient}
	switch {
	case d.writes || d.raw && !d.facts.Reads:
		e.kind = anyWrite
	case d.raw:
		e.kind = givenRead
	}
	lives := model // nil: the model is no evidence
	if !own && model != nil && !model.keyed() {
		lives = nil
	} else if model != nil {
		d.bind, d.why, d.keyed = model.bind, model.why, model.keyed()
		if !d.keyed {
			d.unkeyed(p)
		}
		e.written = d.bind.product.SQL
	}
	at := *d
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
	case lives != nil:
		// A model without a key counts, too, where its own table is in the
		// statement; a DTO's is not.
		e.found = append(e.found, evidenced{bind: at.bind, why: at.why, source: model.claim.Source, keyed: at.keyed})
	case !e.decided():
		if err := e.destination(stmt); err != nil {
			return err
		}
	}
	d.unknown = e.unknown
	b, err := e.verdict(d)
	if err != nil && lives != nil && p.allows(stmt, at.bind) {
		b, err = at.bind, nil
		d.why, d.keyed = at.why, at.keyed
	}
	if err != nil {
		if crossing, ok := err.(*CrossBindError); ok && lives == nil && has(stmt, allowClause) {
			crossing.Way = "AllowCrossBind has to know which bind is to run it: add bindkey.Use or db.Model"
		}
		return err
	}
	if b != nil {
		d.bind = b
		if lives != nil {
			d.bind = at.bind // or one that shares its database
		}
		return nil
	}
	return p.undecided(stmt, d)
}

// undecided is for a statement of which nothing tells where it belongs.
func (p *Plugin) undecided(stmt *gorm.Statement, d *destination) error {
	d.unkeyed(p)
	if d.ambient != nil || p.decidedByUse(stmt) {
		return nil
	}
	var named []string // the tables, but for those that each database has
	for _, table := range d.facts.Tables {
		if !product.Everywhere(table) {
			named = append(named, table)
		}
	}
	if p.strict {
		unbound := &UnboundError{Known: p.known()}
		switch {
		case len(named) > 0:
			unbound.Table = named[0]
		case d.raw:
		case stmt.Table != "":
			unbound.Table = stmt.Table
		case stmt.TableExpr != nil:
			unbound.Table = stmt.TableExpr.SQL
		}
		if unbound.Table != "" {
			return unbound
		}
	}
	if d.raw && len(named) == 0 {
		d.unknown = nil
		return p.ofSession(stmt, d)
	}
	return nil
}

// decidedByUse reports whether a Use says where a statement goes: its own, or
// that of the statement it was derived from.
func (p *Plugin) decidedByUse(stmt *gorm.Statement) bool {
	if r := around(stmt); r != nil && r.use != nil {
		return true
	}
	return p.effectiveUse(stmt) != nil
}

// ofSession is for SQL that names no table, SET LOCAL or SELECT lastval(): in a
// transaction, a question to a session must not be answered by another one. Where
// one branch has begun it is that one's. Inside a statement without a transaction,
// it goes to that statement's bind, as in plain GORM.
func (p *Plugin) ofSession(stmt *gorm.Statement, d *destination) error {
	tx := transactionIn(stmt.ConnPool)
	if tx == nil {
		if pool, ok := unwrap(stmt.ConnPool).(*boundPool); ok {
			d.bind, d.why = pool.bind, ReasonTransaction
		}
		return nil
	}
	switch begun := tx.sessions(); len(begun) {
	case 0:
		return nil
	case 1:
		d.bind, d.why = begun[0], ReasonTransaction
		return nil
	default:
		err := &AmbiguousSessionError{}
		for _, b := range begun {
			err.Keys = append(err.Keys, b.key)
		}
		return err
	}
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
	// unknown are tables that no bind is known to have.
	unknown []string
	// written is the dialect that given SQL is written in.
	written sqlscan.Dialect
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

// A join is read as one to a table that nobody has.
const (
	joinedTo   = "bindkey_joined"
	joinPrefix = "SELECT * FROM " + joinedTo + " "
)

// names adds the binds of known tables. A table of several binds is no
// evidence, but must agree with the rest.
func (e *evidence) names(tables []string, why Reason) {
	for _, table := range tables {
		if table != joinedTo {
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
			e.expression(stmt, joinPrefix, clause.Expr{SQL: "?", Vars: []any{join.Expression}}, ReasonRawSQL)
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

func hasSubquery(exprs []clause.Expression) bool {
	for _, expr := range exprs {
		if given, ok := expr.(clause.Expr); ok {
			for _, value := range given.Vars {
				if _, ok := value.(*gorm.DB); ok {
					return true
				}
			}
		}
	}
	return false
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
			e.expression(stmt, joinPrefix, clause.Expr{SQL: "?", Vars: []any{join.Expression}}, ReasonRawSQL)
		case len(relations) > 0:
			for _, rel := range relations {
				b, err := e.plugin.strictly(rel.FieldSchema)
				if err != nil {
					return err
				}
				e.add(b, ReasonTable, "model "+schemaName(rel.FieldSchema))
			}
		default:
			e.expression(stmt, joinPrefix, clause.Expr{SQL: join.Name, Vars: join.Conds}, ReasonRawSQL)
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

// verdict is the one bind that all evidence agrees on, or nil without any. It
// tells the destination why.
func (e *evidence) verdict(d *destination) (*bind, error) {
	keyed := false
	for _, found := range e.found {
		if !found.bind.shares(e.found[0].bind) {
			return nil, e.crossing(nil)
		}
		keyed = keyed || found.keyed
	}
	if len(e.found) == 0 {
		b, err := e.unanimous()
		d.why, d.keyed = ReasonTable, b != nil
		return b, err
	}
	first := e.found[0]
	for _, table := range e.unsure {
		if !sharesAny(e.plugin.bindsWithTable(table, e.fallback), first.bind) {
			return nil, e.crossing(nil)
		}
	}
	d.why, d.keyed = first.why, keyed
	return first.bind, nil
}

// unanimous is for statements that name only tables of several binds: the one
// bind that has them all.
func (e *evidence) unanimous() (*bind, error) {
	if len(e.unsure) == 0 {
		return nil, nil
	}
	candidates := e.plugin.bindsWithTable(e.unsure[0], e.fallback)
	for _, table := range e.unsure[1:] {
		var both []*bind
		for _, b := range e.plugin.bindsWithTable(table, e.fallback) {
			if sharesAny(candidates, b) {
				both = append(both, b)
			}
		}
		candidates = both
	}
	switch len(candidates) {
	case 0:
		return nil, e.crossing(nil)
	case 1:
		return candidates[0], nil
	default:
		keys := map[string]bool{}
		for _, b := range candidates {
			keys[b.key] = true
		}
		return nil, &AmbiguousTableError{Table: e.unsure[0], Keys: sortedKeys(keys)}
	}
}

// A crossingKind is what a statement that crosses binds does, and so what to do
// instead.
type crossingKind uint8

const (
	modelRead crossingKind = iota
	givenRead
	anyWrite
)

func (k crossingKind) way() string {
	switch k {
	case modelRead:
		return "load the relation with Preload, ask each database in a statement of its own"
	case givenRead:
		return "ask each database in a statement of its own"
	default:
		return "ask for the keys in a statement of their own, such as Pluck, and write with those"
	}
}

// crossingKindOf is that of SQL.
func (p *Plugin) crossingKindOf(text string, written sqlscan.Dialect) crossingKind {
	if p.memory.Scan(text, written).Reads {
		return givenRead
	}
	return anyWrite
}

// crossing is the error of evidence that disagrees: with itself, or with the
// bind that the statement was routed to.
func (e *evidence) crossing(routed *bind) *CrossBindError {
	err := &CrossBindError{Way: e.kind.way() + ", choose one with bindkey.Use, or, if one database has all of it, let the statement through with bindkey.AllowCrossBind"}
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
		for _, b := range e.plugin.bindsWithTable(table, e.fallback) {
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
// stands, or by its last part, since SQL may qualify a table with its schema. A
// table that is known only through a model without a key is the ambient bind's,
// or the default's.
func (p *Plugin) bindsWithTable(name string, ambient *bind) []*bind {
	binds, _ := p.whereIs(name, ambient)
	return binds
}

// whereIs is bindsWithTable, and whether one of the binds has the table by a key.
func (p *Plugin) whereIs(name string, ambient *bind) (binds []*bind, keyed bool) {
	fallback := ambient
	if fallback == nil {
		fallback = p.defaultBind()
	}
	if binds, keyed := p.tables.find(name, fallback); len(binds) > 0 {
		return binds, keyed
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		if binds, keyed := p.tables.find(name[dot+1:], fallback); len(binds) > 0 {
			return binds, keyed
		}
	}
	if b, _ := p.adopted.bind(p, name); b != nil {
		return []*bind{b}, true
	}
	return nil, false
}

// learnParsed makes known what GORM has parsed for the handle since: models that
// a relation names. It reports whether there was something.
func (p *Plugin) learnParsed() (learned bool) {
	p.eachSchema(func(s *schema.Schema) {
		if _, seen := p.learned.LoadOrStore(s, nil); !seen && !p.tables.has(sqlscan.Fold(s.Table)) {
			if h := p.askHome(s); h.err == nil && h.keyed() {
				learned = true
			}
		}
	})
	return learned
}
