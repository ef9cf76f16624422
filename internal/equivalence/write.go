package equivalence

import (
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	gormschema "gorm.io/gorm/schema"
)

// newValue is a random value that is not in the database yet.
func (g *gen) newValue(m *model) *valueSpec {
	v := &valueSpec{model: m, fields: map[string]any{}, relations: map[string][]*valueSpec{}}
	for _, c := range m.columns {
		switch {
		case c.primary && c.serial, c.kind == moment:
		case c.primary && c.kind == text:
			v.fields[c.field] = fmt.Sprintf("n%d", g.rng.Intn(50))
		case c.primary:
			v.fields[c.field] = 10 + g.rng.Intn(50)
		case c.foreign:
		case g.chance(70):
			v.fields[c.field] = g.literal(c)
		}
	}
	for _, ref := range m.refs {
		if ref.typed == "" && g.chance(40) {
			row := choose(g, g.rows[ref.to.name])
			for i, name := range ref.columns {
				if c := m.column(name); row[ref.keys[i]] != nil && (!c.primary || g.chance(70)) {
					v.fields[c.field] = row[ref.keys[i]]
				}
			}
		}
	}
	return v
}

// oldValue is one that is in the database, by its key alone or with changes.
func (g *gen) oldValue(m *model) *valueSpec {
	v := g.keyOf(m, choose(g, g.rows[m.name]))
	for _, c := range m.columns {
		if !c.primary && !c.foreign && c.kind != moment && g.chance(40) {
			v.fields[c.field] = g.literal(c)
		}
	}
	return v
}

func (g *gen) keyOf(m *model, r row) *valueSpec {
	v := &valueSpec{model: m, fields: map[string]any{}, relations: map[string][]*valueSpec{}}
	for _, c := range m.primaries() {
		v.fields[c.field] = r[c.name]
	}
	return v
}

// grow gives a value related ones, new and old.
func (g *gen) grow(v *valueSpec, depth, percent int) {
	if depth == 0 {
		return
	}
	for _, r := range v.model.relations {
		if !g.chance(percent) {
			continue
		}
		n := 1
		if !r.one() {
			n += g.rng.Intn(2)
		}
		for ; n > 0; n-- {
			related := g.newValue(r.target)
			if g.chance(35) {
				related = g.oldValue(r.target)
			}
			g.grow(related, depth-1, percent/2)
			v.relations[r.name] = append(v.relations[r.name], related)
		}
	}
}

