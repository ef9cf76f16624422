package bindkey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// betweenAttempts is how long a bind that could not be opened is left alone.
var betweenAttempts = time.Second

// A lateBind opens a bind that could not be opened when the plugin was
// installed.
type lateBind struct {
	opened atomic.Bool

	mu     sync.Mutex // never held while a database is waited for
	failed *OpenError
	at     time.Time // of the last attempt
	now    *attempt  // the attempt that is being made, or nil
}

// An attempt to open a bind is made once for all who wait for it.
type attempt struct {
	over chan struct{} // closed
	err  error         // once it is over
}

// awaits reports whether the plugin goes on without a bind, after err.
func (b *bind) awaits(err error) bool {
	var failed *OpenError
	if !b.plugin.openLate || !errors.As(err, &failed) || failed.Err == nil {
		return false // it can't be opened later either
	}
	b.late = &lateBind{failed: failed, at: time.Now()}
	return true
}

// isOpen reports whether the bind has its pools: its fields may be read then.
func (b *bind) isOpen() bool { return b.late == nil || b.late.opened.Load() }

// ready opens the bind if it is not open yet. GORM opens a pool without a context, and
// a server that accepts and does not answer holds it up for as long as its driver
// waits: so that goes on behind the backs of those who wait, and they leave when their
// context ends.
func (b *bind) ready(ctx context.Context) error {
	if b.isOpen() {
		return nil
	}
	late := b.late
	late.mu.Lock()
	if late.opened.Load() {
		late.mu.Unlock()
		return nil
	}
	if late.now == nil {
		if time.Since(late.at) < betweenAttempts {
			defer late.mu.Unlock()
			return late.failed
		}
		late.now = &attempt{over: make(chan struct{})}
		go b.attempt(late.now)
	}
	now := late.now
	late.mu.Unlock()
	select {
	case <-now.over:
		return now.err
	case <-ctx.Done():
		return fmt.Errorf("bindkey: bind %q is not open yet, since its database does not answer: %w", b.key, ctx.Err())
	}
}

// attempt opens the bind, or notes why it could not be.
func (b *bind) attempt(now *attempt) {
	err := b.openNow()
	late := b.late
	late.mu.Lock()
	defer late.mu.Unlock()
	if err != nil {
		late.at = time.Now()
		var failed *OpenError
		if errors.As(err, &failed) {
			late.failed, err = failed, failed
		}
	}
	late.now, now.err = nil, err
	close(now.over)
}

// openNow opens the bind, whose fields nobody reads before opened is set.
func (b *bind) openNow() error {
	p, open := b.plugin, b.open
	if b.family != nil {
		open = b.family.install
	}
	err := open(p.db)
	if err == nil {
		err = b.prepareDialect()
	}
	if err == nil {
		err = p.checkPreparing(b)
	}
	if err == nil {
		p.installing.Lock() // against settings that come now, and Close
		defer p.installing.Unlock()
		if !p.closed {
			p.apply(p.setters, b.realPools())
			p.apply(p.ownSetters[b.key], b.realPools())
			b.late.opened.Store(true)
			return nil
		}
		err = installError("bind %q: the plugin is closed", b.key)
	}
	p.abandon(b.realPools())
	return err
}
