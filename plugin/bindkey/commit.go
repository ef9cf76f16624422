package bindkey

import (
	"sort"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// end commits, in two phases if that is asked for.
func (t *transaction) end() xact.Outcome {
	if t.commitment != nil && t.operation() == writing {
		return t.xact.CommitTwoPhase(t.commitment)
	}
	return t.xact.Commit()
}

// commitOrder is the order of the COMMITs: the binds of the option
// CommitOrder, then those that joined, in the order they did, and the default
// bind last.
func (p *Plugin) commitOrder(joined []*xact.Branch) []*xact.Branch {
	place := func(b *branch) int {
		for i, key := range p.order {
			for _, bind := range b.binds {
				if key == bind.key {
					return i
				}
			}
		}
		if hasBind(b.binds, p.defaultBind()) {
			return len(p.order) + 1
		}
		return len(p.order)
	}
	ordered := append([]*xact.Branch(nil), joined...)
	sort.SliceStable(ordered, func(i, j int) bool { return place(asBranch(ordered[i])) < place(asBranch(ordered[j])) })
	return ordered
}

func keysOf(branches []*xact.Branch) []string {
	keys := make([]string, 0, len(branches))
	for _, b := range branches {
		for _, bind := range asBranch(b).binds {
			keys = append(keys, bind.key)
		}
	}
	return keys
}
