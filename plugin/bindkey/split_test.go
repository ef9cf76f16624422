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

// splitWorld has user 1 with tags 1 and 2, and user 2 with more. All reads are of
// sources, in a transaction: the replicas of a world are not replicated to.
func splitWorld(t *testing.T, more string, run func(w *world, tx *gorm.DB)) {
	for _, prepare := range []bool{false, true} {
		w := newWorld(t, worldConfig{gorm: gorm.Config{PrepareStmt: prepare}})
		w.must(w.plain["main"].Exec("INSERT INTO user_tags (user_id, tag_id) VALUES " + more).Error)
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
		{"of two", both, nil, nil, "[1 2 3]", 3},
		{"of an owner without any", &User{ID: 3}, nil, nil, "[]", 0},
		{"conditions", both, func(tx *gorm.DB) *gorm.DB { return tx.Where("name <> ?", "tag1") }, nil, "[2 3]", 2},
		{"inline conditions", both, nil, []any{"name IN ?", []string{"tag2", "tag3"}}, "[2 3]", 3},
		{"a struct", both, func(tx *gorm.DB) *gorm.DB { return tx.Where(&Tag{Name: "tag2"}) }, nil, "[2]", 1},
		{"a map, not", both, func(tx *gorm.DB) *gorm.DB { return tx.Not(map[string]any{"name": "tag2"}) }, nil, "[1 3]", 2},
		{"order", both, func(tx *gorm.DB) *gorm.DB { return tx.Order("tags.id DESC") }, nil, "[3 2 1]", 3},
		{"a limit, of two owners", both, func(tx *gorm.DB) *gorm.DB { return tx.Order("id").Offset(1).Limit(2) }, nil, "[2 3]", -1},
		{"distinct", both, func(tx *gorm.DB) *gorm.DB { return tx.Distinct() }, nil, "[1 2 3]", -1},
		{"a limit, of one owner", one, func(tx *gorm.DB) *gorm.DB { return tx.Order("id DESC").Limit(1) }, nil, "[2]", 2},
	} {
		more := "(2, 3)"
		if c.name == "distinct" {
			more = "(2, 2), (2, 3)"
		}
		splitWorld(t, more, func(w *world, tx *gorm.DB) {
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
				return // COUNT with OFFSET counts nothing, and GORM's Count of a Distinct counts each join
			}
			association := model.Association("Tags")
			if got := association.Count(); got != c.count || association.Error != nil {
				t.Errorf("%s: count %d, want %d, %v", c.name, got, c.count, association.Error)
			}
		})
	}

	splitWorld(t, "(2, 2), (2, 3)", func(w *world, tx *gorm.DB) { // back, with preloads
		var users []User
		w.must(tx.Model(&Tag{ID: 2}).Preload("Orders").Order("users.id").Association("Users").Find(&users))
		if len(users) != 2 || users[1].ID != 2 || len(users[1].Orders) != 1 || users[0].Origin != "main" {
			t.Errorf("users of a tag: %+v", users)
		}
		var tag Tag
		w.must(tx.Model(both).Distinct().Order("id DESC").Association("Tags").Find(&tag))
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
		"two owners who share a row":            func(tx *gorm.DB) *gorm.DB { return tx },
		"a sum, where two owners share a row":   func(tx *gorm.DB) *gorm.DB { return tx.Distinct("SUM(tags.id)") },
		"groups, where two owners share a row":  func(tx *gorm.DB) *gorm.DB { return tx.Distinct("name").Group("name") },
		"a group, where two owners share a row": func(tx *gorm.DB) *gorm.DB { return tx.Group("name") },
	} {
		splitWorld(t, "(2, 2), (2, 3)", func(w *world, tx *gorm.DB) {
			var crossing *bindkey.CrossBindError
			if err := chain(tx.Model(both)).Association("Tags").Find(&[]Tag{}); !errors.As(err, &crossing) || len(crossing.Claims) != 2 {
				t.Errorf("%s: %v", name, err)
			}
			if name == "two owners who share a row" {
				for _, model := range []*gorm.DB{tx.Model(both), tx.Model(both).Distinct(), tx.Model(both).Distinct("tags.name", "tags.id")} {
					if association := model.Association("Tags"); association.Count() != 0 || !errors.Is(association.Error, bindkey.ErrCrossBind) {
						t.Errorf("%s: Count: %v", name, association.Error)
					}
				}
			}
		})
	}
	splitWorld(t, "(2, 3)", func(w *world, tx *gorm.DB) {
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

// The association operations of the generics API choose rows with a subquery on
// the owners: across binds they are refused, before anything is sent, though
// nothing has named the models before.
func TestSetAssociationRefused(t *testing.T) {
	ctx := context.Background()
	named := []clause.Assignment{{Column: clause.Column{Name: "event"}, Value: "new"}}
	for _, models := range [][]any{worldModels, nil} {
		w := newWorld(t, worldConfig{install: func(w *world) { w.plugin = bindkey.New(bindkey.Models(models...)); w.registerAll() }})
		for _, op := range []clause.Association{
			{Association: "Logs", Type: clause.OpUpdate, Set: named},
			{Association: "Logs", Type: clause.OpUnlink},
			{Association: "Logs", Type: clause.OpDelete},
			{Association: "Tags", Type: clause.OpUnlink, Conditions: []clause.Expression{clause.Eq{Column: "name", Value: "tag2"}}},
		} {
			var err error
			changed := w.changes(func() { _, err = gorm.G[User](w.db).Where("id = ?", 1).Set(op).Update(ctx) })
			if changed != "" || !errors.Is(err, bindkey.ErrCrossBind) {
				t.Errorf("%s %v changed %q: %v", op.Association, op.Type, changed, err)
			}
		}
		if changed := w.changes(func() {
			_, err := gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Orders", Type: clause.OpUnlink}).Update(ctx)
			w.must(err)
			_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Logs", Type: clause.OpCreate, Set: named}).Update(ctx)
			w.must(err)
		}); changed != "analytics.logs main.orders" {
			t.Errorf("changed %s", changed)
		}
	}
}
