package equivalence

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// A rawSQL is SQL that an application writes.
type rawSQL struct {
	shape string
	sql   string
	args  []expr
	uses  []use
	model *model // whose rows it returns, if it does
}

func (r *rawSQL) name(how string, tables ...*table) {
	for _, t := range tables {
		r.uses = append(r.uses, use{table: t.name, how: how})
	}
}

func (r *rawSQL) text() string {
	text := fmt.Sprintf("%q", r.sql)
	for _, arg := range r.args {
		text += ", " + arg.text
	}
	return text
}

func (r *rawSQL) make(db *gorm.DB) []any {
	var made []any
	for _, arg := range r.args {
		made = append(made, arg.make(db))
	}
	return made
}

func (r *rawSQL) statements() []statement {
	uses := r.uses
	for _, arg := range r.args {
		uses = append(uses, arg.uses...)
	}
	return []statement{whole(uses)}
}

// on is how two tables are joined.
func (g *gen) on(a *table, x string, b *table, y string) string {
	for _, ref := range b.refs {
		if ref.to == a {
			return fmt.Sprintf("%s.%s = %s.%s", y, ref.columns[0], x, ref.keys[0])
		}
	}
	for _, ref := range a.refs {
		if ref.to == b {
			return fmt.Sprintf("%s.%s = %s.%s", x, ref.columns[0], y, ref.keys[0])
		}
	}
	return fmt.Sprintf("%s.%s = %s.%s", x, g.column(a, number).name, y, g.column(b, number).name)
}

// noise is what a reader of SQL must not take for a table.
func (g *gen) noise() string {
	t := choose(g, g.schema.tables).name
	return choose(g, []string{
		"", "", "",
		" /* FROM " + t + " */",
		" -- JOIN " + t + "\n",
		" /* it's */",
	})
}

