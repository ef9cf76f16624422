package equivalence

import (
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormschema "gorm.io/gorm/schema"
)

// related picks a model and one of its relations. Few have a relation to one,
// so it helps them.
func (g *gen) related(ok func(*relation) bool) (*model, *relation) {
	one := g.chance(8)
	for try := 0; ; try++ {
		m := g.nearModel()
		if one && try < 50 {
			m = choose(g, g.schema.models)
		}
		var can []*relation
		for _, r := range m.relations {
			if ok(r) && (!one || try >= 50 || r.kind == gormschema.HasOne && !r.poly) {
				can = append(can, r)
			}
		}
		if len(can) > 0 {
			return m, choose(g, can)
		}
	}
}

// owners are rows of a model that association mode starts from.
type owners struct {
	model *model
	specs []*valueSpec
	many  bool
	load  bool // with their foreign keys, as if from the database
}

func (g *gen) owners(m *model) owners {
	o := owners{model: m, many: g.chance(45), load: g.chance(60)}
	n := 1
	if o.many {
		n = 1 + g.rng.Intn(3)
	}
	rows := g.rows[m.name]
	for _, i := range g.rng.Perm(len(rows)) {
		if len(o.specs) == n {
			break
		}
		spec := g.keyOf(m, rows[i])
		for _, c := range m.columns { // as if loaded
			if c.foreign && rows[i][c.name] != nil && o.load {
				spec.fields[c.field] = rows[i][c.name]
			}
		}
		o.specs = append(o.specs, spec)
	}
	return o
}

func (o owners) String() string {
	if !o.many {
		return o.specs[0].String()
	}
	var parts []string
	for _, v := range o.specs {
		parts = append(parts, v.inner())
	}
	return "&[]" + o.model.goName + "{" + strings.Join(parts, ", ") + "}"
}

func (o owners) build() any {
	if !o.many {
		return o.specs[0].build().Interface()
	}
	slice := reflect.ValueOf(o.model.slice())
	for _, v := range o.specs {
		slice.Elem().Set(reflect.Append(slice.Elem(), v.build().Elem()))
	}
	return slice.Interface()
}

// loaded builds the owners from the database.
func (o owners) loaded(db *gorm.DB, relation string) (any, error) {
	slice := reflect.ValueOf(o.model.slice())
	for _, v := range o.specs {
		pointer := v.build()
		if err := db.Unscoped().Preload(relation).First(pointer.Interface()).Error; err != nil || !o.many {
			return pointer.Interface(), err
		}
		slice.Elem().Set(reflect.Append(slice.Elem(), pointer.Elem()))
	}
	return slice.Interface(), nil
}

// share reports whether several of the owners have the same row.
func (o owners) share(db *gorm.DB, r *relation, unscoped bool) (bool, error) {
	var where, columns []string
	var args []any
	for _, v := range o.specs {
		var same []string
		for i, key := range r.keys {
			same = append(same, r.ours[i].name+" = ?")
			args = append(args, v.fields[o.model.column(key).field])
		}
		where = append(where, "("+strings.Join(same, " AND ")+")")
	}
	for _, c := range r.theirs {
		columns = append(columns, c.name)
	}
	sql := fmt.Sprintf("SELECT %s FROM %s WHERE (%s)", strings.Join(columns, ", "), r.join.name, strings.Join(where, " OR "))
	if r.join.soft && !unscoped {
		sql += " AND deleted_at IS NULL"
	}
	var rows []map[string]any
	err := db.Raw(sql, args...).Scan(&rows).Error
	seen := map[string]bool{}
	for _, row := range rows {
		seen[fmt.Sprint(row)] = true
	}
	return len(seen) < len(rows), err
}

func kindName(r *relation) string {
	switch {
	case r.join != nil:
		return "many2many"
	case r.poly:
		return "polymorphic"
	case r.kind == gormschema.BelongsTo:
		return "belongs to"
	case r.kind == gormschema.HasOne:
		return "has one"
	default:
		return "has many"
	}
}

