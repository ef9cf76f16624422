package twophase

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
)

// Table is the name of the table of decisions. Its columns are gid (the key, text),
// outcome (one letter), participants (text), decided_at (a whole number: seconds since
// 1970 by the decider's clock, since drivers disagree on how a time is read).
const Table = "gormbind_decisions"

// The outcomes.
const (
	Commit    = "C"
	Abort     = "A"
	heuristic = "H" // committed; a branch was finished by others, and the row is kept
	storeRow  = "S" // the row that names the table itself
)

// MaxParticipants is how long their list may be.
const MaxParticipants = 1024

// A Store is the table of decisions, in the decider's database.
type Store struct {
	// DB is a pool of the decider's source.
	DB      func() (*sql.DB, error)
	Product *product.Profile

	id     atomic.Pointer[string]
	tidied atomic.Pointer[string] // up to where old decisions were looked at; nil: begin at the first
}

// ID names the table. It is made once for each table, and remembered.
func (s *Store) ID(ctx context.Context) (string, error) {
	if id := s.id.Load(); id != nil {
		return *id, nil
	}
	return s.AskID(ctx)
}

// AskID is ID of the table that is there now: it may have been made anew.
func (s *Store) AskID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	db, err := s.DB()
	if err != nil {
		return "", err
	}
	id, found, err := s.readID(ctx, db)
	if err == nil && !found {
		_, inserted := db.ExecContext(ctx, s.insert("store", storeRow, random(storeLength)))
		if id, found, err = s.readID(ctx, db); !found && err == nil {
			err = errors.Join(errors.New("the row that names the table is not there after it was inserted"), inserted)
		}
	}
	if err != nil {
		return "", err
	}
	s.id.Store(&id)
	return id, nil
}

// LookID is AskID that writes nothing: a table without a name has "".
func (s *Store) LookID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	db, err := s.DB()
	if err != nil {
		return "", err
	}
	id, _, err := s.readID(ctx, db)
	return id, err
}

// Known is ID if that has been asked for.
func (s *Store) Known() (string, bool) {
	if id := s.id.Load(); id != nil {
		return *id, true
	}
	return "", false
}

func (s *Store) readID(ctx context.Context, db *sql.DB) (id string, found bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT participants FROM "+Table+" WHERE gid = 'store'").Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return id, err == nil, err
}

// Decision is the statement that decides. All in it is safe in a literal.
func (s *Store) Decision(gid string, qualifiers []string) (string, error) {
	participants := strings.Join(qualifiers, ",")
	if len(participants) > MaxParticipants {
		return "", fmt.Errorf("%d binds have written, whose names are longer than %d bytes", len(qualifiers), MaxParticipants)
	}
	return s.insert(gid, Commit, participants), nil
}

func (s *Store) insert(gid, outcome, participants string) string {
	now := s.Product.Now()
	if now == "" {
		now = fmt.Sprint(time.Now().Unix())
	}
	return fmt.Sprintf("INSERT INTO %s (gid, outcome, participants, decided_at) VALUES ('%s', '%s', '%s', %s)", Table, gid, outcome, participants, now)
}

// Read is what was decided, or "".
func (s *Store) Read(ctx context.Context, gid string) (outcome string, err error) {
	db, err := s.DB()
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, "SELECT outcome FROM "+Table+" WHERE gid = '"+gid+"'").Scan(&outcome)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return strings.TrimSpace(outcome), err // CHAR may be padded
}

// perTry is how long one look at the decider may take: a coordinator that has stopped
// keeps its row locked.
const perTry = 5 * time.Second

// Decided is what was decided. If nothing was, it decides to abort.
func (s *Store) Decided(ctx context.Context, gid string) (commit bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	outcome, err := s.Read(ctx, gid)
	if err == nil && outcome == "" {
		db, _ := s.DB()
		_, inserted := db.ExecContext(ctx, s.insert(gid, Abort, ""))
		if inserted == nil {
			return false, nil
		}
		if outcome, err = s.Read(ctx, gid); err == nil && outcome == "" {
			err = inserted
		}
	}
	return outcome == Commit || outcome == heuristic, err
}

// Resolve is Decided, tried again until the context ends.
func (s *Store) Resolve(ctx context.Context, gid string) (commit bool, err error) {
	for wait := 5 * time.Millisecond; ; wait = 2 * wait {
		if commit, err = s.Decided(ctx, gid); err == nil {
			return commit, nil
		}
		if wait > time.Second {
			wait = time.Second
		}
		select {
		case <-ctx.Done():
			return false, err
		case <-time.After(wait):
		}
	}
}

// KeepForGood has recovery never delete a decision, since a branch was finished by others.
func (s *Store) KeepForGood(ctx context.Context, gid string) error {
	db, err := s.DB()
	if err == nil {
		_, err = db.ExecContext(ctx, "UPDATE "+Table+" SET outcome = '"+heuristic+"' WHERE gid = '"+gid+"' AND outcome = '"+Commit+"'")
	}
	return err
}

// A decision is a row.
type decision struct {
	gid, outcome string
	participants []string
}

// maxOld is how many old decisions one run looks at.
const maxOld = 5000

// old are decisions of a program that nobody asks for any more, some of them: the next
// call goes on behind the last, since those of a bind that is gone stay. Those of other
// programs are theirs: their branches are not in this one's lists.
func (s *Store) old(ctx context.Context, app string, commits, aborts time.Duration) (found []decision, err error) {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	db, err := s.DB()
	if err != nil {
		return nil, err
	}
	now, last := s.Product.Now(), ""
	if now == "" {
		now = fmt.Sprint(time.Now().Unix())
	}
	if tidied := s.tidied.Swap(nil); tidied != nil {
		last = *tidied
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf(`SELECT gid, outcome, participants FROM %s
		WHERE gid > '%s' AND gid LIKE '%s%%' AND (outcome = '%s' AND decided_at < %s - %d OR outcome = '%s' AND decided_at < %s - %d) ORDER BY gid`,
		Table, last, Prefix(app), Commit, now, int64(commits/time.Second), Abort, now, int64(aborts/time.Second)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		if len(found) == maxOld {
			s.tidied.Store(&found[maxOld-1].gid)
			break
		}
		var d decision
		var participants string
		if err := rows.Scan(&d.gid, &d.outcome, &participants); err != nil {
			return nil, err
		}
		if participants != "" {
			d.participants = strings.Split(participants, ",")
		}
		if strings.HasPrefix(d.gid, Prefix(app)) { // LIKE has wildcards, and may know no case
			found = append(found, d)
		}
	}
	return found, rows.Err()
}

// forget deletes decisions.
func (s *Store) forget(ctx context.Context, gids []string) error {
	db, err := s.DB()
	if err != nil {
		return err
	}
	for len(gids) > 0 {
		some := gids
		if len(some) > 200 {
			some = some[:200]
		}
		gids = gids[len(some):]
		once, cancel := context.WithTimeout(ctx, perTry)
		_, err := db.ExecContext(once, "DELETE FROM "+Table+" WHERE gid IN ('"+strings.Join(some, "','")+"')")
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}
