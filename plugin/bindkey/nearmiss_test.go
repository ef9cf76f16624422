package bindkey_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/models"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Methods that are nearly Bind() string.
type (
	NearKey         string
	NearError       struct{ ID uint }
	NearNamed       struct{ ID uint }
	NearContext     struct{ ID uint }
	NearHandle      struct{ ID uint }
	NearBindKey     struct{ ID uint }
	NearPointer     struct{ ID uint }
	NearPage[T any] struct{ ID uint }
	NearKind        string // no struct, but Go promotes its method
	NearEmbeds      struct{ NearError }
	NearEmbedsDeep  struct{ *NearEmbeds }
	NearEmbedsNamed struct {
		NearBase NearError `gorm:"embedded"`
	}
	NearEmbedsKind struct {
		NearKind
		ID uint
	}
	NearHidesMethod struct{ KeyBaseMethod } // meant to say something else than what it embeds
	nearHidden      struct{ ID uint }
	NearUnexported  struct{ nearHidden }
)

func (NearError) Bind() (string, error)          { return "analytics", nil }
func (NearNamed) Bind() NearKey                  { return "analytics" }
func (NearContext) Bind(context.Context) string  { return "analytics" }
func (NearHandle) Bind(*gorm.DB) (string, error) { return "analytics", nil }
func (NearBindKey) BindKey() string              { return "analytics" }
func (*NearPointer) Bind() (string, error)       { return "analytics", nil }
func (NearPage[T]) Bind() (string, error)        { return "analytics", nil }
func (NearKind) BindKey() string                 { return "analytics" }
func (NearHidesMethod) Bind() (string, error)    { return "archive", nil }
func (nearHidden) BindKey() string               { return "analytics" }

// A type with a key of its own, or a method of another's.
type (
	NearWithTag struct {
		ID uint `bind:"archive"`
	}
	NearWithMethod struct {
		ID uint `gorm:"bind:analytics"`
	}
	NearTagOver struct {
		NearError `bind:"archive"`
	}
	NearMethodOver    struct{ NearError }
	NearEmbedsWithTag struct{ NearWithTag } // promotes the near miss, too
	NearChi           struct{ ID uint }
	NearEcho          struct{ ID uint }
	NearSQL           struct{ ID uint }
	NearNumber        struct{ ID uint }
	NearInput         struct{ ID uint }
	NearField         struct {
		ID      uint
		Bind    string
		BindKey string
	}
	NearEmbedsPointer struct {
		*gorm.Model
		Name string
	}
	NearList[T any] struct {
		ID    uint
		Items []T `gorm:"serializer:json"`
	}
	nearPrivate struct {
		ID   uint
		note string
		bind func() string
	}
)

func (NearWithTag) Bind() (string, error) { return "analytics", nil }
func (NearWithMethod) Bind() string       { return "archive" }
func (NearWithMethod) BindKey() string    { return "analytics" }
func (NearMethodOver) Bind() string       { return "archive" }
func (*NearChi) Bind(*http.Request) error { return nil }
func (NearEcho) Bind(any) error           { return nil }
func (NearSQL) Bind() (string, []any)     { return "", nil }
func (NearNumber) BindKey() int           { return 1 }
func (NearInput) Bind(string) string      { return "" }

// tagged is a model with one column, whose tag is given.
func tagged(tag string) any {
	return reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "ID", Type: reflect.TypeOf(uint(0))},
		{Name: "Event", Type: reflect.TypeOf(""), Tag: reflect.StructTag(tag)},
	})).Interface()
}

