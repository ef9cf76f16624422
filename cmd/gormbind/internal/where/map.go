package where

import (
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/gormbind/gormbind/cmd/gormbind/internal/keys"
	"github.com/gormbind/gormbind/cmd/gormbind/internal/program"
	"github.com/gormbind/gormbind/plugin/bindmap"
)

// A Map tells which model lives where.
type Map struct {
	Tag      string   `json:"tag"`
	Default  string   `json:"default"` // the key of what has none
	Models   []Row    `json:"models"`
	Mistakes []string `json:"mistakes"` // models whose key the plugin refuses
}

// A Row is one model, or one join table.
type Row struct {
	Model    string  `json:"model"`             // "shop.User"
	Package  string  `json:"package,omitempty"` // its import path
	Key      string  `json:"key"`               // "?" where only the running program knows
	Tenants  bool    `json:"tenants,omitempty"` // the bind has a database for each
	Why      string  `json:"why"`
	Table    string  `json:"table"` // "?" likewise
	Position string  `json:"position,omitempty"`
	Crosses  []Cross `json:"crosses,omitempty"`

	id        string // of a model: its name with the import path
	sure      bool
	join      bool // a join table that GORM makes
	relations []bindmap.Relation
}

// A Cross is a relation to a model in another bind.
type Cross struct {
	Field  string `json:"field"`
	Model  string `json:"model"`
	Key    string `json:"key"`
	Served string `json:"served"` // "preload" or "two queries"; see bindmap.Relation
}

const unknown = bindmap.Unknown

func (s *source) draw() *Map {
	drawn := &Map{Tag: keys.TagName, Default: s.defaultKey(), Models: []Row{}, Mistakes: []string{}}
	models := s.models()
	rows := map[string]*Row{}
	for _, of := range models {
		row := s.row(drawn, of)
		rows[row.id] = &row
	}
	joins := s.joins(drawn, models, rows)
	for _, of := range models {
		row := rows[program.TypeName(of.Named)]
		for _, relation := range of.reader.Relations(of.Named) {
			target := keys.ModelType(relation.Target)
			if target == nil {
				continue
			}
			join := ""
			if relation.JoinTable != "" {
				join = s.joinKey(joins, rows[s.said.Joined[row.id+"."+relation.Name]], relation.JoinTable)
			}
			row.relate(rows[program.TypeName(target)], relation, join)
		}
		drawn.Models = append(drawn.Models, *row)
	}
	drawn.Models = append(drawn.Models, joins...)
	for i := range drawn.Models {
		drawn.Models[i].Tenants = slices.Contains(s.said.Tenanted, drawn.Models[i].Key)
	}
	sort.SliceStable(drawn.Models, func(i, k int) bool {
		one, other := drawn.Models[i], drawn.Models[k]
		return bindmap.Less(one.drawn(), other.drawn())
	})
	sort.Strings(drawn.Mistakes)
	return drawn
}

// joinKey is where the join table of a relation lives: that of the model that it was given,
// or the row that was made for it.
func (s *source) joinKey(joins []Row, given *Row, table string) string {
	if given != nil {
		return given.Key
	}
	for _, join := range joins {
		if join.Table == table {
			return join.Key
		}
	}
	return unknown
}

// relate adds a relation to the row of the model that has it.
func (r *Row) relate(other *Row, relation keys.Relation, join string) {
	found := bindmap.Relation{Field: relation.Name, Model: other.Model, Key: other.Key, Table: other.Table, Join: relation.JoinTable}
	if r.sure && other.sure && join != unknown && (r.Key != other.Key || join != "" && join != other.Key) {
		found.Crosses, found.Served = true, bindmap.ServedBy(join, other.Key)
		r.Crosses = append(r.Crosses, Cross{found.Field, found.Model, found.Key, found.Served})
	}
	r.relations = append(r.relations, found)
}

func (s *source) defaultKey() string {
	switch {
	case s.question.Default != "":
		return s.question.Default
	case s.said.Default != "":
		return s.said.Default
	}
	return "main"
}

// row weighs what says where a model lives, in the plugin's order.
func (s *source) row(drawn *Map, of model) Row {
	row := Row{Model: keys.TypeName(of.Named), id: program.TypeName(of.Named), Table: of.reader.Table(of.Named), Position: s.position(of), sure: true}
	if of.Obj().Pkg() != nil {
		row.Package = of.Obj().Pkg().Path()
	}
	if row.Table == "" {
		row.Table = unknown
	}
	read := of.reader.Read(of.Named)
	registered, byTable := s.said.Tables[strings.ToLower(row.Table)]
	if key, ok := s.said.Registered[row.id]; ok {
		row.Key, row.Why = key, "Register"
	} else if read.Faults != nil {
		row.Key, row.Why, row.sure = unknown, "a mistake", false
		for _, fault := range read.Faults {
			drawn.mistake(fault.Text())
		}
	} else if read.Unsure {
		row.Key, row.Why, row.sure = unknown, "a method that is not constant", false
	} else if read.Claim.Key != "" {
		row.Key, row.Why = read.Claim.Key, read.Claim.Source
	} else if byTable && registered == "" {
		row.Key, row.Why, row.sure = unknown, fmt.Sprintf("table %q, in several Register", row.Table), false
	} else if byTable {
		row.Key, row.Why = registered, fmt.Sprintf("table %q in Register", row.Table)
	} else {
		row.Key, row.Why = drawn.Default, "default"
	}
	return row
}

func (m *Map) mistake(text string) {
	for _, told := range m.Mistakes {
		if told == text {
			return
		}
	}
	m.Mistakes = append(m.Mistakes, text)
}

// position is the file and line of a type, from the folder that was asked about.
func (s *source) position(of model) string {
	at := s.roots[0].Fset.Position(of.Obj().Pos())
	name := at.Filename
	if dir, err := filepath.Abs(s.question.Dir); err == nil {
		if short, err := filepath.Rel(dir, name); err == nil && !strings.HasPrefix(short, "..") {
			name = short
		}
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(name), at.Line)
}
