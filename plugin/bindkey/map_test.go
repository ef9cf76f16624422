package bindkey_test

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindmap"
)

const worldMap = `
MODEL                                        KEY        WHY                                   TABLE      CROSSES
bindkey_test.LogEntry                        analytics  method Bind                           logs       User → bindkey_test.User (main, preload)
bindkey_test.Profile                         analytics  method Bind                           profiles
bindkey_test.Tag                             analytics  method Bind                           tags       Users → bindkey_test.User (main, preload)
bindkey_test.Note                            archive    method Bind                           notes
bindkey_test.Order                           main       tag on field _                        orders
bindkey_test.Tag.Users, bindkey_test.User.Tags  main       tag on field Users                    user_tags
bindkey_test.Team                            main       default                               teams
bindkey_test.User                            main       tag on field _                        users      Logs → bindkey_test.LogEntry (analytics, preload), Notes → bindkey_test.Note (archive, preload), Profile → bindkey_test.Profile (analytics, preload), Tags → bindkey_test.Tag (analytics, two queries)
`

// The map has each model with its reason, and what crosses.
func TestMap(t *testing.T) {
	w := newWorld(t, worldConfig{})
	drawn := w.plugin.Map()
	if got, want := fields(drawn.String()), fields(worldMap); got != want {
		t.Errorf("the map is\n%s", drawn)
	}
	for _, line := range strings.Split(drawn.String(), "\n") {
		if strings.HasSuffix(line, " ") {
			t.Errorf("the line %q ends in blanks", line)
		}
	}
	if got := w.plugin.Map(&Note{}).String(); fields(got) != fields("MODEL KEY WHY TABLE CROSSES\nbindkey_test.Note archive method Bind notes") {
		t.Errorf("of one model:\n%s", got)
	}

	// The migrator and statements agree with it.
	for _, model := range drawn.Models {
		if !model.Join && !w.db.Clauses(bindkey.Use(model.Key)).Migrator().HasTable(model.Table) {
			t.Errorf("%s: there is no table %s in %s", model.Name, model.Table, model.Key)
		}
	}

	markdown := drawn.Markdown()
	if want := `| bindkey\_test.Note | archive | method Bind | notes |  |`; !strings.Contains(markdown, "\n"+want+"\n") || !strings.HasPrefix(markdown, "| model | key | why | table | crosses |\n| --- |") {
		t.Errorf("as Markdown:\n%s", markdown)
	}
	diagram := drawn.Mermaid()
	for _, want := range []string{"flowchart LR\n", `subgraph b0["analytics"]`, `subgraph b1["archive"]`, `subgraph b2["main"]`,
		`t3["<b>notes</b><br/>bindkey_test.Note"]`, `t5["<b>user_tags</b>"]`, `t7 -.->|"Notes"| t3`, `t7 -->|"Tags"| t5`, `t5 -.-> t2`, `t7 -->|"Orders"| t4`} {
		if !strings.Contains(diagram, want) {
			t.Errorf("the diagram has no %s:\n%s", want, diagram)
		}
	}
	if boxes, ends := strings.Count(diagram, "subgraph"), strings.Count(diagram, "    end\n"); boxes != 3 || ends != 3 {
		t.Errorf("%d boxes, %d ends", boxes, ends)
	}
}

// fields are the words of each line.
func fields(text string) string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

type (
	mapTagged struct {
		ID uint `bind:"nowhere"`
	}
	mapJoined struct {
		ID    uint
		Peers []mapPeer `gorm:"many2many:map_joins"`
	}
	mapPeer struct {
		_  struct{} `bind:"archive"`
		ID uint
	}
)

// A model without a bind, registered tables, and a join table that nothing says the
// bind of.
func TestMapOfMistakes(t *testing.T) {
	plugin := bindkey.New().Register("archive", dbresolver.Config{}, "map_joins")
	drawn := plugin.Map(&mapTagged{}, &mapJoined{}, 7)
	want := `MODEL KEY WHY TABLE CROSSES
bindkey_test.mapJoined.Peers archive table "map_joins" in Register map_joins
bindkey_test.mapPeer archive tag on field _ map_peers
bindkey_test.mapJoined main default map_joineds Peers → bindkey_test.mapPeer (archive, preload)
bindkey_test.mapTagged ? a mistake map_taggeds
int ? a mistake ?`
	if got := fields(drawn.String()); got != want {
		t.Errorf("the map is\n%s", drawn)
	}
	for _, model := range drawn.Models {
		if (model.Key == bindmap.Unknown) != (model.Mistake != "") {
			t.Errorf("%s: %q, %q", model.Name, model.Key, model.Mistake)
		}
	}

	strict := bindkey.New(bindkey.Strict()).Register("archive", dbresolver.Config{})
	if of := strict.Map(&mapJoined{}).Models; of[len(of)-1].Key != bindmap.Unknown || !strings.Contains(of[len(of)-1].Mistake, "strict") {
		t.Errorf("with Strict: %+v", of)
	}
}

// A model that was in no option is in the map once a statement has used it, if it has a
// key: another may only be what a query is read into.
func TestMapLearns(t *testing.T) {
	w := newWorld(t, worldConfig{})
	type dto struct{ ID uint }
	w.must(w.db.AutoMigrate(&mapPeer{}))
	w.must(w.db.Session(&gorm.Session{}).Find(&[]mapPeer{}).Error)
	w.must(w.db.Table("notes").Find(&[]dto{}).Error)
	text := w.plugin.Map().String()
	if !strings.Contains(text, "mapPeer") || strings.Contains(text, "dto") {
		t.Errorf("the map is\n%s", text)
	}
}

// mapClub and mapGuild have join tables of one name in two binds.
type (
	mapClub struct {
		ID    uint
		Peers []mapPeer `gorm:"many2many:map_joins"`
	}
	mapGuild struct {
		_     struct{} `bind:"analytics"`
		ID    uint
		Peers []mapPeer `gorm:"many2many:map_joins"`
	}
)

// sameName is a map of models as two packages may have them: of one name.
func sameName() (archive, main any) {
	type mapTwin struct {
		_  struct{} `bind:"archive"`
		ID uint
	}
	return &mapTwin{}, func() any {
		type mapTwin struct {
			ID     uint
			Self   *mapTwin
			SelfID *uint
		}
		return &mapTwin{}
	}()
}

// Arrows lead to the model that is meant, and over its own join table.
func TestMermaidOfNamesThatComeTwice(t *testing.T) {
	archive, main := sameName()
	plugin := bindkey.New().Register("archive", dbresolver.Config{}).Register("analytics", dbresolver.Config{})
	for _, models := range [][]any{{archive, main, &mapClub{}, &mapGuild{}}, {&mapGuild{}, &mapClub{}, main, archive}} {
		drawn := plugin.Map(models...)
		diagram := drawn.Mermaid()
		id := map[string]string{}
		for i, model := range drawn.Models {
			id[model.Key+" "+model.Table] = fmt.Sprint("t", i)
		}
		for _, want := range []string{
			id["main map_twins"] + ` -->|"Self"| ` + id["main map_twins"],
			id["main map_clubs"] + ` -->|"Peers"| ` + id["main map_joins"],
			id["analytics map_guilds"] + ` -->|"Peers"| ` + id["analytics map_joins"],
			id["main map_joins"] + ` -.-> ` + id["archive map_peers"],
			id["analytics map_joins"] + ` -.-> ` + id["archive map_peers"],
		} {
			if !strings.Contains(diagram, "    "+want+"\n") {
				t.Errorf("the diagram has no %s:\n%s", want, diagram)
			}
		}
	}
}
