package where_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/where"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/where/testdata/odd"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/where/testdata/tenants"
	"github.com/gormbind/gormbind/plugin/bindmap"
)

const oddMap = `
MODEL                               KEY        WHY                                       TABLE         CROSSES
odd.Club.Fans                       analytics  table "club_fans" in Register             club_fans
odd.Fan                             analytics  table "Supporters" in Register            Supporters
odd.Moved                           analytics  Register                                  moveds
odd.Author                          archive    tag on field ID                           authors       Clubs → odd.Club (core, two queries)
odd.Author.Books, odd.Book.Authors  archive    join table of odd.Author.Books            author_books
odd.Book                            archive    tag on field _                            books
odd.Keyless                         archive    method Bind                               keylesses
odd.Membership                      archive    join table of odd.Author.Clubs            memberships
odd.Club                            core       default                                   clubs         Fans → odd.Fan (analytics, preload)
odd.Author.Peers, odd.Book.Peers    ?          a mistake                                 torn
odd.Twice                           ?          table "twices", in several Register       twices
`

const oddMistake = `join table "torn" has conflicting bind keys: field Author.Peers is in "archive", field Book.Peers is in "analytics"; put the same db tag on the many2many fields of both models`

// TestMap draws a package in which all that may move a model moves one.
func TestMap(t *testing.T) {
	drawn, err := where.Ask(where.Question{Patterns: []string{"./testdata/odd"}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := drawn.Table(&text); err != nil {
		t.Fatal(err)
	}
	if got, want := words(text.String()), words(oddMap); !reflect.DeepEqual(got, want) {
		t.Errorf("the map is\n%s", text.String())
	}
	if len(drawn.Mistakes) != 1 || drawn.Mistakes[0] != oddMistake {
		t.Errorf("the mistakes are %q", drawn.Mistakes)
	}

	plugin := odd.Plugin()
	rows := map[string]where.Row{}
	for _, row := range drawn.Models {
		rows[row.Model] = row
	}
	for _, own := range plugin.Map(odd.Models()...).Models { // the same map, as the plugin draws it
		if row, ok := rows[own.Name]; ok && own.Key != bindmap.Unknown && row.Key != bindmap.Unknown && row.Table != "memberships" {
			if row.Key != own.Key || row.Why != own.Why || row.Table != own.Table {
				t.Errorf("the plugin's map has %+v, and this %+v", own, row)
			}
		}
	}
	for _, model := range odd.Models() {
		name := reflect.TypeOf(model).Elem().String()
		if name == "odd.Membership" {
			continue // SetupJoinTable has not run
		}
		if key, err := plugin.KeyOf(model); err != nil || key != rows[name].Key {
			t.Errorf("%s: the plugin says %q (%v), and the map %q", name, key, err, rows[name].Key)
		}
	}
}

const tenantsMap = `
MODEL                KEY         WHY                              TABLE        CROSSES
tenants.Item         customer/*  tag on field _                   items
tenants.Order        customer/*  tag on field _                   orders
tenants.Order.Items  customer/*  join table of tenants.Order.Items  order_items
tenants.Parcel       customer/*  Register                         parcels
tenants.User         main        tag on field _                   users        Orders → tenants.Order (customer, two queries)
tenants.User.Orders  main        join table of tenants.User.Orders  user_orders
tenants.Street       region/*    tag on field _                   streets
tenants.Shelf        shop/*      tag on field _                   shelves
`

// The key of a bind with tenants is marked, as in the plugin's map, which does not see the
// URL of a configuration.
func TestMapOfTenants(t *testing.T) {
	drawn, err := where.Ask(where.Question{Patterns: []string{"./testdata/tenants"}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := drawn.Table(&text); err != nil {
		t.Fatal(err)
	}
	if got, want := words(text.String()), words(tenantsMap); !reflect.DeepEqual(got, want) {
		t.Errorf("the map is\n%s", text.String())
	}
	if got, want := words(tenants.Plugin().Map(tenants.Models()...).String()), words(strings.ReplaceAll(tenantsMap, "shop/*", "shop")); !reflect.DeepEqual(got, want) {
		t.Errorf("the plugin's map is\n%s", strings.Join(got, "\n"))
	}
	text.Reset()
	if err := drawn.JSON(&text); err != nil || strings.Count(text.String(), `"tenants": true`) != 6 {
		t.Errorf("%v\n%s", err, text.String())
	}
	text.Reset()
	if err := drawn.Mermaid(&text); err != nil || !strings.Contains(text.String(), `["customer/*"]`) || !strings.Contains(text.String(), `["main"]`) {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// words are the lines of a table without its padding.
func words(text string) (lines []string) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestBroken(t *testing.T) {
	if _, err := where.Ask(where.Question{Patterns: []string{"./testdata/nowhere"}}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("the error is %v", err)
	}
}
