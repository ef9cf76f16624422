package keys

import (
	"go/types"
)

// method is what a type's Bind method says, declared or promoted, on a zero value.
func (r Reader) method(t types.Type) Reading {
	if types.IsInterface(t) {
		if bindMethod(types.NewMethodSet(t)) == nil {
			return Reading{}
		}
		return invalid("interface "+TypeName(t),
			"it has a Bind method, but is nil in a zero value, on which Bind is asked; embed a struct instead")
	}
	selected := bindMethod(types.NewMethodSet(types.NewPointer(t)))
	if selected == nil {
		return Reading{}
	}
	method := selected.Obj().(*types.Func)
	if panics(t, selected) {
		fault := invalid("model "+TypeName(t),
			"its Bind method panics on a zero value; it is asked once per type, so it must not depend on the receiver, nor on an embedded pointer, which is nil there")
		if model, ok := t.(*types.Named); ok {
			fault.Faults[0].Pos = model.Obj().Pos()
		}
		return fault
	}
	key, ok := r.Const(method)
	if !ok {
		return Reading{Unsure: true}
	}
	if key == "" {
		fault := invalid("model "+TypeName(t),
			"its Bind method returns an empty key on a zero value; it is asked once per type, so it must not depend on the receiver")
		fault.Faults[0].Pos = method.Pos()
		return fault
	}
	return Reading{Claim: Claim{key, ByMethod, "method Bind", method.Pos()}}
}

// bindMethod is the method Bind() string of a set, or nil.
func bindMethod(set *types.MethodSet) *types.Selection {
	selected := set.Lookup(nil, "Bind")
	if selected == nil || !isBind(selected.Obj().Type()) {
		return nil
	}
	return selected
}

// isBind reports whether a method's type is func() string.
func isBind(t types.Type) bool {
	signature, ok := t.(*types.Signature)
	return ok && signature.Params().Len() == 0 && signature.Results().Len() == 1 &&
		types.Identical(signature.Results().At(0).Type(), types.Typ[types.String])
}

// panics reports whether calling a promoted method on a zero value follows a nil
// pointer, or a nil interface.
func panics(t types.Type, selected *types.Selection) bool {
	path := selected.Index()
	for _, i := range path[:len(path)-1] {
		if pointer, ok := t.Underlying().(*types.Pointer); ok {
			return pointer != nil // a field of a nil struct
		}
		t = t.Underlying().(*types.Struct).Field(i).Type()
	}
	if types.IsInterface(t) {
		return true
	}
	receiver := selected.Obj().Type().(*types.Signature).Recv().Type()
	return isPointer(t) && !isPointer(receiver)
}

func isPointer(t types.Type) bool {
	_, ok := t.Underlying().(*types.Pointer)
	return ok
}

// promotesBind reports whether a model that embeds t may get a Bind method from it.
func promotesBind(t types.Type) bool {
	if types.IsInterface(t) {
		return bindMethod(types.NewMethodSet(t)) != nil
	}
	return bindMethod(types.NewMethodSet(types.NewPointer(t))) != nil
}

// mayBePromoted follows the catalog, which can't tell a promoted method from a
// declared one by reflection: the source could, but what counts is what the plugin
// will do.
func (r Reader) mayBePromoted(fields *types.Struct, method Claim) (promoted, unsure bool) {
	declared, agree := 0, false
	for _, of := range embeddedBinders(fields) {
		if inner, ok := of.Underlying().(*types.Struct); !ok || len(embeddedBinders(inner)) == 0 {
			declared++
		}
		read := r.method(of)
		unsure = unsure || read.Unsure
		agree = agree || read.Claim.Key == method.Key
	}
	return agree && declared < 2, unsure
}

// embeddedBinders are the types with a Bind method that a struct embeds, in Go's
// sense.
func embeddedBinders(fields *types.Struct) (binders []types.Type) {
	for i := 0; i < fields.NumFields(); i++ {
		if field := fields.Field(i); field.Embedded() && promotesBind(elem(field.Type())) {
			binders = append(binders, elem(field.Type()))
		}
	}
	return binders
}
