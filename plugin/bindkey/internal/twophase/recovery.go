package twophase

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// A Participant is a database where branches may be prepared.
type Participant struct {
	Key string // of its bind
	DB  func() (*sql.DB, error)
	On  *product.TwoPhase
}

// A Recovery finishes what coordinators have left prepared. Several may run at once, and
// beside coordinators.
type Recovery struct {
	App          string
	Store        *Store
	Participants []Participant
	// Grace is how old a branch must be: a coordinator is at a younger one.
	Grace time.Duration
	// KeepCommits and KeepAborts are how long decisions are kept at least.
	KeepCommits, KeepAborts time.Duration
}

// An Action is what has been done about a prepared branch.
type Action string

// The actions.
const (
	Committed  Action = "committed"
	RolledBack Action = "rolled back"
	Left       Action = "left"
)

// A Finding is a prepared branch, and what was done about it.
type Finding struct {
	product.Branch
	Key    string // of the bind where it is
	Age    time.Duration
	Action Action
	Err    error // why it was left

	at *Participant
}

// ErrOtherStore is of a branch whose decision is in another table.
var ErrOtherStore = errors.New("its transaction was begun with another table of decisions: that of another program of this name, or one that was there before this one was made or restored")

// ErrYoung is of a branch that a coordinator is probably at.
var ErrYoung = errors.New("it is younger than the grace period")

var errOwned = errors.New("the connection that has prepared it is still there, so that nobody else may finish it")

// Look lists the prepared branches of the application, and what was decided about each,
// without touching anything.
func (r *Recovery) Look(ctx context.Context) ([]Finding, error) {
	found, _, failed := r.list(ctx)
	id, err := r.Store.LookID(ctx)
	for i := range found {
		f := &found[i]
		if f.Err = err; err == nil {
			f.Err = foreign(id, f)
		}
		if f.Err != nil {
			continue
		}
		switch outcome, err := r.Store.Read(ctx, f.GID); {
		case err != nil:
			f.Err = fmt.Errorf("what was decided is not known: %w", err)
		case outcome == Abort:
			f.Err = errors.New("decided: roll back")
		case outcome != "":
			f.Err = errors.New("decided: commit")
		default:
			f.Err = errors.New("nothing is decided: a coordinator is at it, or recovery rolls it back")
		}
	}
	return found, failed
}

// Run finishes the prepared branches that are old enough, and deletes old decisions.
// What could not be finished is left to the next run. The error is that of databases
// which could not be asked.
func (r *Recovery) Run(ctx context.Context) ([]Finding, error) {
	id, err := r.Store.AskID(ctx)
	if err != nil {
		return nil, fmt.Errorf("the table of decisions, %s, can't be read: %w", Table, err)
	}
	old, err := r.Store.old(ctx, r.App, r.KeepCommits, r.KeepAborts) // before the lists
	failed := err
	found, reached, err := r.list(ctx)
	failed = errors.Join(failed, err)
	r.settle(ctx, id, found)
	for i := range found {
		f := &found[i]
		if f.Err == nil {
			f.Action, f.Err = r.finish(ctx, f)
		}
	}
	return found, errors.Join(failed, r.tidy(ctx, old, found, reached))
}

// list asks each database once; reached are the qualifiers of those that have answered.
func (r *Recovery) list(ctx context.Context) (found []Finding, reached map[string]bool, failed error) {
	reached = map[string]bool{}
	seen := map[product.Branch]bool{} // a server lists those of all its databases
	for i := range r.Participants {
		at := &r.Participants[i]
		branches, err := at.find(ctx, Prefix(r.App))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("bind %q: %w", at.Key, err))
			reached[Qualifier(at.Key)] = false
			continue
		}
		if _, asked := reached[Qualifier(at.Key)]; !asked { // or another source of the bind has failed
			reached[Qualifier(at.Key)] = true
		}
		for _, b := range branches {
			if seen[b.Branch] {
				continue
			}
			seen[b.Branch] = true
			f := Finding{Branch: b.Branch, Key: r.keyOf(b.Qualifier, at.Key), Age: b.Age, Action: Left, at: r.at(b.Qualifier, at)}
			if _, began, ok := storeOf(b.GID); ok && b.Age < 0 {
				f.Age = time.Since(began)
			}
			found = append(found, f)
		}
	}
	return found, reached, failed
}

