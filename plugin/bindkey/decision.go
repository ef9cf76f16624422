package bindkey

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/neutral"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/resolver"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/stmtscan"
)

// A decision is where a statement goes, and why.
type decision struct {
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
	route       bool
	foreignConn bool       // it is on a connection of the application's own
	own         *boundPool // which that is of, or nil
	// refused is why a statement in DryRun would not be sent.
	refused *CrossBindError
	// use is the Use that holds, the statement's own or that of the one it was
	// derived from, and from the bind of the models that it holds for.
	use  *use
	from *bind
}

// fallback is where what has no key goes.
func (d *decision) fallback(p *Plugin) *bind {
	if d.ambient != nil {
		return d.ambient
	}
	return p.defaultBind()
}

// unkeyed is what decides where nothing with a key does.
func (d *decision) unkeyed(p *Plugin) {
	d.bind, d.why, d.keyed = d.fallback(p), ReasonDefault, false
	if d.ambient != nil {
		d.why = ReasonUse
	}
}

// decide weighs the evidence of a statement, in this order:
//
//  1. Use, in the statement or in the one that GORM derived it from.
//  2. SQL that was given (Raw, Exec, a raw join): its known tables decide.
//  3. Table(…) and clause.From: the known tables, the subqueries' binds.
//  4. The model, if it has a key, or if its own table is in the statement; then
//     the decide, if it has a key.
//  5. The ambient bind, of a Use around the statement; else the default bind.
//
// Evidence of different binds is a [*CrossBindError].
func (p *Plugin) decide(stmt *gorm.Statement, d *decision) error {
	err := p.weighWithUse(stmt, d)
	if err == nil && d.bind.family != nil {
		err = d.ofOneTenant(stmt)
	}
	if err == nil && d.route && !stmt.DB.DryRun && len(d.unknown) > 0 && d.bind == p.defaultBind() {
		p.tables.Guess(d.unknown)
	}
	if d.facts.Control != "" {
		if err := controlError(stmt.ConnPool, d.facts); err != nil {
			return err // the reason, whatever else there is
		}
	}
	return err
}

func (p *Plugin) weighWithUse(stmt *gorm.Statement, d *decision) error {
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
			d.from = p.bindOfModel(stmt.Schema).bind
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
func (p *Plugin) weighed(stmt *gorm.Statement, d *decision) error {
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
func (p *Plugin) agreed(stmt *gorm.Statement, text string, d *decision, err error) error {
	var agreed []decision
	for _, written := range p.sqlDialects {
		d := decision{writes: d.writes, route: d.route, ambient: d.ambient}
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

func (p *Plugin) weighAs(stmt *gorm.Statement, text string, written sqlscan.Dialect, d *decision) error {
	rest, keys := neutral.WithoutUses(text)
	*d = decision{writes: d.writes, route: d.route, ambient: d.ambient, raw: true, facts: p.texts.Scan(rest, written), subqueries: keys}
	return p.weigh(stmt, d)
}

// weigh weighs all evidence but Use.
func (p *Plugin) weigh(stmt *gorm.Statement, d *decision) error {
	var model *modelBind
	if stmt.Schema != nil {
		if model = p.bindOfModel(stmt.Schema); model.err != nil {
			return model.err
		}
	}
	own := ownTable(stmt) && !d.raw // so there is a model
	if own && p.strict && !model.keyed() && d.ambient == nil && !p.decidedByUse(stmt) {
		return &UnboundError{Model: schemaName(stmt.Schema), Table: stmt.Table, Known: p.known()}
	}
	if own && !stmtscan.NamesTables(stmt, d.writes) {
		d.ofModel(p, model)
		return nil
	}

	e := evidence{plugin: p, rawDialect: p.dialect.Product.SQL, fallback: d.ambient, kind: d.crossingKind()}
	if model != nil && !own && !model.keyed() {
		model = nil // it is no evidence
	}
	var at *evidenced
	if model != nil {
		d.ofModel(p, model)
		e.rawDialect = d.bind.product.SQL
		at = &evidenced{bind: d.bind, why: d.why, source: model.claim.Source, keyed: d.keyed}
	}
	if err := e.collect(stmt, d, own, at); err != nil {
		return err
	}
	d.unknown = e.unknown
	b, err := e.verdict(d)
	if err != nil && at != nil && p.allows(stmt, at.bind) {
		b, err = at.bind, nil
		d.why, d.keyed = at.why, at.keyed
	}
	switch {
	case err != nil:
		if crossing, ok := err.(*CrossBindError); ok && at == nil && stmtscan.Has(stmt, allowClause) {
			crossing.Way = "AllowCrossBind has to know which bind is to run it: add bindkey.Use or db.Model"
		}
		return err
	case b == nil:
		return p.undecided(stmt, d)
	case at == nil && d.raw && p.adopted != nil && !p.decidedByUse(stmt):
		d.bind = b
		return e.firstIsKnown(d)
	case at != nil:
		d.bind = at.bind // or one that shares its database
	default:
		d.bind = b
	}
	return nil
}

// ofModel is where a model lives: without a key, where all goes that has none.
func (d *decision) ofModel(p *Plugin, model *modelBind) {
	if d.bind, d.why, d.keyed = model.bind, model.why, model.keyed(); !d.keyed {
		d.unkeyed(p)
	}
}

func (d *decision) crossingKind() crossingKind {
	switch {
	case d.writes || d.raw && !d.facts.Reads:
		return anyWrite
	case d.raw:
		return givenRead
	default:
		return modelRead
	}
}

// collect collects what a statement names, and where its model lives, if at says
// so. own: its table is the model's.
func (e *evidence) collect(stmt *gorm.Statement, d *decision, own bool, at *evidenced) error {
	if d.raw {
		e.names(d.facts.Tables, ReasonRawSQL)
		e.keys(d.subqueries, ReasonRawSQL)
	} else if err := e.mentions(stmt, own, d.writes); err != nil {
		return err
	}
	switch {
	case at != nil:
		// A model without a key counts, too, where its own table is in the
		// statement; a DTO's is not.
		e.found = append(e.found, *at)
	case !e.decided():
		return e.scanTarget(stmt)
	}
	return nil
}

// undecided is for a statement of which nothing tells where it belongs.
func (p *Plugin) undecided(stmt *gorm.Statement, d *decision) error {
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
func (p *Plugin) ofSession(stmt *gorm.Statement, d *decision) error {
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

// ownTable reports whether the statement's table is its model's own.
func ownTable(stmt *gorm.Statement) bool {
	return stmtscan.OwnTable(stmt, innerDialector(stmt.DB.Dialector))
}
