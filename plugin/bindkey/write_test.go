package bindkey_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A writeCase is a statement that writes, and the tables that change by it.
type writeCase struct {
	name string
	run  func(tx *gorm.DB) error
	want string // "file.table …"
}

// batch makes more rows than a batch holds.
func batch(n int) []LogEntry {
	logs := make([]LogEntry, n)
	for i := range logs {
		logs[i] = LogEntry{UserID: 1, Event: fmt.Sprint("batch", i)}
	}
	return logs
}

func writeCases() []writeCase {
	ctx := context.Background()
	return []writeCase{
		{"Create struct", func(tx *gorm.DB) error {
			log := LogEntry{Event: "new"}
			if err := tx.Create(&log).Error; err != nil || log.ID == 0 {
				return fmt.Errorf("id %d: %w", log.ID, err)
			}
			return nil
		}, "analytics.logs"},
		{"Create default bind", func(tx *gorm.DB) error { return tx.Create(&Team{Name: "new"}).Error }, "main.teams"},
		{"Create slice", func(tx *gorm.DB) error { return tx.Create(batch(3)).Error }, "analytics.logs"},
		{"Create slice of pointers", func(tx *gorm.DB) error { return tx.Create([]*Note{{Text: "a"}, {Text: "b"}}).Error }, "archive.notes"},
		{"Create map", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{}).Create(map[string]any{"event": "map"}).Error
		}, "analytics.logs"},
		{"Create maps with Table", func(tx *gorm.DB) error {
			return tx.Table("logs").Create([]map[string]any{{"event": "a"}, {"event": "b"}}).Error
		}, "analytics.logs"},
		{"CreateInBatches", func(tx *gorm.DB) error { return tx.CreateInBatches(batch(5), 2).Error }, "analytics.logs"},
		{"CreateBatchSize", func(tx *gorm.DB) error {
			return tx.Session(&gorm.Session{CreateBatchSize: 2}).Create(batch(5)).Error
		}, "analytics.logs"},
		{"CreateInBatches with Use", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("archive")).CreateInBatches(batch(5), 2).Error
		}, "archive.logs"},
		{"CreateInBatches with dbresolver.Use", func(tx *gorm.DB) error {
			return tx.Clauses(dbresolver.Use("archive")).CreateInBatches(batch(5), 2).Error
		}, "archive.logs"},
		{"Save new", func(tx *gorm.DB) error { return tx.Save(&LogEntry{Event: "saved"}).Error }, "analytics.logs"},
		{"Save old", func(tx *gorm.DB) error { return tx.Save(&LogEntry{ID: 1, Event: "saved"}).Error }, "analytics.logs"},
		{"Save missing", func(tx *gorm.DB) error { return tx.Save(&LogEntry{ID: 77, Event: "saved"}).Error }, "analytics.logs"},
		{"Save slice", func(tx *gorm.DB) error {
			return tx.Save([]LogEntry{{ID: 1, Event: "s1"}, {Event: "s2"}}).Error
		}, "analytics.logs"},
		{"FirstOrCreate new", func(tx *gorm.DB) error {
			var log LogEntry
			return tx.Where(LogEntry{Event: "absent"}).Attrs(LogEntry{UserID: 9}).FirstOrCreate(&log).Error
		}, "analytics.logs"},
		{"FirstOrCreate Assign", func(tx *gorm.DB) error {
			var log LogEntry
			return tx.Where(LogEntry{Event: "event1"}).Assign(LogEntry{UserID: 9}).FirstOrCreate(&log).Error
		}, "analytics.logs"},
		{"upsert", func(tx *gorm.DB) error {
			return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&LogEntry{ID: 1, Event: "upserted"}).Error
		}, "analytics.logs"},
		{"Update", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{}).Where("id = ?", 1).Update("event", "u").Error
		}, "analytics.logs"},
		{"Updates struct", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{ID: 1}).Updates(LogEntry{Event: "us"}).Error
		}, "analytics.logs"},
		{"Updates map", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{ID: 1}).Updates(map[string]any{"event": "um"}).Error
		}, "analytics.logs"},
		{"Updates with Table", func(tx *gorm.DB) error {
			return tx.Table("logs").Where("id = 1").Updates(map[string]any{"event": "ut"}).Error
		}, "analytics.logs"},
		{"UpdateColumn", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{ID: 1}).UpdateColumn("event", "uc").Error
		}, "analytics.logs"},
		{"UpdateColumns", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{ID: 1}).UpdateColumns(LogEntry{Event: "ucs"}).Error
		}, "analytics.logs"},
		{"Update with an expression", func(tx *gorm.DB) error {
			return tx.Model(&LogEntry{ID: 1}).Update("user_id", gorm.Expr("user_id + ?", 1)).Error
		}, "analytics.logs"},
		{"Delete", func(tx *gorm.DB) error { return tx.Delete(&Note{ID: 1}).Error }, "archive.notes"},
		{"Delete with conditions", func(tx *gorm.DB) error { return tx.Where("id > 1").Delete(&Profile{}).Error }, "analytics.profiles"},
		{"Delete from Table", func(tx *gorm.DB) error { return tx.Table("notes").Where("id = 1").Delete(nil).Error }, "archive.notes"},
		{"soft delete", func(tx *gorm.DB) error { return tx.Delete(&LogEntry{}, 1).Error }, "analytics.logs"},
		{"Unscoped delete", func(tx *gorm.DB) error { return tx.Unscoped().Delete(&LogEntry{}, 1).Error }, "analytics.logs"},
		{"Exec", func(tx *gorm.DB) error { return tx.Exec("UPDATE logs SET event = ? WHERE id = 1", "exec").Error }, "analytics.logs"},
		{"Exec without known tables", func(tx *gorm.DB) error {
			return tx.Exec("CREATE TABLE IF NOT EXISTS scratch AS SELECT 1 AS one").Error
		}, "main.scratch"},
		{"Exec into a known table of the default bind", func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO teams (name) VALUES ('x')").Error
		}, "main.teams"},
		{"Raw that writes", func(tx *gorm.DB) error {
			var id uint
			return tx.Raw("INSERT INTO logs (event) VALUES ('raw') RETURNING id").Scan(&id).Error
		}, "analytics.logs"},
		{"generics", func(tx *gorm.DB) error {
			if err := gorm.G[LogEntry](tx).Create(ctx, &LogEntry{Event: "g"}); err != nil {
				return err
			}
			if _, err := gorm.G[LogEntry](tx).Where("id = ?", 1).Update(ctx, "event", "gu"); err != nil {
				return err
			}
			if _, err := gorm.G[Note](tx).Where("id = ?", 1).Delete(ctx); err != nil {
				return err
			}
			logs := batch(3)
			if err := gorm.G[LogEntry](tx).CreateInBatches(ctx, &logs, 2); err != nil {
				return err
			}
			return gorm.G[LogEntry](tx).Exec(ctx, "UPDATE logs SET event = 'ge' WHERE id = 2")
		}, "analytics.logs archive.notes"},
		{"generics with Use", func(tx *gorm.DB) error {
			logs := batch(3)
			if err := gorm.G[LogEntry](tx, bindkey.Use("archive")).CreateInBatches(ctx, &logs, 2); err != nil {
				return err
			}
			return gorm.G[Note](tx, bindkey.Use("analytics")).Create(ctx, &Note{Text: "moved"})
		}, "analytics.notes archive.logs"},
		{"Use", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("archive")).Create(&LogEntry{Event: "archived"}).Error
		}, "archive.logs"},
		{"Use with Exec", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("archive")).Exec("DELETE FROM logs WHERE id = 1").Error
		}, "archive.logs"},
		{"Use holds for derived statements of the same bind", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("archive")).Create(&User{Name: "u", Orders: []Order{{Item: "i"}}, Logs: []LogEntry{{Event: "e"}}}).Error
		}, "analytics.logs archive.orders archive.users"},
		{"Use holds for a join table of the same bind", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("archive")).Create(&User{Name: "u", Tags: []Tag{{Name: "t"}}}).Error
		}, "analytics.tags archive.user_tags archive.users"},
		{"Use holds for deleted associations of the same bind", func(tx *gorm.DB) error {
			return tx.Clauses(bindkey.Use("archive")).Select("Orders", "Tags", "Logs").Delete(&User{ID: 1}).Error
		}, "analytics.logs archive.orders archive.user_tags archive.users"},
		{"Create with every association", func(tx *gorm.DB) error {
			return tx.Create(&User{Name: "u",
				Team: &Team{Name: "t"}, Logs: []LogEntry{{Event: "a"}, {Event: "b"}}, Profile: &Profile{Bio: "p"},
				Tags: []Tag{{Name: "x"}, {ID: 1}}, Notes: []Note{{Text: "n"}}, Orders: []Order{{Item: "i"}}}).Error
		}, "analytics.logs analytics.profiles analytics.tags archive.notes main.orders main.teams main.user_tags main.users"},
		{"Create slice with associations", func(tx *gorm.DB) error {
			return tx.Create([]User{{Name: "u", Logs: []LogEntry{{Event: "a"}}}, {Name: "v", Notes: []Note{{Text: "n"}}}}).Error
		}, "analytics.logs archive.notes main.users"},
		{"Create belongs to across", func(tx *gorm.DB) error {
			return tx.Create(&LogEntry{Event: "e", User: &User{Name: "u"}}).Error
		}, "analytics.logs main.users"},
		{"Save with associations", func(tx *gorm.DB) error {
			return tx.Session(&gorm.Session{FullSaveAssociations: true}).Save(&User{ID: 1, Name: "u", Logs: []LogEntry{{ID: 1, Event: "changed"}}}).Error
		}, "analytics.logs main.users"},
		{"Updates with associations", func(tx *gorm.DB) error {
			return tx.Model(&User{ID: 1}).Updates(&User{Name: "u", Logs: []LogEntry{{Event: "added"}}}).Error
		}, "main.users"}, // as in GORM: the associations of Model are saved, not those of the values
		{"Updates of the model with associations", func(tx *gorm.DB) error {
			return tx.Updates(&User{ID: 1, Name: "u", Logs: []LogEntry{{Event: "added"}}}).Error
		}, "analytics.logs main.users"},
		{"Omit associations", func(tx *gorm.DB) error {
			return tx.Omit(clause.Associations).Create(&User{Name: "u", Logs: []LogEntry{{Event: "a"}}}).Error
		}, "main.users"},
		{"Delete with associations", func(tx *gorm.DB) error {
			return tx.Select("Logs", "Profile", "Tags", "Notes", "Orders").Delete(&User{ID: 1}).Error
		}, "analytics.logs analytics.profiles archive.notes main.orders main.user_tags main.users"},
		{"Association Append", func(tx *gorm.DB) error {
			return tx.Model(&User{ID: 1}).Association("Logs").Append(&LogEntry{Event: "a"})
		}, "analytics.logs"},
		{"Association Append many2many", func(tx *gorm.DB) error {
			return tx.Model(&User{ID: 1}).Association("Tags").Append(&Tag{Name: "t"})
		}, "analytics.tags main.user_tags"},
		{"Association Replace, Clear", func(tx *gorm.DB) error {
			if err := tx.Model(&User{ID: 1}).Association("Tags").Replace(&Tag{ID: 3}); err != nil {
				return err
			}
			return tx.Model(&User{ID: 1}).Association("Logs").Clear()
		}, "analytics.logs main.user_tags"},
		{"Association Delete", func(tx *gorm.DB) error {
			return tx.Model(&User{ID: 1}).Association("Tags").Delete(&Tag{ID: 1})
		}, "main.user_tags"},
		{"chained on a result", func(tx *gorm.DB) error {
			result := tx.Create(&User{Name: "first"})
			if result.Error != nil {
				return result.Error
			}
			return result.Session(&gorm.Session{NewDB: true}).Create(&LogEntry{Event: "second"}).Error
		}, "analytics.logs main.users"},
		{"Migrator", func(tx *gorm.DB) error {
			type Extra struct {
				_  struct{} `bind:"archive"`
				ID uint
			}
			if err := tx.AutoMigrate(&Extra{}); err != nil {
				return err
			}
			if !tx.Migrator().HasTable(&Extra{}) {
				return errors.New("no table")
			}
			if err := tx.Create(&Extra{}).Error; err != nil {
				return err
			}
			return tx.Migrator().DropTable(&Extra{})
		}, ""},
	}
}