func (at *Participant) find(ctx context.Context, prefix string) ([]product.Found, error) {
	db, err := at.DB()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	return at.On.Find(ctx, db, prefix)
}

// keyOf is the bind that a qualifier is of; the server may be that of several.
func (r *Recovery) keyOf(qualifier, found string) string {
	for _, p := range r.Participants {
		if Qualifier(p.Key) == qualifier {
			return p.Key
		}
	}
	return found
}

func (r *Recovery) at(qualifier string, found *Participant) *Participant {
	if found.On.Begin == nil {
		return found // PostgreSQL lists those of one database, and only there they are finished
	}
	for i := range r.Participants {
		if p := &r.Participants[i]; Qualifier(p.Key) == qualifier && p.On == found.On {
			return p
		}
	}
	return found
}

// settle says of each branch why it is left alone, if it is. A server that does not tell
// how old a branch is, is asked again a moment later: who has just been prepared by a
// transaction that was begun long ago is done by then.
func (r *Recovery) settle(ctx context.Context, store string, found []Finding) {
	again := false
	for i := range found {
		f := &found[i]
		if f.Err = foreign(store, f); f.Err == nil && f.Age < r.Grace {
			f.Err = ErrYoung
		}
		again = again || f.Err == nil && f.at.On.Begin != nil
	}
	if wait := min(r.Grace, time.Second); again && wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		still := map[product.Branch]bool{}
		later, _, _ := r.list(ctx)
		for _, f := range later {
			still[f.Branch] = true
		}
		for i := range found {
			if f := &found[i]; f.Err == nil && !still[f.Branch] {
				f.Err = ErrYoung
			}
		}
	}
}

// foreign is why a branch is of another table of decisions than a store, or nil.
func foreign(id string, f *Finding) error {
	if store, _, ok := storeOf(f.GID); !ok || store != id {
		return ErrOtherStore
	}
	return nil
}

// finish does to a branch what is decided, or decides to roll it back.
func (r *Recovery) finish(ctx context.Context, f *Finding) (Action, error) {
	commit, err := r.Store.Decided(ctx, f.GID)
	if err != nil {
		return Left, fmt.Errorf("what was decided could not be found out: %w", err)
	}
	statement, done := f.at.On.Rollback(f.Branch), RolledBack
	if commit {
		statement, done = f.at.On.Commit(f.Branch), Committed
	}
	db, err := f.at.DB()
	if err != nil {
		return Left, err
	}
	once, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	if f.at.On.Owned != nil {
		if owned, err := f.at.On.Owned(once, db, f.Owner); err != nil || owned {
			return Left, errors.Join(err, errOwned)
		}
	}
	_, err = db.ExecContext(once, statement)
	switch {
	case err == nil || f.at.On.Empty(err):
		return done, nil
	case !f.at.On.Gone(err):
		return Left, err
	}
	left, err := f.at.find(ctx, f.GID)
	if err != nil {
		return Left, err
	}
	for _, b := range left {
		if b.Branch == f.Branch {
			return Left, errOwned
		}
	}
	return done, nil // by another recovery, or its coordinator: both do what is decided
}

// tidy deletes old decisions whose branches are all finished.
func (r *Recovery) tidy(ctx context.Context, old []decision, found []Finding, reached map[string]bool) error {
	prepared := map[string]bool{}
	for _, f := range found {
		prepared[f.GID] = true
	}
	var done []string
next:
	for _, d := range old {
		if prepared[d.gid] {
			continue
		}
		for _, qualifier := range d.participants {
			if !reached[qualifier] {
				continue next
			}
		}
		done = append(done, d.gid)
	}
	if len(done) == 0 {
		return nil
	}
	return r.Store.forget(ctx, done)
}
