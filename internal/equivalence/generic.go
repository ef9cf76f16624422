package equivalence

import (
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormschema "gorm.io/gorm/schema"
)

// A typedQuery is a chain of the generics API under construction.
type typedQuery struct {
	model *model
	text  strings.Builder
	links []func(db *gorm.DB) link
	uses  []use
}

func newTyped(m *model) *typedQuery {
	q := &typedQuery{model: m}
	fmt.Fprintf(&q.text, "gorm.G[%s](db)", m.goName)
	q.uses = []use{{table: m.name, how: "model"}}
	return q
}

func (q *typedQuery) add(uses []use, text string, l func(db *gorm.DB) link) {
	q.text.WriteString(text)
	q.uses = append(q.uses, uses...)
	q.links = append(q.links, l)
}

func (q *typedQuery) cond(op string, c cond) {
	q.add(c.uses, fmt.Sprintf(".%s(%s)", op, c.text), func(db *gorm.DB) link {
		args := c.make(db)
		return link{op: op, query: args[0], args: args[1:]}
	})
}

func (q *typedQuery) plain(op string, what any) {
	q.add(nil, fmt.Sprintf(".%s(%s)", op, literal(what)), func(*gorm.DB) link { return link{op: op, query: what} })
}

func (q *typedQuery) build(db *gorm.DB) chain {
	links := make([]link, len(q.links))
	for i, l := range q.links {
		links[i] = l(db)
	}
	return q.model.chain(db, links)
}

// typedRead is a query of the generics API.
func (g *gen) typedRead() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newTyped(m)
	var extra []statement
	single := true // one row of the answer per row of the model
	prefix := ""
	s := scope{t: m.table, own: true}
	shape := "generics find"
	switch g.rng.Intn(4) {
	case 0:
		shape = "generics joins"
		path := g.path(m, 1+g.rng.Intn(2), (*relation).one)
		if len(path) == 0 {
			break
		}
		prefix, s.name = m.name+".", m.name
		for _, r := range path {
			single = single && r.kind == gormschema.BelongsTo
		}
		g.typedJoin(q, path)
	case 1:
		if len(m.relations) > 0 {
			shape = "generics preload"
			extra = g.typedPreload(q, m)
		}
	}
	for n := g.rng.Intn(3); n > 0; n-- {
		q.cond(choose(g, []string{"Where", "Where", "Not", "Or"}), g.cond(s, 1, "where"))
	}
	c := call{statements: append([]statement{whole(q.uses)}, extra...)}
	kinds := []string{"Find", "Find", "Count", "Maps"}
	if shape == "generics preload" { // with others GORM panics
		kinds = []string{"Find"}
	}
	if single {
		kinds = append(kinds, "First", "Last", "Take")
		if shape != "generics preload" {
			kinds = append(kinds, "Batches")
		}
		if g.chance(50) {
			q.plain("Order", byKey(m.table, prefix))
			c.ordered = true
			if g.chance(50) {
				q.plain("Limit", 1+g.rng.Intn(3))
			}
			if g.chance(20) {
				q.plain("Offset", g.rng.Intn(3))
			}
		}
	}
	kind := choose(g, kinds)
	if kind == "Take" && !c.ordered {
		q.plain("Order", byKey(m.table, prefix))
	}
	counted := prefix + choose(g, m.of(number)).name
	c.shape, c.text = shape, q.text.String()+"."+kind+"(ctx)"
	c.run = func(db *gorm.DB) (any, error) {
		built := q.build(db)
		switch kind {
		case "First":
			return built.First()
		case "Last":
			return built.Last()
		case "Take":
			return built.Take()
		case "Batches":
			return built.Batches(2)
		case "Count":
			return built.Count(counted)
		case "Maps":
			var maps []map[string]any
			err := built.Scan(&maps)
			return maps, err
		default:
			return built.Find()
		}
	}
	return c
}

// typedJoin joins a relation, or a subquery in its place.
func (g *gen) typedJoin(q *typedQuery, path []*relation) {
	target := path[len(path)-1].target
	name := dotted(path)
	kind := choose(g, []clause.JoinType{clause.LeftJoin, clause.InnerJoin})
	if len(path) == 1 && g.chance(25) {
		where := g.cond(scope{t: target.table}, 0, "joined subquery")
		on := path[0].pairs
		uses := append([]use{{table: target.name, how: "joined subquery"}}, where.uses...)
		owner := q.model.name
		q.add(uses, fmt.Sprintf(".Joins(%s.AssociationFrom(%q, gorm.G[%s](db).Where(%s)).As(\"t\"), …)", kind, name, target.goName, where.text), func(db *gorm.DB) link {
			args := where.make(db)
			sub := target.chain(db, []link{{op: "Where", query: args[0], args: args[1:]}}).Expression().(clause.Expression)
			return link{op: "Joins", join: kind.AssociationFrom(name, sub).As("t"), on: func(b gorm.JoinBuilder, _, _ clause.Table) error {
				for _, p := range on {
					b.Where(fmt.Sprintf("t.%s = %s.%s", p.target, owner, p.owner))
				}
				return nil
			}}
		})
		return
	}
	var uses []use
	for _, r := range path {
		uses = append(uses, use{table: r.target.name, how: "joined relation"})
	}
	if len(path) == 1 && g.chance(60) {
		on := g.cond(scope{t: target.table, name: quotedAlias(path)}, 1, "join's condition")
		q.add(append(uses, on.uses...), fmt.Sprintf(".Joins(%s.Association(%q), Where(%s))", kind, name, on.text), func(db *gorm.DB) link {
			args := on.make(db)
			return link{op: "Joins", join: kind.Association(name), on: func(b gorm.JoinBuilder, _, _ clause.Table) error {
				b.Where(args[0], args[1:]...)
				return nil
			}}
		})
		return
	}
	q.add(uses, fmt.Sprintf(".Joins(%s.Association(%q), nil)", kind, name), func(*gorm.DB) link {
		return link{op: "Joins", join: kind.Association(name)}
	})
}

