package keys

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"
)

// TypeName is a type's name for people: "models.User".
func TypeName(t types.Type) string {
	t = types.Unalias(t)
	if _, ok := t.(*types.Struct); ok {
		return "struct{…}"
	}
	return types.TypeString(t, (*types.Package).Name)
}

func invalid(subject, reason string) Reading {
	return Reading{Faults: []Fault{{Kind: Malformed, Subject: subject, Reason: reason, Pos: token.NoPos}}}
}

func conflict(t types.Type, claims []Claim, way string) Reading {
	var said []string
	for _, claim := range claims {
		said = append(said, fmt.Sprintf("%s is in %q", claim.Source, claim.Key))
	}
	return Reading{Faults: []Fault{{Kind: Conflict, Subject: "model " + TypeName(t),
		Reason: strings.Join(said, ", ") + "; " + way, Pos: claims[len(claims)-1].Pos}}}
}
