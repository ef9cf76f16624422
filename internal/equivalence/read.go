package equivalence

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormschema "gorm.io/gorm/schema"
)

// find is a query of one model with all that GORM has for conditions.
func (g *gen) find() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	q.model(m)
	s := g.scoped(m.table)
	g.conditions(q, s, 2)
	f := finishing{rows: true}
	if g.chance(20) {
		g.decorate(q, m, &f)
	}
	return g.finish("find", q, m, f)
}

// decorate adds what changes the columns or the order.
func (g *gen) decorate(q *query, m *model, f *finishing) {
	switch g.rng.Intn(5) {
	case 0:
		columns := byKey(m.table, "") + ", " + m.of(number)[0].name
		q.selecting(columns)
	case 1:
		name := m.of(number)[0].field
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Omit(name) }, ".Omit(%q)", name)
	case 2:
		sub := g.correlated(scope{t: m.table}, "COUNT(*)", "order")
		q.add(sub.uses, func(q, db *gorm.DB) *gorm.DB {
			return q.Clauses(clause.OrderBy{Expression: gorm.Expr("(?), "+byKey(m.table, ""), sub.make(db))})
		}, ".Clauses(clause.OrderBy{Expression: gorm.Expr(%q, %s)})", "(?), "+byKey(m.table, ""), sub.text)
		f.rows, f.sorted = false, true
	case 3:
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Unscoped() }, ".Unscoped()")
	default:
		sub := g.sub(number, 1, "select")
		q.selecting(m.name+".*, ? IN (?) AS extra", value(g.rng.Intn(6)), sub)
		f.chosen = true
	}
}

// A finishing says which finishers a query can have.
type finishing struct {
	rows   bool // one row of the answer per row of the model
	joined bool // a relation is joined, which adds columns
	chosen bool // columns with a subquery, which GORM forgets where it counts or plucks
	sorted bool // by an expression, which GORM forgets where it counts or adds an order
	prefix string
	extra  []statement
}