func (g *gen) typedPreload(q *typedQuery, m *model) []statement {
	path := g.path(m, 1+g.rng.Intn(2), func(*relation) bool { return true })
	target := path[len(path)-1].target
	name := dotted(path)
	where := g.cond(scope{t: target.table}, 1, "preload's condition")
	limit := 0
	if last := path[len(path)-1]; len(path) == 1 && (last.kind == gormschema.HasMany) && g.chance(40) {
		limit = 1 + g.rng.Intn(2)
	}
	var uses []use
	form := g.rng.Intn(3)
	if form == 0 {
		uses = where.uses
	}
	order := byKey(target.table, "")
	text := fmt.Sprintf(".Preload(%q, nil)", name)
	switch {
	case form == 0:
		text = fmt.Sprintf(".Preload(%q, Where(%s) LimitPerRecord %d)", name, where.text, limit)
	case form == 1:
		text = fmt.Sprintf(".Preload(%q, Order(%q) LimitPerRecord %d)", name, order, limit)
	}
	q.add(nil, text, func(db *gorm.DB) link {
		if form == 2 {
			return link{op: "Preload", query: name}
		}
		args := where.make(db)
		return link{op: "Preload", query: name, pre: func(b gorm.PreloadBuilder) error {
			if form == 0 {
				b.Where(args[0], args[1:]...)
			} else {
				b.Order(order)
			}
			if limit > 0 {
				b.LimitPerRecord(limit)
			}
			return nil
		}}
	})
	return []statement{{parts: [][]use{append([]use{{table: target.name, how: "preloaded model"}}, uses...)}, maybe: true, after: true}}
}

// typedWrite is Update, Updates, Delete and Set of columns.
func (g *gen) typedWrite() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newTyped(m)
	q.cond("Where", g.cond(scope{t: m.table}, 2, "where"))
	set := choose(g, m.of(number))
	v := value(g.rng.Intn(6))
	if g.chance(40) {
		sub := g.scalar(1, "update's values")
		v = expr{text: fmt.Sprintf("gorm.Expr(\"(?)\", %s)", sub.text), uses: sub.uses, make: func(db *gorm.DB) any { return gorm.Expr("(?)", sub.make(db)) }}
	}
	c := call{writes: true}
	uses := q.uses
	switch g.rng.Intn(5) {
	case 0:
		uses = append(uses, v.uses...)
		c.shape, c.text = "generics update", fmt.Sprintf("%s.Update(ctx, %q, %s)", q.text.String(), set.name, v.text)
		c.run = func(db *gorm.DB) (any, error) { return q.build(db).Update(set.name, v.make(db)) }
	case 1:
		values := g.structCond(m)
		c.shape, c.text = "generics update", fmt.Sprintf("%s.Updates(ctx, %s)", q.text.String(), values.text)
		c.run = func(db *gorm.DB) (any, error) { return q.build(db).Updates(values.make(db)) }
	case 2:
		uses = append(uses, v.uses...)
		c.shape, c.text = "generics set", fmt.Sprintf("%s.Set(%s = %s).Update(ctx)", q.text.String(), set.name, v.text)
		c.run = func(db *gorm.DB) (any, error) {
			return q.build(db).Set([]clause.Assigner{clause.Assignment{Column: clause.Column{Name: set.name}, Value: v.make(db)}})
		}
	case 3:
		spec := g.newValue(m)
		c.shape, c.text = "generics set create", fmt.Sprintf("gorm.G[%s](db).Set(%s).Create(ctx)", m.goName, spec)
		uses = uses[:1]
		c.run = func(db *gorm.DB) (any, error) {
			var assigners []clause.Assigner
			for _, c := range m.columns {
				if v, ok := spec.fields[c.field]; ok {
					assigners = append(assigners, clause.Assignment{Column: clause.Column{Name: c.name}, Value: v})
				}
			}
			return nil, m.insert(db, assigners)
		}
	default:
		c.shape, c.text = "generics delete", q.text.String()+".Delete(ctx)"
		c.run = func(db *gorm.DB) (any, error) { return q.build(db).Delete() }
	}
	c.statements = []statement{whole(uses)}
	return c
}

