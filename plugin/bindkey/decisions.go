package bindkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/twophase"
)

// A decisionRow is a row of the table of decisions, as a model for AutoMigrate and Plan.
// All else that is done to the table is package twophase's.
type decisionRow struct {
	GID          string `gorm:"column:gid;primaryKey;size:64"`
	Outcome      string `gorm:"size:1;not null"`
	Participants string `gorm:"size:1024;not null"`
	DecidedAt    int64  `gorm:"not null;autoCreateTime:false"`
}

// TableName is that of package twophase, whatever the handle's NamingStrategy says.
func (decisionRow) TableName() string { return twophase.Table }

// CreateDecisions makes or updates the table of decisions, gormbind_decisions, in the
// decider's database, as AutoMigrate does beside the tables of models, and makes sure
// that it has its name: without that, no transaction over several databases can be
// committed. It returns [ErrInstall] without the option [TwoPhase] or before the plugin
// is installed, and what the database says.
func (p *Plugin) CreateDecisions(ctx context.Context) error {
	if p.db == nil || p.twoPhase == nil {
		return installError("CreateDecisions needs an installed plugin with the option TwoPhase")
	}
	if err := p.AutoMigrate(ctx, []string{p.twoPhase.decider.key}); err != nil {
		return err
	}
	_, err := p.twoPhase.store.AskID(ctx) // of a table that may be new
	return err
}

// Also is of migrate.Host: the table that AutoMigrate makes beside those of models.
func (h migrateHost) Also() []any {
	if h.plugin.twoPhase == nil {
		return nil
	}
	return []any{&decisionRow{}}
}

// chooseDecider finds the decider's bind, and makes its table known.
func (p *Plugin) chooseDecider(*gorm.DB) error {
	two := p.twoPhase
	if two == nil {
		return nil
	}
	key := two.config.Decider
	if key == "" {
		key = p.defaultKey
	}
	b, err := p.lookup(key, "")
	if err != nil {
		return fmt.Errorf("bindkey: option TwoPhase: the decider: %w", err)
	}
	if b.family != nil {
		return installError("option TwoPhase: bind %q, the decider, has tenants; a decision would be in one of their databases, so name a bind without", key)
	}
	if len(b.config.Sources) > 1 || len(b.sources) > 1 {
		return installError("option TwoPhase: bind %q, the decider, has several sources; a decision would be in one of them, so name a bind with one", key)
	}
	if b.product.Undeciding {
		return installError("option TwoPhase: bind %q, the decider, is in %s, which has no transactions with unique keys; name another", key, b.product.Name)
	}
	two.decider = b
	if t := reflect.TypeOf(decisionRow{}); p.registeredTypes[t] == "" {
		p.registerData(key, &decisionRow{})
	}
	return nil
}

// checkTwoPhase finds binds that can't prepare, and warns of settings that make COMMIT
// in two phases unsafe. Binds that open later are looked at when they do.
func (p *Plugin) checkTwoPhase(db *gorm.DB) error {
	two := p.twoPhase
	if two == nil {
		return nil
	}
	two.store = &twophase.Store{Product: two.decider.product, DB: two.deciderDB}
	var failures []error
	p.eachBind(func(b *bind) {
		if b.isOpen() {
			failures = append(failures, p.checkPreparing(b))
		}
	})
	return errors.Join(failures...)
}

func (t *twoPhase) deciderDB() (*sql.DB, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // of a bind that opens late
	defer cancel()
	if err := t.decider.ready(ctx); err != nil {
		return nil, err
	}
	return t.decider.sources[0].real.DB()
}

// checkPreparing is why a bind that is open can't take part, or nil.
func (p *Plugin) checkPreparing(b *bind) error {
	two := p.twoPhase
	if two == nil || b.family != nil { // whose branches never prepare (beginTx)
		return nil
	}
	ctx := context.Background()
	for _, source := range b.sources {
		decides := two.decidesAt(source.real)
		if decides && b != two.decider {
			continue
		}
		if !decides && b.product.TwoPhase == nil {
			return fmt.Errorf("%w: bind %q: its database, %s, can't prepare a transaction, which only the decider, bind %q, need not; make it the decider (TwoPhaseConfig), or keep it in a handle of its own", ErrCannotPrepare, b.key, b.product.Name, two.decider.key)
		}
		pool, err := source.real.DB()
		if err == nil && !decides {
			err = b.product.TwoPhase.Ready(ctx, pool)
		}
		if err != nil {
			return fmt.Errorf("%w: bind %q: %w", ErrCannotPrepare, b.key, err)
		}
		if unsafe, err := b.product.Unsafe(ctx, pool); err == nil && len(unsafe) > 0 {
			p.warnUnsafe(b, unsafe)
		}
	}
	return nil
}
