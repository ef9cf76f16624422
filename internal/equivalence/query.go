package equivalence

import (
	"database/sql"
	"fmt"
	"math/rand"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// A gen generates one case.
type gen struct {
	*world
	rng  *rand.Rand
	home string // tables of this bind are preferred, so that not every statement crosses
}

func (g *gen) chance(percent int) bool { return g.rng.Intn(100) < percent }

func choose[T any](g *gen, of []T) T { return of[g.rng.Intn(len(of))] }

// An expr is a Go expression: its text, how to make its value for a handle, and
// the tables that it brings into a statement.
type expr struct {
	text string
	make func(db *gorm.DB) any
	uses []use
}

func value(v any) expr {
	return expr{text: literal(v), make: func(*gorm.DB) any { return v }}
}

// A cond is the arguments of Where and the like.
type cond struct {
	text string
	make func(db *gorm.DB) []any
	uses []use
	or   bool // it has an OR that Not puts into the statement without parentheses
}

// of makes a condition of SQL with arguments.
func of(text string, args ...expr) cond {
	c := cond{text: fmt.Sprintf("%q", text)}
	for _, arg := range args {
		c.text += ", " + arg.text
		c.uses = append(c.uses, arg.uses...)
	}
	c.make = func(db *gorm.DB) []any {
		made := []any{text}
		for _, arg := range args {
			made = append(made, arg.make(db))
		}
		return made
	}
	return c
}

// alone is a condition of one argument.
func alone(e expr) cond {
	return cond{text: e.text, uses: e.uses, make: func(db *gorm.DB) []any { return []any{e.make(db)} }}
}

// literal is a value as Go writes it.
func literal(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, key := range sortedKeys(v) {
			parts = append(parts, fmt.Sprintf("%q: %s", key, literal(v[key])))
		}
		return "map[string]any{" + strings.Join(parts, ", ") + "}"
	case sql.NamedArg:
		return fmt.Sprintf("sql.Named(%q, %s)", v.Name, literal(v.Value))
	case int64, int:
		return fmt.Sprint(v)
	default:
		return strings.ReplaceAll(fmt.Sprintf("%#v", v), "interface {}", "any")
	}
}

// A scope is a table that a condition is about, under the name that it has there.
type scope struct {
	t    *table
	name string // the table's, or an alias; "" where columns are not qualified
	own  bool   // the statement's own table, to which struct and map conditions apply
}

func (s scope) column(c column) string {
	if s.name == "" {
		return c.name
	}
	return s.name + "." + c.name
}

// outer is how a correlated subquery names the table.
func (s scope) outer(c column) string {
	if s.name == "" {
		return s.t.name + "." + c.name
	}
	return s.column(c)
}

// scoped is a scope for a model's own table, qualified or not.
func (g *gen) scoped(t *table) scope {
	if g.chance(50) {
		return scope{t: t, own: true}
	}
	return scope{t: t, name: t.name, own: true}
}

// near picks a table: mostly one of the home bind.
func (g *gen) near() *table {
	return g.nearOf(g.schema.tables)
}

func (g *gen) nearOf(tables []*table) *table {
	if g.chance(65) {
		var here []*table
		for _, t := range tables {
			if g.layout.binds[t.name] == g.home {
				here = append(here, t)
			}
		}
		if len(here) > 0 {
			return choose(g, here)
		}
	}
	return choose(g, tables)
}

func (g *gen) nearModel() *model {
	var tables []*table
	for _, m := range g.schema.models {
		tables = append(tables, m.table)
	}
	return g.nearOf(tables).model
}

// column picks a column of a kind; every table has numbers.
func (g *gen) column(t *table, k kind) column {
	if plain := t.of(k); len(plain) > 0 && g.chance(70) {
		return choose(g, plain)
	}
	if any := t.comparable(k); len(any) > 0 {
		return choose(g, any)
	}
	return choose(g, t.comparable(number))
}

func (g *gen) anyColumn(t *table) column {
	if g.chance(30) {
		return g.column(t, text)
	}
	return g.column(t, number)
}