// typedSet is the association operations of the generics API. GORM selects the
// owners in a subquery, which must be in the same bind.
func (g *gen) typedSet() call {
	m, r := g.related(func(r *relation) bool { return r.join != nil || g.chance(60) })
	g.home = g.layout.binds[m.name]
	q := newTyped(m)
	for _, c := range m.primaries() { // some rows: a condition by key, and maybe another
		if g.chance(80) {
			q.cond("Where", of(m.name+"."+c.name+" IN ?", value(g.someKeys(m, c))))
		}
	}
	if g.chance(50) {
		q.cond(choose(g, []string{"Where", "Where", "Not", "Or"}), g.cond(scope{t: m.table, name: m.name}, 1, "where"))
	}
	op := choose(g, []clause.AssociationOpType{clause.OpCreate, clause.OpUpdate, clause.OpUnlink, clause.OpDelete})
	opName := map[clause.AssociationOpType]string{clause.OpCreate: "create", clause.OpUpdate: "update", clause.OpUnlink: "unlink", clause.OpDelete: "delete"}[op]
	set := choose(g, r.target.of(number))
	v := g.rng.Intn(6)
	values := []*valueSpec{g.newValue(r.target)}
	if g.chance(40) {
		values[0] = g.oldValue(r.target)
	}
	bySet := g.chance(40) && (r.kind == gormschema.HasMany || r.join != nil)
	var where *cond
	if op != clause.OpCreate && g.chance(50) {
		c := g.cond(scope{t: r.target.table, name: r.target.name}, 1, "association's condition")
		where = &c
	}
	text := fmt.Sprintf("%s.Set(%s %s", q.text.String(), opName, r.name)
	owner := statement{parts: [][]use{q.uses}}
	target := []use{{table: r.target.name, how: "association's target"}}
	c := call{writes: true, shape: fmt.Sprintf("generics set %s %s", opName, kindName(r))}
	switch {
	case op == clause.OpCreate && bySet:
		text += fmt.Sprintf(", new row %s = %d", set.name, v)
	case op == clause.OpCreate:
		text += ", " + values[0].String()
	case op == clause.OpUpdate:
		text += fmt.Sprintf(", %s = %d", set.name, v)
	}
	if where != nil {
		text += " where " + where.text
		target = append(target, where.uses...)
	}
	switch {
	case op == clause.OpCreate, op == clause.OpUnlink && r.kind == gormschema.BelongsTo:
		c.statements = []statement{owner}
	case r.join != nil:
		// GORM ignores the owners' conditions (generics.go, handleAssociation).
		uses := []use{{table: m.name, how: "model"}, {table: r.join.name, how: "join table"}}
		if op == clause.OpUpdate || where != nil {
			uses = append(uses, target...)
		}
		c.statements = []statement{whole(uses)}
	default:
		c.statements = []statement{whole(append(append([]use{}, q.uses...), target...))}
		if r.kind == gormschema.BelongsTo {
			c.statements = append(c.statements, statement{parts: owner.parts, after: true})
		}
	}
	c.text = text + ").Update(ctx)"
	c.run = func(db *gorm.DB) (any, error) {
		a := clause.Association{Association: r.name, Type: op}
		if where != nil {
			args := where.make(db)
			switch first := args[0].(type) {
			case clause.Expression:
				a.Conditions = []clause.Expression{first}
			case string:
				a.Conditions = []clause.Expression{clause.NamedExpr{SQL: "(" + first + ")", Vars: args[1:]}}
			default:
				a.Conditions = db.Statement.BuildCondition(first, args[1:]...)
			}
		}
		switch {
		case op == clause.OpCreate && bySet:
			for _, c := range r.target.primaries() {
				if !c.serial {
					a.Set = append(a.Set, clause.Assignment{Column: clause.Column{Name: c.name}, Value: values[0].fields[c.field]})
				}
			}
			a.Set = append(a.Set, clause.Assignment{Column: clause.Column{Name: set.name}, Value: v})
		case op == clause.OpCreate:
			for _, v := range values {
				a.Values = append(a.Values, v.build().Interface())
			}
		case op == clause.OpUpdate:
			a.Set = []clause.Assignment{{Column: clause.Column{Name: set.name}, Value: v}}
		}
		return q.build(db).Set([]clause.Assigner{a})
	}
	return c
}

// someKeys are values of a column of a primary key.
func (g *gen) someKeys(m *model, c column) any {
	slice := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(g.rows[m.name][0][c.name])), 0, 3)
	for n := 1 + g.rng.Intn(3); n > 0; n-- {
		slice = reflect.Append(slice, reflect.ValueOf(choose(g, g.rows[m.name])[c.name]))
	}
	return slice.Interface()
}
