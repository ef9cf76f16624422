package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/dbpool"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/product"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/sqlscan"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/twophase"
	"github.com/gormbind/gormbind/plugin/bindkey/internal/xact"
)

// TwoPhaseConfig is what [TwoPhase] wants to know.
type TwoPhaseConfig struct {
	// App names the program, so that two programs on one server leave each other's
	// branches alone: 1 to 24 letters, digits, "-" and "_". All processes of one program
	// have one name. It is required.
	App string
	// Decider is the bind whose database has the decisions; by default it is the default
	// bind. It has one source, and may be of any product.
	Decider string
	// Grace is how old a prepared branch must be before recovery looks at it; a minute by
	// default. A shorter time makes recovery roll back transactions that are just being
	// committed, and never half of one.
	Grace time.Duration
	// Every is how often the plugin recovers by itself, from a second after db.Use on until
	// Close, with some jitter; a minute by default. Negative: only [Plugin.Recover] does.
	Every time.Duration
	// Keep is how long a decision to commit is kept at least; an hour by default. One to
	// roll back, which only recovery makes, is kept a day at least.
	Keep time.Duration
}

// The defaults of [TwoPhaseConfig].
const (
	DefaultGrace = time.Minute
	DefaultEvery = time.Minute
	DefaultKeep  = time.Hour

	keepAborts = 24 * time.Hour
)

// TwoPhase makes the COMMIT of a transaction that has written in several databases one
// in two phases: it is committed in all of them or in none, also if the program, a
// server or the network fails in the middle. All databases but the decider's prepare;
// the decider's COMMIT decides; the others follow, if need be by recovery
// ([Plugin.Recover]), which the plugin runs by itself. A transaction that has written in
// one database is committed as without the option. [OnePhase] is for single transactions.
//
// Binds in other databases than the decider's are PostgreSQL with
// max_prepared_transactions above 0, MariaDB from 10.5, or MySQL from 5.7.7 on; another
// product there is an error of db.Use, [ErrCannotPrepare]. The decider may be of any product
// that has transactions and unique keys. AutoMigrate makes the table of
// decisions, gormbind_decisions, and so does [Plugin.CreateDecisions]. Settings under
// which a server may forget a decision in a crash are logged as warnings.
//
// Off by default. docs/two-phase.md says when to want it, and when not.
func TwoPhase(given TwoPhaseConfig) Option {
	return func(c *config) error {
		two, err := newTwoPhase(given)
		c.twoPhase = two
		return err
	}
}

// UseTwoPhase is the option [TwoPhase] for a plugin that is not installed yet. Where it
// has the option already, that holds. Mistakes show at db.Use. A call after db.Use does
// nothing, and logs an error. It returns the plugin.
func (p *Plugin) UseTwoPhase(given TwoPhaseConfig) *Plugin {
	if p.lateCall("UseTwoPhase was called after db.Use; call it before") || p.twoPhase != nil {
		return p
	}
	var err error
	if p.twoPhase, err = newTwoPhase(given); err != nil {
		p.mistake(err)
	}
	return p
}

func newTwoPhase(given TwoPhaseConfig) (*twoPhase, error) {
	if err := twophase.CheckApp(given.App); err != nil {
		return nil, installError("option TwoPhase: %v", err)
	}
	for _, of := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{{"Grace", &given.Grace, DefaultGrace}, {"Keep", &given.Keep, DefaultKeep}} {
		if *of.value < 0 {
			return nil, installError("option TwoPhase: %s is negative", of.name)
		}
		if *of.value == 0 {
			*of.value = of.usual
		}
	}
	if given.Every == 0 {
		given.Every = DefaultEvery
	}
	return &twoPhase{config: given}, nil
}

type onePhaseKey struct{}

// OnePhase is a context for a transaction whose branches are committed one after the
// other, as without the option [TwoPhase].
//
//	db.WithContext(bindkey.OnePhase(ctx)).Transaction(…)
func OnePhase(ctx context.Context) context.Context {
	return context.WithValue(ctx, onePhaseKey{}, true)
}

// twoPhase is what a plugin with the option TwoPhase has.
type twoPhase struct {
	config  TwoPhaseConfig
	decider *bind // once installed
	store   *twophase.Store

	mu    sync.Mutex
	stop  context.CancelFunc // of recovery at intervals
	ended chan struct{}
}