// finish ends a query.
func (g *gen) finish(shape string, q *query, m *model, f finishing) call {
	prefix := f.prefix
	ordered := f.sorted
	kinds := []string{"Find", "Find", "Find", "Rows", "Maps"}
	if !f.chosen {
		kinds = append(kinds, "Pluck")
	}
	if !f.chosen && !f.sorted {
		kinds = append(kinds, "Count")
	}
	if f.rows {
		kinds = append(kinds, "First", "Last", "Take", "FindInBatches", "Find inline", "FirstOrInit", "Scan")
		if !f.chosen {
			kinds = append(kinds, "Summary")
		}
		if !f.joined && !f.chosen {
			kinds = append(kinds, "Row")
		}
		if g.chance(50) {
			by := byKey(m.table, prefix)
			if g.chance(40) {
				by = prefix + m.of(number)[0].name + " DESC, " + by
			}
			q.order(by)
			ordered = true
			if g.chance(50) {
				q.limit(1 + g.rng.Intn(3))
				if g.chance(50) {
					q.offset(g.rng.Intn(3))
				}
			}
		}
	}
	kind := choose(g, kinds)
	c := call{shape: shape, ordered: ordered}
	var run func(q *gorm.DB) (any, error)
	switch kind {
	case "Find":
		fmt.Fprintf(&q.text, ".Find(&rows)")
		run = func(q *gorm.DB) (any, error) {
			rows := m.slice()
			tx := q.Find(rows)
			return answer{rows, tx.RowsAffected}, tx.Error
		}
	case "Scan":
		fmt.Fprintf(&q.text, ".Scan(&rows)")
		run = func(q *gorm.DB) (any, error) {
			rows := m.slice()
			tx := q.Scan(rows)
			return answer{rows, tx.RowsAffected}, tx.Error
		}
	case "Find inline":
		where := g.cond(scope{t: m.table, name: m.name, own: true}, 1, "where")
		fmt.Fprintf(&q.text, ".Find(&rows, %s)", where.text)
		q.uses = append(q.uses, where.uses...)
		c.run = func(db *gorm.DB) (any, error) {
			rows := m.slice()
			tx := q.build(db).Find(rows, where.make(db)...)
			return answer{rows, tx.RowsAffected}, tx.Error
		}
	case "Count":
		fmt.Fprintf(&q.text, ".Count(&n)")
		run = func(q *gorm.DB) (any, error) {
			var n int64
			err := q.Count(&n).Error
			return n, err
		}
	case "Pluck":
		c := g.anyColumn(m.table)
		name := prefix + c.name
		fmt.Fprintf(&q.text, ".Pluck(%q, &values)", name)
		run = func(q *gorm.DB) (any, error) {
			switch c.kind {
			case text:
				var values []*string
				err := q.Pluck(name, &values).Error
				return values, err
			default:
				var values []*int64
				err := q.Pluck(name, &values).Error
				return values, err
			}
		}
	case "Rows":
		fmt.Fprintf(&q.text, ".Rows()")
		run = scanRows
	case "Row":
		c := m.of(number)[0]
		fmt.Fprintf(&q.text, ".Select(%q).Row()", "COALESCE(MAX("+prefix+c.name+"), -1)")
		run = func(q *gorm.DB) (any, error) {
			var n int64
			err := q.Select("COALESCE(MAX(" + prefix + c.name + "), -1)").Row().Scan(&n)
			return n, err
		}
	case "Maps":
		fmt.Fprintf(&q.text, ".Find(&maps)")
		run = func(q *gorm.DB) (any, error) {
			var maps []map[string]any
			tx := q.Find(&maps)
			return answer{maps, tx.RowsAffected}, tx.Error
		}
	case "Summary":
		fmt.Fprintf(&q.text, ".Select(%q).Scan(&summaries)", prefix+m.of(number)[0].name+" AS total")
		run = func(q *gorm.DB) (any, error) {
			var rows []summary
			err := q.Select(prefix + m.of(number)[0].name + " AS total").Scan(&rows).Error
			return rows, err
		}
	case "First", "Last", "Take":
		if kind == "Take" && !ordered {
			q.order(byKey(m.table, prefix))
		}
		fmt.Fprintf(&q.text, ".%s(&row)", kind)
		run = func(q *gorm.DB) (any, error) {
			row := m.pointer()
			var err error
			switch kind {
			case "First":
				err = q.First(row).Error
			case "Last":
				err = q.Last(row).Error
			default:
				err = q.Take(row).Error
			}
			return row, err
		}
	case "FirstOrInit":
		fmt.Fprintf(&q.text, ".FirstOrInit(&row)")
		run = func(q *gorm.DB) (any, error) {
			row := m.pointer()
			err := q.FirstOrInit(row).Error
			return row, err
		}
	case "FindInBatches":
		fmt.Fprintf(&q.text, ".FindInBatches(&rows, 2, …)")
		run = func(q *gorm.DB) (any, error) {
			rows := m.slice()
			var all []any
			tx := q.FindInBatches(rows, 2, func(_ *gorm.DB, batch int) error {
				if batch > maxBatches {
					return errEndless
				}
				rendered, err := render(rows, true)
				all = append(all, batch, rendered)
				return err
			})
			return answer{all, tx.RowsAffected}, tx.Error
		}
	}
	c.text = q.text.String()
	c.statements = append([]statement{whole(q.uses)}, f.extra...)
	if c.run == nil {
		c.run = func(db *gorm.DB) (any, error) { return run(q.build(db)) }
	}
	return c
}

// GORM goes on for ever with FindInBatches after Or or another order.
const maxBatches = 10

var errEndless = errors.New("FindInBatches has no end")

