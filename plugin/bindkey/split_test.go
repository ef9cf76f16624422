package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// splitWorld has two owners of one tag. All reads are of sources, in a
// transaction: the replicas of a world are not replicated to.
func splitWorld(t *testing.T, run func(w *world, tx *gorm.DB)) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		w.must(w.plain["main"].Exec("INSERT INTO user_tags (user_id, tag_id) VALUES (2, 2), (2, 3)").Error)
		w.must(w.db.Transaction(func(tx *gorm.DB) error { run(w, tx); return nil }))
	}
}

// TestAssociationAcrossBinds asks Association for a many2many relation whose join
// table is in main, and whose models are in main and analytics.
func TestAssociationAcrossBinds(t *testing.T) {
	one, both := &User{ID: 1}, &[]User{{ID: 1}, {ID: 2}}
	for _, c := range []struct {
		name  string
		model any
		chain func(*gorm.DB) *gorm.DB
		conds []any
		want  string // the tags' ids
		count int64  // without conds
	}{
		{"of one owner", one, nil, nil, "[1 2]", 2},
		{"of two, who share one", both, nil, nil, "[1 2 2 3]", 4},
		{"of an owner without any", &User{ID: 3}, nil, nil, "[]", 0},
		{"conditions", both, func(tx *gorm.DB) *gorm.DB { return tx.Where("name <> ?", "tag1") }, nil, "[2 2 3]", 3},
		{"inline conditions", both, nil, []any{"name IN ?", []string{"tag2", "tag3"}}, "[2 2 3]", 4},
		{"a struct", both, func(tx *gorm.DB) *gorm.DB { return tx.Where(&Tag{Name: "tag2"}) }, nil, "[2 2]", 2},
		{"a map, not", both, func(tx *gorm.DB) *gorm.DB { return tx.Not(map[string]any{"name": "tag2"}) }, nil, "[1 3]", 2},
		{"order", both, func(tx *gorm.DB) *gorm.DB { return tx.Order("tags.id DESC") }, nil, "[3 2 2 1]", 4},
		{"a limit, of two owners", both, func(tx *gorm.DB) *gorm.DB { return tx.Order("id").Offset(1).Limit(2) }, nil, "[2 2]", -1},
		{"distinct", both, func(tx *gorm.DB) *gorm.DB { return tx.Distinct() }, nil, "[1 2 3]", 3},
		{"a limit, of one owner", one, func(tx *gorm.DB) *gorm.DB { return tx.Order("id DESC").Limit(1) }, nil, "[2]", 2},
	} {
		splitWorld(t, func(w *world, tx *gorm.DB) {
			model := tx.Model(c.model)
			if c.chain != nil {
				model = c.chain(model)
			}
			model = model.Session(&gorm.Session{})
			var tags []Tag
			w.must(model.Association("Tags").Find(&tags, c.conds...))
			ids := make([]int, len(tags))
			for i, tag := range tags {
				ids[i] = int(tag.ID)
				if tag.Origin != "analytics" {
					t.Errorf("%s: tag %d is from %s", c.name, tag.ID, tag.Origin)
				}
			}
			if c.name != "order" {
				sort.Ints(ids)
			}
			if got := fmt.Sprint(ids); got != c.want {
				t.Errorf("%s: tags %s, want %s", c.name, got, c.want)
			}
			if c.count < 0 {
				return // COUNT with OFFSET counts nothing
			}
			association := model.Association("Tags")
			if got := association.Count(); got != c.count || association.Error != nil {
				t.Errorf("%s: count %d, want %d, %v", c.name, got, c.count, association.Error)
			}
		})
	}

	splitWorld(t, func(w *world, tx *gorm.DB) { // back, with preloads
		var users []User
		w.must(tx.Model(&Tag{ID: 2}).Preload("Orders").Order("users.id").Association("Users").Find(&users))
		if len(users) != 2 || users[1].ID != 2 || len(users[1].Orders) != 1 || users[0].Origin != "main" {
			t.Errorf("users of a tag: %+v", users)
		}
		var tag Tag
		w.must(tx.Model(both).Order("id DESC").Association("Tags").Find(&tag))
		if tag.ID != 3 {
			t.Errorf("one tag: %+v", tag)
		}
	})
}

