package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Two keys of one DSN are one branch: a transaction sees its own rows through
// both.
func TestOneDSN(t *testing.T) {
	onServers(t, servers.All(), func(t *testing.T, server *servers.Server) {
		database := server.Database(t, "one")
		for _, adopts := range []bool{false, true} {
			for _, prepare := range []bool{false, true} {
				t.Run(fmt.Sprintf("adopted %t, prepared %t", adopts, prepare), func(t *testing.T) {
					db, err := gorm.Open(database.Dialector(), &gorm.Config{PrepareStmt: prepare, Logger: logger.Discard})
					must(t, err)
					plugin := bindkey.New(bindkey.Models(models...))
					config := func() dbresolver.Config {
						return dbresolver.Config{Sources: []gorm.Dialector{database.Dialector()}, Replicas: []gorm.Dialector{database.Dialector()}}
					}
					if adopts {
						resolver := dbresolver.Register(config(), &AnalyticsRow{}, "analytics").Register(config(), "archive")
						must(t, db.Use(resolver))
						t.Cleanup(func() {
							_ = resolver.Call(func(pool gorm.ConnPool) error { return pool.(*sql.DB).Close() })
						})
					} else {
						plugin.Register("analytics", config()).Register("archive", config())
					}
					pool, err := db.DB()
					must(t, err)
					t.Cleanup(func() { _ = pool.Close() })
					must(t, db.Use(plugin))
					t.Cleanup(func() { _ = plugin.Close() })
					ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
					t.Cleanup(cancel)
					db = db.WithContext(ctx)
					must(t, db.Migrator().DropTable(append([]any{"user_tags"}, models...)...))
					must(t, db.AutoMigrate(models...))

					must(t, db.Create(&User{Name: "u", Logs: []LogEntry{{Event: "a"}}, Notes: []Note{{Text: "n"}}, Tags: []Tag{{Name: "t"}}}).Error)
					must(t, db.Transaction(func(tx *gorm.DB) error {
						user := User{Name: "mine"}
						must(t, tx.Create(&user).Error)
						must(t, tx.Create(&LogEntry{UserID: user.ID, Event: "mine"}).Error)
						for _, at := range []*gorm.DB{tx.Model(&User{}), tx.Model(&LogEntry{}).Clauses(bindkey.AllowCrossBind)} {
							var n int64
							must(t, at.Where("(SELECT count(*) FROM users u JOIN logs l ON l.user_id = u.id WHERE u.name = 'mine') = 1").Count(&n).Error)
							if n == 0 {
								t.Error("the transaction does not see its own rows")
							}
						}
						var one, other *sql.Tx
						one, err := bindkey.SQLTx(tx, "main")
						if err == nil {
							other, err = bindkey.SQLTx(tx, "archive")
						}
						if one != other {
							t.Error("two branches")
						}
						if err := tx.Transaction(func(tx *gorm.DB) error {
							return errors.Join(tx.Create(&Note{Text: "undone"}).Error, errors.New("undo"))
						}); err == nil {
							t.Error("no error of the nested transaction")
						}
						return err
					}))
					var n int64
					must(t, db.Clauses(dbresolver.Write).Model(&Note{}).Where("text = 'undone'").Count(&n).Error)
					if n != 0 {
						t.Error("the savepoint kept a row")
					}
					must(t, db.Transaction(func(tx *gorm.DB) error {
						var row MainRow
						var log LogEntry
						must(t, tx.Limit(1).Find(&row).Error)
						must(t, tx.First(&log).Error)
						one, err := bindkey.SQLTx(tx, "analytics")
						if other, _ := bindkey.SQLTx(tx, "archive"); err != nil || one != other {
							t.Errorf("read-only: two branches, %v", err)
						}
						return nil
					}, &sql.TxOptions{ReadOnly: true}))
				})
			}
		}
	})
}
