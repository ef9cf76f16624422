package bindkey

import (
	"context"
	"database/sql"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/twophase"
)

// A Recovered is a prepared branch that [Plugin.Recover] or [Plugin.InDoubt] has found.
type Recovered struct {
	GID  string // of its transaction
	Bind string // where it is
	// Age is how long it is prepared. MySQL and MariaDB do not tell: there it is the age of
	// its transaction.
	Age time.Duration
	// Outcome is what Recover has done.
	Outcome RecoveryOutcome
	// Err is why it was left as it is. Of InDoubt, it says what is decided.
	Err error
}

// A RecoveryOutcome is what was done about a prepared branch.
type RecoveryOutcome string

// The outcomes.
const (
	RecoveryCommitted  RecoveryOutcome = "committed"
	RecoveryRolledBack RecoveryOutcome = "rolled back"
	RecoveryLeft       RecoveryOutcome = "left"
)

// Recover finishes the prepared branches that transactions of this program have left
// behind, as their transactions were decided; what was not decided is rolled back, and
// can't be decided otherwise any more. It leaves alone what is younger than the grace
// period, and what belongs to another table of decisions. It is safe in several
// processes at once, and beside transactions that run. It also deletes decisions that
// nobody needs any more.
//
// It returns what it has found, also beside an error, which is of databases that could
// not be asked: [ErrInstall] without the option [TwoPhase], or before the plugin is
// installed. The plugin calls it by itself, see [TwoPhaseConfig].
func (p *Plugin) Recover(ctx context.Context) ([]Recovered, error) {
	r, err := p.recovery(ctx)
	if err != nil {
		return nil, err
	}
	found, err := r.Run(ctx)
	return recovered(found), err
}

// InDoubt lists the prepared branches of this program's transactions, those that are
// just being committed among them, and touches nothing. Its errors are those of
// [Plugin.Recover].
func (p *Plugin) InDoubt(ctx context.Context) ([]Recovered, error) {
	r, err := p.recovery(ctx)
	if err != nil {
		return nil, err
	}
	found, err := r.Look(ctx)
	return recovered(found), err
}

func recovered(found []twophase.Finding) (all []Recovered) {
	for _, f := range found {
		all = append(all, Recovered{GID: f.GID, Bind: f.Key, Age: f.Age, Outcome: RecoveryOutcome(f.Action), Err: f.Err})
	}
	return all
}

// recovery knows every source that may have prepared branches.
func (p *Plugin) recovery(ctx context.Context) (*twophase.Recovery, error) {
	two := p.twoPhase
	if two == nil || p.db == nil {
		return nil, installError("recovery needs an installed plugin with the option TwoPhase")
	}
	r := &twophase.Recovery{App: two.config.App, Store: two.store, Grace: two.config.Grace, KeepCommits: two.config.Keep, KeepAborts: max(keepAborts, two.config.Keep)}
	for _, key := range p.known() {
		b, err := p.lookup(key, "")
		if err != nil || b == two.decider || b.family != nil {
			continue
		}
		if err := b.ready(ctx); err != nil {
			r.Participants = append(r.Participants, twophase.Participant{Key: key, DB: func() (*sql.DB, error) { return nil, err }})
			continue
		}
		if b.product.TwoPhase == nil {
			continue
		}
		seen := map[*dbpool.Pool]bool{} // of this bind: a decision waits for each that it names
		for _, source := range b.sources {
			if real := source.real; !seen[real] && !two.decidesAt(real) {
				seen[real] = true
				r.Participants = append(r.Participants, twophase.Participant{Key: key, DB: real.DB, On: b.product.TwoPhase})
			}
		}
	}
	return r, nil
}
