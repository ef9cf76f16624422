package integration

import (
	"bytes"
	"database/sql"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

type kept struct {
	ID   uint
	Body string `gorm:"size:4000"`
	Raw  []byte
}

func (kept) TableName() string { return "kept_values" }

// TestValuesStayAsTheyAre: a value is bound and never written, so that nothing is
// taken from it, in any dialect and by any door, also where it is a mark.
func TestValuesStayAsTheyAre(t *testing.T) {
	all := dialects(t)
	for main := range all {
		db, err := gorm.Open(all[main](), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		plugin := bindkey.New()
		for key := range all {
			plugin.Register(key, dbresolver.Config{Sources: []gorm.Dialector{all[key]()}})
		}
		must(t, db.Use(plugin))
		for key := range all {
			in := func() *gorm.DB { return db.Clauses(bindkey.Use(key)) }
			must(t, in().Migrator().DropTable(&kept{}))
			must(t, in().AutoMigrate(&kept{}))
			mark := strings.TrimPrefix(db.Raw("SELECT ?", 1).Statement.SQL.String(), "SELECT ") // as it is before it is rendered
			if !strings.HasPrefix(mark, "\x01") || !strings.HasSuffix(mark, "\x02") {
				t.Fatalf("%q is no mark", mark)
			}
			half := len(mark) / 2
			for _, value := range []string{mark, mark + mark, mark[:half], mark[half:], mark[:half] + mark + mark[half:], "\x01", "\x02", "\x01\x02\x01", strings.Replace(mark, "?", `"`, 1),
				strings.Replace(mark, "?", "(", 1), "`a` \"b\" [c] ? $1 @p1 @v :v '' \\", "'; DROP TABLE kept_values; --", "größe 用户", ""} {
				for door, write := range map[string]func() error{
					"Create": func() error { return in().Create(&kept{ID: 1, Body: value, Raw: []byte(value)}).Error },
					"Exec": func() error {
						return in().Exec("INSERT INTO kept_values (id, body, raw) VALUES (?, ?, ?)", 1, value, []byte(value)).Error
					},
					"named": func() error {
						return in().Exec("INSERT INTO kept_values (id, body, raw) VALUES (1, @v, @r)", sql.Named("v", value), sql.Named("r", []byte(value))).Error
					},
					"map": func() error {
						if err := in().Create(&kept{ID: 1}).Error; err != nil {
							return err
						}
						return in().Model(&kept{ID: 1}).Updates(map[string]any{"body": value, "raw": []byte(value)}).Error
					},
				} {
					must(t, write())
					for question, ask := range map[string]*gorm.DB{
						"where":        in().Where("body = ? AND raw = ?", value, []byte(value)),
						"struct":       in().Where(map[string]any{"body": value}),
						"subquery":     in().Where("id IN (?)", in().Model(&kept{}).Select("id").Where("body = ?", value)),
						"raw subquery": in().Where("id IN (?)", db.Raw("SELECT id FROM kept_values WHERE body = ?", value)),
						"raw":          in().Raw("SELECT * FROM kept_values WHERE body = @v", sql.Named("v", value)),
					} {
						var found []kept
						must(t, ask.Find(&found).Error)
						if len(found) != 1 || found[0].Body != value || !bytes.Equal(found[0].Raw, []byte(value)) {
							t.Errorf("main %s, bind %s, %s, %s: %q became %+v", main, key, door, question, value, found)
						}
					}
					must(t, in().Exec("DELETE FROM kept_values").Error)
				}
			}
		}
		must(t, plugin.Close())
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}
}
