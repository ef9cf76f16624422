package catalog_test

import (
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

type (
	Plain  struct{ ID uint }
	Tagged struct {
		_  struct{} `bind:"logs"`
		ID uint
	}
	Method   struct{ ID uint }
	Embeds   struct{ Tagged }
	Promotes struct{ Method }
	Unknown  struct {
		ID uint `bind:"nowhere"`
	}
	Alias struct {
		ID uint `bind:"logs2"`
	}
	TwoKeys struct {
		ID uint `bind:"logs"`
	}
	TwoMistakes struct {
		ID    uint
		Name  string `bind:""`
		Plain *Plain `bind:"logs"`
	}
	Mistaken struct {
		ID uint `bindkey:"logs"`
	}
	Shadows struct {
		ID uint `bind:"logs"`
		TwoMistakes
	}
	Generic[T any] struct{ ID uint }
)

func (Method) Bind() string   { return "archive" }
func (*TwoKeys) Bind() string { return "archive" }

// source has the binds main, logs, also known as logs2, and archive.
func source() catalog.Source {
	parsed := &sync.Map{}
	return catalog.Source{
		Tag: "bind", Default: "main", Types: map[reflect.Type]string{}, Names: map[string][]string{},
		Parse:   func(model any) (*schema.Schema, error) { return schema.Parse(model, parsed, schema.NamingStrategy{}) },
		HasName: func(string) bool { return false },
		Resolve: func(key string) (string, bool) {
			binds := map[string]string{"main": "main", "logs": "logs", "logs2": "logs", "archive": "archive"}
			found, ok := binds[key]
			return found, ok
		},
	}
}

func TestOfType(t *testing.T) {
	given := source()
	given.Types[reflect.TypeOf(Mistaken{})] = "archive"
	given.Types[reflect.TypeOf(Method{})] = "logs"
	c := catalog.New(given)
	for _, row := range []struct {
		model any
		want  catalog.Claim
	}{
		{Plain{}, catalog.Claim{}},
		{0, catalog.Claim{}},
		{Tagged{}, catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "tag on field _"}},
		{Promotes{}, catalog.Claim{Key: "archive", Why: catalog.ByMethod, Source: "method Bind"}},
		{Embeds{}, catalog.Claim{Key: "logs", Why: catalog.ByEmbedded, Source: "embedded struct catalog_test.Tagged (tag on field _)"}},
		{Unknown{}, catalog.Claim{Key: "nowhere", Why: catalog.ByTag, Source: "tag on field ID"}},
		{Alias{}, catalog.Claim{Key: "logs2", Why: catalog.ByTag, Source: "tag on field ID"}},
		{Shadows{}, catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "tag on field ID"}},
		{Mistaken{}, catalog.Claim{Key: "archive", Why: catalog.ByRegister, Source: "Register"}},
		{Method{}, catalog.Claim{Key: "logs", Why: catalog.ByRegister, Source: "Register"}},
	} {
		for range [2]int{} { // the second is remembered
			if claim, faults := c.OfType(reflect.TypeOf(row.model)); claim != row.want || faults != nil {
				t.Errorf("%T: %+v, %+v; want %+v", row.model, claim, faults, row.want)
			}
		}
	}
}

func TestFaultsOfType(t *testing.T) {
	c := catalog.New(source())
	claim, faults := c.OfType(reflect.TypeOf(TwoKeys{}))
	conflict, ok := only(faults).(catalog.Conflict)
	if !ok || claim != (catalog.Claim{}) || conflict.Subject != "model catalog_test.TwoKeys" || conflict.Way == "" || !reflect.DeepEqual(conflict.Claims, []catalog.Claim{
		{Key: "archive", Why: catalog.ByMethod, Source: "method Bind"}, {Key: "logs", Why: catalog.ByTag, Source: "tag on field ID"}}) {
		t.Errorf("%+v, %+v", claim, faults)
	}
	for model, reasons := range map[any][]string{
		TwoMistakes{}:           {"the bind tag on field Name is empty", "field Plain has a bind tag, but it is a relation: put the tag on catalog_test.Plain"},
		Mistaken{}:              {"the tag for the bind key is bind, not bindkey"},
		struct{ TwoMistakes }{}: {"field Name is empty", "field Plain"},
	} {
		_, faults := c.OfType(reflect.TypeOf(model))
		if len(faults) != len(reasons) {
			t.Errorf("%T: %+v", model, faults)
			continue
		}
		for i, reason := range reasons {
			if invalid, ok := faults[i].(catalog.Invalid); !ok || !strings.Contains(invalid.Reason, reason) || !strings.HasPrefix(invalid.Subject, "model catalog_test.") {
				t.Errorf("%T: %+v", model, faults[i])
			}
		}
	}
}

var asked atomic.Int32

type Counted struct{ ID uint }

func (Counted) Bind() string { asked.Add(1); return "logs" }

// A type's Bind method is asked once, from many goroutines and as what others embed.
func TestMethodIsAskedOnce(t *testing.T) {
	c := catalog.New(source())
	var together sync.WaitGroup
	for i := 0; i < 16; i++ {
		together.Add(1)
		go func() {
			defer together.Done()
			if claim, faults := c.OfType(reflect.TypeOf(Counted{})); claim.Key != "logs" || faults != nil {
				t.Errorf("%+v, %+v", claim, faults)
			}
		}()
	}
	together.Wait()
	if calls := asked.Load(); calls != 1 {
		t.Errorf("Bind was called %d times", calls)
	}
}

// A type that is known costs no memory.
func TestOfTypeAllocatesNothing(t *testing.T) {
	c, of := catalog.New(source()), reflect.TypeOf(Embeds{})
	if n := testing.AllocsPerRun(100, func() { c.OfType(of) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNames(t *testing.T) {
	for of, want := range map[any]string{Plain{}: "catalog_test.Plain", &Plain{}: "*catalog_test.Plain", struct{ ID uint }{}: "struct{…}",
		Generic[catalog.Source]{}: "catalog_test.Generic[catalog.Source]"} {
		if name := catalog.TypeName(reflect.TypeOf(of)); name != want {
			t.Errorf("%q, want %q", name, want)
		}
	}
	var model any = &Plain{}
	for _, of := range []any{Plain{}, model, &model, []*Plain{}, &[2][]Plain{}} {
		if catalog.ModelType(of) != reflect.TypeOf(Plain{}) {
			t.Errorf("%T: %v", of, catalog.ModelType(of))
		}
	}
	for _, of := range []any{nil, 1, "plains", map[string]any{}, new(any), []any{Plain{}}} {
		if catalog.ModelType(of) != nil {
			t.Errorf("%T: %v", of, catalog.ModelType(of))
		}
	}
}

func only(faults []catalog.Fault) catalog.Fault {
	if len(faults) != 1 {
		return nil
	}
	return faults[0]
}
