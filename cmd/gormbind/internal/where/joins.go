package where

import (
	"fmt"
	"sort"
	"strings"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
)

// A declaration is one many2many field, and where it puts its join table.
type declaration struct {
	field string // "shop.User.Teams"
	short string // "User.Teams", as the plugin has it in errors
	key   string
	why   string
	sure  bool
}

// joins are the rows of join tables that GORM makes itself. Those that SetupJoinTable
// gives a model have that model's row, with the owner's key if it has none.
func (s *source) joins(drawn *Map, models []model, rows map[string]*Row) (found []Row) {
	tables := map[string][]declaration{}
	for _, of := range models {
		owner := rows[program.TypeName(of.Named)]
		for _, relation := range of.reader.Relations(of.Named) {
			if relation.JoinTable == "" {
				continue
			}
			declared := s.declared(drawn, owner, of.Obj().Name()+"."+relation.Name, relation, of.reader.Tag)
			if join := rows[s.said.Joined[owner.id+"."+relation.Name]]; join != nil {
				if join.Why == "default" {
					join.Key, join.Why, join.sure = declared.key, declared.why, declared.sure
				}
				continue
			}
			tables[relation.JoinTable] = append(tables[relation.JoinTable], declared)
		}
	}
	for table, declared := range tables {
		sort.Slice(declared, func(i, k int) bool { return declared[i].field < declared[k].field })
		found = append(found, joinRow(drawn, table, declared))
	}
	return found
}

// declared is where one field puts its join table.
func (s *source) declared(drawn *Map, owner *Row, short string, relation keys.Relation, tag string) declaration {
	one := declaration{field: owner.Model + "." + relation.Name, short: short, key: owner.Key, sure: owner.sure}
	one.why = "join table of " + one.field
	registered, byTable := s.said.Tables[strings.ToLower(relation.JoinTable)]
	switch {
	case relation.Tagged && relation.Tag == "":
		drawn.mistake(fmt.Sprintf("join table of field %s: the %s tag is empty; name a registered bind", short, tag))
		one.key, one.sure = unknown, false
	case relation.Tagged:
		one.key, one.sure, one.why = relation.Tag, true, "tag on field "+relation.Name
	case byTable && registered != "":
		one.key, one.sure, one.why = registered, true, fmt.Sprintf("table %q in Register", relation.JoinTable)
	}
	return one
}

func joinRow(drawn *Map, table string, declared []declaration) Row {
	best := declared[0]
	var fields, said []string
	sure, agree := true, true
	for _, one := range declared {
		fields = append(fields, one.field)
		said = append(said, fmt.Sprintf("field %s is in %q", one.short, one.key))
		sure, agree = sure && one.sure, agree && one.key == best.key
		if strings.HasPrefix(one.why, "tag") {
			best.why = one.why
		}
	}
	row := Row{Model: strings.Join(fields, ", "), Key: best.key, Why: best.why, Table: table, join: true}
	switch {
	case !sure:
		row.Key = unknown
	case !agree:
		row.Key, row.Why = unknown, "a mistake"
		drawn.mistake(fmt.Sprintf("join table %q has conflicting bind keys: %s; put the same %s tag on the many2many fields of both models",
			table, strings.Join(said, ", "), drawn.Tag))
	}
	return row
}