func (g *gen) literal(c column) any {
	switch {
	case c.kind == number:
		return g.rng.Intn(6)
	case c.primary || c.foreign:
		return choose(g, codes)
	default:
		return choose(g, names)
	}
}

func (g *gen) literals(c column) any {
	n := 1 + g.rng.Intn(3)
	if c.kind == number {
		list := make([]int, n)
		for i := range list {
			list[i] = g.literal(c).(int)
		}
		return list
	}
	list := make([]string, n)
	for i := range list {
		list[i] = g.literal(c).(string)
	}
	return list
}

// cond is a random condition on a scope. depth is how deep subqueries may nest;
// place is where the condition stands, for the rules' claims.
func (g *gen) cond(s scope, depth int, place string) cond {
	if depth > 0 && g.chance(30) {
		return g.subcond(s, depth, place)
	}
	c := g.anyColumn(s.t)
	if c.kind == moment {
		c = g.column(s.t, number)
	}
	name := s.column(c)
	switch g.rng.Intn(13) {
	case 0, 1:
		return of(name+" "+choose(g, []string{"=", ">", "<=", "<>"})+" ?", value(g.literal(c)))
	case 2:
		return of(name+" IN ?", value(g.literals(c)))
	case 3:
		if c.kind == text {
			return of(name+" LIKE ?", value("%"+g.literal(c).(string)[1:]+"%"))
		}
		low := g.rng.Intn(4)
		return of(name+" BETWEEN ? AND ?", value(low), value(low+g.rng.Intn(3)))
	case 4:
		for _, c := range s.t.columns {
			if c.null && c.kind != moment {
				return of(s.column(c) + choose(g, []string{" IS NULL", " IS NOT NULL"}))
			}
		}
		return of(name+" > ?", value(g.literal(c)))
	case 5, 6:
		if s.own && s.t.model != nil {
			return alone(g.structCond(s.t.model))
		}
		return of(name+" = ?", value(g.literal(c)))
	case 7:
		if !s.own {
			return of(name+" = ?", value(g.literal(c)))
		}
		m := map[string]any{c.name: g.literal(c)}
		if g.chance(50) {
			m[c.name] = g.literals(c)
		}
		if other := g.anyColumn(s.t); other.kind != moment && g.chance(50) {
			m[other.name] = g.literal(other)
		}
		return alone(value(m))
	case 8, 9:
		return g.group(s, depth, place)
	case 10:
		return g.clauseCond(s, c)
	case 11:
		c := of(name+" = @v OR "+name+" > @v", value(sql.Named("v", g.literal(c))))
		c.or = true
		return c
	default:
		return of(name+" >= @v", value(map[string]any{"v": g.literal(c)}))
	}
}

func (g *gen) structCond(m *model) expr {
	v := &valueSpec{model: m, fields: map[string]any{}}
	for n := 0; n < 2; n++ {
		c := g.column(m.table, choose(g, []kind{number, text}))
		if c.kind == number && !c.foreign && !c.primary {
			v.fields[c.field] = 1 + g.rng.Intn(5) // GORM skips zero
		} else if c.kind == text && !c.foreign && !c.primary {
			v.fields[c.field] = g.literal(c)
		}
	}
	if len(v.fields) == 0 {
		c := m.of(number)[0]
		v.fields[c.field] = 1 + g.rng.Intn(5)
	}
	return expr{text: v.String(), make: func(*gorm.DB) any { return v.build().Interface() }}
}

// group is a condition in parentheses: another handle's.
func (g *gen) group(s scope, depth int, place string) cond {
	a, b := g.cond(s, depth-1, place), g.cond(s, depth-1, place)
	method := choose(g, []string{"Or", "Or", "Where", "Not"})
	return alone(expr{
		text: fmt.Sprintf("db.Where(%s).%s(%s)", a.text, method, b.text),
		uses: append(a.uses[:len(a.uses):len(a.uses)], b.uses...),
		make: func(db *gorm.DB) any {
			first, second := a.make(db), b.make(db)
			return call2(db.Where(first[0], first[1:]...), method, second)
		},
	})
}