// select1 is a random SELECT.
func (g *gen) selectSQL() rawSQL {
	t, other := g.near(), g.near()
	g.home = g.layout.binds[t.name]
	n, m := g.column(t, number).name, g.column(other, number).name
	a, b := g.spelled(t), g.spelled(other)
	x, y := "x", "y"
	if g.chance(30) { // aliases that are names of tables
		x = g.alias(t)
		for y = g.alias(other); y == x; y = "y" {
		}
	}
	arg := value(g.rng.Intn(6))
	r := rawSQL{}
	switch g.rng.Intn(19) {
	case 0:
		r = rawSQL{shape: "one table", sql: fmt.Sprintf("SELECT * FROM %s%s WHERE %s >= ?", a, g.noise(), n), args: []expr{arg}, model: t.model}
		r.name("raw SQL", t)
	case 1:
		literal := "it''s FROM " + other.name + ", users"
		r = rawSQL{shape: "a string that looks like SQL", sql: fmt.Sprintf("SELECT '%s' AS s, COUNT(*) AS n FROM %s", literal, a)}
		r.name("raw SQL", t)
	case 2:
		column := choose(g, g.schema.tables).name
		r = rawSQL{shape: "columns with names of tables", sql: fmt.Sprintf("SELECT %s AS %s, %s.%s FROM %s AS %s ORDER BY %s", n, column, x, n, t.name, x, column)}
		r.name("raw SQL", t)
	case 3, 4:
		r = rawSQL{shape: "join", sql: fmt.Sprintf("SELECT %s.*, %s.%s AS other FROM %s AS %s %s %s %s ON %s WHERE %s.%s <> ?", x, y, m, a, x, choose(g, []string{"JOIN", "LEFT JOIN", "INNER JOIN"}), b, y, g.on(t, x, other, y), x, n), args: []expr{arg}}
		r.name("raw SQL join", t, other)
	case 5:
		r = rawSQL{shape: "comma join", sql: fmt.Sprintf("SELECT COUNT(*) AS n FROM %s %s, %s AS %s WHERE %s", a, x, b, y, g.on(t, x, other, y))}
		r.name("raw SQL list", t, other)
	case 6:
		r = rawSQL{shape: "subquery in", sql: fmt.Sprintf("SELECT %s FROM %s WHERE %s %s (SELECT %s FROM %s%s)", n, a, n, choose(g, []string{"IN", "NOT IN"}), m, b, g.noise())}
		r.name("raw SQL subquery", t, other)
	case 7:
		r = rawSQL{shape: "exists", sql: fmt.Sprintf("SELECT %s.* FROM %s %s WHERE EXISTS (SELECT 1 FROM %s %s WHERE %s)", x, a, x, b, y, g.on(t, x, other, y)), model: t.model}
		r.name("raw SQL subquery", t, other)
	case 8:
		r = rawSQL{shape: "scalar subquery", sql: fmt.Sprintf("SELECT (SELECT COUNT(*) FROM %s WHERE %s > ?) AS n, %s FROM %s", b, m, n, a), args: []expr{arg}}
		r.name("raw SQL subquery", t, other)
	case 9:
		r = rawSQL{shape: "derived table", sql: fmt.Sprintf("SELECT d.%s FROM (SELECT * FROM %s) AS d, (SELECT %s AS k FROM %s) e WHERE d.%s = e.k", n, a, m, b, n)}
		r.name("raw SQL derived table", t, other)
	case 10, 11:
		r = rawSQL{shape: "CTE", sql: fmt.Sprintf("WITH c AS (SELECT %s AS k FROM %s), d AS (SELECT k FROM c WHERE k > ?) SELECT %s.%s FROM %s, d WHERE %s.%s = d.k", m, b, t.name, n, t.name, t.name, n), args: []expr{arg}}
		r.name("raw SQL CTE", t, other)
	case 12:
		// A CTE with the name of a table that is elsewhere.
		shadow := choose(g, g.schema.tables)
		for shadow == t {
			shadow = choose(g, g.schema.tables)
		}
		r = rawSQL{shape: "CTE with a table's name", sql: fmt.Sprintf("WITH %s AS (SELECT %s AS k FROM %s) SELECT k FROM %s", shadow.name, n, t.name, shadow.name)}
		r.name("raw SQL CTE", t)
	case 13:
		r = rawSQL{shape: "recursive CTE", sql: fmt.Sprintf("WITH RECURSIVE c(k) AS (SELECT MIN(%s) FROM %s UNION SELECT %s.%s + 1 FROM c JOIN %s ON %s.%s = c.k WHERE k < 9) SELECT k FROM c", n, a, other.name, m, other.name, other.name, m)}
		r.name("raw SQL CTE", t, other)
	case 14, 15:
		r = rawSQL{shape: "union", sql: fmt.Sprintf("SELECT %s AS v FROM %s %s SELECT %s FROM %s", n, a, choose(g, []string{"UNION", "UNION ALL", "INTERSECT", "EXCEPT"}), m, b)}
		r.name("raw SQL union", t, other)
	case 16:
		form := "Raw"
		if other.model != nil {
			form = choose(g, []string{"Model", "Table", "Raw", "generics", "expression"})
		}
		sub := g.subOf(other, column{name: m, kind: number}, form, 1, "raw SQL")
		r = rawSQL{shape: "an argument is a subquery", sql: fmt.Sprintf("SELECT %s FROM %s WHERE %s IN (?)", n, a, n), args: []expr{sub}}
		r.name("raw SQL", t)
	case 17:
		r = rawSQL{shape: "named arguments", sql: fmt.Sprintf("SELECT %s FROM %s WHERE %s = @a OR %s > @a", n, a, n, n), args: []expr{value(map[string]any{"a": g.rng.Intn(5)})}}
		r.name("raw SQL", t)
	default:
		r = rawSQL{shape: "window and case", sql: fmt.Sprintf("SELECT %s, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s) AS %s, CASE WHEN %s IN (SELECT %s FROM %s) THEN 1 ELSE 0 END AS e FROM %s", n, n, n, choose(g, g.schema.tables).name, n, m, b, a)}
		r.name("raw SQL subquery", t, other)
	}
	return r
}

