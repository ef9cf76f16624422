package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

var kinds = []struct {
	name string
	new  func(t *testing.T, label string) gorm.Dialector
}{
	{"SQLite", func(t *testing.T, label string) gorm.Dialector {
		return sqlite.Open(filepath.Join(t.TempDir(), label+".db"))
	}},
	{"PostgreSQL", func(t *testing.T, label string) gorm.Dialector {
		return servers.PostgreSQL.Database(t, label).Dialector()
	}},
	{"MariaDB", func(t *testing.T, label string) gorm.Dialector {
		return servers.MariaDB.Database(t, label).Dialector()
	}},
}

func TestMain(m *testing.M) { servers.Main(m) }

// Each folder goes to the database of its bind, in every pair of databases,
// and the models find their tables there.
func TestGoose(t *testing.T) {
	ctx := context.Background()
	for _, mainKind := range kinds {
		for _, analyticsKind := range kinds {
			mainKind, analyticsKind := mainKind, analyticsKind
			t.Run(mainKind.name+"+"+analyticsKind.name, func(t *testing.T) {
				w := newWorld(t, mainKind.new(t, "main"), analyticsKind.new(t, "analytics"), analyticsKind.new(t, "replica"))

				must(t, Up(ctx, w.plugin, w.folders))
				w.tables("main: goose_db_version users, analytics: goose_db_version logs, replica: ")
				w.versions(1, 2)
				drifts, err := w.plugin.Drift(ctx, &models.User{}, &models.LogEntry{})
				if err != nil || len(drifts) > 0 {
					t.Errorf("Drift says %v, %v", drifts, err)
				}

				must(t, Up(ctx, w.plugin, w.folders))
				for _, key := range w.plugin.Keys() {
					results, err := w.provider(key).Up(ctx)
					if err != nil || len(results) > 0 {
						t.Errorf("a second Up of %s did %v, %v", key, results, err)
					}
				}
				w.versions(1, 2)

				user := models.User{Name: "ada", Logs: []models.LogEntry{{Event: "joined"}, {Event: "left"}}}
				must(t, w.db.Create(&user).Error)
				must(t, w.db.Exec("UPDATE logs SET event = ? WHERE event = ?", "gone", "left").Error) // known by bindkey.Models
				w.rows("main", "users", "ada")
				w.rows("analytics", "logs", "joined gone")
				var read models.User
				must(t, w.db.Clauses(dbresolver.Write).Preload("Logs", func(tx *gorm.DB) *gorm.DB {
					return tx.Clauses(dbresolver.Write).Order("id")
				}).First(&read).Error)
				if read.Name != "ada" || len(read.Logs) != 2 || read.Logs[1].Event != "gone" || read.Logs[0].CreatedAt.IsZero() {
					t.Errorf("read back: %+v", read)
				}

				_, err = w.provider("analytics").DownTo(ctx, 0)
				must(t, err)
				w.tables("main: goose_db_version users, analytics: goose_db_version, replica: ")
				w.versions(1, 0)
				w.rows("main", "users", "ada")

				must(t, Up(ctx, w.plugin, w.folders))
				w.versions(1, 2)
				w.rows("main", "users", "ada")
				w.rows("analytics", "logs", "")

				_, err = w.provider("main").Down(ctx)
				must(t, err)
				w.tables("main: goose_db_version, analytics: goose_db_version logs, replica: ")
				w.versions(0, 2)
				must(t, w.plugin.Ping(ctx)) // goose closed no pool
			})
		}
	}
}

// What goes wrong names the bind.
func TestGooseErrors(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, kinds[0].new(t, "main"), kinds[0].new(t, "analytics"), kinds[0].new(t, "replica"))
	only := fstest.MapFS{"main/00001_users.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE users (id integer);\n")}}
	if err := Up(ctx, w.plugin, only); !errors.Is(err, goose.ErrNoMigrations) || !strings.Contains(err.Error(), `bind "analytics"`) {
		t.Errorf("a folder is missing: %v", err)
	}
	broken := fstest.MapFS{"main/1_a.sql": only["main/00001_users.sql"], "analytics/1_b.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE nonsense;\n")}}
	if err := Up(ctx, w.plugin, broken); err == nil || !strings.Contains(err.Error(), `bind "analytics"`) {
		t.Errorf("a migration is broken: %v", err)
	}
	if _, err := Provider(w.plugin, "archive", w.folders); !errors.Is(err, bindkey.ErrUnknownBind) {
		t.Errorf("no such bind: %v", err)
	}
	w.tables("main: , analytics: goose_db_version, replica: ")
}