// call2 calls Where, Not or Or.
func call2(q *gorm.DB, method string, args []any) *gorm.DB {
	switch method {
	case "Or":
		return q.Or(args[0], args[1:]...)
	case "Not":
		return q.Not(args[0], args[1:]...)
	default:
		return q.Where(args[0], args[1:]...)
	}
}

func (g *gen) clauseCond(s scope, c column) cond {
	named := clause.Column{Table: s.name, Name: c.name}
	if s.name == "" && s.own {
		named.Table = clause.CurrentTable
	}
	v := g.literal(c)
	var e clause.Expression
	switch g.rng.Intn(5) {
	case 0:
		e = clause.Eq{Column: named, Value: v}
	case 1:
		e = clause.IN{Column: named, Values: []any{v, g.literal(c)}}
	case 2:
		e = clause.Or(clause.Gt{Column: named, Value: v}, clause.Neq{Column: named, Value: v})
	case 3:
		e = clause.Not(clause.Lte{Column: named, Value: v})
	default:
		e = gorm.Expr(s.column(c)+" <> ?", v)
	}
	return alone(value(e))
}

// subcond is a condition with a subquery in it: a handle, an expression, or text.
func (g *gen) subcond(s scope, depth int, place string) cond {
	c := g.column(s.t, choose(g, []kind{number, number, text}))
	if c.kind == moment {
		c = g.column(s.t, number)
	}
	name := s.column(c)
	switch n := g.rng.Intn(12); {
	case n < 4:
		return of(name+choose(g, []string{" IN (?)", " IN (?)", " NOT IN (?)"}), g.sub(c.kind, depth-1, place))
	case n < 5:
		return of(name+choose(g, []string{" >= (?)", " <> (?)"}), g.scalar(depth-1, place))
	case n < 6:
		return of("(?) > ?", g.correlated(s, "COUNT(*)", place), value(g.rng.Intn(3)))
	case n < 8:
		return of(choose(g, []string{"EXISTS (?)", "NOT EXISTS (?)"}), g.correlated(s, "1", place))
	case n < 9 && s.own:
		sub := g.sub(c.kind, depth-1, place)
		return alone(expr{
			text: fmt.Sprintf("map[string]any{%q: %s}", c.name, sub.text),
			uses: sub.uses,
			make: func(db *gorm.DB) any { return map[string]any{c.name: gorm.Expr("(?)", sub.make(db))} },
		})
	case n < 10:
		sub := g.correlated(s, "1", place)
		return alone(expr{
			text: fmt.Sprintf("clause.Expr{SQL: %q, Vars: []any{%s}}", "EXISTS (?)", sub.text),
			uses: sub.uses,
			make: func(db *gorm.DB) any { return clause.Expr{SQL: "EXISTS (?)", Vars: []any{sub.make(db)}} },
		})
	default:
		return g.textual(s, c, place)
	}
}

// textual is a subquery in the text of a condition.
func (g *gen) textual(s scope, c column, place string) cond {
	t := g.near()
	how := "text subquery in " + place
	inner := g.column(t, c.kind)
	if outer := s.name; outer == "" && t == s.t && g.chance(50) {
		// The same table under another name, which may be a known table's.
		alias := g.alias(t)
		return cond{
			text: fmt.Sprintf("%q", fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS %s WHERE %s.%s = %s.%s)", t.name, alias, alias, inner.name, s.t.name, c.name)),
			uses: []use{{table: t.name, how: how}},
			make: func(*gorm.DB) []any {
				return []any{fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS %s WHERE %s.%s = %s.%s)", t.name, alias, alias, inner.name, s.t.name, c.name)}
			},
		}
	}
	filter := ""
	uses := []use{{table: t.name, how: how}}
	switch g.rng.Intn(4) {
	case 0:
		number := g.column(t, number)
		filter = fmt.Sprintf(" WHERE %s > %d", number.name, g.rng.Intn(3))
	case 1: // deeper
		other := g.near()
		of := g.column(t, number)
		filter = fmt.Sprintf(" WHERE %s IN (SELECT %s FROM %s)", of.name, g.column(other, number).name, g.spelled(other))
		uses = append(uses, use{table: other.name, how: how})
	}
	c2 := of(fmt.Sprintf("%s %s (SELECT %s FROM %s%s)", s.column(c), choose(g, []string{"IN", "NOT IN"}), inner.name, g.spelled(t), filter))
	c2.uses = uses
	return c2
}

