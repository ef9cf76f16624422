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

func TestZZSplit(t *testing.T) {
	w := newWorld(t, worldConfig{})
	w.must(w.plain["main"].Exec("INSERT INTO user_tags (user_id, tag_id) VALUES (2, 2), (2, 3)").Error)
	names := func(tags []Tag) string {
		var n []string
		for _, tag := range tags {
			n = append(n, tag.Name+"@"+tag.Origin)
		}
		sort.Strings(n)
		return fmt.Sprint(n)
	}
	for _, mode := range []string{"", "tx"} {
		run := func(db *gorm.DB) {
			var tags []Tag
			err := db.Model(&User{ID: 1}).Association("Tags").Find(&tags)
			fmt.Println(mode, names(tags), err)
			tags = nil
			err = db.Model(&[]User{{ID: 1}, {ID: 2}}).Association("Tags").Find(&tags)
			fmt.Println(mode, names(tags), err)
			tags = nil
			err = db.Model(&[]User{{ID: 1}, {ID: 2}}).Where("name <> ?", "tag1").Order("id").Association("Tags").Find(&tags)
			fmt.Println(mode, names(tags), err)
			fmt.Println(mode, db.Model(&[]User{{ID: 1}, {ID: 2}}).Association("Tags").Count(), db.Model(&[]User{{ID: 1}, {ID: 2}}).Where("name <> ?", "tag2").Association("Tags").Count(), db.Model(&User{ID: 2}).Association("Tags").Count())
			assoc := db.Model(&[]User{{ID: 1}, {ID: 2}}).Association("Tags")
			fmt.Println(assoc.Count(), assoc.Error)
			var users []User
			err = db.Model(&Tag{ID: 2}).Association("Users").Find(&users)
			fmt.Println(mode, len(users), err)
			err = db.Model(&User{ID: 1}).Where("user_tags.tag_id = 1").Association("Tags").Find(&tags)
			fmt.Println(mode, errors.Is(err, bindkey.ErrCrossBind), err)
			err = db.Model(&[]User{{ID: 1}, {ID: 2}}).Limit(2).Association("Tags").Find(&tags)
			fmt.Println(mode, errors.Is(err, bindkey.ErrCrossBind), err)
		}
		if mode == "" {
			run(w.db)
		} else {
			w.must(w.db.Transaction(func(tx *gorm.DB) error { run(tx); return nil }))
		}
	}
	for name, err := range map[string]error{
		"where":  w.db.Where("id IN (?)", w.db.Model(&LogEntry{}).Select("user_id")).Find(&[]User{}).Error,
		"text":   w.db.Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}).Error,
		"select": w.db.Model(&User{}).Select("(SELECT name FROM tags)").Find(&[]string{}).Error,
		"set":    w.db.Model(&User{ID: 1}).Update("name", w.db.Model(&LogEntry{}).Select("event").Limit(1)).Error,
		"having": w.db.Model(&User{}).Group("name").Having("count(*) > (?)", w.db.Model(&LogEntry{}).Select("count(*)")).Find(&[]User{}).Error,
		"dry":    w.db.Session(&gorm.Session{DryRun: true}).Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}).Error,
		"delete": w.db.Where("id IN (SELECT user_id FROM logs)").Delete(&User{}).Error,
		"tx": w.db.Transaction(func(tx *gorm.DB) error {
			return tx.Where("id IN (SELECT user_id FROM logs)").Delete(&User{}).Error
		}),
		"unknown": w.db.Where("id IN (?)", w.db.Model(&LogEntry{}).Table("logs_2026").Select("user_id")).Find(&[]User{}).Error,
		"used":    w.db.Where("id IN (?)", w.db.Clauses(bindkey.Use("archive")).Model(&User{}).Select("user_id")).Find(&[]User{}).Error,
	} {
		fmt.Println(name, errors.Is(err, bindkey.ErrCrossBind), err)
	}
	dry := w.db.Session(&gorm.Session{DryRun: true}).Where("id IN (?)", w.db.Model(&LogEntry{}).Select("user_id")).Find(&[]User{})
	fmt.Println(dry.Statement.SQL.String(), dry.Error)
	fmt.Println(w.db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Joins("JOIN logs ON true").Find(&[]User{}) }))
	fmt.Println(w.db.Where("id IN (?)", w.db.Clauses(bindkey.Use("main")).Model(&User{}).Select("id")).Find(&[]User{}).Error)
	fmt.Println(w.db.Clauses(bindkey.AllowCrossBind).Where("id IN (SELECT user_id FROM logs)").Find(&[]User{}).RowsAffected)
}

func TestZZSet(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"many unlink", "many update", "many delete", "belongs unlink", "belongs update", "belongs delete", "m2m unlink", "m2m update", "m2m back update", "m2m cond unlink", "create"} {
		w := newWorld(t, worldConfig{})
		var err error
		changed := w.changes(func() {
			switch name {
			case "many unlink":
				_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Orders", Type: clause.OpUnlink}).Update(ctx)
			case "many update":
				_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Logs", Type: clause.OpUpdate, Set: []clause.Assignment{{Column: clause.Column{Name: "event"}, Value: "new"}}}).Update(ctx)
			case "many delete":
				_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Logs", Type: clause.OpDelete}).Update(ctx)
			case "belongs unlink":
				_, err = gorm.G[LogEntry](w.db).Where("id = ?", 1).Set(clause.Association{Association: "User", Type: clause.OpUnlink}).Update(ctx)
			case "belongs update":
				_, err = gorm.G[LogEntry](w.db).Where("id = ?", 1).Set(clause.Association{Association: "User", Type: clause.OpUpdate, Set: []clause.Assignment{{Column: clause.Column{Name: "name"}, Value: "new"}}}).Update(ctx)
			case "belongs delete":
				_, err = gorm.G[LogEntry](w.db).Where("id = ?", 1).Set(clause.Association{Association: "User", Type: clause.OpDelete}).Update(ctx)
			case "m2m unlink":
				_, err = gorm.G[Tag](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Users", Type: clause.OpUnlink}).Update(ctx)
			case "m2m cond unlink":
				_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Tags", Type: clause.OpUnlink, Conditions: []clause.Expression{clause.Eq{Column: "id", Value: 1}}}).Update(ctx)
			case "m2m update":
				_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Tags", Type: clause.OpUpdate, Set: []clause.Assignment{{Column: clause.Column{Name: "name"}, Value: "new"}}}).Update(ctx)
			case "m2m back update":
				_, err = gorm.G[Tag](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Users", Type: clause.OpUpdate, Set: []clause.Assignment{{Column: clause.Column{Name: "name"}, Value: "new"}}}).Update(ctx)
			case "create":
				_, err = gorm.G[User](w.db).Where("id = ?", 1).Set(clause.Association{Association: "Logs", Type: clause.OpCreate, Set: []clause.Assignment{{Column: clause.Column{Name: "event"}, Value: "new"}}}).Update(ctx)
			}
		})
		fmt.Println(name, "changed", changed, err)
	}
}
