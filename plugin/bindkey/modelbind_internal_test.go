package bindkey

import (
	"testing"

	"gorm.io/gorm/schema"
)

// Each schema has its own home, also where others have its place in the small
// table, and the first that was remembered.
func TestHomeMemory(t *testing.T) {
	var m modelBinds
	homes := make([]*modelBind, 4*len(m.near))
	for i := range homes {
		homes[i] = &modelBind{schema: new(schema.Schema)}
		if m.load(homes[i].schema) != nil {
			t.Fatal("a schema that was never seen has a home")
		}
		if m.remember(homes[i]) != homes[i] {
			t.Fatal("another home is remembered")
		}
	}
	for _, h := range homes {
		if m.load(h.schema) != h || m.remember(&modelBind{schema: h.schema}) != h || m.load(h.schema) != h {
			t.Fatal("a schema has another's home")
		}
	}
	m.forget()
	for _, h := range homes {
		if m.load(h.schema) != nil {
			t.Fatal("a home is not forgotten")
		}
	}
}
