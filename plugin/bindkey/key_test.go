package bindkey_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/internal/sqlitedb"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Where a key may stand.
type (
	KeyTagOnBlank struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	KeyTagOnColumn struct {
		ID   uint
		Name string `bind:"analytics" gorm:"size:20"`
	}
	KeyTagOnPrimaryKey struct {
		ID uint `gorm:"primaryKey" bind:"analytics"`
	}
	KeyTagOnUnexported struct {
		ID uint
		//lint:ignore U1000 it is read by reflection
		secret KeyPlain `bind:"analytics"`
	}
	KeyTagOnIgnored struct {
		ID   uint
		User *KeyPlain `gorm:"-" bind:"analytics"`
	}
	KeyTagOnTime struct {
		ID uint
		At time.Time `bind:"analytics"`
	}
	KeyTagOnValuer struct {
		ID    uint
		Price KeyMoney `bind:"analytics"`
	}
	KeyTagOnSerialized struct {
		ID    uint
		Names []KeyPlain `gorm:"serializer:json" bind:"analytics"`
	}
	KeyTagOnEmbedded struct {
		gorm.Model `bind:"analytics"`
		Name       string
	}
	KeyTagOnNamedEmbedded struct {
		ID    uint
		Place KeyAddress `gorm:"embedded" bind:"analytics"`
	}
	KeyByValue   struct{ ID uint }
	KeyByPointer struct{ ID uint }
	KeyPlain     struct {
		ID   uint
		Name string
	}
	KeyMain struct {
		_  struct{} `bind:"main"`
		ID uint
	}
	KeyAddress     struct{ Street string }
	KeyMoney       struct{ Cents int64 }
	KeyPage[T any] struct {
		ID    uint
		Items []T `gorm:"serializer:json"`
	}
)

func (KeyByValue) Bind() string                 { return "analytics" }
func (*KeyByPointer) Bind() string              { return "analytics" }
func (KeyPage[T]) Bind() string                 { return "nowhere" }
func (m KeyMoney) Value() (driver.Value, error) { return m.Cents, nil }
func (m *KeyMoney) Scan(src any) error {
	m.Cents, _ = src.(int64)
	return nil
}

// What embedded structs hand down.
type (
	KeyBaseTag struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	KeyBaseColumnTag struct {
		Owner string `bind:"analytics"`
	}
	KeyBaseMethod        struct{ ID uint }
	KeyBasePointerMethod struct{ ID uint }
	KeyBaseSameTag       struct {
		_     struct{} `bind:"analytics"`
		Extra string
	}
	KeyOtherTag struct {
		_     struct{} `bind:"archive"`
		Other string
	}
	KeyOtherMethod struct{ Other string }
	//lint:ignore U1000 it is read by reflection
	keyHiddenBase struct {
		_ struct{} `bind:"analytics"`
	}
	KeyKind string // no struct, but Go promotes its method
	// KeyStruct is no column, though it names a data type: GORM embeds it.
	KeyStruct struct {
		_    struct{} `bind:"analytics"`
		Text string
	}
	KeyStamp struct {
		_  struct{} `bind:"archive"` // of a column, not of the model
		At time.Time
	}

	KeyEmbedsTag struct {
		KeyBaseTag
		Name string
	}
	KeyEmbedsColumnTag struct {
		ID uint
		KeyBaseColumnTag
	}
	KeyEmbedsMethod struct {
		KeyBaseMethod
		Name string
	}
	KeyEmbedsPointerMethod struct {
		KeyBasePointerMethod
		Name string
	}
	KeyEmbedsTagByPointer struct {
		*KeyBaseTag
		Name string
	}
	KeyEmbedsMethodByPointer struct {
		*KeyBasePointerMethod // its receiver is a pointer, and not used
		Name                  string
	}
	KeyEmbedsNested struct {
		KeyEmbedsTag
		More string
	}
	KeyEmbedsNestedMethod struct {
		KeyEmbedsMethod
		More string
	}
	KeyEmbedsUnexported struct {
		//lint:ignore U1000 it is read by reflection
		keyHiddenBase
		ID uint
	}
	KeyEmbedsNamed struct {
		ID   uint
		Base KeyOtherTag `gorm:"embedded;embeddedPrefix:base_"`
	}
	KeyEmbedsNamedMethod struct {
		ID   uint
		Base *KeyOtherMethod `gorm:"embedded"`
	}
	KeyEmbedsSame struct {
		KeyBaseTag
		KeyBaseSameTag
	}
	KeyEmbedsSameMethodAndTag struct {
		KeyBaseMethod
		KeyBaseSameTag
	}
	KeyEmbedsKeyless struct {
		KeyAddress
		KeyBaseTag
	}
	KeyEmbedsKind struct {
		KeyKind
		ID uint
	}
	KeyEmbedsStruct struct {
		ID uint
		KeyStruct
	}
	KeyEmbedsColumn struct {
		ID uint
		KeyStamp
	}
	keyRecursive struct {
		//lint:ignore U1000 it is read by reflection
		*keyRecursive
		ID uint
	}
)

func (KeyBaseMethod) Bind() string              { return "analytics" }
func (*KeyBasePointerMethod) Bind() string      { return "analytics" }
func (KeyOtherMethod) Bind() string             { return "archive" }
func (KeyKind) Bind() string                    { return "analytics" }
func (KeyStruct) GormDataType() string          { return "json" }
func (s KeyStamp) Value() (driver.Value, error) { return s.At, nil }
func (*KeyStamp) Scan(any) error                { return nil }

// What overrides embedded structs.
type (
	KeyOwnTagOverTag struct {
		_ struct{} `bind:"archive"`
		KeyBaseTag
	}
	KeyOwnTagOverNested struct {
		_ struct{} `bind:"archive"`
		KeyEmbedsNested
	}
	KeyFieldTagOverTag struct {
		KeyBaseTag `bind:"archive"`
	}
	KeyMidTagOverTag    struct{ KeyOwnTagOverTag }
	KeyOwnMethodOverTag struct{ KeyBaseTag }
	KeyOwnMethodOver    struct{ KeyBaseMethod }
	KeyOwnTagOverTwo    struct {
		_ struct{} `bind:"archive"`
		KeyBaseTag
		KeyOtherTag
	}
	// KeyOwnMethodOverTwo resolves what Go promotes neither of, with the key of one.
	KeyOwnMethodOverTwo struct {
		KeyBaseMethod
		KeyOtherMethod
	}
	// KeyOwnMethodLikeTag says what one of them says: that one has a tag, so
	// its method is its own.
	KeyOwnMethodLikeTag struct {
		KeyBaseMethod
		KeyOtherTag
	}
	KeyTagAndPromoted struct {
		_ struct{} `bind:"analytics"`
		KeyBaseMethod
		KeyOtherTag
	}
	KeyOwnTagOverConflict struct {
		_ struct{} `bind:"archive"`
		KeyTwoTags
	}
	KeyOwnMethodOverConflict struct{ KeyTwoMethods }
	KeyOwnMethodOverPanic    struct{ KeyPanics }
	KeyBindField             struct { // a field hides the method, not the key
		Bind string
		KeyBaseMethod
	}
	KeyOtherSignature struct{ ID uint }
	KeyOtherResult    struct{ ID uint }
	KeyHidesMethod    struct{ KeyBaseMethod }
)