// coordinated makes a transaction one in two phases, if it is to be.
func (p *Plugin) coordinated(ctx context.Context, t *transaction) {
	if p.twoPhase != nil && p.twoPhase.store != nil && !t.readOnly() && ctx.Value(onePhaseKey{}) == nil {
		t.commitment = &commitment{tx: t, on: p.twoPhase}
	}
}

// A commitment is how a transaction is committed in two phases. It is its protocol.
type commitment struct {
	tx *transaction
	on *twoPhase

	naming   sync.Mutex
	gid      string
	unnamed  error     // why it has no id
	prepares time.Time // when the first branch has begun to prepare
}

var _ xact.Protocol = (*commitment)(nil)

// ready asks the decider which table it has, if nobody knows yet, before the transaction
// has a branch there that may have the only connection.
func (c *commitment) ready(ctx context.Context) {
	if _, known := c.on.store.Known(); known || !c.on.decider.isOpen() || len(c.tx.xact.Begun()) > 0 {
		return
	}
	if _, err := c.on.store.ID(ctx); err != nil {
		c.naming.Lock()
		defer c.naming.Unlock()
		c.unnamed = err
	}
}

// name is the transaction's id.
func (c *commitment) name() (string, error) {
	c.naming.Lock()
	defer c.naming.Unlock()
	if c.gid != "" {
		return c.gid, nil
	}
	store, known := c.on.store.Known()
	if !known {
		err := c.unnamed
		if err == nil {
			err = errors.New("it is not open yet")
		}
		return "", fmt.Errorf("%w: bind %q, the decider, can't be asked for its table of decisions, %s, which db.AutoMigrate and Plugin.CreateDecisions make: %w",
			ErrCannotPrepare, c.on.decider.key, twophase.Table, err)
	}
	c.gid = twophase.NewGID(c.on.config.App, store, time.Now())
	return c.gid, nil
}

// branchName is that of the transaction's branch in a bind.
func (c *commitment) branchName(b *branch) (product.Branch, error) {
	gid, err := c.name()
	return product.Branch{GID: gid, Qualifier: twophase.Qualifier(b.pool.bind.key)}, err
}

// decides reports whether a branch is in the decider's database.
func (c *commitment) decides(b *branch) bool {
	return hasBind(b.binds, c.on.decider) || c.on.decidesAt(b.pool.real)
}

// decidesAt reports whether a pool is of the decider's database.
func (t *twoPhase) decidesAt(pool *dbpool.Pool) bool {
	for _, database := range t.decider.databases() {
		if database != "" && database == pool.Database {
			return true
		}
	}
	return t.decider.isOpen() && pool == t.decider.sources[0].real
}

// Decider is of xact.Protocol.
func (c *commitment) Decider() (*xact.Branch, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.tx.plugin.endTimeout)
	defer cancel()
	if err := c.on.decider.ready(ctx); err != nil {
		return nil, err
	}
	if _, err := c.name(); err != nil {
		return nil, err
	}
	c.prepares = time.Now()
	for _, begun := range c.tx.xact.Begun() {
		if c.decides(asBranch(begun)) {
			return begun, nil
		}
	}
	alone := new(branch).init(c.tx, c.on.decider.sources[0])
	return &alone.xact, nil
}

// Decide is of xact.Protocol.
func (c *commitment) Decide(ctx context.Context, tx xact.Tx, prepared []*xact.Branch) error {
	if since := time.Since(c.prepares); since > keepAborts/2 {
		return fmt.Errorf("its branches have been prepared for %v, and recovery may have forgotten that it has rolled them back", since)
	}
	var qualifiers []string
	for _, b := range prepared {
		qualifiers = append(qualifiers, twophase.Qualifier(asBranch(b).pool.bind.key))
	}
	statement, err := c.on.store.Decision(c.gid, qualifiers)
	if err == nil {
		_, err = txOf(tx).ExecContext(ctx, statement)
	}
	return err
}

