package integration

import (
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// SQL that names no table asks the session of the branch that has begun: settings
// of a transaction, generated ids, locks.
func TestSessionSQL(t *testing.T) {
	eachWay(t, func(w *world) {
		postgres := w.server == servers.PostgreSQL
		lastID := "SELECT LAST_INSERT_ID()"
		if postgres {
			lastID = "SELECT lastval()"
		}
		database := "SELECT DATABASE()"
		if postgres {
			database = "SELECT current_database()"
		}
		at := map[string]string{}
		for _, key := range keys {
			var name string
			w.must(w.plain[key].Raw(database).Scan(&name).Error)
			at[name] = key
		}
		w.must(w.db.Transaction(func(tx *gorm.DB) error {
			entry := AnalyticsRow{Name: "a"}
			w.must(tx.Create(&entry).Error)
			var id uint
			if err := tx.Raw(lastID).Scan(&id).Error; err != nil || id != entry.ID {
				t.Errorf("id %d, want %d: %v", id, entry.ID, err)
			}
			var name string
			if err := tx.Raw(database).Row().Scan(&name); err != nil || at[name] != "analytics" {
				t.Errorf("%s answers: %v", at[name], err)
			}
			if postgres {
				w.must(tx.Exec("SET LOCAL search_path TO nowhere").Error)
				if err := tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&AnalyticsRow{Name: "b"}).Error }); err == nil {
					t.Error("the search path is not that of the branch")
				}
				w.must(tx.Exec("SELECT set_config('search_path', 'public', true), pg_advisory_xact_lock(7)").Error)
			} else {
				w.must(tx.Exec("SET @tenant = 'acme'").Error)
				var tenant string
				if err := tx.Model(&AnalyticsRow{}).Select("@tenant").Limit(1).Scan(&tenant).Error; err != nil || tenant != "acme" {
					t.Errorf("tenant %q: %v", tenant, err)
				}
			}
			w.must(tx.Create(&ArchiveRow{Name: "c"}).Error)
			var ambiguous *bindkey.AmbiguousSessionError
			if err := tx.Raw(lastID).Scan(&id).Error; !errors.As(err, &ambiguous) || fmt.Sprint(ambiguous.Keys) != "[analytics archive]" {
				t.Errorf("two branches: %v", err)
			}
			for _, sql := range []string{"SAVEPOINT s", "COMMIT", "BEGIN", "START TRANSACTION", "ROLLBACK"} {
				if err := tx.Exec(sql).Error; !errors.Is(err, bindkey.ErrTransactionControl) {
					t.Errorf("%s: %v", sql, err)
				}
			}
			return nil
		}))
		w.expect("analytics: a, archive: c")
		w.idle()
	})
}

// DDL on MariaDB commits: it is refused once other branches have begun, and alone
// it is what it is in plain GORM, and no other branch begins behind it.
func TestDDLInTransaction(t *testing.T) {
	eachWay(t, func(w *world) {
		mariaDB := w.server == servers.MariaDB
		type extra struct {
			_  struct{} `bind:"analytics"`
			ID uint
		}
		failed := errors.New("roll back")
		for name, ddl := range map[string]func(tx *gorm.DB) error{
			"Exec": func(tx *gorm.DB) error {
				return tx.Clauses(bindkey.Use("analytics")).Exec("CREATE TABLE ddl (id INT)").Error
			},
			"AutoMigrate": func(tx *gorm.DB) error { return tx.AutoMigrate(&extra{}) },
			"TRUNCATE":    func(tx *gorm.DB) error { return tx.Exec("TRUNCATE TABLE analytics_rows").Error },
		} {
			err := w.db.Transaction(func(tx *gorm.DB) error {
				w.must(tx.Create(&MainRow{Name: "x"}).Error)
				err := ddl(tx)
				var implicit *bindkey.ImplicitCommitError
				if errors.As(err, &implicit) != mariaDB || !mariaDB && err != nil {
					t.Errorf("%s: %v", name, err)
				} else if mariaDB && (implicit.Key != "analytics" || fmt.Sprint(implicit.Begun) != "[main]") {
					t.Errorf("%s: %+v", name, implicit)
				}
				return failed
			})
			if !errors.Is(err, failed) {
				t.Errorf("%s: %v", name, err)
			}
			w.expect("")
			for _, table := range []string{"ddl", "extras"} {
				if w.plain["analytics"].Migrator().HasTable(table) {
					t.Errorf("%s: table %s is there", name, table)
				}
			}
		}
		err := w.db.Transaction(func(tx *gorm.DB) error {
			w.must(tx.Create(&AnalyticsRow{Name: "first"}).Error)
			w.must(tx.Clauses(bindkey.Use("analytics")).Exec("CREATE TABLE ddl (id INT)").Error)
			err := tx.Create(&MainRow{Name: "behind"}).Error
			if errors.Is(err, bindkey.ErrImplicitCommit) != mariaDB {
				t.Errorf("behind it: %v", err)
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Error(err)
		}
		if mariaDB {
			w.expect("analytics: first")
			w.must(w.plain["analytics"].Migrator().DropTable("ddl"))
		} else {
			w.expect("")
		}
		w.idle()
	})
}