func TestWrites(t *testing.T) {
	cases := writeCases()
	for m, s := range settings() {
		for i, c := range cases {
			if !testkit.Runs(i, len(cases), m, len(settings())) {
				continue
			}
			s, c := s, c
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, worldConfig{gorm: s.config, install: s.install})
				testWrite(t, w, s.mode, c)
			})
		}
	}
}

func testWrite(t *testing.T, w *world, mode mode, c writeCase) {
	var err error
	changed := w.changes(func() {
		mode.run(w.db, func(tx *gorm.DB) { err = c.run(tx) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed != c.want {
		t.Errorf("changed %q\nwant    %q", changed, c.want)
	}
}

// A failing write leaves every database as it was: the default transaction
// spans the binds that associations, batches and hooks write to.
func TestDefaultTransactionRollsBackEveryBind(t *testing.T) {
	for name, run := range map[string]func(tx *gorm.DB) error{
		"associations": func(tx *gorm.DB) error {
			return tx.Create(&User{Name: "u", Logs: []LogEntry{{Event: "a"}}, Notes: []Note{{Text: "refused"}}}).Error
		},
		"the model itself, after what it belongs to": func(tx *gorm.DB) error {
			return tx.Create(&LogEntry{Event: "refused", User: &User{Name: "u"}}).Error
		},
		"batches": func(tx *gorm.DB) error {
			logs := batch(4)
			logs[3].Event = "refused"
			return tx.CreateInBatches(logs, 1).Error
		},
		"deleted associations": func(tx *gorm.DB) error {
			return tx.Select("Logs", "Orders").Delete(&User{ID: 3, Name: "refused"}).Error
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldConfig{})
			for _, refusal := range []string{
				"CREATE TRIGGER refuse_note BEFORE INSERT ON notes WHEN NEW.text = 'refused' BEGIN SELECT RAISE(ABORT, 'refused'); END",
				"CREATE TRIGGER refuse_log BEFORE INSERT ON logs WHEN NEW.event = 'refused' BEGIN SELECT RAISE(ABORT, 'refused'); END",
				"CREATE TRIGGER refuse_user BEFORE DELETE ON users WHEN OLD.id = 3 BEGIN SELECT RAISE(ABORT, 'refused'); END",
			} {
				for _, file := range []string{"main", "analytics", "archive"} {
					w.must(w.plain[file].Exec(refusal).Error)
				}
			}
			var err error
			changed := w.changes(func() { err = run(w.db) })
			if err == nil || !strings.Contains(err.Error(), "refused") {
				t.Fatalf("err = %v", err)
			}
			if changed != "" {
				t.Errorf("changed %s", changed)
			}
			for key, roles := range w.plugin.Stats() {
				for role, stats := range roles {
					if stats.InUse != 0 {
						t.Errorf("%s of %s has %d connections in use", role, key, stats.InUse)
					}
				}
			}
		})
	}
}

// In DryRun nothing is written anywhere, and no connection stays in use.
func TestWritesInDryRun(t *testing.T) {
	w := newWorld(t, worldConfig{})
	for _, c := range writeCases() {
		if c.name == "Migrator" {
			continue // it prints its SQL, and asks for tables all the same: TestAskingTeachesNothing
		}
		if changed := w.changes(func() {
			_ = c.run(w.db.Session(&gorm.Session{DryRun: true})) // cases that want an id complain
		}); changed != "" {
			t.Errorf("%s: changed %s", c.name, changed)
		}
	}
	for key, roles := range w.plugin.Stats() {
		for role, stats := range roles {
			if stats.InUse != 0 {
				t.Errorf("%s of %s: %+v", role, key, stats)
			}
		}
	}
}
