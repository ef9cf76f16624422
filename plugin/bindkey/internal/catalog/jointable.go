package catalog

import (
	"reflect"

	"gorm.io/gorm/schema"
)

// ofJoinTable is the key of a schema that some model declares as the join table
// of a many2many relation; joins tells whether one does. GORM makes one relation
// per side, so both sides may declare the same table, with a join model or
// without, and must agree.
func (c *Catalog) ofJoinTable(s *schema.Schema) (_ Claim, _ []Fault, joins bool) {
	var (
		claims []Claim
		best   Claim
	)
	for _, owner := range sides(s) {
		// Another goroutine may still be parsing the side's relations; GORM's
		// parser waits for it.
		if _, err := c.source.Parse(reflect.New(owner.ModelType).Interface()); err != nil {
			continue
		}
		for _, rel := range owner.Relationships.Many2Many {
			if rel.JoinTable == nil || rel.JoinTable.Table != s.Table {
				continue
			}
			joins = joins || rel.JoinTable == s
			declared, faults := c.ofRelation(owner, rel)
			if faults != nil {
				return Claim{}, faults, true
			}
			for _, claim := range declared {
				if best.Key == "" || claim.Why == ByTag && best.Why != ByTag || claim.Why != ByDefault && best.Why == ByDefault {
					best = claim
				}
			}
			claims = append(claims, declared...)
		}
	}
	if joins && disagree(claims) {
		return Claim{}, []Fault{Conflict{Subject: "join table " + quoted(s.Table), Claims: claims,
			Way: "put the same " + c.source.Tag + " tag on the many2many fields of both models"}}, true
	}
	return best, nil, joins
}

// ofRelation is where a many2many relation puts its join table: with the
// relation's owner, unless a tag on the field, the key of a model given to
// SetupJoinTable, or the registered name of the table says otherwise. The first
// two must agree.
func (c *Catalog) ofRelation(owner *schema.Schema, rel *schema.Relationship) (claims []Claim, faults []Fault) {
	field := "field " + owner.Name + "." + rel.Name
	model := SchemaName(rel.JoinTable)
	if key, ok := c.source.Types[rel.JoinTable.ModelType]; ok {
		claim, faults := c.resolve(Claim{Key: key, Why: ByRegister, Source: "model " + model}, model)
		return []Claim{claim}, faults
	}
	if key, tagged := rel.Field.Tag.Lookup(c.source.Tag); tagged {
		if key == "" {
			return nil, []Fault{Invalid{Subject: "join table of " + field,
				Reason: "the " + c.source.Tag + " tag is empty; name a registered bind"}}
		}
		claim, faults := c.resolve(Claim{Key: key, Why: ByTag, Source: field}, "of "+field)
		if faults != nil {
			return nil, faults
		}
		claims = append(claims, claim)
	}
	claim, faults := c.readModel(rel.JoinTable)
	if faults == nil && claim.Key != "" {
		claim.Source = "model " + model + " (" + claim.Source + ")"
		claim, faults = c.resolve(claim, model)
		claims = append(claims, claim)
	}
	if faults != nil || len(claims) > 0 {
		return claims, faults
	}
	if keys := c.keysOfTable(rel.JoinTable.Table); len(keys) == 1 {
		claim, faults = c.resolve(ofTable(rel.JoinTable.Table, keys[0]), model)
		return []Claim{claim}, faults
	}
	claim, faults = c.OfSchema(owner)
	if claim.Why != ByDefault {
		claim.Why = ByJoinTable
	}
	claim.Source = field
	return []Claim{claim}, faults
}

// sides are the schemas that a join table's schema refers to: GORM gives it a
// belongs-to relation to either side (schema/relationship.go).
func sides(s *schema.Schema) []*schema.Schema {
	var found []*schema.Schema
	seen := map[*schema.Schema]bool{s: true}
	for _, rel := range Relations(s) {
		if rel.Schema == s && rel.Type == schema.BelongsTo && rel.FieldSchema != nil && !seen[rel.FieldSchema] {
			seen[rel.FieldSchema] = true
			found = append(found, rel.FieldSchema)
		}
	}
	return found
}
