package integration

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A program opens its databases by their DSN, migrates, writes and reads.
func TestProgram(t *testing.T) {
	onServers(t, servers.All(), func(t *testing.T, server *servers.Server) {
		for _, prepare := range []bool{false, true} {
			t.Run(fmt.Sprintf("prepare=%t", prepare), func(t *testing.T) {
				p := emptyPlace(t, server)
				db, err := gorm.Open(p.databases["main"].Dialector(), &gorm.Config{
					Logger: logger.Discard, PrepareStmt: prepare, TranslateError: true})
				must(t, err)
				plugin := bindkey.New()
				for _, key := range keys[1:] {
					plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{p.databases[key].Dialector()}})
				}
				must(t, db.Use(plugin))
				defer func() {
					pool, err := db.DB()
					must(t, errors.Join(err, plugin.Close(), pool.Close()))
				}()
				program(t, p, db)
			})
		}
	})
}

func program(t *testing.T, p *place, db *gorm.DB) {
	t.Helper()
	for i := 0; i < 2; i++ { // the second finds nothing to do
		must(t, db.AutoMigrate(&User{}, &LogEntry{}, &Tag{}, &Note{}))
	}
	for key, want := range map[string]string{"main": "user_tags users", "analytics": "logs tags", "archive": "notes"} {
		tables, err := p.plain[key].Migrator().GetTables()
		must(t, err)
		sort.Strings(tables)
		if got := strings.Join(tables, " "); got != want {
			t.Errorf("%s has the tables %q, want %q", key, got, want)
		}
	}

	ann := User{
		Name:  "ann",
		Logs:  []LogEntry{{Event: "joined"}, {Event: "left"}},
		Notes: []Note{{Text: "nice"}},
		Tags:  []Tag{{Name: "red"}, {Name: "blue"}},
	}
	must(t, db.Create(&ann).Error)
	if ann.ID == 0 || ann.Logs[1].ID == 0 || ann.Logs[1].UserID != ann.ID || ann.Notes[0].OwnerID != ann.ID || ann.Tags[1].ID == 0 {
		t.Errorf("ids are missing in %+v", ann)
	}

	var read User
	must(t, db.Preload("Logs", func(tx *gorm.DB) *gorm.DB { return tx.Order("id") }).Preload(clause.Associations).First(&read, ann.ID).Error)
	if !reflect.DeepEqual(read, ann) {
		t.Errorf("read %+v, wrote %+v", read, ann)
	}

	// what a reader without the plugin finds
	for _, want := range []struct {
		key, query string
		count      int64
	}{
		{"main", "SELECT count(*) FROM users WHERE name = 'ann'", 1},
		{"main", "SELECT count(*) FROM user_tags", 2},
		{"analytics", "SELECT count(*) FROM logs", 2},
		{"analytics", "SELECT count(*) FROM tags", 2},
		{"archive", "SELECT count(*) FROM notes WHERE owner_type = 'users'", 1},
	} {
		var count int64
		must(t, p.plain[want.key].Raw(want.query).Scan(&count).Error)
		if count != want.count {
			t.Errorf("%s: %s is %d, want %d", want.key, want.query, count, want.count)
		}
	}

	batch := []LogEntry{{Event: "a"}, {Event: "b"}, {Event: "c"}}
	must(t, db.CreateInBatches(&batch, 2).Error)
	must(t, db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, UpdateAll: true}).
		Create(&LogEntry{ID: batch[0].ID, UserID: 9, Event: "A"}).Error)
	must(t, db.Model(&LogEntry{}).Where("event = ?", "b").Update("user_id", 9).Error)
	must(t, db.Where("event = ?", "c").Delete(&LogEntry{}).Error)
	var events []string
	must(t, db.Model(&LogEntry{}).Where("user_id = ?", 9).Order("id").Pluck("event", &events).Error)
	if got := strings.Join(events, " "); got != "A b" {
		t.Errorf("the events are %q", got)
	}
	var count int64
	must(t, db.Raw("SELECT count(*) FROM logs WHERE user_id = ?", 9).Scan(&count).Error)
	if count != 2 {
		t.Errorf("raw SQL counts %d", count)
	}

	must(t, db.Model(&ann).Association("Logs").Append(&LogEntry{Event: "back"}))
	must(t, db.Model(&ann).Association("Notes").Clear())
	if n := db.Model(&ann).Association("Logs").Count(); n != 3 {
		t.Errorf("ann has %d logs", n)
	}
	if n := db.Model(&ann).Association("Notes").Count(); n != 0 {
		t.Errorf("ann has %d notes", n)
	}

	duplicates(t, db)
	undone(t, db)
}

// duplicates finds GORM's own error for a duplicate key, wherever it happens.
func duplicates(t *testing.T, db *gorm.DB) {
	t.Helper()
	duplicate := func(where string, err error) {
		t.Helper()
		if !errors.Is(err, gorm.ErrDuplicatedKey) {
			t.Errorf("%s: %v is not ErrDuplicatedKey", where, err)
		}
	}
	duplicate("default bind", db.Create(&User{Name: "ann"}).Error)
	duplicate("other bind", db.Create(&LogEntry{Event: "joined"}).Error)
	duplicate("raw SQL", db.Exec("INSERT INTO logs (user_id, event) VALUES (1, 'joined')").Error)
	duplicate("transaction", db.Transaction(func(tx *gorm.DB) error {
		return tx.Create(&LogEntry{Event: "joined"}).Error
	}))
	duplicate("nested transaction", db.Transaction(func(tx *gorm.DB) error {
		err := tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&User{Name: "ann"}).Error })
		if other := tx.Create(&LogEntry{Event: "after the duplicate"}).Error; other != nil {
			t.Errorf("a statement after a nested transaction: %v", other)
		}
		return err
	}))
}

// undone is a default transaction over two binds, of which one refuses its row.
func undone(t *testing.T, db *gorm.DB) {
	t.Helper()
	err := db.Create(&User{Name: "bob", Logs: []LogEntry{{Event: "bob's"}, {Event: strings.Repeat("too long", 10)}}}).Error
	if err == nil {
		t.Error("a log entry that is too long was accepted")
	}
	var bobs int64
	must(t, db.Model(&User{}).Where("name = ?", "bob").Count(&bobs).Error)
	if bobs != 0 {
		t.Error("a user whose log entry failed is there")
	}
	var logs int64
	must(t, db.Model(&LogEntry{}).Where("event = ?", "bob's").Count(&logs).Error)
	if logs != 0 {
		t.Error("a log entry of the same batch is there")
	}
}