// spelled is a table's name in SQL: plain, quoted, with its schema, in capitals.
func (g *gen) spelled(t *table) string {
	switch g.rng.Intn(10) {
	case 0:
		return `"` + t.name + `"`
	case 1:
		return "`" + t.name + "`"
	case 2:
		return "[" + t.name + "]"
	case 3:
		return "main." + t.name
	case 4:
		return `main."` + t.name + `"`
	case 5:
		return strings.ToUpper(t.name)
	default:
		return t.name
	}
}

// alias is another name for a table: a letter, or the name of another table.
func (g *gen) alias(t *table) string {
	for g.chance(40) {
		if other := choose(g, g.schema.tables); other != t {
			return other.name
		}
	}
	return "x"
}

// sub is a subquery of one column.
func (g *gen) sub(k kind, depth int, place string) expr {
	t := g.near()
	if t.model == nil {
		return g.subOf(t, g.column(t, k), choose(g, []string{"Table", "Raw", "expression"}), depth, place)
	}
	form := choose(g, []string{"Model", "Model", "Model", "Table", "Raw", "generics", "expression", "Joins", "Group", "From", "Scopes"})
	return g.subOf(t, g.column(t, k), form, depth, place)
}

// subOf is a subquery in one of the forms that GORM knows.
func (g *gen) subOf(t *table, c column, form string, depth int, place string) expr {
	how := form + " subquery in " + place
	uses := []use{{table: t.name, how: how}}
	switch form {
	case "Model", "Scopes":
		where := g.cond(scope{t: t, own: true}, depth, place)
		e := expr{
			text: fmt.Sprintf("db.Model(&%s{}).Select(%q).Where(%s)", t.model.goName, c.name, where.text),
			uses: append(uses, where.uses...),
			make: func(db *gorm.DB) any {
				args := where.make(db)
				return db.Model(t.model.pointer()).Select(c.name).Where(args[0], args[1:]...)
			},
		}
		if form == "Scopes" {
			e.text = fmt.Sprintf("db.Model(&%s{}).Select(%q).Scopes(where(%s))", t.model.goName, c.name, where.text)
			e.make = func(db *gorm.DB) any {
				return db.Model(t.model.pointer()).Select(c.name).Scopes(func(q *gorm.DB) *gorm.DB {
					args := where.make(db)
					return q.Where(args[0], args[1:]...)
				})
			}
		}
		return e
	case "Table":
		where := g.cond(scope{t: t}, depth, place)
		return expr{
			text: fmt.Sprintf("db.Table(%q).Select(%q).Where(%s)", t.name, c.name, where.text),
			uses: append(uses, where.uses...),
			make: func(db *gorm.DB) any {
				args := where.make(db)
				return db.Table(t.name).Select(c.name).Where(args[0], args[1:]...)
			},
		}
	case "Raw", "expression":
		n := g.column(t, number)
		sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s < ?", c.name, g.spelled(t), n.name)
		arg := g.rng.Intn(6)
		if form == "Raw" {
			return expr{text: fmt.Sprintf("db.Raw(%q, %d)", sql, arg), uses: uses,
				make: func(db *gorm.DB) any { return db.Raw(sql, arg) }}
		}
		return expr{text: fmt.Sprintf("gorm.Expr(%q, %d)", sql, arg), uses: uses,
			make: func(*gorm.DB) any { return gorm.Expr(sql, arg) }}
	case "generics":
		where := g.cond(scope{t: t, own: true}, depth, place)
		return expr{
			text: fmt.Sprintf("gorm.G[%s](db).Where(%s).Select(%q)", t.model.goName, where.text, c.name),
			uses: append(uses, where.uses...),
			make: func(db *gorm.DB) any {
				args := where.make(db)
				return t.model.chain(db, []link{{op: "Where", query: args[0], args: args[1:]}, {op: "Select", query: c.name}}).Expression()
			},
		}
	case "Joins":
		other := g.near()
		alias := "y"
		on := fmt.Sprintf("JOIN %s AS %s ON %s.%s = %s.%s", other.name, alias, alias, g.column(other, number).name, t.name, g.column(t, number).name)
		return expr{
			text: fmt.Sprintf("db.Model(&%s{}).Select(%q).Joins(%q)", t.model.goName, t.name+"."+c.name, on),
			uses: append(uses, use{table: other.name, how: "raw join in subquery in " + place}),
			make: func(db *gorm.DB) any { return db.Model(t.model.pointer()).Select(t.name + "." + c.name).Joins(on) },
		}
	case "Group":
		having := g.having(depth-1, place+"'s subquery's having")
		return expr{
			text: fmt.Sprintf("db.Model(&%s{}).Select(%q).Group(%q).Having(%s)", t.model.goName, c.name, c.name, having.text),
			uses: append(uses, having.uses...),
			make: func(db *gorm.DB) any {
				args := having.make(db)
				return db.Model(t.model.pointer()).Select(c.name).Group(c.name).Having(args[0], args[1:]...)
			},
		}
	case "From":
		inner := g.subOf(t, c, choose(g, []string{"Model", "Raw"}), depth-1, "from of subquery in "+place)
		return expr{
			text: fmt.Sprintf("db.Table(%q, %s).Select(%q)", "(?) AS f", inner.text, "f."+c.name),
			uses: inner.uses,
			make: func(db *gorm.DB) any { return db.Table("(?) AS f", inner.make(db)).Select("f." + c.name) },
		}
	}
	panic(form)
}