// associationRead is Association(…).Find or Count. Over many2many GORM joins
// the join table to the target; across binds that can be asked in two queries,
// unless a condition or an order names the join table.
func (g *gen) associationRead() call {
	m, r := g.related(func(r *relation) bool { return r.join != nil || g.chance(50) })
	g.home = g.layout.binds[r.target.name]
	o := g.owners(m)
	q := newQuery("db.Model(" + o.String() + ")")
	q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Model(o.build()) }, "")
	s := scope{t: r.target.table, name: r.target.name, own: true}
	or := false // beside the other conditions, without parentheses
	for n := g.rng.Intn(3); n > 0; n-- {
		method, c := choose(g, []string{"Where", "Where", "Where", "Not", "Or"}), g.cond(s, 1, "association's condition")
		or = or || method == "Or" || method == "Not" && c.or
		q.where(method, c)
	}
	count := g.chance(35)
	joinColumns := r.join != nil && g.chance(15)
	selects := joinColumns && g.nameJoinTable(q, r, count)
	if g.chance(10) { // another table beside the target
		t := g.near()
		sql := fmt.Sprintf("JOIN %s AS z ON z.%s = %s.%s", g.spelled(t), g.column(t, number).name, r.target.name, g.column(r.target.table, number).name)
		q.add([]use{{table: t.name, how: "raw join"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Joins(sql) }, ".Joins(%q)", sql)
	}
	ordered, distinct := false, false
	if count && g.chance(15) {
		distinct = true // it counts each value once
		column := r.target.name + "." + g.column(r.target.table, number).name
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Distinct(column) }, ".Distinct(%q)", column)
	}
	if !count {
		if g.chance(55) {
			by := byKey(r.target.table, r.target.name+".")
			if g.chance(30) {
				by = r.target.name + "." + r.target.of(number)[0].name + " DESC, " + by
			}
			q.order(by)
			ordered = true
			if g.chance(50) {
				q.limit(1 + g.rng.Intn(3))
				if g.chance(40) {
					q.offset(g.rng.Intn(3))
				}
			}
		}
		switch g.rng.Intn(12) {
		case 0:
			if selects {
				break
			}
			column := r.target.name + "." + r.target.of(number)[0].name
			q.selecting(column)

		case 1:
			distinct = true // it does not matter then how often a row is found
			q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Distinct() }, ".Distinct()")
		}
	}
	all := g.chance(15)
	if all {
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Unscoped() }, ".Unscoped()")
	}
	var extra []statement
	if !count && g.chance(20) && len(r.target.relations) > 0 {
		before := len(q.uses)
		extra = g.preload(q, r.target, nil)
		q.uses = q.uses[:before]
	}
	var inline *cond
	if !count && g.chance(25) {
		c := g.cond(s, 1, "association's condition")
		inline = &c
		q.uses = append(q.uses, c.uses...)
	}
	target := append([]use{{table: r.target.name, how: "association's target"}}, q.uses...)
	main := whole(target)
	maps := !count && extra == nil && g.chance(10)
	if r.join != nil {
		join := use{table: r.join.name, how: "join table"}
		if joinColumns {
			join.how = "join table, named in a condition or order"
			main.parts[0] = append(main.parts[0], join)
		} else {
			main.parts = append(main.parts, []use{join})
			if or && r.join.soft && !all {
				// GORM puts the join table's soft delete beside the OR.
				join.how = "join table, whose soft delete stands beside OR"
				main.parts[0] = append(main.parts[0], join)
			}
			main.ifShared = !distinct
		}
	}
	c := call{ordered: ordered, statements: append([]statement{main}, extra...)}
	if main.ifShared {
		c.shared = func(db *gorm.DB) (bool, error) { return o.share(db, r, all) }
	}
	unscoped := ""
	if g.chance(10) {
		unscoped = ".Unscoped()"
	}
	fmt.Fprintf(&q.text, ".Association(%q)%s", r.name, unscoped)
	association := func(db *gorm.DB) *gorm.Association {
		a := q.build(db).Association(r.name)
		if unscoped != "" {
			a = a.Unscoped()
		}
		return a
	}
	if count {
		c.shape = "association count " + kindName(r)
		c.text = q.text.String() + ".Count()"
		c.run = func(db *gorm.DB) (any, error) {
			a := association(db)
			n := a.Count()
			return n, a.Error
		}
		return c
	}
	c.shape = "association find " + kindName(r)
	c.text = q.text.String() + ".Find(&rows"
	if inline != nil {
		c.text += ", " + inline.text
	}
	c.text += ")"
	if maps {
		c.text += " // maps"
	}
	c.run = func(db *gorm.DB) (any, error) {
		var conds []any
		if inline != nil {
			conds = inline.make(db)
		}
		if maps {
			var maps []map[string]any
			err := association(db).Find(&maps, conds...)
			return maps, err
		}
		rows := r.target.slice()
		err := association(db).Find(rows, conds...)
		return rows, err
	}
	return c
}

