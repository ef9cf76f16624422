package conformance

import (
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// rawSQL is SQL that the program writes. GORM renders its arguments before any
// callback runs (finisher_api.go, Raw and Exec).
func rawSQL() group {
	return group{name: "raw", each: true, cases: []testCase{
		{name: "Raw", reads: true, run: func(r *run) {
			var origin string
			r.done(r.db.Raw("SELECT origin FROM teams WHERE id = ? AND name <> ?", 1, "x").Scan(&origin), origin)
			r.done(r.db.Raw("SELECT origin FROM people WHERE id = ? AND name <> ?", 1, "x").Scan(&origin), origin)
			var teams []Team
			r.done(r.db.Raw("SELECT * FROM teams WHERE id > ? ORDER BY id", 1).Scan(&teams), &teams)
			r.done(r.db.Raw("SELECT * FROM teams WHERE id > ? ORDER BY id", 1).Find(&teams), &teams)
			var team Team
			r.done(r.db.Raw("SELECT * FROM teams WHERE id = ?", 3).First(&team), &team)
			var n int64
			r.done(r.db.Raw("SELECT count(*) FROM letters").Scan(&n), n)
			var names []string
			r.done(r.db.Raw("SELECT name FROM people WHERE age > ? ORDER BY id", 21).Pluck("name", &names), &names)
			m := map[string]any{}
			r.done(r.db.Raw("SELECT name, origin FROM teams WHERE id = ?", 2).Scan(&m), &m)
		}},
		{name: "Raw Row and Rows", reads: true, run: func(r *run) {
			var name string
			r.ok(r.db.Raw("SELECT name FROM teams WHERE id = ?", 2).Row().Scan(&name))
			r.note(name)
			for _, table := range []string{"teams", "people"} {
				rows, err := r.db.Raw("SELECT id, name FROM "+table+" WHERE id IN ? ORDER BY id", []int{1, 2}).Rows()
				r.ok(err)
				for rows.Next() {
					var id int
					r.ok(rows.Scan(&id, &name))
					r.note(id, name)
				}
				r.ok(rows.Close())
			}
		}},
		{name: "Raw with named arguments", reads: true, run: func(r *run) {
			var names []string
			for _, of := range [][2]string{{"teams", "team1"}, {"people", "person1"}} {
				table, one, two := of[0], of[1], "none"
				sqlText := "SELECT name FROM " + table + " WHERE name = @one OR name = @two OR origin = @one ORDER BY id"
				r.done(r.db.Raw(sqlText, sql.Named("one", one), sql.Named("two", two)).Scan(&names), &names)
				r.done(r.db.Raw(sqlText, map[string]any{"one": one, "two": two}).Scan(&names), &names)
				type named struct {
					One string
					Two []string
				}
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE name = @One OR name IN @Two ORDER BY id", named{one, []string{one, two}}).Scan(&names), &names)
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE name = ? OR id = ? ORDER BY id", sql.Named("x", one), 2).Session(&gorm.Session{DryRun: true}).Find(&names))
			}
		}},
		{name: "Raw with slices, subqueries and expressions", reads: true, run: func(r *run) {
			var names []string
			for _, table := range []string{"teams", "people"} {
				sub := r.db.Table(table).Select("id").Where("id > ?", 1)
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE id IN (?) AND id < ? ORDER BY id", sub, 4).Scan(&names), &names)
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE id IN ? ORDER BY id", sub).Session(&gorm.Session{DryRun: true}).Find(&names))
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE id IN (@sub) AND id < @n ORDER BY id", sql.Named("sub", sub), sql.Named("n", 3)).Scan(&names), &names)
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE id IN (?) OR id IN ? ORDER BY id", []int{1}, []int64{3}).Scan(&names), &names)
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE (id, name) IN ? ORDER BY id", [][]any{{1, "team1"}, {2, "person2"}}).Scan(&names), &names)
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE id = ? ORDER BY id", gorm.Expr("? + ?", 1, 1)).Session(&gorm.Session{DryRun: true}).Find(&names))
				r.done(r.db.Raw("SELECT name FROM "+table+" WHERE id = ?", clause.Expr{SQL: "(SELECT max(id) FROM " + table + " WHERE id < ?)", Vars: []any{3}}).Scan(&names), &names)
				r.done(r.db.Raw("SELECT name FROM (?) AS t WHERE t.id = ?", r.db.Raw("SELECT * FROM "+table+" WHERE id > ?", 1), 2).Scan(&names), &names)
				r.done(r.db.Raw("SELECT ? FROM ? WHERE id = ?", clause.Column{Name: "name"}, clause.Table{Name: table}, 2).Scan(&names), &names)
			}
		}},
		{name: "Raw with quotes and marks in strings", reads: true, run: func(r *run) {
			var n int64
			for _, table := range []string{"teams", "people"} {
				r.done(r.db.Raw("SELECT count(*) FROM "+table+" WHERE name <> ? AND name <> ?", "$1 ? @x 'y'", `a"b`+"`c`").Scan(&n), n)
				r.done(r.db.Raw("SELECT count(*) FROM "+table+" WHERE name <> 'it''s' AND name <> '$1' AND id > ?", 0).Scan(&n), n)
				r.done(r.db.Raw("SELECT count(*) /* a comment */ FROM "+table+" WHERE id > ? -- the end\n", 1).Scan(&n), n)
			}
		}},
		{name: "Raw with a CTE", reads: true, run: func(r *run) {
			var names []string
			for _, table := range []string{"teams", "people"} {
				r.done(r.db.Raw("WITH picked AS (SELECT * FROM "+table+" WHERE id > ?) SELECT name FROM picked WHERE id < ? ORDER BY id", 1, 4).Scan(&names), &names)
			}
		}},
		{name: "Raw over joined tables", reads: true, together: true, run: func(r *run) {
			var rows []struct{ Name, Team string }
			r.done(r.db.Raw("SELECT p.name, t.name AS team FROM people p JOIN teams t ON t.id = p.team_id WHERE p.id > ? ORDER BY p.id", 1).Scan(&rows), &rows)
		}},
		{name: "Raw without a table", reads: true, run: func(r *run) {
			var n int
			r.done(r.db.Raw("SELECT 1 + 1").Scan(&n), n)
		}},
		{name: "Raw of the model's kinds of values", reads: true, run: func(r *run) {
			var n int64
			at := moment.Add(456 * time.Microsecond)
			var none *time.Time
			r.done(r.db.Raw("SELECT count(*) FROM specimens WHERE at = ? AND yes IN ? AND number = ?", at, []bool{true, false}, int64(-1<<62)).Scan(&n), n)
			r.done(r.db.Raw("SELECT count(*) FROM specimens WHERE at >= ? AND maybe IS NULL", &at).Scan(&n), n)
			r.done(r.db.Raw("SELECT count(*) FROM specimens WHERE (maybe = ? OR perhaps = ?) AND id > ?", none, sql.NullString{}, 0).Scan(&n), n)
			r.done(r.db.Raw("SELECT count(*) FROM specimens WHERE ratio = ? AND text = ?", 0.25, specimen(1, "").Text).Scan(&n), n)
		}},
		{name: "Exec", run: func(r *run) {
			for _, table := range []string{"teams", "people"} {
				r.done(r.db.Exec("UPDATE "+table+" SET name = ? WHERE id = ?", "it's $1 ?", 1))
				r.done(r.db.Exec("UPDATE "+table+" SET name = @name WHERE id = @id", map[string]any{"name": "b", "id": 2}))
				r.done(r.db.Exec("UPDATE "+table+" SET origin = @o WHERE id IN @ids", sql.Named("o", "z"), sql.Named("ids", []int{1, 3})))
				r.done(r.db.Exec("DELETE FROM "+table+" WHERE id IN ?", []int{3}))
				r.done(r.db.Exec("INSERT INTO "+table+" (name, origin) VALUES (?, ?), (?, ?)", "x", "new", "y", gorm.Expr("?", "new2")))
			}
		}},
		{name: "Exec with a subquery", run: func(r *run) {
			r.done(r.db.Exec("INSERT INTO audits (text, origin) ?", r.db.Model(&Team{}).Select("name, ?", "copy").Where("id > ?", 1)))
			r.done(r.db.Exec("UPDATE stamps SET price = ? WHERE letter_id IN (?)", 5, []int{1, 2}))
			r.done(r.db.Exec("DELETE FROM pets WHERE owner_id IN (?)", r.db.Table("owners").Select("id").Where("name = ?", "owner1")))
		}},
		{name: "Exec of every kind of value", run: func(r *run) {
			s := specimen(9, "exec")
			r.done(r.db.Exec("INSERT INTO specimens (origin, number, small, ratio, yes, text, at, maybe, perhaps, count) VALUES ?",
				[]any{s.Origin, s.Number, s.Small, s.Ratio, s.Yes, s.Text, s.At, nil, s.Perhaps, ref(int64(4))}))
			r.done(r.db.Exec("UPDATE specimens SET other_name = ? WHERE text = ?", fmt.Sprint("a", "b"), s.Text))
		}},
		{name: "Exec that fails", alone: true, run: func(r *run) {
			r.refused(r.db.Exec("INSERT INTO passports (id, number) VALUES (?, ?)", 1, "again").Error)
			r.refused(r.db.Exec("INSERT INTO people (name) VALUES (?)", "person1").Error)
			r.refused(r.db.Exec("UPDATE teams SET nothing = ?", 1).Error)
		}},
		{name: "an unfinished Raw", reads: true, run: func(r *run) {
			tx := r.db.Raw("SELECT name FROM teams WHERE id = ?", 2)
			var name string
			r.done(tx.Session(&gorm.Session{}).Scan(&name), name)
		}},
	}}
}