// A world is a handle over two binds, and plain handles that know nothing of
// the plugin.
type world struct {
	*testing.T
	db      *gorm.DB
	plugin  *bindkey.Plugin
	plain   map[string]*gorm.DB
	folders fs.FS
}

func newWorld(t *testing.T, main, analytics, replica gorm.Dialector) *world {
	t.Helper()
	w := &world{T: t, plain: map[string]*gorm.DB{}}
	w.folders = sqliteFolders(t, map[string]string{"main": main.Name(), "analytics": analytics.Name()})
	w.db = openHandle(t, main)
	for key, dialector := range map[string]gorm.Dialector{"main": main, "analytics": analytics, "replica": replica} {
		w.plain[key] = openHandle(t, dialector)
	}
	w.plugin = bindkey.New(bindkey.Models(&models.User{}, &models.LogEntry{})).Register("analytics", dbresolver.Config{
		Sources: []gorm.Dialector{analytics}, Replicas: []gorm.Dialector{replica},
	})
	must(t, w.db.Use(w.plugin))
	t.Cleanup(func() { must(t, w.plugin.Close()) })
	return w
}

// sqliteFolders are the folders, with SQLite's word for an id where it is for
// SQLite.
func sqliteFolders(t *testing.T, dialects map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	must(t, fs.WalkDir(folders, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		sql, err := fs.ReadFile(folders, path)
		if key, _, _ := strings.Cut(path, "/"); dialects[key] == "sqlite" {
			sql = []byte(strings.ReplaceAll(string(sql), "SERIAL", "INTEGER"))
		}
		files[path] = &fstest.MapFile{Data: sql}
		return err
	}))
	return files
}

func openHandle(t *testing.T, dialector gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	must(t, err)
	pool, err := db.DB()
	must(t, err)
	t.Cleanup(func() { must(t, pool.Close()) })
	return db
}

func (w *world) provider(key string) *goose.Provider {
	w.Helper()
	provider, err := Provider(w.plugin, key, w.folders)
	must(w.T, err)
	return provider
}

// tables compares which tables the databases have.
func (w *world) tables(want string) {
	w.Helper()
	var all []string
	for _, key := range []string{"main", "analytics", "replica"} {
		tables, err := w.plain[key].Migrator().GetTables()
		must(w.T, err)
		var own []string
		for _, table := range tables {
			if !strings.HasPrefix(table, "sqlite_") {
				own = append(own, table)
			}
		}
		sort.Strings(own)
		all = append(all, key+": "+strings.Join(own, " "))
	}
	if got := strings.Join(all, ", "); got != want {
		w.Errorf("the tables are\n%s, want\n%s", got, want)
	}
}

// versions compares the versions that goose has written into the databases.
func (w *world) versions(main, analytics int64) {
	w.Helper()
	for key, want := range map[string]int64{"main": main, "analytics": analytics} {
		var applied []int64
		must(w.T, w.plain[key].Table("goose_db_version").Order("version_id").Pluck("version_id", &applied).Error)
		var wanted []int64
		for version := int64(0); version <= want; version++ {
			wanted = append(wanted, version)
		}
		if fmt.Sprint(applied) != fmt.Sprint(wanted) {
			w.Errorf("%s has the versions %v, want %v", key, applied, wanted)
		}
	}
}

// rows compares the texts in a table's rows.
func (w *world) rows(key, table, want string) {
	w.Helper()
	column := map[string]string{"users": "name", "logs": "event"}[table]
	var values []string
	must(w.T, w.plain[key].Table(table).Order("id").Pluck(column, &values).Error)
	if got := strings.Join(values, " "); got != want {
		w.Errorf("%s of %s holds %q, want %q", table, key, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