// create is Create in all forms: of one, of several, of a map, with associations.
func (g *gen) create() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	c := call{writes: true, statements: []statement{whole([]use{{table: m.name, how: "model"}})}}
	switch g.rng.Intn(10) {
	case 0: // a map, with an expression in it
		v := g.newValue(m)
		values := map[string]any{}
		for field, value := range v.fields {
			values[field] = value
		}
		into := choose(g, m.of(number))
		sub := g.scalar(1, "create")
		c.shape = "create from a map"
		if g.chance(60) {
			c.text = fmt.Sprintf("db.Model(&%s{}).Create(map(%s, %s: gorm.Expr(%q, %s)))", m.goName, v, into.field, "(?)", sub.text)
			c.statements = []statement{whole(append([]use{{table: m.name, how: "model"}}, sub.uses...))}
			c.run = func(db *gorm.DB) (any, error) {
				row := map[string]any{into.field: gorm.Expr("(?)", sub.make(db))}
				for field, value := range values {
					if field != into.field {
						row[field] = value
					}
				}
				return nil, db.Model(m.pointer()).Create(row).Error
			}
			return c
		}
		c.text = fmt.Sprintf("db.Model(&%s{}).Create(map(%s))", m.goName, v)
		c.run = func(db *gorm.DB) (any, error) {
			row := map[string]any{}
			for field, value := range values {
				row[field] = value
			}
			return nil, db.Model(m.pointer()).Create(row).Error
		}
		return c
	case 1: // an upsert, with a subquery in its assignments
		v := g.oldValue(m)
		into := choose(g, m.of(number))
		sub := g.scalar(1, "on conflict")
		c.shape = "create on conflict"
		var columns []clause.Column
		for _, p := range m.primaries() {
			columns = append(columns, clause.Column{Name: p.name})
		}
		c.text = fmt.Sprintf("db.Clauses(clause.OnConflict{DoUpdates: {%q: gorm.Expr(%q, %s)}}).Create(%s)", into.name, "(?)", sub.text, v)
		c.statements = []statement{whole(append([]use{{table: m.name, how: "model"}}, sub.uses...))}
		c.run = func(db *gorm.DB) (any, error) {
			return nil, db.Clauses(clause.OnConflict{Columns: columns,
				DoUpdates: clause.Assignments(map[string]any{into.name: gorm.Expr("(?)", sub.make(db))})}).Create(v.build().Interface()).Error
		}
		return c
	case 2, 3: // several
		c.shape = "create several"
		var values []*valueSpec
		var parts []string
		for n := 2 + g.rng.Intn(3); n > 0; n-- {
			v := g.newValue(m)
			g.grow(v, 2, 15)
			values, parts = append(values, v), append(parts, v.inner())
		}
		form := choose(g, []string{"Create", "CreateInBatches", "generics", "pointers"})
		c.text = fmt.Sprintf("%s of []%s{%s}", form, m.goName, strings.Join(parts, ", "))
		c.run = func(db *gorm.DB) (any, error) {
			slice := reflect.ValueOf(m.slice())
			pointers := reflect.MakeSlice(reflect.SliceOf(reflect.PointerTo(m.typ)), 0, 4)
			for _, v := range values {
				built := v.build()
				slice.Elem().Set(reflect.Append(slice.Elem(), built.Elem()))
				pointers = reflect.Append(pointers, built)
			}
			var err error
			switch form {
			case "Create":
				err = db.Create(slice.Interface()).Error
			case "CreateInBatches":
				err = db.CreateInBatches(slice.Interface(), 2).Error
			case "generics":
				err = m.createBatch(db, slice.Interface(), 2)
			default:
				err = db.Create(pointers.Interface()).Error
				return pointers.Interface(), err
			}
			return slice.Interface(), err
		}
		return c
	case 4:
		v := g.newValue(m)
		c.shape = "create with generics"
		g.grow(v, 2, 30)
		c.text = fmt.Sprintf("gorm.G[%s](db).Create(ctx, %s)", m.goName, v)
		c.run = func(db *gorm.DB) (any, error) {
			pointer := v.build().Interface()
			err := m.create(db, pointer)
			return pointer, err
		}
		return c
	default:
		v := g.newValue(m)
		g.grow(v, 3, 40)
		c.shape = "create"
		q := newQuery("db")
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Session(&gorm.Session{}) }, "")
		if len(v.relations) > 0 {
			c.shape = "create with associations"
			first := sortedKeys(v.relations)[0]
			switch g.rng.Intn(6) {
			case 0:
				q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Session(&gorm.Session{FullSaveAssociations: true}) }, ".Session(FullSaveAssociations)")
			case 1:
				q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Omit(first) }, ".Omit(%q)", first)
			case 2:
				if m.relation(first).join == nil {
					break
				}
				q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Omit(first + ".*") }, ".Omit(%q)", first+".*")
			case 3:
				q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Select("*", first) }, ".Select(\"*\", %q)", first)
			}
		}
		c.text = fmt.Sprintf("%s.Create(%s)", q.text.String(), v)
		c.run = func(db *gorm.DB) (any, error) {
			pointer := v.build().Interface()
			tx := q.build(db).Create(pointer)
			return answer{pointer, tx.RowsAffected}, tx.Error
		}
		return c
	}
}

