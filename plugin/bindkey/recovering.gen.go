// The name ends in .gen.go, though nobody has generated the file: GORM's logger
// skips such files when it looks for the line of the program.

package bindkey

import (
	"context"
	"errors"
	"math/rand"
	"strings"
	"time"

	"github.com/gormbind/gormbind/plugin/bindkey/internal/twophase"
)

// startRecovery has the plugin recover by itself, soon and at intervals, until Close.
func (p *Plugin) startRecovery() {
	two := p.twoPhase
	if two == nil || two.config.Every < 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	two.mu.Lock()
	two.stop, two.ended = cancel, ended
	two.mu.Unlock()
	go func() {
		defer close(ended)
		every := two.config.Every
		wait := min(every, time.Second) // the program may just be making the table
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			p.recoverNow(ctx)
			wait = every/2 + time.Duration(rand.Int63n(int64(every))) // processes that have started at once don't stay in step
		}
	}()
}

// stopRecovery waits until recovery has ended.
func (p *Plugin) stopRecovery() {
	two := p.twoPhase
	if two == nil {
		return
	}
	two.mu.Lock()
	stop, ended := two.stop, two.ended
	two.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

// warnUnsafe warns of settings of a bind's server.
func (p *Plugin) warnUnsafe(b *bind, settings []string) {
	p.db.Logger.Warn(context.Background(), "bindkey: bind %q: %s: in a crash its server may forget what a transaction in two phases relies on", b.key, strings.Join(settings, ", "))
}

// recoverNow recovers, and logs what was found. Branches that are just being committed
// are nothing to tell of.
func (p *Plugin) recoverNow(ctx context.Context) {
	found, err := p.Recover(ctx)
	if ctx.Err() != nil {
		return
	}
	log := p.db.Logger
	for _, r := range found {
		switch {
		case r.Outcome != RecoveryLeft:
			log.Warn(ctx, "bindkey: recovery: transaction %s in bind %q: %s, after %v", r.GID, r.Bind, r.Outcome, r.Age)
		case !errors.Is(r.Err, twophase.ErrYoung):
			log.Error(ctx, "bindkey: recovery: transaction %s in bind %q is left prepared, for %v now: %v", r.GID, r.Bind, r.Age, r.Err)
		}
	}
	if err != nil {
		log.Error(ctx, "bindkey: recovery: %v", err)
	}
}