// nameJoinTable adds what only a join can answer: a condition, an order or a
// column of the join table, with its name or without. It reports whether it has
// chosen the columns.
func (g *gen) nameJoinTable(q *query, r *relation, count bool) (selects bool) {
	c := g.column(r.join, choose(g, []kind{number, text}))
	name := r.join.name + "." + c.name
	form := g.rng.Intn(5)
	if count && (form == 2 || form == 3) { // GORM counts without order and columns
		form = 4
	}
	switch form {
	case 0:
		for _, own := range r.target.columns {
			if own.name == c.name {
				c.name = r.ours[0].name // else it would be the target's, or ambiguous
			}
		}
		q.where("Where", of(c.name+" <> ?", value(g.literal(c))))
	case 1:
		q.where("Where", alone(value(clause.Neq{Column: clause.Column{Table: r.join.name, Name: c.name}, Value: g.literal(c)})))
	case 2:
		q.order(name + ", " + byKey(r.target.table, r.target.name+"."))
	case 3:
		q.selecting(r.target.name + ".*, " + name + " AS extra")
		return true
	default:
		q.where(choose(g, []string{"Where", "Not"}), of(name+" <> ?", value(g.literal(c))))
	}
	return false
}

// associationWrite is Append, Replace, Delete or Clear. GORM's statements name
// one table each.
func (g *gen) associationWrite() call {
	m, r := g.related(func(r *relation) bool { return r.join != nil || g.chance(50) })
	g.home = g.layout.binds[m.name]
	o := g.owners(m)
	op := choose(g, []string{"Append", "Append", "Replace", "Replace", "Delete", "Delete", "Clear"})
	n := 1 + g.rng.Intn(2)
	if r.one() {
		n = 1
	}
	if o.many && op != "Delete" {
		n = len(o.specs) // one for each owner
	}
	var values []*valueSpec
	var parts []string
	maps := g.chance(8) && (r.kind == gormschema.HasMany || r.join != nil)
	for ; n > 0 && op != "Clear"; n-- {
		v := g.newValue(r.target)
		if op == "Delete" || g.chance(50) {
			v = g.oldValue(r.target)
		}
		if op == "Delete" {
			v = g.keySpec(v)
		} else if !maps && g.chance(15) {
			g.grow(v, 1, 20)
		}
		values, parts = append(values, v), append(parts, v.String())
	}
	unscoped, preload := g.chance(20), g.chance(25)
	c := call{writes: true, shape: fmt.Sprintf("association %s %s", strings.ToLower(op), kindName(r))}
	c.statements = []statement{whole([]use{{table: m.name, how: "model"}})}
	dots := ""
	if unscoped {
		dots = ".Unscoped()"
	}
	if maps && op == "Append" {
		dots += " /* maps */"
	}
	loaded := ""
	if preload {
		loaded = fmt.Sprintf("; db.Unscoped().Preload(%q).First(each owner)", r.name)
	}
	c.text = fmt.Sprintf("owners := %s%s; db.Model(owners).Association(%q)%s.%s(%s)", o, loaded, r.name, dots, op, strings.Join(parts, ", "))
	c.run = func(db *gorm.DB) (any, error) {
		owners := o.build()
		if preload {
			var err error
			if owners, err = o.loaded(db, r.name); err != nil {
				return nil, err
			}
		}
		a := db.Model(owners).Association(r.name)
		if unscoped {
			a = a.Unscoped()
		}
		var given []any
		for _, v := range values {
			if maps && op == "Append" {
				row := map[string]any{}
				for _, c := range r.target.columns {
					if value, ok := v.fields[c.field]; ok {
						row[c.name] = value
					}
				}
				given = append(given, row)
				continue
			}
			given = append(given, v.build().Interface())
		}
		var err error
		switch op {
		case "Append":
			err = a.Append(given...)
		case "Replace":
			err = a.Replace(given...)
		case "Delete":
			err = a.Delete(given...)
		default:
			err = a.Clear()
		}
		return owners, err
	}
	return c
}
