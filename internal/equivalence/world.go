package equivalence

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// casesPerWorld is how many cases share a world. They don't see each other's
// writes.
const casesPerWorld = 100

// single is the name of the database that has all tables.
const single = "single"

// A world is one layout and one set of rows: a plain handle over one database,
// and a routed one over three.
type world struct {
	schema    *schema
	layout    *layout
	rows      map[string][]row
	decoys    bool // every file has every table, the foreign ones with rows of their own
	plain     *side
	routed    *side
	databases map[string]*database
	plugin    *bindkey.Plugin
	broken    bool // a call panicked
}

// A side is one of the two handles.
type side struct {
	db  *gorm.DB
	log *recorder
}

// A database is a file, and what it held at first.
type database struct {
	pool     *sql.DB
	raw      rawConn // to look at it, past the handles
	snapshot rawConn
	before   map[string]string // table → dump
}

func newWorld(seed int64, dir string) (*world, error) {
	s, err := readSchema()
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewSource(seed))
	w := &world{schema: s, databases: map[string]*database{}, layout: newLayout(rng, s), rows: randomRows(rng, s), decoys: rng.Intn(2) == 0}
	w.plain, w.routed = &side{log: newRecorder()}, &side{log: newRecorder()}
	for _, name := range append([]string{single}, bindKeys...) {
		if err := w.addDatabase(name, dir); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	if err := w.openHandles(rng); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.plain.log.take()
	w.routed.log.take()
	return w, nil
}

func (w *world) openHandles(rng *rand.Rand) (err error) {
	w.plain.db, err = w.open(single)
	if err == nil {
		err = setupJoinTables(w.plain.db)
	}
	if err != nil {
		return err
	}
	w.routed.db, err = w.open(mainBind)
	if err != nil {
		return err
	}
	// Join models may be set up after the plugin is installed, if it learns
	// nothing new of them then.
	after := rng.Intn(2) == 0 && !w.layout.crossed([]string{"products", "categories", "product_categories"}) &&
		w.layout.keyed["product_categories"]
	if !after {
		err = setupJoinTables(w.routed.db)
	}
	if err != nil {
		return err
	}
	handle := w.routed.db
	w.plugin, w.routed.db, err = w.layout.install(handle, w.schema, w.dialector)
	if err == nil && after {
		err = setupJoinTables(handle)
	}
	return err
}

func (w *world) open(name string) (*gorm.DB, error) {
	return gorm.Open(w.dialector(name), &gorm.Config{Logger: logger.Discard, NowFunc: func() time.Time { return clock }})
}

func (w *world) dialector(name string) gorm.Dialector {
	return sqlite.New(sqlite.Config{Conn: w.databases[name].pool})
}

func (w *world) addDatabase(name, dir string) error {
	dsn := "file:" + filepath.Join(dir, name+".db") + "?_synchronous=OFF&_journal_mode=MEMORY"
	log := w.routed.log
	if name == single {
		log = w.plain.log
	}
	d := &database{pool: sql.OpenDB(testkit.Wrap(name, &connector{dsn, log}, log.call)), before: map[string]string{}}
	w.databases[name] = d
	var err error
	if d.raw, err = openRaw(dsn); err != nil {
		return err
	}
	if d.snapshot, err = openRaw(":memory:"); err != nil {
		return err
	}
	for _, t := range w.schema.tables {
		own := name == single || w.layout.binds[t.name] == name
		if !own && !w.decoys {
			continue
		}
		for _, ddl := range t.ddl {
			if _, err := d.snapshot.Exec(ddl, nil); err != nil {
				return err
			}
		}
		for i, r := range w.rows[t.name] {
			if err := d.insert(t, r, own, i); err != nil {
				return err
			}
		}
	}
	if err := d.reset(); err != nil {
		return err
	}
	d.before, err = testkit.TablesOf(d.raw)
	return err
}

// insert inserts a row; one that is not the table's own bind's has other values.
func (d *database) insert(t *table, r row, own bool, i int) error {
	var columns, marks []string
	var values []driver.Value
	for _, c := range t.columns {
		value := r[c.name]
		if !own && !c.primary && !c.foreign && c.kind != moment {
			value = map[kind]any{number: int64(50 + i), text: "decoy"}[c.kind]
		}
		columns, marks = append(columns, "`"+c.name+"`"), append(marks, "?")
		values = append(values, value)
	}
	_, err := d.snapshot.Exec(fmt.Sprintf("INSERT INTO `%s` (%s) VALUES (%s)", t.name, strings.Join(columns, ","), strings.Join(marks, ",")), values)
	return err
}

// reset gives a database its first rows again.
func (d *database) reset() error { return copyInto(d.raw, d.snapshot) }

// state is what the tables of one side hold, the foreign ones as "bind.table".
func (w *world) state(names ...string) (map[string]string, error) {
	state := map[string]string{}
	for _, name := range names {
		log := w.routed.log
		if name == single {
			log = w.plain.log
		}
		dumped := w.databases[name].before
		if log.dirty[name] {
			var err error
			if dumped, err = testkit.TablesOf(w.databases[name].raw); err != nil {
				return nil, err
			}
		}
		for t, rows := range dumped {
			if name == single || w.layout.binds[t] == name {
				state[t] = rows
			} else {
				state[name+"."+t] = rows
			}
		}
	}
	return state, nil
}

// wanted is what the routed side must hold where the plain side holds this.
func (w *world) wanted(plain map[string]string) map[string]string {
	wanted := map[string]string{}
	for t, rows := range plain {
		wanted[t] = rows
	}
	for _, key := range bindKeys {
		for t, rows := range w.databases[key].before {
			if w.layout.binds[t] != key {
				wanted[key+"."+t] = rows
			}
		}
	}
	return wanted
}

// reset resets the databases that were written to.
func (w *world) reset() error {
	for _, s := range []*side{w.plain, w.routed} {
		for name := range s.log.dirty {
			if err := w.databases[name].reset(); err != nil {
				return err
			}
		}
		s.log.dirty = map[string]bool{}
	}
	return nil
}

func (w *world) close() error {
	var errs []error
	if w.plugin != nil {
		errs = append(errs, w.plugin.Close())
	}
	for _, d := range w.databases {
		errs = append(errs, d.pool.Close())
		if d.raw != nil {
			errs = append(errs, d.raw.Close())
		}
		if d.snapshot != nil {
			errs = append(errs, d.snapshot.Close())
		}
	}
	return errors.Join(errs...)
}