// save is Save and Updates of values, with associations.
func (g *gen) save() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	c := call{writes: true, statements: []statement{whole([]use{{table: m.name, how: "model"}})}}
	v := g.oldValue(m)
	if g.chance(60) {
		g.grow(v, 2, 35)
	}
	session := &gorm.Session{FullSaveAssociations: g.chance(25)}
	full := ""
	if session.FullSaveAssociations {
		full = ".Session(FullSaveAssociations)"
	}
	switch g.rng.Intn(6) {
	case 0, 1:
		c.shape, c.text = "save", fmt.Sprintf("db%s.Save(%s)", full, v)
		c.run = func(db *gorm.DB) (any, error) {
			pointer := v.build().Interface()
			tx := db.Session(session).Save(pointer)
			return answer{pointer, tx.RowsAffected}, tx.Error
		}
	case 2:
		c.shape, c.text = "save a loaded value", fmt.Sprintf("db.First(&v, key of %s); change; db%s.Save(&v)", v, full)
		c.run = func(db *gorm.DB) (any, error) {
			pointer := g.keySpec(v).build()
			if err := db.Session(&gorm.Session{}).Unscoped().First(pointer.Interface()).Error; err != nil {
				return nil, err
			}
			change(pointer, v)
			tx := db.Session(session).Save(pointer.Interface())
			return answer{pointer.Interface(), tx.RowsAffected}, tx.Error
		}
	case 3, 4:
		c.shape, c.text = "updates of a value", fmt.Sprintf("db%s.Updates(%s)", full, v)
		c.run = func(db *gorm.DB) (any, error) {
			pointer := v.build().Interface()
			tx := db.Session(session).Updates(pointer)
			return answer{pointer, tx.RowsAffected}, tx.Error
		}
	default:
		key := g.keySpec(v)
		c.shape, c.text = "updates of a model", fmt.Sprintf("db.Model(%s).Select(\"*\").Omit(key).Updates(%s)", key, v)
		var omit []string
		for _, p := range m.primaries() {
			omit = append(omit, p.field)
		}
		c.run = func(db *gorm.DB) (any, error) {
			pointer := key.build().Interface()
			tx := db.Model(pointer).Select("*").Omit(omit...).Updates(v.build().Interface())
			return answer{pointer, tx.RowsAffected}, tx.Error
		}
	}
	return c
}

func (g *gen) keySpec(v *valueSpec) *valueSpec {
	key := &valueSpec{model: v.model, fields: map[string]any{}}
	for _, c := range v.model.primaries() {
		key.fields[c.field] = v.fields[c.field]
	}
	return key
}

// change gives a loaded value what a spec says.
func change(pointer reflect.Value, v *valueSpec) {
	built := v.build().Elem()
	for name := range v.fields {
		pointer.Elem().FieldByName(name).Set(built.FieldByName(name))
	}
	for name := range v.relations {
		pointer.Elem().FieldByName(name).Set(built.FieldByName(name))
	}
}

// update is Update with conditions, expressions and subqueries.
func (g *gen) update() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	if g.chance(85) {
		q.model(m)
		if g.chance(15) {
			q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Clauses(clause.Returning{}) }, ".Clauses(clause.Returning{})")
		}
	} else {
		q.add([]use{{table: m.name, how: "Table"}}, func(q, _ *gorm.DB) *gorm.DB { return q.Table(m.name) }, ".Table(%q)", m.name)
	}
	s := scope{t: m.table}
	q.where("Where", g.cond(s, 2, "update's where"))
	if g.chance(30) {
		q.where(choose(g, []string{"Where", "Not"}), g.cond(s, 1, "update's where"))
	}
	set := choose(g, m.of(number)).name
	c := call{writes: true, shape: "update"}
	var v expr
	switch g.rng.Intn(6) {
	case 0:
		v = expr{text: fmt.Sprintf("gorm.Expr(%q, 1)", set+" + ?"), make: func(*gorm.DB) any { return gorm.Expr(set+" + ?", 1) }}
	case 1:
		sub := g.correlated(s, "COUNT(*)", "update's values")
		v = expr{text: fmt.Sprintf("gorm.Expr(\"(?)\", %s)", sub.text), uses: sub.uses, make: func(db *gorm.DB) any { return gorm.Expr("(?)", sub.make(db)) }}
	case 2:
		v = g.scalar(1, "update's values")
		if strings.HasPrefix(v.text, "gorm.G[") {
			inner := v
			v = expr{text: fmt.Sprintf("gorm.Expr(\"(?)\", %s)", inner.text), uses: inner.uses, make: func(db *gorm.DB) any { return gorm.Expr("(?)", inner.make(db)) }}
		}
	case 3:
		t := g.near()
		sql := fmt.Sprintf("(SELECT MIN(%s) FROM %s)", g.column(t, number).name, g.spelled(t))
		v = expr{text: fmt.Sprintf("gorm.Expr(%q)", sql), uses: []use{{table: t.name, how: "text subquery in update's values"}}, make: func(*gorm.DB) any { return gorm.Expr(sql) }}
	default:
		v = value(g.rng.Intn(6))
	}
	q.uses = append(q.uses, v.uses...)
	c.statements = []statement{whole(q.uses)}
	form := choose(g, []string{"Update", "UpdateColumn", "Updates", "UpdateColumns"})
	switch form {
	case "Update", "UpdateColumn":
		c.text = fmt.Sprintf("%s.%s(%q, %s)", q.text.String(), form, set, v.text)
	default:
		c.text = fmt.Sprintf("%s.%s(map[string]any{%q: %s})", q.text.String(), form, set, v.text)
	}
	c.run = func(db *gorm.DB) (any, error) {
		q, made := q.build(db), v.make(db)
		switch form {
		case "Update":
			q = q.Update(set, made)
		case "UpdateColumn":
			q = q.UpdateColumn(set, made)
		case "Updates":
			q = q.Updates(map[string]any{set: made})
		default:
			q = q.UpdateColumns(map[string]any{set: made})
		}
		return q.RowsAffected, q.Error
	}
	return c
}