func (KeyOwnMethodOverTag) Bind() string      { return "archive" }
func (KeyOwnMethodOver) Bind() string         { return "archive" }
func (KeyOwnMethodOverTwo) Bind() string      { return "archive" }
func (KeyOwnMethodLikeTag) Bind() string      { return "archive" }
func (KeyOwnMethodOverConflict) Bind() string { return "archive" }
func (KeyOwnMethodOverPanic) Bind() string    { return "archive" }
func (KeyOtherSignature) Bind(string) string  { return "archive" }
func (KeyOtherResult) Bind() int              { return 1 }
func (KeyHidesMethod) Bind(_, _ int) error    { return nil }

// Mistakes.
type (
	KeyUnknown struct {
		_  struct{} `bind:"nowhere"`
		ID uint
	}
	KeyUnknownMethod struct{ ID uint }
	KeyMethodAndTag  struct {
		_  struct{} `bind:"archive"`
		ID uint
	}
	KeyMethodAndSameTag struct {
		_  struct{} `bind:"analytics"`
		ID uint
	}
	KeyPromotedAndTag struct {
		_ struct{} `bind:"archive"`
		KeyBaseMethod
	}
	KeyOwnTwoTags struct {
		_  struct{} `bind:"archive"`
		ID uint     `bind:"analytics"`
	}
	KeyOwnSameTags struct {
		_  struct{} `bind:"analytics"`
		ID uint     `bind:"analytics"`
	}
	KeyTwoTags struct {
		KeyBaseTag
		KeyOtherTag
	}
	KeyTwoMethods struct {
		KeyBaseMethod
		KeyOtherMethod
	}
	KeyMethodAndEmbeddedTag struct {
		KeyBaseMethod
		KeyOtherTag
	}
	KeyTwoNamed struct {
		KeyBaseTag
		Place KeyOtherTag `gorm:"embedded"`
	}
	KeyTwoNested struct {
		KeyEmbedsNested
		KeyOtherTag
	}
	KeyTwoKinds struct {
		KeyKind
		KeyOtherMethod
		ID uint
	}
	KeyEmbedsConflict struct {
		KeyTwoTags
		Name string
	}
	KeyEmptyTag struct {
		_  struct{} `bind:""`
		ID uint
	}
	KeyEmptyMethod   struct{ ID uint }
	KeyNeedsReceiver struct{ Region string }
	KeyPanics        struct{ ID uint }
	KeyPanicsOnField struct {
		Owner *KeyPlain `gorm:"-"`
	}
	KeyPanicsEmbedded struct {
		*KeyBaseMethod
		Name string
	}
	KeyEmbedsBinder struct {
		bindkey.Binder `gorm:"-"`
		ID             uint
	}
	KeyEmbedsBinderToo struct {
		bindkey.Binder `gorm:"-"`
		KeyBaseMethod
	}
	KeyEmbedsEmpty struct {
		KeyEmptyTag
		Name string
	}
	KeyTagOnRelation struct {
		ID      uint
		PlainID uint
		Plain   *KeyPlain `bind:"analytics"`
	}
	KeyTagOnHasMany struct {
		ID    uint
		Lines []KeyLine `gorm:"foreignKey:OwnerID" bind:"analytics"`
	}
	KeyLine struct {
		ID, OwnerID uint
	}
	KeyTagOnUnmigrated struct {
		ID      uint
		PlainID uint
		Plain   *KeyPlain `gorm:"-:migration" bind:"analytics"`
	}
	KeyTagOnMany2Many struct {
		ID    uint
		Lines []*KeyLine `gorm:"many2many:key_lines" bind:"analytics"`
	}
	KeyManyMistakes struct {
		_       struct{} `bind:""`
		ID      uint
		PlainID uint
		Plain   *KeyPlain `bind:"analytics"`
	}
	KeyBroken struct {
		ID    uint
		Plain []KeyPlain // no foreign key
	}
	KeyBrokenField struct {
		ID uint
		Ch chan int
	}
)

func (KeyUnknownMethod) Bind() string    { return "nowhere" }
func (KeyMethodAndTag) Bind() string     { return "analytics" }
func (KeyMethodAndSameTag) Bind() string { return "analytics" }
func (KeyEmptyMethod) Bind() string      { return "" }
func (m KeyNeedsReceiver) Bind() string  { return m.Region }
func (KeyPanics) Bind() string           { panic("no key") }
func (m KeyPanicsOnField) Bind() string  { return m.Owner.Name }

// Two models with one table name.
type (
	KeyMainUser struct {
		_    struct{} `bind:"main"`
		ID   uint
		Name string
	}
	KeyArchivedUser struct {
		_    struct{} `bind:"archive"`
		ID   uint
		Name string
	}
)

func (KeyMainUser) TableName() string     { return "key_users" }
func (KeyArchivedUser) TableName() string { return "key_users" }

// keyDatabases is a directory with a file for each bind of the key tests.
type keyDatabases struct{ dir string }

func mustKeyDatabases(t *testing.T) keyDatabases {
	t.Helper()
	return keyDatabases{t.TempDir()}
}

func (d keyDatabases) file(key string) string { return filepath.Join(d.dir, key+".db") }

func (d keyDatabases) dialector(key string) gorm.Dialector {
	return sqlitedb.Open(d.file(key) + "?_synchronous=OFF")
}

func (d keyDatabases) config(key string) dbresolver.Config {
	return dbresolver.Config{Sources: []gorm.Dialector{d.dialector(key)}}
}

// plugin has the binds analytics and archive, and the default bind.
func (d keyDatabases) plugin(options ...bindkey.Option) *bindkey.Plugin {
	return bindkey.New(options...).
		Register("analytics", d.config("analytics")).
		Register("archive", d.config("archive"))
}