// Refused is of xact.Protocol.
func (c *commitment) Refused(ctx context.Context) error {
	if outcome, err := c.on.store.Read(ctx, c.gid); err == nil && outcome == twophase.Abort {
		return fmt.Errorf("%w (transaction %s)", ErrAbortedByRecovery, c.gid)
	}
	return nil
}

// Resolve is of xact.Protocol.
func (c *commitment) Resolve(ctx context.Context) (committed bool, err error) {
	if since := time.Since(c.prepares); since > c.on.config.Keep/2 {
		return false, fmt.Errorf("its branches were prepared %v ago, and its decision may be deleted by now", since)
	}
	return c.on.store.Resolve(ctx, c.gid)
}

// beginTx begins a branch, so that it can be prepared if it may have to be.
func (b *branch) beginTx(ctx context.Context, opts *sql.TxOptions, tx *dbpool.Tx) error {
	on, real, c := b.pool.bind.product, b.pool.real, b.tx.commitment
	if c == nil || b.tx.operation() == reading || c.decides(b) || b.tx.isCommitting() || b.pool.bind.family != nil {
		return real.BeginPinned(ctx, opts, on, tx)
	}
	if on.TwoPhase == nil {
		return b.cannotPrepare(fmt.Errorf("its database, %s, can't", on.Name))
	}
	name := product.Branch{}
	if on.TwoPhase.Begin != nil {
		var err error
		if name, err = c.branchName(b); err != nil { // alone it may still be committed
			return real.BeginPinned(ctx, opts, on, tx)
		}
	}
	err := real.BeginToPrepare(ctx, opts, on, name, tx)
	if errors.Is(err, dbpool.ErrNotPinned) {
		return b.cannotPrepare(err)
	}
	return err
}

func (b *branch) cannotPrepare(err error) error {
	return fmt.Errorf("%w: bind %q: %w", ErrCannotPrepare, b.pool.bind.key, err)
}

// noteWrite notes whether a text may write, since not every database tells at COMMIT
// whether the branch has.
func (b *branch) noteWrite(text string) {
	if b.tx.commitment == nil || b.wrote.Load() {
		return
	}
	if on := b.pool.bind; !on.plugin.texts.Scan(text, on.product.SQL).Reads || sqlscan.CallsUnknown(text) {
		b.wrote.Store(true)
	}
}

// Wrote is of xact.Participant. PostgreSQL is asked even if it has, unless it decides: in
// an aborted transaction PREPARE TRANSACTION rolls back, and does not say so.
func (b *branch) Wrote(ctx context.Context, tx xact.Tx) (bool, error) {
	decides := b.tx.commitment.decides(b)
	if decides && b.wrote.Load() {
		return true, nil
	}
	if on := b.pool.bind.product.TwoPhase; decides && on != nil && on.Wrote != "" {
		var wrote bool
		err := txOf(tx).QueryRowContext(ctx, on.Wrote).Scan(&wrote)
		return wrote, err
	}
	wrote, told, err := tx.(*dbpool.Tx).Wrote(ctx)
	if told || err != nil {
		return wrote, err
	}
	return b.wrote.Load(), nil
}

// Prepare is of xact.Participant.
func (b *branch) Prepare(ctx context.Context, tx xact.Tx) error {
	if b.pool.bind.family != nil {
		return b.cannotPrepare(errors.New("it has tenants, whose databases recovery does not know; write there in a transaction of its own, or commit in one phase (OnePhase)"))
	}
	name, err := b.tx.commitment.branchName(b)
	if err != nil {
		return err
	}
	of := tx.(*dbpool.Tx)
	if !of.Prepares() {
		return b.cannotPrepare(errors.New("it was begun while the decider could not be asked for its table"))
	}
	return of.Prepare(ctx, name)
}

// Abandon is of xact.Participant.
func (b *branch) Abandon(tx xact.Tx) { tx.(*dbpool.Tx).Abandon() }

// Elsewhere is of xact.Participant. Recovery leaves alone what is younger than the grace
// period, so that others have finished a younger branch.
func (b *branch) Elsewhere(err error) (by bool, still error) {
	if !b.pool.bind.product.TwoPhase.Gone(err) {
		return false, err
	}
	if time.Since(b.tx.commitment.prepares) > b.tx.commitment.on.config.Grace {
		return true, nil
	}
	return true, err
}