// having is a condition on groups.
func (g *gen) having(depth int, place string) cond {
	if depth >= 0 && g.chance(35) {
		return of("COUNT(*) <= (?)", g.scalar(depth, place))
	}
	return of("COUNT(*) >= ?", value(1+g.rng.Intn(2)))
}

// scalar is a subquery of one number.
func (g *gen) scalar(depth int, place string) expr {
	t := g.near()
	c := g.column(t, number)
	function := choose(g, []string{"MAX", "MIN", "COUNT"}) + "(" + c.name + ")"
	form := "Table"
	if t.model != nil {
		form = choose(g, []string{"Model", "Table", "Raw", "generics"})
	}
	return g.subOf(t, column{name: function, kind: number}, form, depth, place)
}

// correlated is a subquery that names the outer table.
func (g *gen) correlated(s scope, selected, place string) expr {
	t := g.near()
	for t == s.t {
		t = choose(g, g.schema.tables)
	}
	on := fmt.Sprintf("%s.%s = %s", t.name, g.column(t, number).name, s.outer(g.column(s.t, number)))
	for _, ref := range t.refs { // what GORM's users write
		if ref.to == s.t && g.chance(80) {
			on = fmt.Sprintf("%s.%s = %s", t.name, ref.columns[0], s.outer(*s.t.column(ref.keys[0])))
		}
	}
	if t.model != nil && g.chance(60) {
		return expr{
			text: fmt.Sprintf("db.Model(&%s{}).Select(%q).Where(%q)", t.model.goName, selected, on),
			uses: []use{{table: t.name, how: "Model subquery in " + place}},
			make: func(db *gorm.DB) any { return db.Model(t.model.pointer()).Select(selected).Where(on) },
		}
	}
	if g.chance(50) {
		return expr{
			text: fmt.Sprintf("db.Table(%q).Select(%q).Where(%q)", t.name, selected, on),
			uses: []use{{table: t.name, how: "Table subquery in " + place}},
			make: func(db *gorm.DB) any { return db.Table(t.name).Select(selected).Where(on) },
		}
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s", selected, t.name, on)
	return expr{
		text: fmt.Sprintf("db.Raw(%q)", sql),
		uses: []use{{table: t.name, how: "Raw subquery in " + place}},
		make: func(db *gorm.DB) any { return db.Raw(sql) },
	}
}

// A query is a chain under construction.
type query struct {
	text  strings.Builder
	steps []func(q, db *gorm.DB) *gorm.DB
	uses  []use
}

func newQuery(start string) *query {
	q := &query{}
	q.text.WriteString(start)
	return q
}

func (q *query) add(uses []use, step func(q, db *gorm.DB) *gorm.DB, format string, args ...any) {
	fmt.Fprintf(&q.text, format, args...)
	q.uses = append(q.uses, uses...)
	q.steps = append(q.steps, step)
}

func (q *query) build(db *gorm.DB) *gorm.DB {
	built := db
	for _, step := range q.steps {
		built = step(built, db)
	}
	return built
}

func (q *query) model(m *model) {
	q.add([]use{{table: m.name, how: "model"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Model(m.pointer()) }, ".Model(&%s{})", m.goName)
}

func (q *query) where(method string, c cond) {
	q.add(c.uses, func(q, db *gorm.DB) *gorm.DB { return call2(q, method, c.make(db)) }, ".%s(%s)", method, c.text)
}

func (q *query) order(by string) {
	q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Order(by) }, ".Order(%q)", by)
}