func scanRows(q *gorm.DB) (any, error) {
	rows, err := q.Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []map[string]any
	for rows.Next() {
		one := map[string]any{}
		if err := q.ScanRows(rows, &one); err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// aggregate is a query with groups.
func (g *gen) aggregate() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	q.model(m)
	g.conditions(q, g.scoped(m.table), 1)
	by, sum := g.anyColumn(m.table), m.of(number)[0]
	if by.kind == moment {
		by = sum
	}
	selected := fmt.Sprintf("%s AS grouped, COUNT(*) AS n, SUM(%s) AS total", by.name, sum.name)
	switch g.rng.Intn(4) {
	case 0:
		q.selecting(selected+", (?) AS extra", g.scalar(1, "select"))
	case 1:
		distinct := by.name
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Distinct(distinct) }, ".Distinct(%q)", distinct)
		c := call{shape: "aggregate", statements: []statement{whole(q.uses)}}
		if g.chance(50) {
			c.text = q.text.String() + ".Count(&n)"
			c.run = func(db *gorm.DB) (any, error) {
				var n int64
				err := q.build(db).Count(&n).Error
				return n, err
			}
			return c
		}
		c.text = q.text.String() + ".Find(&maps)"
		c.run = func(db *gorm.DB) (any, error) {
			var maps []map[string]any
			err := q.build(db).Find(&maps).Error
			return maps, err
		}
		return c
	default:
		q.selecting(selected)
	}
	q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Group(by.name) }, ".Group(%q)", by.name)
	if g.chance(60) {
		having := g.having(1, "having")
		q.add(having.uses, func(q, db *gorm.DB) *gorm.DB {
			args := having.make(db)
			return q.Having(args[0], args[1:]...)
		}, ".Having(%s)", having.text)
	}
	q.order(by.name)
	return call{
		shape: "aggregate", ordered: true, statements: []statement{whole(q.uses)},
		text: q.text.String() + ".Find(&maps)",
		run: func(db *gorm.DB) (any, error) {
			var maps []map[string]any
			err := q.build(db).Find(&maps).Error
			return maps, err
		},
	}
}

// path is a random way along relations.
func (g *gen) path(m *model, deep int, ok func(*relation) bool) (path []*relation) {
	for len(path) < deep {
		var can []*relation
		for _, r := range m.relations {
			if ok(r) {
				can = append(can, r)
			}
		}
		if len(can) == 0 {
			break
		}
		// As elsewhere, prefer the home bind.
		r := choose(g, can)
		for try := 0; try < 3 && g.layout.binds[r.target.name] != g.home; try++ {
			r = choose(g, can)
		}
		path, m = append(path, r), r.target
	}
	return path
}

// quotedAlias is what GORM calls the end of a joined path.
func quotedAlias(path []*relation) string {
	return "`" + strings.ReplaceAll(dotted(path), ".", "__") + "`"
}

func dotted(path []*relation) string {
	var names []string
	for _, r := range path {
		names = append(names, r.name)
	}
	return strings.Join(names, ".")
}

// joinsRelation joins relations by their names.
func (g *gen) joinsRelation() call {
	m := g.nearModel()
	for len(g.path(m, 1, (*relation).one)) == 0 {
		m = g.nearModel()
	}
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	q.model(m)
	s := scope{t: m.table, name: m.name, own: true}
	f := finishing{rows: true, prefix: m.name + "."}
	var last []*relation
	for n := 1 + g.rng.Intn(2); n > 0; n-- {
		path := g.path(m, 1+g.rng.Intn(2), (*relation).one)
		if last != nil && path[0] == last[0] {
			continue
		}
		last = path
		var uses []use
		for _, r := range path {
			uses = append(uses, use{table: r.target.name, how: "joined relation"})
			if r.kind == gormschema.HasOne {
				f.rows = false // there may be several all the same
			}
		}
		name, method := dotted(path), choose(g, []string{"Joins", "Joins", "InnerJoins"})
		alias := quotedAlias(path)
		f.joined = true
		join := func(q *gorm.DB, args ...any) *gorm.DB {
			if method == "Joins" {
				return q.Joins(name, args...)
			}
			return q.InnerJoins(name, args...)
		}
		target := path[len(path)-1].target
		if len(path) == 1 && g.chance(50) { // GORM repeats it for every level
			on := g.cond(scope{t: target.table, name: alias, own: true}, 1, "join's condition")
			q.add(append(uses, on.uses...), func(q, db *gorm.DB) *gorm.DB {
				args := on.make(db)
				return join(q, db.Where(args[0], args[1:]...))
			}, ".%s(%q, db.Where(%s))", method, name, on.text)
		} else {
			q.add(uses, func(q, _ *gorm.DB) *gorm.DB { return join(q) }, ".%s(%q)", method, name)
		}
		if g.chance(40) {
			q.where("Where", g.cond(scope{t: target.table, name: alias}, 1, "where"))
		}
		if g.chance(20) {
			f.extra = append(f.extra, g.preload(q, m, path)...)
		}
	}
	if g.chance(50) {
		q.where(choose(g, []string{"Where", "Not"}), g.cond(s, 1, "where"))
	}
	c := g.finish("joins relation", q, m, f)
	return c
}

