package catalog_test

import (
	"reflect"
	"sync"
	"testing"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
)

func TestOfSchema(t *testing.T) {
	for name, row := range map[string]struct {
		given func(*catalog.Source)
		model any
		want  catalog.Claim
		fault catalog.Fault
	}{
		"nothing says": {model: Plain{}, want: catalog.Claim{Key: "main", Why: catalog.ByDefault}},
		"its type":     {model: Tagged{}, want: catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "tag on field _"}},
		"another name of the bind": {model: Alias{},
			want: catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "tag on field ID"}},
		"registered type": {given: func(s *catalog.Source) { s.Types[reflect.TypeOf(Tagged{})] = "archive" }, model: Tagged{},
			want: catalog.Claim{Key: "archive", Why: catalog.ByRegister, Source: "Register"}},
		"registered table": {given: func(s *catalog.Source) { s.Names["plains"] = []string{"archive", "archive"} }, model: Plain{},
			want: catalog.Claim{Key: "archive", Why: catalog.ByRegister, Source: `table "plains"`}},
		"a table that is a key": {given: func(s *catalog.Source) {
			s.HasName = func(table string) bool { return table == "plains" }
			s.Resolve = func(key string) (string, bool) { return "archive", key == "plains" }
		}, model: Plain{}, want: catalog.Claim{Key: "archive", Why: catalog.ByRegister, Source: `table "plains"`}},
		"the type before the table": {given: func(s *catalog.Source) { s.Names["taggeds"] = []string{"archive"} }, model: Tagged{},
			want: catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "tag on field _"}},
		"a table in two binds": {given: func(s *catalog.Source) { s.Names["plains"] = []string{"logs", "archive"} }, model: Plain{},
			fault: catalog.Ambiguous{Table: "plains", Keys: []string{"archive", "logs"}}},
		"no such bind": {model: Unknown{}, fault: catalog.Unknown{Key: "nowhere", Model: "catalog_test.Unknown"}},
		"no such bind, registered": {given: func(s *catalog.Source) { s.Types[reflect.TypeOf(Plain{})] = "gone" }, model: Plain{},
			fault: catalog.Unknown{Key: "gone", Model: "catalog_test.Plain"}},
	} {
		given := source()
		if row.given != nil {
			row.given(&given)
		}
		claim, faults := catalog.New(given).OfSchema(mustParse(t, given, row.model))
		if claim != row.want || !reflect.DeepEqual(only(faults), row.fault) {
			t.Errorf("%s: %+v, %+v; want %+v, %+v", name, claim, faults, row.want, row.fault)
		}
	}
}

// A schema that Table(…) made for the migrator goes with its model, whatever has
// the name of its table.
func TestModelSchema(t *testing.T) {
	given := source()
	given.Names["old_plains"] = []string{"archive"}
	c, parsed := catalog.New(given), &sync.Map{}
	model := mustParse(t, given, Plain{})
	renamed, err := schema.ParseWithSpecialTableName(&Plain{}, parsed, schema.NamingStrategy{}, "old_plains")
	if err != nil || renamed.Table != "old_plains" {
		t.Fatal(renamed, err)
	}
	if c.ModelSchema(renamed) != model || c.ModelSchema(model) != nil {
		t.Error("another schema is the model's own")
	}
	if claim, faults := c.OfSchema(renamed); claim.Key != "main" || faults != nil {
		t.Errorf("%+v, %+v", claim, faults)
	}
}

type (
	Left struct {
		ID     uint    `bind:"logs"`
		Rights []Right `gorm:"many2many:left_rights"`
	}
	Right struct {
		ID    uint   `bind:"archive"`
		Lefts []Left `gorm:"many2many:left_rights"`
	}
	Owner struct {
		ID     uint    `bind:"logs"`
		Plains []Plain `gorm:"many2many:owner_plains"`
		Marked []Plain `gorm:"many2many:marked_plains" bind:"archive"`
		Empty  []Plain `gorm:"many2many:empty_plains" bind:""`
		Lost   []Plain `gorm:"many2many:lost_plains" bind:"nowhere"`
	}
	North struct {
		ID     uint
		Souths []South `gorm:"many2many:north_souths" bind:"logs"`
	}
	South struct {
		ID     uint
		Norths []North `gorm:"many2many:north_souths" bind:"logs2"`
	}
	Nobody struct {
		ID     uint
		Plains []Plain `gorm:"many2many:nobody_plains"`
	}
)