func (q *query) limit(n int) {
	q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Limit(n) }, ".Limit(%d)", n)
}

func (q *query) offset(n int) {
	q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Offset(n) }, ".Offset(%d)", n)
}

func (q *query) selecting(what string, args ...expr) {
	var uses []use
	text := fmt.Sprintf("%q", what)
	for _, arg := range args {
		uses = append(uses, arg.uses...)
		text += ", " + arg.text
	}
	q.add(uses, func(q, db *gorm.DB) *gorm.DB {
		var made []any
		for _, arg := range args {
			made = append(made, arg.make(db))
		}
		return q.Select(what, made...)
	}, ".Select(%s)", text)
}

// conditions adds some conditions.
func (g *gen) conditions(q *query, s scope, depth int) {
	for n := g.rng.Intn(3); n > 0; n-- {
		method := choose(g, []string{"Where", "Where", "Where", "Not", "Or"})
		q.where(method, g.cond(s, depth, "where"))
	}
}

// byKey is the order of a table's primary key.
func byKey(t *table, qualifier string) string {
	var parts []string
	for _, c := range t.primaries() {
		parts = append(parts, qualifier+c.name)
	}
	return strings.Join(parts, ", ")
}

// A valueSpec is a value of a model, to be built anew for each handle.
type valueSpec struct {
	model     *model
	fields    map[string]any
	relations map[string][]*valueSpec
}

// build makes a pointer to the value.
func (v *valueSpec) build() reflect.Value {
	pointer := reflect.New(v.model.typ)
	s := pointer.Elem()
	for name, value := range v.fields {
		set(s.FieldByName(name), value)
	}
	for name, nested := range v.relations {
		field := s.FieldByName(name)
		for _, one := range nested {
			built := one.build()
			switch field.Kind() {
			case reflect.Ptr:
				field.Set(built)
			case reflect.Struct:
				field.Set(built.Elem())
			default:
				if field.Type().Elem().Kind() == reflect.Ptr {
					field.Set(reflect.Append(field, built))
				} else {
					field.Set(reflect.Append(field, built.Elem()))
				}
			}
		}
	}
	return pointer
}

// set sets a field, or what its pointer points to.
func set(field reflect.Value, value any) {
	if field.Kind() == reflect.Ptr {
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	field.Set(reflect.ValueOf(value).Convert(field.Type()))
}

func (v *valueSpec) String() string { return "&" + v.inner() }

func (v *valueSpec) inner() string {
	var parts []string
	for _, name := range sortedKeys(v.fields) {
		parts = append(parts, name+": "+literal(v.fields[name]))
	}
	for _, name := range sortedKeys(v.relations) {
		var nested []string
		for _, one := range v.relations[name] {
			nested = append(nested, one.inner())
		}
		parts = append(parts, name+": {"+strings.Join(nested, ", ")+"}")
	}
	return v.model.goName + "{" + strings.Join(parts, ", ") + "}"
}