// joinsMany joins relations to many by their names, which GORM can count.
func (g *gen) joinsMany() call {
	m, r := g.related(func(r *relation) bool { return r.join == nil && !r.one() })
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	q.model(m)
	q.add([]use{{table: r.target.name, how: "joined relation"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Joins(r.name) }, ".Joins(%q)", r.name)
	q.where("Where", g.cond(scope{t: r.target.table, name: "`" + r.name + "`"}, 1, "where"))
	c := call{shape: "joins relation to many", text: q.text.String() + ".Count(&n)", statements: []statement{whole(q.uses)}}
	c.run = func(db *gorm.DB) (any, error) {
		var n int64
		err := q.build(db).Count(&n).Error
		return n, err
	}
	return c
}

// preload adds a preload, below a path if one is given, and returns the
// statements that could cross: each level is one of its own.
func (g *gen) preload(q *query, m *model, below []*relation) (extra []statement) {
	from := m
	if len(below) > 0 {
		from = below[len(below)-1].target
	}
	if len(below) == 0 && g.chance(15) {
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Preload(clause.Associations) }, ".Preload(clause.Associations)")
		return nil
	}
	path := g.path(from, 1+g.rng.Intn(3), func(*relation) bool { return true })
	if len(path) == 0 {
		return nil
	}
	name := dotted(append(below[:len(below):len(below)], path...))
	target := path[len(path)-1].target
	where := g.cond(scope{t: target.table, own: true}, 1, "preload's condition")
	extra = append(extra, statement{
		parts: [][]use{append([]use{{table: target.name, how: "preloaded model"}}, where.uses...)}, maybe: true, after: true,
	})
	switch g.rng.Intn(5) {
	case 0:
		q.add(nil, func(q, db *gorm.DB) *gorm.DB { return q.Preload(name, where.make(db)...) }, ".Preload(%q, %s)", name, where.text)
	case 1:
		order := byKey(target.table, "") + " DESC"
		q.add(nil, func(q, db *gorm.DB) *gorm.DB {
			return q.Preload(name, func(tx *gorm.DB) *gorm.DB {
				args := where.make(db)
				return tx.Where(args[0], args[1:]...).Order(order)
			})
		}, ".Preload(%q, func(tx) { tx.Where(%s).Order(%q) })", name, where.text, order)
	case 2:
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB {
			return q.Preload(name, func(tx *gorm.DB) *gorm.DB { return tx.Unscoped() })
		}, ".Preload(%q, func(tx) { tx.Unscoped() })", name)
		return nil
	default:
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Preload(name) }, ".Preload(%q)", name)
		return nil
	}
	return extra
}

// preloads is a query with preloads.
func (g *gen) preloads() call {
	m := g.nearModel()
	for len(m.relations) == 0 {
		m = g.nearModel()
	}
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	var extra []statement
	q.uses = append(q.uses, use{table: m.name, how: "model"})
	for n := 1 + g.rng.Intn(3); n > 0; n-- {
		extra = append(extra, g.preload(q, m, nil)...)
	}
	if g.chance(40) {
		q.where("Where", g.cond(scope{t: m.table, own: true}, 0, "where"))
	}
	kind := choose(g, []string{"Find", "Find", "First", "FindInBatches"})
	if len(m.primaries()) > 1 && kind == "FindInBatches" {
		kind = "Find"
	}
	c := call{shape: "preload", text: q.text.String() + "." + kind, statements: append([]statement{whole(q.uses)}, extra...)}
	c.run = func(db *gorm.DB) (any, error) {
		q := q.build(db)
		switch kind {
		case "Find":
			rows := m.slice()
			err := q.Find(rows).Error
			return rows, err
		case "First":
			row := m.pointer()
			err := q.First(row).Error
			return row, err
		default:
			rows := m.slice()
			var all []any
			err := q.FindInBatches(rows, 2, func(_ *gorm.DB, batch int) error {
				if batch > maxBatches {
					return errEndless
				}
				rendered, err := render(rows, false)
				all = append(all, rendered)
				return err
			}).Error
			return all, err
		}
	}
	return c
}