// remove is Delete with conditions, or of values with their associations.
func (g *gen) remove() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	q := newQuery("db")
	c := call{writes: true}
	if g.chance(25) {
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Unscoped() }, ".Unscoped()")
	}
	uses := []use{{table: m.name, how: "model"}}
	if g.chance(50) {
		c.shape = "delete"
		q.where("Where", g.cond(scope{t: m.table}, 2, "delete's where"))
		c.text = fmt.Sprintf("%s.Delete(&%s{})", q.text.String(), m.goName)
		c.statements = []statement{whole(append(uses, q.uses...))}
		c.run = func(db *gorm.DB) (any, error) {
			tx := q.build(db).Delete(m.pointer())
			return tx.RowsAffected, tx.Error
		}
		return c
	}
	c.shape = "delete with associations"
	names := []string{clause.Associations}
	if g.chance(60) {
		names = nil
		for _, r := range m.relations {
			if r.kind != gormschema.BelongsTo && g.chance(50) {
				names = append(names, r.name)
			}
		}
		if len(names) == 0 {
			c.shape = "delete"
		}
	}
	if len(names) > 0 {
		selected := make([]any, len(names))
		for i, name := range names {
			selected[i] = name
		}
		q.add(nil, func(q, _ *gorm.DB) *gorm.DB { return q.Select(selected[0], selected[1:]...) }, ".Select(%q)", names)
	}
	if g.chance(25) {
		q.where("Where", g.cond(scope{t: m.table}, 1, "delete's where"))
	}
	v := g.keyOf(m, choose(g, g.rows[m.name]))
	c.statements = []statement{{parts: [][]use{append(uses, q.uses...)}, after: true}}
	c.text = fmt.Sprintf("%s.Delete(%s)", q.text.String(), v)
	c.run = func(db *gorm.DB) (any, error) {
		tx := q.build(db).Delete(v.build().Interface())
		return tx.RowsAffected, tx.Error
	}
	return c
}

// firstOrCreate is FirstOrCreate, with Attrs and Assign.
func (g *gen) firstOrCreate() call {
	m := g.nearModel()
	g.home = g.layout.binds[m.name]
	where, attrs := g.structCond(m), g.structCond(m)
	method := choose(g, []string{"Attrs", "Assign"})
	return call{
		writes: true, shape: "first or create",
		text:       fmt.Sprintf("db.Where(%s).%s(%s).FirstOrCreate(&row)", where.text, method, attrs.text),
		statements: []statement{whole([]use{{table: m.name, how: "model"}})},
		run: func(db *gorm.DB) (any, error) {
			row := m.pointer()
			q := db.Where(where.make(db))
			if method == "Attrs" {
				q = q.Attrs(attrs.make(db))
			} else {
				q = q.Assign(attrs.make(db))
			}
			tx := q.FirstOrCreate(row)
			return answer{row, tx.RowsAffected}, tx.Error
		},
	}
}
