package bindkey

import (
	"errors"
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

	mu     sync.Mutex
	failed *OpenError
	at     time.Time // of the last attempt
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

// ready opens the bind if it is not open yet.
func (b *bind) ready() error {
	if b.isOpen() {
		return nil
	}
	b.late.mu.Lock()
	defer b.late.mu.Unlock()
	if b.late.opened.Load() {
		return nil
	}
	if time.Since(b.late.at) < betweenAttempts {
		return b.late.failed
	}
	p := b.plugin
	err := b.open(p.db)
	if err == nil {
		err = b.tongue()
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
	b.late.at = time.Now()
	if !errors.As(err, &b.late.failed) {
		return err
	}
	return b.late.failed
}