// TestNearMisses holds what looks like a key, and is none, against what the
// error must say.
func TestNearMisses(t *testing.T) {
	tag := "tag a field `bind:\"analytics\"`"
	for name, c := range map[string]struct {
		model any
		texts []string
	}{
		"error":             {&NearError{}, []string{"model bindkey_test.NearError: its method Bind() (string, error)", `write func (NearError) Bind() string { return "analytics" }`, tag}},
		"named string":      {NearNamed{}, []string{"its method Bind() bindkey_test.NearKey"}},
		"context":           {NearContext{}, []string{"its method Bind(context.Context) string"}},
		"handle":            {NearHandle{}, []string{"its method Bind(*gorm.DB) (string, error)"}},
		"BindKey":           {NearBindKey{}, []string{"its method BindKey() string", "func (NearBindKey) Bind() string"}},
		"pointer receiver":  {NearPointer{}, []string{"its method Bind() (string, error)"}},
		"generic":           {NearPage[KeyPlain]{}, []string{"model bindkey_test.NearPage[bindkey_test.KeyPlain]:", "func (NearPage[…]) Bind() string"}},
		"embedded":          {NearEmbeds{}, []string{"model bindkey_test.NearError:"}},
		"embedded deep":     {NearEmbedsDeep{}, []string{"model bindkey_test.NearError:"}},
		"embedded by GORM":  {NearEmbedsNamed{}, []string{"model bindkey_test.NearError:"}},
		"embedded string":   {NearEmbedsKind{}, []string{"model bindkey_test.NearEmbedsKind: its method BindKey() string"}},
		"hides a key":       {NearHidesMethod{}, []string{"model bindkey_test.NearHidesMethod:"}},
		"embedded, private": {NearUnexported{}, []string{"model bindkey_test.nearHidden:"}},

		"gorm bind":           {tagged(`gorm:"size:20;bind:archive"`), []string{"field Event has the tag `gorm:\"size:20;bind:archive\"`", "tag a field `bind:\"archive\"`"}},
		"gorm bindkey":        {tagged(`gorm:"bindkey:analytics"`), []string{tag}},
		"gorm bind_key":       {tagged(`json:"event" gorm:"Bind_Key: analytics"`), []string{tag}},
		"gorm bind, no value": {tagged(`gorm:"bind"`), nil},
		"bindkey":             {tagged(`bindkey:"analytics"`), []string{"the tag for the bind key is bind, not bindkey", tag}},
		"bind_key":            {tagged(`json:"x" bind_key:"analytics"`), []string{"not bind_key", tag}},
		"Bind":                {tagged(`Bind:"analytics"`), []string{"not Bind", tag}},
		"a blank":             {tagged(`bind: "main"`), []string{"field Event has the tag `bind: \"main\"`, but Go can't read it", tag}},
		"no quotes":           {tagged(`bind:main`), []string{"Go can't read it"}},
		"an equals sign":      {tagged(`bind="main"`), []string{"Go can't read it"}},
		"other quotes":        {tagged(`bind:'main'`), []string{"Go can't read it"}},
		"one quote":           {tagged(`json:"x" bind:"main`), []string{"Go can't read it"}},
		"a blank in another":  {tagged(`json: "x" bind:"main"`), []string{"Go can't read it"}},
		"a comma":             {tagged(`json:"x",bind:"main"`), []string{"not ,bind"}},
		"a line":              {tagged("json:\"x\"\n\tbind:\"main\""), []string{"Go can't read it"}},
		"an escape":           {tagged(`bind:"ma\in"`), []string{"Go can't read its bind"}},
		"a blank field": {reflect.New(reflect.StructOf([]reflect.StructField{
			{Name: "_", PkgPath: "bindkey_test", Type: reflect.TypeOf(struct{}{}), Tag: `bind: "main"`}, // go vet would complain of it
			{Name: "ID", Type: reflect.TypeOf(uint(0))},
		})).Interface(), []string{"model struct{…}: field _"}},
		"an embedded struct": {struct {
			gorm.Model `bindkey:"analytics"`
		}{}, []string{"field Model"}},
		"in an embedded struct": {struct {
			Base struct {
				Name string `gorm:"bind:analytics"`
			} `gorm:"embedded"`
		}{}, []string{"field Name"}},
	} {
		t.Run(name, func(t *testing.T) {
			databases := mustKeyDatabases(t)
			before, after := databases.plugin(), databases.plugin()
			databases.mustOpen(t, after)
			for _, plugin := range []*bindkey.Plugin{before, after} {
				key, err := plugin.KeyOf(c.model)
				if key != "" {
					t.Errorf("key %q", key)
				}
				keyWantError(t, err, bindkey.ErrInvalidKey, c.texts...)
				keyWantError(t, plugin.Check(c.model), bindkey.ErrInvalidKey, c.texts...)
				if invalid := new(bindkey.InvalidKeyError); !errors.As(err, &invalid) {
					t.Errorf("%T", err)
				}
			}
		})
	}
}

