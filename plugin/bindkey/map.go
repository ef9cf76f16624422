package bindkey

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"gorm.io/gorm/schema"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/catalog"
	"github.com/gormbind/gormbind/plugin/bindmap"
)

// Map tells which bind each model lives in, and why, its table and join tables, the
// relations that cross to another bind, and how they are served. It has the given models and
// those that they are related to; without any, all that the plugin knows: those of the option
// [Models] and of [Plugin.Register], and those with a key that statements have used.
// It asks no database. A model whose key is a mistake has the key [bindmap.Unknown],
// and says why in Mistake.
//
//	fmt.Print(plugin.Map())           // an aligned table
//	fmt.Print(plugin.Map().Mermaid()) // a diagram, with a box for each bind
func (p *Plugin) Map(models ...any) bindmap.Map {
	d := &mapDrawing{plugin: p, rows: map[*schema.Schema]bool{}, joins: map[string]*bindmap.Model{}}
	if len(models) == 0 {
		models = p.knownModels()
	}
	for _, model := range models {
		if s, err := p.parse(model); err != nil {
			d.drawn.Models = append(d.drawn.Models, bindmap.Model{
				Name: catalog.WithoutImportPaths(fmt.Sprintf("%T", model)), Key: bindmap.Unknown, Why: "a mistake", Table: bindmap.Unknown, Mistake: err.Error()})
		} else {
			d.model(s)
		}
	}
	for _, join := range d.joins {
		d.drawn.Models = append(d.drawn.Models, *join)
	}
	d.drawn.Default = p.defaultKey
	sort.SliceStable(d.drawn.Models, func(i, k int) bool { return bindmap.Less(d.drawn.Models[i], d.drawn.Models[k]) })
	return d.drawn
}

// knownModels are those of options and Register, and those with a key that statements have
// brought up: one without may be a mere destination.
func (p *Plugin) knownModels() []any {
	models := append(p.registeredModels[:len(p.registeredModels):len(p.registeredModels)], p.listed...)
	models = append(models, p.adopted.models()...)
	p.modelBinds.all.Range(func(_, known any) bool {
		if h := known.(*modelBind); h.keyed() && h.schema.ModelType.Name() != "" {
			models = append(models, reflect.New(h.schema.ModelType).Interface())
		}
		return true
	})
	return models
}

// A mapDrawing is a map that is being drawn.
type mapDrawing struct {
	plugin *Plugin
	drawn  bindmap.Map
	rows   map[*schema.Schema]bool
	joins  map[string]*bindmap.Model // tables that GORM makes, by key and name
}

// model adds a model, and those that its relations lead to.
func (d *mapDrawing) model(s *schema.Schema) {
	if d.rows[s] {
		return
	}
	d.rows[s] = true
	at := len(d.drawn.Models)
	d.drawn.Models = append(d.drawn.Models, d.row(s))
	var relations []bindmap.Relation
	for _, rel := range catalog.Relations(s) {
		if rel.Schema == s && rel.FieldSchema != nil { // else it is the other side's
			relations = append(relations, d.relation(s, rel))
			d.model(rel.FieldSchema)
		}
	}
	d.drawn.Models[at].Relations = relations
}

// row is a model's, or a join table's.
func (d *mapDrawing) row(s *schema.Schema) bindmap.Model {
	row := bindmap.Model{Name: schemaName(s), Key: bindmap.Unknown, Why: "a mistake", Table: s.Table}
	b, err := d.plugin.requiredBind(s)
	if err != nil {
		row.Mistake = err.Error()
		return row
	}
	claim, _ := d.plugin.catalog.OfSchema(s)
	row.Key, row.Why, row.Tenants = b.key, mapReason(claim), b.family != nil
	return row
}

// mapReason is what says where a model lives, in the words of the command gormbind.
func mapReason(claim catalog.Claim) string {
	switch {
	case claim.Why == catalog.ByDefault:
		return string(claim.Why)
	case claim.Why == catalog.ByRegister && strings.HasPrefix(claim.Source, "table "):
		return claim.Source + " in Register"
	case claim.Why == catalog.ByTag && strings.HasPrefix(claim.Source, "field "): // of a join table
		return "tag on field " + claim.Source[strings.LastIndexByte(claim.Source, '.')+1:]
	case claim.Why == catalog.ByJoinTable:
		return "join table of " + strings.TrimPrefix(claim.Source, "field ")
	default:
		return claim.Source
	}
}

// relation is a relation of a model's, and adds its join table.
func (d *mapDrawing) relation(s *schema.Schema, rel *schema.Relationship) bindmap.Relation {
	owner, target := d.row(s).Key, d.row(rel.FieldSchema).Key
	found := bindmap.Relation{Field: rel.Name, Model: schemaName(rel.FieldSchema), Key: target, Table: rel.FieldSchema.Table}
	join := ""
	if rel.JoinTable != nil {
		join = d.join(s, rel)
		found.Join = rel.JoinTable.Table
	}
	if owner == bindmap.Unknown || target == bindmap.Unknown || join == bindmap.Unknown {
		return found
	}
	if found.Crosses = owner != target || join != "" && (join != owner || join != target); found.Crosses {
		found.Served = bindmap.ServedBy(join, target)
	}
	return found
}

// join adds the join table of a relation, and returns its key.
func (d *mapDrawing) join(s *schema.Schema, rel *schema.Relationship) string {
	if rel.JoinTable.ModelType.Name() != "" {
		d.model(rel.JoinTable) // of SetupJoinTable
		return d.row(rel.JoinTable).Key
	}
	row := d.row(rel.JoinTable)
	known := d.joins[row.Key+" "+row.Table]
	if known == nil {
		row.Join, row.Name = true, ""
		known = &row
		d.joins[row.Key+" "+row.Table] = known
	}
	fields := []string{schemaName(s) + "." + rel.Name}
	if known.Name != "" {
		fields = append(fields, strings.Split(known.Name, ", ")...)
	}
	sort.Strings(fields)
	known.Name = strings.Join(fields, ", ")
	if known.Why == "default" || strings.HasPrefix(known.Why, "join table of ") {
		known.Why = "join table of " + fields[0]
	}
	return row.Key
}