// Where two statements can't answer as one would, that is an error.
func TestAssociationAcrossBindsRefused(t *testing.T) {
	both := &[]User{{ID: 1}, {ID: 2}}
	for name, chain := range map[string]func(tx *gorm.DB) *gorm.DB{
		"a condition on the join table":         func(tx *gorm.DB) *gorm.DB { return tx.Where("user_tags.user_id > 0") },
		"one of its columns alone":              func(tx *gorm.DB) *gorm.DB { return tx.Where("tag_id > 0") },
		"one in an expression":                  func(tx *gorm.DB) *gorm.DB { return tx.Where(clause.Gt{Column: "user_tags.tag_id", Value: 0}) },
		"its order":                             func(tx *gorm.DB) *gorm.DB { return tx.Order("user_tags.tag_id") },
		"what it selects":                       func(tx *gorm.DB) *gorm.DB { return tx.Select("tags.*, user_tags.user_id") },
		"a group, where two owners share a row": func(tx *gorm.DB) *gorm.DB { return tx.Group("name") },
	} {
		splitWorld(t, func(w *world, tx *gorm.DB) {
			var crossing *bindkey.CrossBindError
			if err := chain(tx.Model(both)).Association("Tags").Find(&[]Tag{}); !errors.As(err, &crossing) || len(crossing.Claims) != 2 {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	splitWorld(t, func(w *world, tx *gorm.DB) {
		var rows []map[string]any
		for i := 0; i < 33000; i++ {
			rows = append(rows, map[string]any{"user_id": 3, "tag_id": i})
		}
		w.must(tx.Table("user_tags").CreateInBatches(rows, 10000).Error)
		if err := tx.Model(&User{ID: 3}).Association("Tags").Find(&[]Tag{}); !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("more keys than SQLite can bind: %v", err)
		}
		if err := tx.Session(&gorm.Session{DryRun: true}).Model(&User{ID: 1}).Association("Tags").Find(&[]Tag{}); !errors.Is(err, bindkey.ErrCrossBind) {
			t.Errorf("in DryRun: %v", err)
		}
	})
}

// The plugin finds the join table of an association although nothing has named
// it before.
func TestAssociationOfUnknownModels(t *testing.T) {
	w := newWorld(t, worldConfig{install: func(w *world) { w.plugin = bindkey.New(); w.registerAll() }})
	var tags []Tag
	w.must(w.db.Clauses(bindkey.Use("main")).First(&User{}).Error)
	w.must(w.db.Model(&User{ID: 1}).Association("Tags").Find(&tags))
	if len(tags) != 2 {
		t.Errorf("tags: %+v", tags)
	}
}

// TestSetAssociation runs the association operations of the generics API, which
// choose rows with a subquery on the owners.
func TestSetAssociation(t *testing.T) {
	ctx := context.Background()
	named := func(column string) []clause.Assignment {
		return []clause.Assignment{{Column: clause.Column{Name: column}, Value: "new"}}
	}
	user := func(tx *gorm.DB, op clause.Association) error {
		_, err := gorm.G[User](tx).Where("id = ?", 1).Set(op).Update(ctx)
		return err
	}
	log := func(tx *gorm.DB, op clause.Association) error {
		_, err := gorm.G[LogEntry](tx).Where("id = ?", 2).Set(op).Update(ctx)
		return err
	}
	tag := func(tx *gorm.DB, op clause.Association) error {
		_, err := gorm.G[Tag](tx).Where("id = ?", 2).Set(op).Update(ctx)
		return err
	}
	for _, c := range []struct {
		name  string
		run   func(tx *gorm.DB, op clause.Association) error
		op    clause.Association
		table string // where the rows change
		query string // what is asked there
		want  string
	}{
		{"has many, unlink", user, clause.Association{Association: "Orders", Type: clause.OpUnlink}, "main", "SELECT count(*) FROM orders WHERE user_id IS NULL", "1"},
		{"has many, update", user, clause.Association{Association: "Logs", Type: clause.OpUpdate, Set: named("event")}, "analytics", "SELECT count(*) FROM logs WHERE event = 'new'", "3"},
		{"has many, delete", user, clause.Association{Association: "Logs", Type: clause.OpDelete}, "analytics", "SELECT count(*) FROM logs WHERE deleted_at IS NULL", "0"},
		{"has many, create", user, clause.Association{Association: "Logs", Type: clause.OpCreate, Set: named("event")}, "analytics", "SELECT count(*) FROM logs WHERE event = 'new' AND user_id = 1", "1"},
		{"has one, update", user, clause.Association{Association: "Profile", Type: clause.OpUpdate, Set: named("bio")}, "analytics", "SELECT group_concat(id) FROM profiles WHERE bio = 'new'", "1"},
		{"belongs to, unlink", log, clause.Association{Association: "User", Type: clause.OpUnlink}, "analytics", "SELECT group_concat(id) FROM logs WHERE user_id IS NULL", "2"},
		{"belongs to, update", log, clause.Association{Association: "User", Type: clause.OpUpdate, Set: named("name")}, "main", "SELECT group_concat(id) FROM users WHERE name = 'new'", "1"},
		{"belongs to, delete", log, clause.Association{Association: "User", Type: clause.OpDelete}, "main", "SELECT group_concat(id) FROM users", "2,3"},
		{"many2many, unlink", tag, clause.Association{Association: "Users", Type: clause.OpUnlink}, "main", "SELECT count(*) FROM user_tags", "0"}, // GORM's: of all owners
		{"many2many, unlink some", user, clause.Association{Association: "Tags", Type: clause.OpUnlink, Conditions: []clause.Expression{clause.Eq{Column: "name", Value: "tag2"}}},
			"main", "SELECT group_concat(tag_id) FROM (SELECT tag_id FROM user_tags ORDER BY tag_id)", "1,3"},
		{"many2many, update", user, clause.Association{Association: "Tags", Type: clause.OpUpdate, Set: named("name"), Conditions: []clause.Expression{clause.Eq{Column: "id", Value: 2}}},
			"analytics", "SELECT group_concat(id) FROM tags WHERE name = 'new'", "2"},
		{"many2many back, update", tag, clause.Association{Association: "Users", Type: clause.OpUpdate, Set: named("name")}, "main", "SELECT group_concat(id) FROM users WHERE name = 'new'", "1,2"},
	} {
		for _, inTx := range []bool{false, true} {
			w := newWorld(t, worldConfig{})
			w.must(w.plain["main"].Exec("INSERT INTO user_tags (user_id, tag_id) VALUES (2, 2), (2, 3)").Error)
			if c.op.Type != clause.OpCreate { // which GORM reads the owners for, as any query does
				w.must(w.plain["main-replica"].Exec("DELETE FROM users; DELETE FROM user_tags").Error)
				w.must(w.plain["analytics-replica"].Exec("DELETE FROM logs; DELETE FROM tags").Error)
			}
			run := func(tx *gorm.DB) error { return c.run(tx, c.op) }
			if inTx {
				w.must(w.db.Transaction(run))
			} else {
				w.must(run(w.db))
			}
			var got string
			w.must(w.plain[c.table].Raw("SELECT CAST((" + c.query + ") AS TEXT)").Scan(&got).Error)
			if got != c.want {
				t.Errorf("%s, in a transaction %v: %s is %q, want %q", c.name, inTx, c.query, got, c.want)
			}
		}
	}
}