// TestNoNearMisses has what is another's, or what a key of the type's own makes
// harmless.
func TestNoNearMisses(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := databases.plugin()
	databases.mustOpen(t, plugin)
	for name, c := range map[string]struct {
		model any
		key   string
	}{
		"own tag":                 {NearWithTag{}, "archive"},
		"own method":              {NearWithMethod{}, "archive"},
		"own tag over embedded":   {NearTagOver{}, "archive"},
		"own method over it":      {NearMethodOver{}, "archive"},
		"embedded, with a key":    {NearEmbedsWithTag{}, "archive"},
		"chi":                     {&NearChi{}, "main"},
		"echo":                    {NearEcho{}, "main"},
		"SQL and its arguments":   {NearSQL{}, "main"},
		"a number":                {NearNumber{}, "main"},
		"an input":                {NearInput{}, "main"},
		"fields":                  {NearField{}, "main"},
		"gorm.Model":              {gorm.Model{}, "main"},
		"embedded pointer":        {NearEmbedsPointer{}, "main"},
		"unexported fields":       {nearPrivate{note: "", bind: nil}, "main"},
		"a generic type":          {NearList[NearError]{}, "main"},
		"models.User":             {models.User{}, "main"},
		"models.LogEntry":         {models.LogEntry{}, "analytics"},
		"gin":                     {tagged(`binding:"required" json:"bind"`), "main"},
		"a column named bind":     {tagged(`gorm:"column:bind;comment:bind it" json:"bind,omitempty"`), "main"},
		"bind in another's value": {tagged(`example: "bind:main" json:"bind:x"`), "main"},
		"another's broken tag":    {tagged(`json: "x" rebind:y`), "main"},
		"a relation": {struct {
			ID     uint
			TeamID uint
			Team   *Team  `bindkey:"analytics"`
			Tags   []*Tag `gorm:"many2many:near_tags;bind:archive"`
		}{}, "main"},
		"an ignored field": {struct {
			ID   uint
			Note string `gorm:"-" bindkey:"analytics"`
			More string `gorm:"-:all;bind:analytics"`
			At   time.Time
		}{}, "main"},
	} {
		key, err := plugin.KeyOf(c.model)
		if key != c.key || err != nil {
			t.Errorf("%s: key %q, %v; want %q", name, key, err, c.key)
		}
	}
	for _, model := range worldModels {
		if _, err := plugin.KeyOf(model); err != nil {
			t.Errorf("%T: %v", model, err)
		}
	}
}

// TestNearMissesOfTagName knows the tag under its other name, and bind as
// somebody else's.
func TestNearMissesOfTagName(t *testing.T) {
	for _, c := range []struct{ name, tag, text string }{
		{"bindkey", `bind:"query" bindkey:"analytics"`, ""},
		{"bindkey", `bind:"query"`, ""},
		{"bindkey", `bind: "query" gorm:"bind:query"`, ""},
		{"bindkey", `bind_key:"analytics"`, "the tag for the bind key is bindkey, not bind_key; tag a field `bindkey:\"analytics\"`"},
		{"bindkey", `bindkey:analytics`, "Go can't read it"},
		{"Bind", `bind:"query"`, ""},
		{"column", `gorm:"column:event"`, ""},
		{"database", `database: "analytics"`, "tag a field `database:"},
		{"database", `bindkey:"analytics"`, "the tag for the bind key is database"},
	} {
		_, err := mustKeyDatabases(t).plugin(bindkey.TagName(c.name)).KeyOf(tagged(c.tag))
		if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s, `%s`: error %v, want %q", c.name, c.tag, err, c.text)
		}
	}
}

// TestNearMissOfStatement refuses statements of such a model, and those that
// are scanned into one where nothing before it says the bind; a model given to
// Register has its key from there.
func TestNearMissOfStatement(t *testing.T) {
	databases := mustKeyDatabases(t)
	plugin := bindkey.New().
		Register("analytics", databases.config("analytics")).
		Register("archive", databases.config("archive"), &NearBindKey{})
	db := databases.mustOpen(t, plugin)
	for name, err := range map[string]error{
		"Create":      db.Create(&NearError{}).Error,
		"Find":        db.Find(&[]NearError{}).Error,
		"AutoMigrate": db.AutoMigrate(&NearError{}),
		"Table":       db.Table("key_plains").Find(&[]NearError{}).Error,
		"DryRun":      db.Session(&gorm.Session{DryRun: true}).Find(&[]NearError{}).Error,
		"Models": func() error {
			_, err := databases.open(t, databases.plugin(bindkey.Models(&NearError{})))
			return err
		}(),
	} {
		t.Run(name, func(t *testing.T) { keyWantError(t, err, bindkey.ErrInvalidKey, "model bindkey_test.NearError") })
	}
	if err := errors.Join(plugin.Check(&NearBindKey{}), db.AutoMigrate(&NearBindKey{}), db.Create(&NearBindKey{}).Error); err != nil {
		t.Error(err)
	}
	if held := databases.holding(t, "near_bind_keys"); held != "archive" {
		t.Errorf("rows in %q", held)
	}
}