// raw reads with SQL.
func (g *gen) raw() call {
	r := g.selectSQL()
	c := call{shape: "raw " + r.shape, statements: r.statements()}
	start := fmt.Sprintf("db.Raw(%s)", r.text())
	switch n := g.rng.Intn(7); {
	case n == 0:
		c.text = start + ".Rows()"
		c.run = func(db *gorm.DB) (any, error) { return scanRows(db.Raw(r.sql, r.make(db)...)) }
	case n == 1 && r.model != nil:
		c.text = start + ".Scan(&[]" + r.model.goName + ")"
		c.run = func(db *gorm.DB) (any, error) {
			rows := r.model.slice()
			err := db.Raw(r.sql, r.make(db)...).Scan(rows).Error
			return rows, err
		}
	case n == 2 && r.model != nil:
		m := r.model
		if g.chance(25) {
			m = g.nearModel()
		}
		c.statements[0].parts[0] = append(c.statements[0].parts[0], use{table: m.name, how: "type of the rows", weak: true})
		if g.chance(50) {
			c.text = start + ".Find(&[]" + m.goName + ")"
			c.run = func(db *gorm.DB) (any, error) {
				rows := m.slice()
				err := db.Raw(r.sql, r.make(db)...).Find(rows).Error
				return rows, err
			}
			break
		}
		c.text = fmt.Sprintf("gorm.G[%s](db).Raw(%s).Find(ctx)", m.goName, r.text())
		c.run = func(db *gorm.DB) (any, error) { return m.raw(db, r.sql, r.make(db)) }
	case n == 3:
		c.text = start + ".Find(&maps)"
		c.run = func(db *gorm.DB) (any, error) {
			var maps []map[string]any
			err := db.Raw(r.sql, r.make(db)...).Find(&maps).Error
			return maps, err
		}
	default:
		c.text = start + ".Scan(&maps)"
		c.run = func(db *gorm.DB) (any, error) {
			var maps []map[string]any
			err := db.Raw(r.sql, r.make(db)...).Scan(&maps).Error
			return maps, err
		}
	}
	return c
}

// writeSQL is a random INSERT, UPDATE or DELETE.
func (g *gen) writeSQL() rawSQL {
	m := g.nearModel()
	t := m.table
	g.home = g.layout.binds[t.name]
	other := g.near()
	for other == t {
		other = g.near()
	}
	set := choose(g, t.of(number)).name
	n, o := g.column(t, number).name, g.column(other, number).name
	a, b := g.spelled(t), g.spelled(other)
	arg := value(g.rng.Intn(6))
	r := rawSQL{}
	switch g.rng.Intn(15) {
	case 0:
		r = rawSQL{shape: "update", sql: fmt.Sprintf("UPDATE %s SET %s = %s + 1 WHERE %s > ?", a, set, set, n), args: []expr{arg}}
		r.name("raw SQL", t)
	case 1:
		r = rawSQL{shape: "delete", sql: fmt.Sprintf("DELETE FROM %s WHERE %s = ?", a, n), args: []expr{arg}}
		r.name("raw SQL", t)
	case 2, 3:
		r = rawSQL{shape: "update with subquery", sql: fmt.Sprintf("UPDATE %s SET %s = (SELECT COUNT(*) FROM %s WHERE %s)%s", a, set, other.name, g.on(t, t.name, other, other.name), g.noise())}
		r.name("raw SQL update's subquery", t, other)
	case 4:
		r = rawSQL{shape: "update from", sql: fmt.Sprintf("UPDATE %s SET %s = x.k FROM (SELECT MAX(%s) AS k FROM %s) AS x WHERE %s.%s < x.k", a, set, o, b, t.name, n)}
		r.name("raw SQL update from", t, other)
	case 5:
		r = rawSQL{shape: "update from", sql: fmt.Sprintf("UPDATE %s SET %s = %s.%s * 0 + 7 FROM %s WHERE %s", t.name, set, other.name, o, other.name, g.on(t, t.name, other, other.name))}
		r.name("raw SQL update from", t, other)
	case 6, 7:
		r = rawSQL{shape: "delete with subquery", sql: fmt.Sprintf("DELETE FROM %s WHERE %s %s (SELECT %s FROM %s WHERE %s >= ?)", a, n, choose(g, []string{"IN", "NOT IN"}), o, b, o), args: []expr{arg}}
		r.name("raw SQL delete's subquery", t, other)
	case 8, 9:
		r = g.insertSelect(t, other)
	case 10:
		r = rawSQL{shape: "with and delete", sql: fmt.Sprintf("WITH c AS (SELECT %s AS k FROM %s) DELETE FROM %s WHERE %s IN (SELECT k FROM c)", o, b, a, n)}
		r.name("raw SQL CTE", t, other)
	case 11:
		r = rawSQL{shape: "with and update", sql: fmt.Sprintf("WITH %s AS (SELECT MAX(%s) AS k FROM %s) UPDATE %s SET %s = (SELECT k FROM %s)", "c", n, t.name, t.name, set, "c")}
		r.name("raw SQL CTE", t)
	case 12:
		r = rawSQL{shape: "two statements", sql: fmt.Sprintf("UPDATE %s SET %s = 3 WHERE %s > 2; DELETE FROM %s WHERE %s = 1", a, set, n, b, o)}
		r.name("raw SQL, one of two statements", t, other)
	case 13:
		form := "Raw"
		if other.model != nil {
			form = choose(g, []string{"Model", "Table", "Raw", "generics", "expression"})
		}
		sub := g.subOf(other, column{name: o, kind: number}, form, 1, "raw SQL")
		r = rawSQL{shape: "an argument is a subquery", sql: fmt.Sprintf("UPDATE %s SET %s = 1 WHERE %s IN (?)", a, set, n), args: []expr{sub}}
		r.name("raw SQL", t)
	default:
		// Without a key the database numbers the row, or refuses it: both do.
		columns := []string{set}
		marks := []string{"?"}
		args := []expr{arg}
		for _, c := range t.primaries() {
			if !c.serial {
				columns, marks = append(columns, c.name), append(marks, "?")
				if c.kind == text {
					args = append(args, value(fmt.Sprintf("z%d", g.rng.Intn(9))))
				} else {
					args = append(args, value(7))
				}
			}
		}
		verb := choose(g, []string{"INSERT INTO", "INSERT OR IGNORE INTO", "REPLACE INTO"})
		r = rawSQL{shape: "insert", sql: fmt.Sprintf("%s %s (%s) VALUES (%s)", verb, a, strings.Join(columns, ", "), strings.Join(marks, ", ")), args: args}
		r.name("raw SQL", t)
	}
	r.model = m
	return r
}

