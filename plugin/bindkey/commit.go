package bindkey

import (
	"sort"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// Commit commits the branches in the stages of package xact. A failure before the
// first COMMIT has succeeded rolls everything back; one after it is a
// [*PartialCommitError].
func (t *transaction) Commit() error {
	switch outcome := t.end(); {
	case outcome.InDoubt != nil || outcome.Unfinished != nil:
		return t.commitment.told(outcome)
	case outcome.Partial():
		return &PartialCommitError{
			Committed:  keysOf(outcome.Committed),
			Failed:     asBranch(outcome.Failed).pool.bind.key,
			Unknown:    outcome.Unknown,
			RolledBack: keysOf(outcome.RolledBack),
			Err:        outcome.Err,
		}
	case outcome.Waiting != nil:
		return &AfterCommitError{Err: outcome.Waiting}
	default:
		return outcome.Err
	}
}

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