func TestOfJoinTable(t *testing.T) {
	given := source()
	c := catalog.New(given)
	for _, row := range []struct {
		model any
		field string
		want  catalog.Claim
		fault catalog.Fault
	}{
		{model: Owner{}, field: "Plains", want: catalog.Claim{Key: "logs", Why: catalog.ByJoinTable, Source: "field Owner.Plains"}},
		{model: Owner{}, field: "Marked", want: catalog.Claim{Key: "archive", Why: catalog.ByTag, Source: "field Owner.Marked"}},
		{model: Owner{}, field: "Empty", fault: catalog.Invalid{Subject: "join table of field Owner.Empty", Reason: "the bind tag is empty; name a registered bind"}},
		{model: Owner{}, field: "Lost", fault: catalog.Unknown{Key: "nowhere", Model: "of field Owner.Lost"}},
		{model: Nobody{}, field: "Plains", want: catalog.Claim{Key: "main", Why: catalog.ByDefault, Source: "field Nobody.Plains"}},
		// two names of one bind agree
		{model: North{}, field: "Souths", want: catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "field North.Souths"}},
		{model: South{}, field: "Norths", want: catalog.Claim{Key: "logs", Why: catalog.ByTag, Source: "field North.Souths"}},
		{model: Right{}, field: "Lefts", fault: catalog.Conflict{Subject: `join table "left_rights"`, Way: "put the same bind tag on the many2many fields of both models",
			Claims: []catalog.Claim{{Key: "logs", Why: catalog.ByJoinTable, Source: "field Left.Rights"}, {Key: "archive", Why: catalog.ByJoinTable, Source: "field Right.Lefts"}}}},
	} {
		rel := mustParse(t, given, row.model).Relationships.Relations[row.field]
		claim, faults := c.OfSchema(rel.JoinTable)
		if claim != row.want || !reflect.DeepEqual(only(faults), row.fault) {
			t.Errorf("%T.%s: %+v, %+v; want %+v, %+v", row.model, row.field, claim, faults, row.want, row.fault)
		}
		if name := catalog.SchemaName(rel.JoinTable); name != "of join table "+`"`+rel.JoinTable.Table+`"` {
			t.Errorf("its name is %q", name)
		}
	}
}

// A table's name that was registered says more of a join table than its owner,
// and a registered join model more than a tag on the field.
func TestOfRegisteredJoinTable(t *testing.T) {
	given := source()
	given.Names["owner_plains"] = []string{"archive"}
	rel := mustParse(t, given, Owner{}).Relationships.Relations
	given.Types[rel["Marked"].JoinTable.ModelType] = "logs"
	c := catalog.New(given)
	for field, want := range map[string]catalog.Claim{
		"Plains": {Key: "archive", Why: catalog.ByRegister, Source: `table "owner_plains"`},
		"Marked": {Key: "logs", Why: catalog.ByRegister, Source: "Register"},
	} {
		if claim, faults := c.OfSchema(rel[field].JoinTable); claim != want || faults != nil {
			t.Errorf("%s: %+v, %+v; want %+v", field, claim, faults, want)
		}
	}
}

func TestRelations(t *testing.T) {
	var names []string
	for _, rel := range catalog.Relations(mustParse(t, source(), Owner{})) {
		names = append(names, rel.Name)
	}
	if want := []string{"Empty", "Lost", "Marked", "Plains"}; !reflect.DeepEqual(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

func mustParse(t *testing.T, given catalog.Source, model any) *schema.Schema {
	t.Helper()
	parsed, err := given.Parse(reflect.New(reflect.TypeOf(model)).Interface())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