// insertSelect copies from one table to another.
func (g *gen) insertSelect(t, other *table) rawSQL {
	var columns, copied, fixed []string
	for _, c := range t.primaries() {
		switch {
		case c.serial:
			continue
		case c.kind == text:
			copied, fixed = append(copied, fmt.Sprintf("'w' || %s", g.column(other, number).name)), append(fixed, "'v'")
		default:
			copied, fixed = append(copied, "8"), append(fixed, "8")
		}
		columns = append(columns, c.name)
	}
	columns = append(columns, choose(g, t.of(number)).name)
	n := g.column(other, number).name
	var r rawSQL
	if g.chance(30) {
		fixed = append(fixed, fmt.Sprintf("(SELECT MAX(%s) FROM %s)", n, g.spelled(other)))
		r = rawSQL{shape: "insert a subquery", sql: fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", g.spelled(t), strings.Join(columns, ", "), strings.Join(fixed, ", "))}
	} else {
		// In an order, since the new rows are numbered.
		order := []string{"1", "1, 2", "1, 2, 3"}[len(columns)-1]
		r = rawSQL{shape: "insert select", sql: fmt.Sprintf("%s INTO %s (%s) SELECT DISTINCT %s FROM %s WHERE true ORDER BY %s LIMIT 3%s",
			choose(g, []string{"INSERT", "INSERT OR IGNORE"}), g.spelled(t), strings.Join(columns, ", "), strings.Join(append(copied, n), ", "), g.spelled(other), order,
			choose(g, []string{"", " ON CONFLICT DO NOTHING"}))}
	}
	r.name("raw SQL insert select", t, other)
	return r
}

// exec writes with SQL.
func (g *gen) exec() call {
	r := g.writeSQL()
	c := call{shape: "exec " + r.shape, statements: r.statements(), writes: true}
	switch {
	case g.chance(15):
		c.text = fmt.Sprintf("gorm.G[%s](db).Exec(ctx, %s)", r.model.goName, r.text())
		c.statements[0].parts[0] = append(c.statements[0].parts[0], use{table: r.model.name, how: "type of the rows", weak: true})
		c.run = func(db *gorm.DB) (any, error) { return nil, r.model.exec(db, r.sql, r.make(db)) }
	case g.chance(15) && !strings.HasPrefix(r.sql, "WITH") && r.shape != "two statements":
		key := byKey(r.model.table, "")
		c.text = fmt.Sprintf("db.Raw(%s).Scan(&maps) // RETURNING %s", r.text(), key)
		c.run = func(db *gorm.DB) (any, error) {
			var maps []map[string]any
			err := db.Raw(r.sql+" RETURNING "+key, r.make(db)...).Scan(&maps).Error
			return maps, err
		}
	default:
		c.text = fmt.Sprintf("db.Exec(%s)", r.text())
		c.run = func(db *gorm.DB) (any, error) {
			tx := db.Exec(r.sql, r.make(db)...)
			return tx.RowsAffected, tx.Error
		}
	}
	return c
}
