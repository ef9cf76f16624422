package bindkey

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
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
		if err := controlError(stmt.ConnPool, d.facts); err != nil {
			return err // the reason, whatever else there is
		}
	}
	return err
}

// controlError refuses SQL that begins or ends a transaction, or sets a savepoint:
// a branch's would be lost to the others, and one outside would be of whatever
// connection is free. On a connection of its own, a program knows what it does.
func controlError(pool gorm.ConnPool, facts sqlscan.Facts) error {
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
		stmt.Clauses[resolver.UsingClause] = clause.Clause{Expression: ran}
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
	*d = destination{writes: d.writes, route: d.route, ambient: d.ambient, raw: true, facts: p.texts.Scan(rest, written), subqueries: keys}
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
	if len(named) == 0 && (d.raw || !ownTable(stmt) && everywhere(d.unknown)) { // or Table("(SELECT lastval()) AS x")
		d.unknown = nil
		if err := p.ofSession(stmt, d); err != nil || d.raw || d.why == ReasonTransaction {
			return err
		}
	}
	if p.strict {
		unbound := &UnboundError{Known: p.known()}
		switch {
		case len(named) > 0:
			unbound.Table = named[0]
		case stmt.Table != "":
			unbound.Table = stmt.Table
		case stmt.TableExpr != nil:
			unbound.Table = stmt.TableExpr.SQL
		}
		if unbound.Table != "" {
			return unbound
		}
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

// everywhere reports whether each database has these tables, so that they say
// nothing.
func everywhere(tables []string) bool {
	for _, table := range tables {
		if !product.Everywhere(table) {
			return false
		}
	}
	return true
}

// ofSession is for SQL that names no table, SET LOCAL or SELECT lastval(): a
// question to a session must not be answered by another one. Those that it may ask
// are the one of the statement that it runs inside, in a hook, and those that have
// begun in its transaction.
func (p *Plugin) ofSession(stmt *gorm.Statement, d *destination) error {
	var asked []*bind
	if b := bindIn(unwrap(stmt.ConnPool)); b != nil {
		asked = []*bind{b}
	}
	if tx := transactionIn(stmt.ConnPool); tx != nil {
		for _, b := range tx.sessions() {
			if len(asked) == 0 || b != asked[0] {
				asked = append(asked, b)
			}
		}
	}
	switch len(asked) {
	case 0:
		return nil
	case 1:
		d.bind, d.why = asked[0], ReasonTransaction
		return nil
	default:
		err := &AmbiguousSessionError{}
		for _, b := range asked {
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