// mustPlain opens the file of the default bind, without a plugin.
func (d keyDatabases) mustPlain(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(d.dialector("main"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	own, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	return db
}

func (d keyDatabases) open(t *testing.T, plugin *bindkey.Plugin) (*gorm.DB, error) {
	t.Helper()
	db := d.mustPlain(t)
	t.Cleanup(func() { _ = plugin.Close() })
	return db, db.Use(plugin)
}

func (d keyDatabases) mustOpen(t *testing.T, plugin *bindkey.Plugin) *gorm.DB {
	t.Helper()
	db, err := d.open(t, plugin)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// holding tells which database files have a row in the table, read back
// through plain connections.
func (d keyDatabases) holding(t *testing.T, table string) string {
	t.Helper()
	var keys []string
	for _, key := range []string{"main", "analytics", "archive"} {
		plain, err := gorm.Open(d.dialector(key), &gorm.Config{Logger: logger.Discard})
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		if plain.Migrator().HasTable(table) {
			if err := plain.Table(table).Count(&rows).Error; err != nil {
				t.Fatal(err)
			}
		}
		if rows > 0 {
			keys = append(keys, key)
		}
		conn, err := plain.DB()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(keys, " ")
}

var keySecrets = regexp.MustCompile(`0x[0-9a-f]{4}|github\.com|gorm\.io|[\w.]+/[\w.]+\.\w|\.db\b|\.go\b|goroutine`)

// keyWantError holds an error against what it must say, and against what no
// error text may show: a pointer, an import path, a file.
func keyWantError(t *testing.T, err, sentinel error, texts ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("error %v, want one that is %q", err, sentinel)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
	if secret := keySecrets.FindString(err.Error()); secret != "" {
		t.Errorf("error %q shows %q", err, secret)
	}
}

// keyRows are models, and the key or the mistake of each.
var keyRows = []struct {
	name  string
	model any
	key   string
	err   error
	texts []string
}{
	{name: "tag on a blank field", model: KeyTagOnBlank{}, key: "analytics"},
	{name: "tag on a column", model: KeyTagOnColumn{}, key: "analytics"},
	{name: "tag on the primary key", model: KeyTagOnPrimaryKey{}, key: "analytics"},
	{name: "tag on an unexported field", model: KeyTagOnUnexported{}, key: "analytics"},
	{name: "tag on an ignored field", model: KeyTagOnIgnored{}, key: "analytics"},
	{name: "tag on a time", model: KeyTagOnTime{}, key: "analytics"},
	{name: "tag on a valuer", model: KeyTagOnValuer{}, key: "analytics"},
	{name: "tag on a serialized column", model: KeyTagOnSerialized{}, key: "analytics"},
	{name: "tag on an embedded struct", model: KeyTagOnEmbedded{}, key: "analytics"},
	{name: "tag on a named embedded struct", model: KeyTagOnNamedEmbedded{}, key: "analytics"},
	{name: "method, value receiver", model: KeyByValue{}, key: "analytics"},
	{name: "method, pointer receiver", model: KeyByPointer{}, key: "analytics"},
	{name: "method and the same tag", model: KeyMethodAndSameTag{}, key: "analytics"},
	{name: "the same tag twice", model: KeyOwnSameTags{}, key: "analytics"},
	{name: "no key", model: KeyPlain{}, key: "main"},
	{name: "the default bind's key", model: KeyMain{}, key: "main"},
	{name: "method with an argument is ignored", model: KeyOtherSignature{}, key: "main"},
	{name: "method with another result is ignored", model: KeyOtherResult{}, key: "main"},

	{name: "embedded tag", model: KeyEmbedsTag{}, key: "analytics"},
	{name: "embedded tag on a column", model: KeyEmbedsColumnTag{}, key: "analytics"},
	{name: "embedded method", model: KeyEmbedsMethod{}, key: "analytics"},
	{name: "embedded method, pointer receiver", model: KeyEmbedsPointerMethod{}, key: "analytics"},
	{name: "embedded by pointer, tag", model: KeyEmbedsTagByPointer{}, key: "analytics"},
	{name: "embedded by pointer, method", model: KeyEmbedsMethodByPointer{}, key: "analytics"},
	{name: "embedded twice over, tag", model: KeyEmbedsNested{}, key: "analytics"},
	{name: "embedded twice over, method", model: KeyEmbedsNestedMethod{}, key: "analytics"},
	{name: "embedded, unexported", model: KeyEmbedsUnexported{}, key: "analytics"},
	{name: "embedded in GORM's sense, tag", model: KeyEmbedsNamed{}, key: "archive"},
	{name: "embedded in GORM's sense, method", model: KeyEmbedsNamedMethod{}, key: "archive"},
	{name: "two embedded with one key", model: KeyEmbedsSame{}, key: "analytics"},
	{name: "two embedded with one key, method and tag", model: KeyEmbedsSameMethodAndTag{}, key: "analytics"},
	{name: "embedded without and with a key", model: KeyEmbedsKeyless{}, key: "analytics"},
	{name: "embedded, not a struct", model: KeyEmbedsKind{}, key: "analytics"},
	{name: "embedded struct with a data type", model: KeyEmbedsStruct{}, key: "analytics"},
	{name: "embedded column hands nothing down", model: KeyEmbedsColumn{}, key: "main"},
	{name: "struct that embeds itself", model: keyRecursive{}, key: "main"},

	{name: "own tag over an embedded tag", model: KeyOwnTagOverTag{}, key: "archive"},
	{name: "own tag over a nested one", model: KeyOwnTagOverNested{}, key: "archive"},
	{name: "own tag on the embedded field", model: KeyFieldTagOverTag{}, key: "archive"},
	{name: "the embedded struct overrides its own", model: KeyMidTagOverTag{}, key: "archive"},
	{name: "own method over an embedded tag", model: KeyOwnMethodOverTag{}, key: "archive"},
	{name: "own method over an embedded method", model: KeyOwnMethodOver{}, key: "archive"},
	{name: "own tag over two that differ", model: KeyOwnTagOverTwo{}, key: "archive"},
	{name: "own method over two methods that differ", model: KeyOwnMethodOverTwo{}, key: "archive"},
	{name: "own method over a method and a tag that differ", model: KeyOwnMethodLikeTag{}, key: "archive"},
	{name: "own tag keeps the promoted method's key", model: KeyTagAndPromoted{}, key: "analytics"},
	{name: "own tag over an embedded conflict", model: KeyOwnTagOverConflict{}, key: "archive"},
	{name: "own method over an embedded conflict", model: KeyOwnMethodOverConflict{}, key: "archive"},
	{name: "own method over an embedded one that panics", model: KeyOwnMethodOverPanic{}, key: "archive"},
	{name: "a field hides the method, not the key", model: KeyBindField{}, key: "analytics"},
	{name: "another method hides the method, not the key", model: KeyHidesMethod{}, key: "analytics"},

	{name: "unknown key in a tag", model: KeyUnknown{}, err: bindkey.ErrUnknownBind,
		texts: []string{`model bindkey_test.KeyUnknown has bind key "nowhere"`, "known: analytics, archive, main"}},
	{name: "unknown key from a method", model: KeyUnknownMethod{}, err: bindkey.ErrUnknownBind,
		texts: []string{"bindkey_test.KeyUnknownMethod", `"nowhere"`}},
	{name: "unknown key of a generic type", model: KeyPage[KeyPlain]{}, err: bindkey.ErrUnknownBind,
		texts: []string{"model bindkey_test.KeyPage[bindkey_test.KeyPlain] has"}},
	{name: "method and tag", model: KeyMethodAndTag{}, err: bindkey.ErrConflict,
		texts: []string{"bindkey_test.KeyMethodAndTag", `method Bind is in "analytics"`, `tag on field _ is in "archive"`}},
	{name: "promoted method and own tag", model: KeyPromotedAndTag{}, err: bindkey.ErrConflict,
		texts: []string{"bindkey_test.KeyPromotedAndTag", "declare a Bind method"}},
	{name: "two own tags", model: KeyOwnTwoTags{}, err: bindkey.ErrConflict,
		texts: []string{"tag on field _", "tag on field ID"}},
	{name: "two embedded tags", model: KeyTwoTags{}, err: bindkey.ErrConflict,
		texts: []string{`embedded struct bindkey_test.KeyBaseTag (tag on field _) is in "analytics"`, `embedded struct bindkey_test.KeyOtherTag (tag on field _) is in "archive"`}},
	{name: "two embedded methods", model: KeyTwoMethods{}, err: bindkey.ErrConflict,
		texts: []string{"KeyBaseMethod (method Bind)", "KeyOtherMethod (method Bind)"}},
	{name: "an embedded method and an embedded tag", model: KeyMethodAndEmbeddedTag{}, err: bindkey.ErrConflict,
		texts: []string{"KeyBaseMethod (method Bind)", "KeyOtherTag (tag on field _)", "tag the model `bind:\"analytics\"`"}},
	{name: "embedded in Go's and in GORM's sense", model: KeyTwoNamed{}, err: bindkey.ErrConflict},
	{name: "embedded at different depths", model: KeyTwoNested{}, err: bindkey.ErrConflict},
	{name: "two embedded methods, one not of a struct", model: KeyTwoKinds{}, err: bindkey.ErrConflict},
	{name: "the embedded struct has a conflict", model: KeyEmbedsConflict{}, err: bindkey.ErrConflict,
		texts: []string{"model bindkey_test.KeyTwoTags"}},
	{name: "empty tag", model: KeyEmptyTag{}, err: bindkey.ErrInvalidKey,
		texts: []string{"model bindkey_test.KeyEmptyTag", "tag on field _ is empty"}},
	{name: "empty tag, embedded", model: KeyEmbedsEmpty{}, err: bindkey.ErrInvalidKey},
	{name: "empty method", model: KeyEmptyMethod{}, err: bindkey.ErrInvalidKey,
		texts: []string{"model bindkey_test.KeyEmptyMethod", "returns an empty key"}},
	{name: "method that needs its receiver", model: KeyNeedsReceiver{Region: "archive"}, err: bindkey.ErrInvalidKey},
	{name: "method that panics", model: KeyPanics{}, err: bindkey.ErrInvalidKey,
		texts: []string{"model bindkey_test.KeyPanics", "panics on a zero value"}},
	{name: "method that follows a nil pointer", model: KeyPanicsOnField{Owner: &KeyPlain{Name: "main"}}, err: bindkey.ErrInvalidKey},
	{name: "method through a nil embedded pointer", model: KeyPanicsEmbedded{}, err: bindkey.ErrInvalidKey,
		texts: []string{"model bindkey_test.KeyPanicsEmbedded", "embedded pointer"}},
	{name: "embedded interface", model: KeyEmbedsBinder{}, err: bindkey.ErrInvalidKey},
	{name: "embedded interface that hides a method", model: KeyEmbedsBinderToo{}, err: bindkey.ErrInvalidKey,
		texts: []string{"bindkey.Binder"}},
	{name: "tag on a belongs-to field", model: KeyTagOnRelation{}, err: bindkey.ErrInvalidKey,
		texts: []string{"field Plain has a bind tag", "put the tag on bindkey_test.KeyPlain"}},
	{name: "tag on a relation that is not migrated", model: KeyTagOnUnmigrated{}, err: bindkey.ErrInvalidKey},
	{name: "tag on a has-many field", model: KeyTagOnHasMany{}, err: bindkey.ErrInvalidKey,
		texts: []string{"put the tag on bindkey_test.KeyLine"}},
	{name: "tag on a many2many field is about the join table", model: KeyTagOnMany2Many{}, key: "main"},
	{name: "several mistakes in one model", model: KeyManyMistakes{}, err: bindkey.ErrInvalidKey,
		texts: []string{"tag on field _ is empty", "field Plain has a bind tag"}},
}

// TestKeyOfModel asks for each model's key before the plugin is installed and
// after, and has Check say the same.
func TestKeyOfModel(t *testing.T) {
	databases := mustKeyDatabases(t)
	before, after := databases.plugin(), databases.plugin()
	databases.mustOpen(t, after)
	for _, row := range keyRows {
		t.Run(row.name, func(t *testing.T) {
			for when, plugin := range map[string]*bindkey.Plugin{"before": before, "after": after} {
				key, err := plugin.KeyOf(row.model)
				checked := plugin.Check(row.model)
				if row.err == nil {
					if key != row.key || err != nil || checked != nil {
						t.Errorf("%s db.Use: key %q, error %v, Check %v; want %q", when, key, err, checked, row.key)
					}
					continue
				}
				if key != "" {
					t.Errorf("%s db.Use: key %q beside an error", when, key)
				}
				keyWantError(t, err, row.err, row.texts...)
				keyWantError(t, checked, row.err, row.texts...)
			}
		})
	}
}

// TestKeyShapes asks for one model's key in every shape that GORM takes a
// model in.
func TestKeyShapes(t *testing.T) {
	model := KeyByPointer{}
	pointer, slice := &model, []KeyByPointer{{}}
	var inAny, pointerInAny, sliceInAny any = model, pointer, slice
	databases := mustKeyDatabases(t)
	plugin := databases.plugin()
	for _, when := range []string{"before", "after"} {
		if when == "after" {
			databases.mustOpen(t, plugin)
		}
		for name, shape := range map[string]any{
			"value": model, "pointer": pointer, "pointer to pointer": &pointer, "nil pointer": (*KeyByPointer)(nil),
			"slice": slice, "nil slice": []KeyByPointer(nil), "slice of pointers": []*KeyByPointer{}, "pointer to slice": &slice,
			"pointer to slice of pointers": &[]*KeyByPointer{}, "array": [2]KeyByPointer{}, "array of pointers": [2]*KeyByPointer{},
			"pointer to array": &[2]KeyByPointer{}, "slice of slices": [][]KeyByPointer{},
			"any": &inAny, "any with a pointer": &pointerInAny, "any with a slice": &sliceInAny,
		} {
			if key, err := plugin.KeyOf(shape); key != "analytics" || err != nil {
				t.Errorf("%s db.Use, %s: key %q, error %v", when, name, key, err)
			}
		}
	}
}

// TestKeyOfNoModel gives what is no model: an error, and no panic.
func TestKeyOfNoModel(t *testing.T) {
	number, inner := 1, any(KeyPlain{})
	var none, nested any = nil, &inner
	databases := mustKeyDatabases(t)
	before, after := databases.plugin(), databases.plugin()
	databases.mustOpen(t, after)
	for name, value := range map[string]any{
		"nil": nil, "int": 1, "pointer to int": &number, "string": "users", "map": map[string]any{"id": 1}, "slice of maps": []map[string]any{},
		"nil *any": (*any)(nil), "*any with nil": &none, "*any with *any": &nested, "slice of any": []any{KeyPlain{}},
		"channel": make(chan int), "function": func() {}, "named": keyNumber(1), "pointer to named": new(keyNumber),
	} {
		for when, plugin := range map[string]*bindkey.Plugin{"before": before, "after": after} {
			t.Run(name+" "+when, func(t *testing.T) {
				key, err := plugin.KeyOf(value)
				if key != "" {
					t.Errorf("key %q", key)
				}
				keyWantError(t, err, schema.ErrUnsupportedDataType, "does not accept")
				keyWantError(t, plugin.Check(value), schema.ErrUnsupportedDataType, "does not accept")
			})
		}
	}
}

type keyNumber int

// TestKeyOfUnparsedModel gives models that GORM itself refuses: its errors
// print pointers and import paths, ours don't.
func TestKeyOfUnparsedModel(t *testing.T) {
	mustKeyQuiet(t)
	plugin := mustKeyDatabases(t).plugin()
	for name, model := range map[string]any{"relation": KeyBroken{}, "field": KeyBrokenField{}} {
		t.Run(name, func(t *testing.T) {
			_, err := plugin.KeyOf(model)
			if err == nil {
				t.Fatal("no error")
			}
			keyWantError(t, err, err)
		})
	}
}

// mustKeyQuiet silences what GORM's parser logs.
func mustKeyQuiet(t *testing.T) {
	t.Helper()
	was := logger.Default
	logger.Default = logger.Discard
	t.Cleanup(func() { logger.Default = was })
}

// TestKeyErrors finds each typed error with errors.As, through errors.Join
// too, and holds its fields.
func TestKeyErrors(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := databases.plugin()
	strict := databases.plugin(bindkey.Strict())

	err := plugin.Check(&KeyPlain{}, &KeyUnknown{}, &KeyMethodAndTag{}, &KeyEmptyTag{})
	var unknown *bindkey.UnknownBindError
	if !errors.As(err, &unknown) || unknown.Key != "nowhere" || unknown.Model != "bindkey_test.KeyUnknown" ||
		!reflect.DeepEqual(unknown.Known, []string{"analytics", "archive", "main"}) {
		t.Errorf("%+v", unknown)
	}
	if want := `bindkey: model bindkey_test.KeyUnknown has bind key "nowhere", which is not registered (known: analytics, archive, main); register it with Plugin.Register or correct the name`; unknown.Error() != want {
		t.Errorf("%v", unknown)
	}
	var conflict *bindkey.ConflictError
	if !errors.As(err, &conflict) || conflict.Subject != "model bindkey_test.KeyMethodAndTag" || conflict.Way == "" ||
		!reflect.DeepEqual(conflict.Claims, []bindkey.Claim{{Key: "analytics", Source: "method Bind"}, {Key: "archive", Source: "tag on field _"}}) {
		t.Errorf("%+v", conflict)
	}
	var invalid *bindkey.InvalidKeyError
	if !errors.As(err, &invalid) || invalid.Subject != "model bindkey_test.KeyEmptyTag" {
		t.Errorf("%+v", invalid)
	}
	err = strict.Check(&KeyPlain{})
	var unbound *bindkey.UnboundError
	if !errors.As(err, &unbound) || unbound.Model != "bindkey_test.KeyPlain" || unbound.Table != "key_plains" ||
		!reflect.DeepEqual(unbound.Known, []string{"analytics", "archive", "main"}) {
		t.Errorf("%+v", unbound)
	}
	_, err = bindkey.New().Register("a", databases.config("a"), "key_plains").Register("b", databases.config("b"), "KEY_PLAINS").KeyOf(&KeyPlain{})
	var ambiguous *bindkey.AmbiguousTableError
	if !errors.As(err, &ambiguous) || ambiguous.Table != "key_plains" || !reflect.DeepEqual(ambiguous.Keys, []string{"a", "b"}) {
		t.Errorf("%+v", ambiguous)
	}
	keyWantError(t, err, bindkey.ErrAmbiguousTable)

	for _, sentinel := range []error{bindkey.ErrUnknownBind, bindkey.ErrConflict, bindkey.ErrInvalidKey, bindkey.ErrUnbound, bindkey.ErrAmbiguousTable} {
		matches := 0
		for _, err := range []error{unknown, conflict, invalid, unbound, ambiguous} {
			if errors.Is(err, sentinel) {
				matches++
			}
		}
		if matches != 1 {
			t.Errorf("%d typed errors are %q", matches, sentinel)
		}
	}
}

// TestKeyRegisterData proves what models and table names given to Register
// say, before the plugin is installed and after.
func TestKeyRegisterData(t *testing.T) {
	for _, row := range []struct {
		name  string
		data  map[string][]any // bind → Register's data
		model any
		key   string
		err   error
		texts []string
	}{
		{name: "model", data: map[string][]any{"archive": {KeyPlain{}}}, model: KeyPlain{}, key: "archive"},
		{name: "pointer to a model", data: map[string][]any{"archive": {&KeyPlain{}}}, model: KeyPlain{}, key: "archive"},
		{name: "slice of models", data: map[string][]any{"archive": {[]*KeyPlain{}}}, model: KeyPlain{}, key: "archive"},
		{name: "several", data: map[string][]any{"archive": {"others", KeyMoney{}, KeyPlain{}}}, model: KeyPlain{}, key: "archive"},
		{name: "over a tag", data: map[string][]any{"archive": {KeyTagOnBlank{}}}, model: KeyTagOnBlank{}, key: "archive"},
		{name: "over a method", data: map[string][]any{"archive": {KeyByValue{}}}, model: KeyByValue{}, key: "archive"},
		{name: "over an embedded struct", data: map[string][]any{"archive": {KeyEmbedsTag{}}}, model: KeyEmbedsTag{}, key: "archive"},
		{name: "over a conflict", data: map[string][]any{"archive": {KeyTwoTags{}}}, model: KeyTwoTags{}, key: "archive"},
		{name: "over an unknown key", data: map[string][]any{"archive": {KeyUnknown{}}}, model: KeyUnknown{}, key: "archive"},
		{name: "not over what embeds the model", data: map[string][]any{"archive": {KeyBaseTag{}}}, model: KeyEmbedsTag{}, key: "analytics"},
		{name: "model twice in one bind", data: map[string][]any{"archive": {KeyPlain{}, &KeyPlain{}}}, model: KeyPlain{}, key: "archive"},
		{name: "table name", data: map[string][]any{"archive": {"key_plains"}}, model: KeyPlain{}, key: "archive"},
		{name: "table name in capitals", data: map[string][]any{"archive": {"Key_Plains"}}, model: KeyPlain{}, key: "archive"},
		{name: "table name twice in one bind", data: map[string][]any{"archive": {"key_plains", "KEY_PLAINS"}}, model: KeyPlain{}, key: "archive"},
		// two binds may each have a table of that name: a key decides
		{name: "table name does not move a model with a key", data: map[string][]any{"archive": {"key_by_values"}}, model: KeyByValue{}, key: "analytics"},
		{name: "table name in two binds, model with a key", data: map[string][]any{"archive": {"key_by_values"}, "analytics": {"key_by_values"}}, model: KeyByValue{}, key: "analytics"},
		{name: "table name in two binds, model without", data: map[string][]any{"archive": {"key_plains"}, "analytics": {"key_plains"}}, model: KeyPlain{},
			err: bindkey.ErrAmbiguousTable, texts: []string{`"key_plains"`, "analytics, archive"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			databases := mustKeyDatabases(t)
			plugin := bindkey.New()
			for _, key := range []string{"analytics", "archive"} {
				plugin.Register(key, databases.config(key), row.data[key]...)
			}
			for _, when := range []string{"before", "after"} {
				if when == "after" {
					databases.mustOpen(t, plugin)
				}
				key, err := plugin.KeyOf(row.model)
				if row.err != nil {
					keyWantError(t, err, row.err, row.texts...)
				} else if key != row.key || err != nil {
					t.Errorf("%s db.Use: key %q, error %v; want %q", when, key, err, row.key)
				}
			}
		})
	}
}

// TestKeyInstallMistakes are mistakes of New and Register: db.Use tells them,
// all at once, and leaves the handle as it was.
func TestKeyInstallMistakes(t *testing.T) {
	for _, row := range []struct {
		name  string
		make  func(keyDatabases) *bindkey.Plugin
		err   error
		texts []string
	}{
		{"key registered twice", func(d keyDatabases) *bindkey.Plugin {
			return d.plugin().Register("archive", d.config("other"))
		}, bindkey.ErrConflict, []string{`bind key "archive"`}},
		{"empty key", func(d keyDatabases) *bindkey.Plugin {
			return d.plugin().Register("", d.config("other"))
		}, bindkey.ErrInvalidKey, []string{"Plugin.Register"}},
		{"empty default", func(d keyDatabases) *bindkey.Plugin { return d.plugin(bindkey.Default("")) }, bindkey.ErrInvalidKey, []string{"Default"}},
		{"empty tag name", func(d keyDatabases) *bindkey.Plugin { return d.plugin(bindkey.TagName("")) }, bindkey.ErrInvalidKey, []string{"TagName"}},
		{"one model in two binds", func(d keyDatabases) *bindkey.Plugin {
			return bindkey.New().Register("analytics", d.config("analytics"), KeyPlain{}).Register("archive", d.config("archive"), []KeyPlain{})
		}, bindkey.ErrConflict, []string{"bindkey_test.KeyPlain", `"analytics"`, `"archive"`}},
		{"data that is no model", func(d keyDatabases) *bindkey.Plugin {
			return d.plugin().Register("other", d.config("other"), 1)
		}, bindkey.ErrInvalidKey, []string{"Plugin.Register", "int"}},
		{"nil data", func(d keyDatabases) *bindkey.Plugin { return d.plugin().Register("other", d.config("other"), nil) }, bindkey.ErrInvalidKey, nil},
		{"all at once", func(d keyDatabases) *bindkey.Plugin {
			return d.plugin(bindkey.Default("")).Register("", d.config("other")).Register("archive", d.config("other"), 7)
		}, bindkey.ErrConflict, []string{"option Default", "Plugin.Register", `bind key "archive"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			databases := mustKeyDatabases(t)
			db, err := databases.open(t, row.make(databases))
			keyWantError(t, err, row.err, row.texts...)
			if err := db.AutoMigrate(&KeyUnknown{}); err != nil {
				t.Errorf("the handle does not work on: %v", err)
			}
		})
	}
}

// TestKeyDefault names the default bind, registered and not.
func TestKeyDefault(t *testing.T) {
	for _, row := range []struct {
		option bindkey.Option
		model  any
		key    string
		file   string
	}{
		{bindkey.Default("main"), &KeyPlain{}, "main", "main"},
		{bindkey.Default("primary"), &KeyPlain{}, "primary", "main"}, // not registered: the handle's own connection
		{bindkey.Default("archive"), &KeyPlain{}, "archive", "archive"},
		{bindkey.Default("archive"), &KeyTagOnBlank{}, "analytics", "analytics"},
	} {
		databases := mustKeyDatabases(t)
		plugin := databases.plugin(row.option)
		if key, err := plugin.KeyOf(row.model); key != row.key || err != nil {
			t.Errorf("before db.Use: key %q, error %v; want %q", key, err, row.key)
		}
		db := databases.mustOpen(t, plugin)
		if key, err := plugin.KeyOf(row.model); key != row.key || err != nil {
			t.Errorf("key %q, error %v; want %q", key, err, row.key)
		}
		if err := db.AutoMigrate(row.model); err != nil {
			t.Fatal(err)
		}
		if err := db.Create(row.model).Error; err != nil {
			t.Fatal(err)
		}
		table := "key_plains"
		if row.key == "analytics" {
			table = "key_tag_on_blanks"
		}
		if held := databases.holding(t, table); held != row.file {
			t.Errorf("%s is in %q, want %q", table, held, row.file)
		}
	}
	// main is then a key like any other, and not registered
	_, err := mustKeyDatabases(t).plugin(bindkey.Default("primary")).KeyOf(&KeyMain{})
	keyWantError(t, err, bindkey.ErrUnknownBind, "known: analytics, archive, primary")
}

// TestKeyTagName reads another tag, and leaves bind tags alone, even those
// that would be mistakes.
func TestKeyTagName(t *testing.T) {
	type tagged struct {
		_  struct{} `database:"archive" bind:"analytics"`
		ID uint
	}
	type empty struct {
		_  struct{} `database:""`
		ID uint
	}
	plugin := mustKeyDatabases(t).plugin(bindkey.TagName("database"))
	for _, row := range []struct {
		model any
		key   string
	}{
		{tagged{}, "archive"}, {KeyTagOnBlank{}, "main"}, {KeyUnknown{}, "main"}, {KeyEmptyTag{}, "main"}, {KeyTagOnRelation{}, "main"},
		{KeyTwoTags{}, "main"}, {KeyByValue{}, "analytics"}, {KeyMethodAndTag{}, "analytics"},
	} {
		if key, err := plugin.KeyOf(row.model); key != row.key || err != nil {
			t.Errorf("%T: key %q, error %v; want %q", row.model, key, err, row.key)
		}
	}
	_, err := plugin.KeyOf(empty{})
	keyWantError(t, err, bindkey.ErrInvalidKey, "the database tag on field _ is empty")
}

// TestKeyStrict refuses the default bind to models that do not name it.
func TestKeyStrict(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := bindkey.New(bindkey.Strict()).
		Register("analytics", databases.config("analytics"), "key_lines").
		Register("archive", databases.config("archive"), KeyAddress{})
	db := databases.mustOpen(t, plugin)
	for _, row := range []struct {
		model any
		key   string
	}{{KeyMain{}, "main"}, {KeyByValue{}, "analytics"}, {KeyEmbedsTag{}, "analytics"}, {KeyLine{}, "analytics"}, {KeyAddress{}, "archive"}} {
		if key, err := plugin.KeyOf(row.model); key != row.key || err != nil {
			t.Errorf("%T: key %q, error %v; want %q", row.model, key, err, row.key)
		}
	}
	_, err := plugin.KeyOf(&KeyPlain{})
	keyWantError(t, err, bindkey.ErrUnbound, "model bindkey_test.KeyPlain has no bind key")
	for name, err := range map[string]error{
		"Create":      db.Create(&KeyPlain{}).Error,
		"Find":        db.Find(&[]KeyPlain{}).Error,
		"AutoMigrate": db.AutoMigrate(&KeyPlain{}),
	} {
		t.Run(name, func(t *testing.T) { keyWantError(t, err, bindkey.ErrUnbound, "model bindkey_test.KeyPlain") })
	}
	if held := databases.holding(t, "key_plains"); held != "" {
		t.Errorf("rows in %q", held)
	}
}

// TestKeyOfStatement proves that a mistake stops each statement, and that
// nothing of it reaches the default bind.
func TestKeyOfStatement(t *testing.T) {
	databases := mustKeyDatabases(t)
	db := databases.mustOpen(t, databases.plugin())
	for _, row := range []struct {
		model any
		table string
		err   error
	}{
		{&KeyUnknown{}, "key_unknowns", bindkey.ErrUnknownBind}, {&KeyMethodAndTag{}, "key_method_and_tags", bindkey.ErrConflict},
		{&KeyTwoTags{}, "key_two_tags", bindkey.ErrConflict}, {&KeyTwoMethods{}, "key_two_methods", bindkey.ErrConflict},
		{&KeyPanics{}, "key_panics", bindkey.ErrInvalidKey}, {&KeyEmptyTag{}, "key_empty_tags", bindkey.ErrInvalidKey},
	} {
		t.Run(row.table, func(t *testing.T) {
			if err := db.Exec("CREATE TABLE " + row.table + " (id integer primary key, other text)").Error; err != nil {
				t.Fatal(err)
			}
			if err := db.Exec("INSERT INTO " + row.table + " VALUES (1, 'there')").Error; err != nil {
				t.Fatal(err)
			}
			one := reflect.New(reflect.TypeOf(row.model).Elem()).Interface()
			var count int64
			for name, err := range map[string]error{
				"Create": db.Create(one).Error, "First": db.First(one).Error, "Count": db.Model(one).Count(&count).Error,
				"Delete": db.Delete(one, 1).Error, "Update": db.Model(one).Where("id = 1").Update("id", 2).Error,
				"Save": db.Save(one).Error, "AutoMigrate": db.AutoMigrate(one), "Begin": db.Transaction(func(tx *gorm.DB) error { return tx.Create(one).Error }),
				"Pluck": db.Model(one).Pluck("id", &[]uint{}).Error, "DryRun": db.Session(&gorm.Session{DryRun: true}).Find(one).Error,
			} {
				if !errors.Is(err, row.err) {
					t.Errorf("%s: %v, want one that is %q", name, err, row.err)
				}
			}
			if held := databases.holding(t, row.table); held != "main" { // the row of the Exec above
				t.Errorf("rows in %q", held)
			}
			if err := db.Raw("SELECT count(*) FROM " + row.table + " WHERE id = 1").Scan(&count).Error; err != nil || count != 1 {
				t.Errorf("the row there was changed: %d, %v", count, err)
			}
		})
	}
}

// TestKeyOfUse refuses an empty key and an unknown one in Use.
func TestKeyOfUse(t *testing.T) {
	databases := mustKeyDatabases(t)
	db := databases.mustOpen(t, databases.plugin())
	for _, key := range []string{"", "nowhere"} {
		for name, err := range map[string]error{
			"Find":  db.Clauses(bindkey.Use(key)).Find(&[]KeyPlain{}).Error,
			"Exec":  db.Clauses(bindkey.Use(key)).Exec("SELECT 1").Error,
			"Begin": db.Clauses(bindkey.Use(key)).Begin().Error,
		} {
			t.Run(fmt.Sprintf("%s %q", name, key), func(t *testing.T) { keyWantError(t, err, bindkey.ErrUnknownBind, "known: analytics, archive, main") })
		}
	}
}

// TestCheckModels finds all mistakes of all models, as a method and as an
// option, whose error leaves the handle as it was.
func TestCheckModels(t *testing.T) {
	models := []any{&KeyUnknown{}, KeyByValue{}, []KeyMethodAndTag{}, KeyEmptyTag{}, &KeyPanics{}, KeyManyMistakes{}, 42}
	texts := []string{"bindkey_test.KeyUnknown has", "model bindkey_test.KeyMethodAndTag has", "model bindkey_test.KeyEmptyTag:",
		"model bindkey_test.KeyPanics:", "tag on field _ is empty", "field Plain has a bind tag", "GORM does not accept int as a model"}
	want := func(t *testing.T, err error) {
		t.Helper()
		for _, sentinel := range []error{bindkey.ErrUnknownBind, bindkey.ErrConflict, bindkey.ErrInvalidKey, schema.ErrUnsupportedDataType} {
			keyWantError(t, err, sentinel, texts...)
		}
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) != 6 {
			t.Errorf("not one error for each of six models: %v", err)
		}
	}

	databases := mustKeyDatabases(t)
	t.Run("Check before", func(t *testing.T) { want(t, databases.plugin().Check(models...)) })
	t.Run("Check after", func(t *testing.T) {
		plugin := databases.plugin()
		databases.mustOpen(t, plugin)
		want(t, plugin.Check(models...))
	})
	t.Run("Models", func(t *testing.T) {
		db, err := databases.open(t, databases.plugin(bindkey.Models(models[:3]...), bindkey.Models(models[3:]...)))
		want(t, err)
		if err := db.AutoMigrate(&KeyUnknown{}); err != nil { // not routed
			t.Errorf("the handle does not work on: %v", err)
		}
	})
	t.Run("no mistakes", func(t *testing.T) {
		plugin := databases.plugin(bindkey.Models(&KeyByValue{}, KeyPlain{}, []KeyEmbedsTag{}))
		databases.mustOpen(t, plugin)
		if err := plugin.Check(); err != nil {
			t.Error(err)
		}
		if err := plugin.Check(&KeyByValue{}, &KeyPlain{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("Strict", func(t *testing.T) {
		keyWantError(t, databases.plugin(bindkey.Strict()).Check(&KeyPlain{}, &KeyAddress{}, &KeyByValue{}), bindkey.ErrUnbound, "KeyPlain", "KeyAddress")
	})
}

// TestKeySameTable routes two models by their keys, not by the name that their
// tables share.
func TestKeySameTable(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := databases.plugin()
	db := databases.mustOpen(t, plugin)
	if err := db.AutoMigrate(&KeyMainUser{}, &KeyArchivedUser{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&KeyMainUser{ID: 1, Name: "of main"}).Error; err != nil {
		t.Fatal(err)
	}
	if held := databases.holding(t, "key_users"); held != "main" {
		t.Fatalf("rows in %q", held)
	}
	if err := db.Create(&KeyArchivedUser{ID: 1, Name: "of archive"}).Error; err != nil {
		t.Fatal(err)
	}
	var current KeyMainUser
	var archived KeyArchivedUser
	if err := errors.Join(db.First(&current).Error, db.First(&archived).Error); err != nil || current.Name != "of main" || archived.Name != "of archive" {
		t.Errorf("%+v, %+v, %v", current, archived, err)
	}
	for model, want := range map[any]string{&current: "main", &archived: "archive"} {
		if key, err := plugin.KeyOf(model); key != want || err != nil {
			t.Errorf("%T: key %q, error %v", model, key, err)
		}
	}
	var rows []map[string]any
	keyWantError(t, db.Table("key_users").Find(&rows).Error, bindkey.ErrAmbiguousTable, "archive, main")
}

// TestKeyBeforeUse asks before the plugin is installed, under the default
// naming, for a model whose table the handle names otherwise: the name of
// before is not known afterwards.
func TestKeyBeforeUse(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := databases.plugin()
	if key, err := plugin.KeyOf(&KeyByValue{}); key != "analytics" || err != nil {
		t.Fatalf("key %q, error %v", key, err)
	}
	db, err := gorm.Open(sqlitedb.Open(databases.file("main")), &gorm.Config{Logger: logger.Discard, NamingStrategy: schema.NamingStrategy{TablePrefix: "t_"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(plugin); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("CREATE TABLE key_by_values (id integer)").Error; err != nil { // an unknown table: the default bind's
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&KeyByValue{}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"SELECT * FROM key_by_values": "main", "SELECT * FROM t_key_by_values": "analytics"} {
		if route, err := plugin.Explain(db.Raw(query)); route.Key != want || err != nil {
			t.Errorf("%s: %+v, %v; want %s", query, route, err, want)
		}
	}
}

// TestKeySecondHandle keeps two handles in one process apart: the same types
// live in binds of different names.
func TestKeySecondHandle(t *testing.T) {
	one, two := mustKeyDatabases(t), mustKeyDatabases(t)
	first := one.plugin()
	second := bindkey.New(bindkey.Default("analytics"))
	second.Register("archive", two.config("archive"), KeyTagOnBlank{})
	one.mustOpen(t, first)
	two.mustOpen(t, second)
	for _, row := range []struct {
		plugin *bindkey.Plugin
		model  any
		key    string
	}{
		{first, &KeyTagOnBlank{}, "analytics"}, {second, &KeyTagOnBlank{}, "archive"},
		{first, &KeyPlain{}, "main"}, {second, &KeyPlain{}, "analytics"},
	} {
		if key, err := row.plugin.KeyOf(row.model); key != row.key || err != nil {
			t.Errorf("%T: key %q, error %v; want %q", row.model, key, err, row.key)
		}
	}
	_, err := second.KeyOf(&KeyMain{})
	keyWantError(t, err, bindkey.ErrUnknownBind, "known: analytics, archive)")
}

// Types that count how often their Bind method is called.
type (
	KeyCounted       struct{ ID uint }
	KeyCountedRace   struct{ ID uint }
	KeyCountedBase   struct{ Note string }
	KeyCountedEmbeds struct {
		ID uint
		KeyCountedBase
	}
	KeyCountedEmbedsToo struct {
		ID uint
		KeyCountedBase
	}
)

var keyCalls, keyRaceCalls, keyBaseCalls atomic.Int64

func (KeyCounted) Bind() string     { keyCalls.Add(1); return "analytics" }
func (KeyCountedRace) Bind() string { keyRaceCalls.Add(1); return "analytics" }
func (KeyCountedBase) Bind() string { keyBaseCalls.Add(1); return "analytics" }

// TestKeyAskedOnce calls a Bind method once per type, however many statements,
// sessions and questions there are.
func TestKeyAskedOnce(t *testing.T) {
	keyCalls.Store(0)
	keyBaseCalls.Store(0)
	databases := mustKeyDatabases(t)
	plugin := databases.plugin()
	if _, err := plugin.KeyOf(&KeyCounted{}); err != nil {
		t.Fatal(err)
	}
	db := databases.mustOpen(t, plugin)
	if err := db.AutoMigrate(&KeyCounted{}, &KeyCountedEmbeds{}, &KeyCountedEmbedsToo{}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 20; i++ {
		session := db.Session(&gorm.Session{PrepareStmt: i%2 == 0, NewDB: true})
		for _, err := range []error{
			session.Create(&KeyCounted{}).Error, session.Find(&[]KeyCounted{}).Error, session.Model(&KeyCounted{}).Find(&[]struct{ ID uint }{}).Error,
			session.Table("key_counteds").Find(&[]*KeyCounted{}).Error, plugin.Check(&KeyCounted{}), session.Create(&KeyCountedEmbeds{}).Error,
			session.Create(&KeyCountedEmbedsToo{}).Error, session.Transaction(func(tx *gorm.DB) error { return tx.First(&KeyCounted{}).Error }),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if calls := keyCalls.Load(); calls != 1 {
		t.Errorf("Bind was called %d times", calls)
	}
	// once for each of the types that promote it, and once for its own
	if calls := keyBaseCalls.Load(); calls != 3 {
		t.Errorf("the embedded Bind was called %d times for three types", calls)
	}
}

// TestKeyConcurrently asks from many goroutines for types nobody has asked for.
func TestKeyConcurrently(t *testing.T) {
	keyRaceCalls.Store(0)
	type plainToo struct{ ID uint }
	type taggedToo struct {
		_  struct{} `bind:"archive"`
		ID uint
	}
	type embedsToo struct {
		KeyEmbedsNested
		Fresh string
	}
	databases := mustKeyDatabases(t)
	before, after := databases.plugin(), databases.plugin()
	db := databases.mustOpen(t, after)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := 0; i < 32; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			<-start
			plugin := after
			if i%4 == 0 {
				plugin = before
			}
			for _, row := range []struct {
				model any
				key   string
			}{
				{KeyCountedRace{}, "analytics"}, {plainToo{}, "main"}, {&taggedToo{}, "archive"}, {[]embedsToo{}, "analytics"},
				{KeyFan{}, "analytics"}, {&KeyStar{}, "archive"},
			} {
				if key, err := plugin.KeyOf(row.model); key != row.key || err != nil {
					t.Errorf("%T: key %q, error %v; want %q", row.model, key, err, row.key)
				}
			}
			if _, err := plugin.KeyOf(KeyTwoTags{}); !errors.Is(err, bindkey.ErrConflict) {
				t.Errorf("KeyTwoTags: %v", err)
			}
			dry := db.Session(&gorm.Session{DryRun: true})
			for _, model := range []any{&KeyCountedRace{}, &plainToo{}, &taggedToo{}, &embedsToo{}, &KeyFan{}} {
				if err := dry.Find(model).Error; err != nil {
					t.Errorf("%T: %v", model, err)
				}
			}
		}(i)
	}
	close(start)
	wait.Wait()
	if calls := keyRaceCalls.Load(); calls != 2 {
		t.Errorf("Bind was called %d times for two plugins", calls)
	}
}

// KeyFan and KeyStar refer to each other, so that GORM parses them together.
type (
	KeyFan struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Stars []KeyStar `gorm:"many2many:key_fan_stars"`
	}
	KeyStar struct {
		_    struct{} `bind:"archive"`
		ID   uint
		Fans []KeyFan `gorm:"many2many:key_star_fans"`
	}
)
