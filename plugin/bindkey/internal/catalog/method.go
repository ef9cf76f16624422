package catalog

import "reflect"

// A binder is a model that says where it lives.
type binder interface{ Bind() string }

var binderType = reflect.TypeOf((*binder)(nil)).Elem()

// readMethod is what a type's Bind method says, declared or promoted. It is
// asked once per type.
func (c *Catalog) readMethod(t reflect.Type) reading {
	return c.asking.ask(&c.known(t).method, t)
}

// askMethod asks the type's Bind method, on a zero value. It leaves its answer in
// said even where the method does not return.
func askMethod(t reflect.Type, said *reading) {
	if t.Kind() == reflect.Interface && t.Implements(binderType) {
		*said = invalid("interface "+TypeName(t),
			"it has a Bind method, but is nil in a zero value, on which Bind is asked; embed a struct instead")
		return
	}
	model, ok := reflect.New(t).Interface().(binder)
	if !ok {
		return
	}
	*said = invalid("model "+TypeName(t),
		"its Bind method ends its goroutine (runtime.Goexit, as FailNow of a test does) in place of returning a key")
	defer func() {
		if recover() != nil {
			*said = invalid("model "+TypeName(t),
				"its Bind method panics on a zero value; it is asked once per type, so it must not depend on the receiver, nor on an embedded pointer, which is nil there")
		}
	}()
	key := model.Bind()
	if key == "" {
		*said = invalid("model "+TypeName(t),
			"its Bind method returns an empty key on a zero value; it is asked once per type, so it must not depend on the receiver")
		return
	}
	*said = reading{claim: Claim{Key: key, Why: ByMethod, Source: "method Bind"}}
}

// promotesBind reports whether a model that embeds t may get a Bind method from it.
func promotesBind(t reflect.Type) bool {
	return t.Implements(binderType) || reflect.PointerTo(t).Implements(binderType)
}

// mayBePromoted reports whether the Bind method of t can be that of something
// it embeds. Reflection can't tell a promoted method from a declared one, but
// one that says something else is not promoted, nor is one that two embedded
// types declare, since Go then promotes neither.
func (r typeReader) mayBePromoted(t reflect.Type, method Claim) bool {
	declared, agree := 0, false
	for _, of := range embeddedBinders(t) {
		if len(embeddedBinders(of)) == 0 {
			declared++
		}
		agree = agree || r.catalog.readMethod(of).claim.Key == method.Key
	}
	return agree && declared < 2
}

// embeddedBinders are the types that t embeds, in Go's sense, with a Bind
// method.
func embeddedBinders(t reflect.Type) (binders []reflect.Type) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := 0; i < t.NumField(); i++ {
		if field := t.Field(i); field.Anonymous && promotesBind(elem(field.Type)) {
			binders = append(binders, elem(field.Type))
		}
	}
	return binders
}