// joinsSQL joins with SQL, clause.Join or subqueries.
func (g *gen) joinsSQL() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	q.model(m)
	t := g.near()
	name := t.name
	on := func(name string) string {
		for _, ref := range t.refs {
			if ref.to == m.table {
				return fmt.Sprintf("%s.%s = %s.%s", name, ref.columns[0], m.name, ref.keys[0])
			}
		}
		return fmt.Sprintf("%s.%s = %s.%s", name, g.column(t, number).name, m.name, g.column(m.table, number).name)
	}
	verb := choose(g, []string{"JOIN", "LEFT JOIN", "INNER JOIN", "left outer join"})
	form := g.rng.Intn(7)
	if t == m.table && form != 2 && form != 3 && form != 5 {
		form = 0
	}
	switch form {
	case 0: // an alias
		name = g.alias(t)
		for name == m.name {
			name = g.alias(t)
		}
		sql := fmt.Sprintf("%s %s AS %s ON %s", verb, g.spelled(t), name, on(name))
		q.add([]use{{table: t.name, how: "raw join"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Joins(sql) }, ".Joins(%q)", sql)
	case 1: // arguments
		sql := fmt.Sprintf("%s %s ON %s AND %s.%s >= ?", verb, t.name, on(t.name), t.name, g.column(t, number).name)
		arg := g.rng.Intn(4)
		q.add([]use{{table: t.name, how: "raw join"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Joins(sql, arg) }, ".Joins(%q, %d)", sql, arg)
	case 2, 3: // a subquery
		name = "x"
		form := "Raw"
		if t.model != nil {
			form = choose(g, []string{"Model", "Raw", "Table"})
		}
		sub := g.subOf(t, column{name: "*", kind: number}, form, 1, "join")
		sql := fmt.Sprintf("%s (?) AS x ON %s", verb, on("x"))
		q.add(sub.uses, func(q, db *gorm.DB) *gorm.DB { return q.Joins(sql, sub.make(db)) }, ".Joins(%q, %s)", sql, sub.text)
	case 4: // clause.Join
		var theirs, ours column
		theirs, ours = g.column(t, number), g.column(m.table, number)
		q.add([]use{{table: t.name, how: "clause.Join"}}, func(q, _ *gorm.DB) *gorm.DB {
			return q.Clauses(clause.From{Joins: []clause.Join{{Type: clause.LeftJoin, Table: clause.Table{Name: t.name},
				ON: clause.Where{Exprs: []clause.Expression{clause.Eq{Column: clause.Column{Table: t.name, Name: theirs.name},
					Value: clause.Column{Table: m.name, Name: ours.name}}}}}}})
		}, ".Clauses(clause.From{Joins: {LEFT %s ON %s = %s}})", t.name, theirs.name, ours.name)
	case 5: // the joined one joined again
		other := g.near()
		sql := fmt.Sprintf("%s %s AS x ON %s JOIN %s AS y ON y.%s = x.%s", verb, t.name, on("x"), g.spelled(other), g.column(other, number).name, g.column(t, number).name)
		name = "x"
		q.add([]use{{table: t.name, how: "raw join"}, {table: other.name, how: "raw join"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Joins(sql) }, ".Joins(%q)", sql)
	default:
		sql := fmt.Sprintf("CROSS JOIN %s", g.spelled(t))
		q.add([]use{{table: t.name, how: "raw join"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Joins(sql) }, ".Joins(%q)", sql)
	}
	if g.chance(60) {
		q.where("Where", g.cond(scope{t: m.table, name: m.name, own: true}, 1, "where"))
	}
	if g.chance(30) {
		q.where("Where", g.cond(scope{t: t, name: name}, 0, "where"))
	}
	return g.finish("joins SQL", q, m, finishing{prefix: m.name + "."})
}

// from is a query of other tables than a model's: Table, clause.From.
func (g *gen) from() call {
	t := g.near()
	g.home = g.layout.binds[t.name]
	q := newQuery("db")
	name := t.name
	shape := "from table"
	switch g.rng.Intn(8) {
	case 0, 1:
		q.add([]use{{table: t.name, how: "Table"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Table(t.name) }, ".Table(%q)", t.name)
	case 2:
		name = g.alias(t)
		as := choose(g, []string{" AS ", " "})
		q.add([]use{{table: t.name, how: "Table"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Table(t.name + as + name) }, ".Table(%q)", t.name+as+name)
	case 3:
		spelled := "main." + t.name
		q.add([]use{{table: t.name, how: "Table"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Table(spelled) }, ".Table(%q)", spelled)
	case 4, 5:
		shape, name = "from subquery", "f"
		form := "Raw"
		if t.model != nil {
			form = choose(g, []string{"Model", "Raw", "Table", "generics", "expression"})
		}
		sub := g.subOf(t, column{name: "*"}, form, 1, "from")
		q.add(sub.uses, func(q, db *gorm.DB) *gorm.DB { return q.Table("(?) AS f", sub.make(db)) }, ".Table(%q, %s)", "(?) AS f", sub.text)
	case 6:
		shape = "from two tables"
		other := g.near()
		list := fmt.Sprintf("%s AS x, %s AS y", t.name, g.spelled(other))
		name = "x"
		if t.model == nil || g.chance(50) {
			q.add([]use{{table: t.name, how: "Table"}, {table: other.name, how: "second table in Table"}},
				func(q, _ *gorm.DB) *gorm.DB { return q.Table(list) }, ".Table(%q)", list)
		} else {
			q.add([]use{{table: t.name, how: "model, with another From", weak: true}},
				func(q, _ *gorm.DB) *gorm.DB { return q.Model(t.model.pointer()) }, ".Model(&%s{}).Unscoped()", t.model.goName)
			q.add([]use{{table: t.name, how: "clause.From"}, {table: other.name, how: "second table in clause.From"}},
				func(q, _ *gorm.DB) *gorm.DB {
					return q.Unscoped().Clauses(clause.From{Tables: []clause.Table{{Name: t.name, Alias: "x"}, {Name: other.name, Alias: "y"}}})
				}, ".Clauses(clause.From{Tables: {%s x, %s y}})", t.name, other.name)
		}
		on := fmt.Sprintf("x.%s = y.%s", g.column(t, number).name, g.column(other, number).name)
		q.where("Where", of(on))
	default:
		shape, name = "from subquery", "f"
		other := g.near()
		a := g.subOf(t, column{name: "*"}, "Raw", 1, "from")
		b := g.subOf(other, column{name: g.column(other, number).name + " AS second"}, "Raw", 1, "from")
		q.add(append(a.uses, b.uses...), func(q, db *gorm.DB) *gorm.DB { return q.Table("(?) AS f, (?) AS g", a.make(db), b.make(db)) },
			".Table(%q, %s, %s)", "(?) AS f, (?) AS g", a.text, b.text)
	}
	g.conditions(q, scope{t: t, name: name}, 1)
	c := call{shape: shape, statements: []statement{whole(q.uses)}}
	selected := name + "." + g.column(t, number).name
	switch g.rng.Intn(6) {
	case 0:
		c.text = q.text.String() + ".Count(&n)"
		c.run = func(db *gorm.DB) (any, error) {
			var n int64
			err := q.build(db).Count(&n).Error
			return n, err
		}
	case 1:
		c.text = fmt.Sprintf("%s.Pluck(%q, &values)", q.text.String(), selected)
		c.run = func(db *gorm.DB) (any, error) {
			var values []*int64
			err := q.build(db).Pluck(selected, &values).Error
			return values, err
		}
	case 2:
		c.text = q.text.String() + ".Rows()"
		c.run = func(db *gorm.DB) (any, error) { return scanRows(q.build(db)) }
	case 3:
		c.text = fmt.Sprintf("%s.Select(%q).Scan(&summaries)", q.text.String(), selected+" AS total")
		c.run = func(db *gorm.DB) (any, error) {
			var rows []summary
			err := q.build(db).Select(selected + " AS total").Scan(&rows).Error
			return rows, err
		}
	case 4:
		if t.model != nil && shape == "from subquery" || shape == "from two tables" && t.model != nil {
			// Its own model: scanned into, or given to Model.
			m := t.model
			if g.chance(30) {
				m = g.nearModel()
			}
			c.statements = []statement{whole(append(q.uses, use{table: m.name, how: "type of the rows", weak: true}))}
			c.text = fmt.Sprintf("%s.Find(&[]%s)", q.text.String(), m.goName)
			c.run = func(db *gorm.DB) (any, error) {
				rows := m.slice()
				err := q.build(db).Unscoped().Select(selected).Find(rows).Error
				return rows, err
			}
			break
		}
		fallthrough
	default:
		c.text = q.text.String() + ".Find(&maps)"
		c.run = func(db *gorm.DB) (any, error) {
			var maps []map[string]any
			err := q.build(db).Find(&maps).Error
			return maps, err
		}
	}
	return c
}
