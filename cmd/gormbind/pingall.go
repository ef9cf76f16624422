package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// An answer is what pinging one database came to.
type answer struct {
	config.Database
	connect, ask time.Duration
	err          error
}

// pingAll pings so many databases at a time, until the context ends, and draws its progress.
// It returns the answers that came before that, in the order of the databases.
func pingAll(ctx context.Context, databases []config.Database, atOnce int, timeout time.Duration, stderr io.Writer) []answer {
	var (
		mu      sync.Mutex
		answers = make([]*answer, len(databases))
		how     = newProgress(databases, stderr)
		next    = make(chan int)
		workers sync.WaitGroup
	)
	for range min(atOnce, len(databases)) {
		workers.Go(func() {
			for i := range next {
				one := answer{Database: databases[i]}
				within, cancel := context.WithTimeout(ctx, timeout)
				one.connect, one.ask, one.err = one.Ping(within)
				cancel()
				if one.err != nil && ctx.Err() != nil {
					continue // nobody knows whether it would have answered
				}
				mu.Lock()
				answers[i] = &one
				how.answered(one)
				mu.Unlock()
			}
		})
	}
	for i := 0; i < len(databases) && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	how.end()
	var came []answer
	for _, one := range answers {
		if one != nil {
			came = append(came, *one)
		}
	}
	return came
}

// A progress is how many tenants have been asked, of which some have several databases.
type progress struct {
	bindkey.TenantProgress
	left   map[string]int // databases of a tenant
	failed map[string]bool
	stderr io.Writer
	drawn  bool
}

func newProgress(databases []config.Database, stderr io.Writer) *progress {
	p := &progress{left: map[string]int{}, failed: map[string]bool{}, stderr: stderr}
	for _, one := range databases {
		if one.Tenant != "" {
			p.left[one.Tenant]++
		}
	}
	p.All = len(p.left)
	return p
}

func (p *progress) answered(one answer) {
	if one.Tenant == "" {
		return
	}
	if one.err != nil && !p.failed[one.Tenant] {
		p.failed[one.Tenant] = true
		p.Failed++
	}
	if p.left[one.Tenant]--; p.left[one.Tenant] == 0 {
		p.Tenant, p.Done = one.Tenant, p.Done+1
		p.drawn = p.Draw(p.stderr)
	}
}

// end leaves the line of a bar that has not come to its end.
func (p *progress) end() {
	if p.drawn && p.Done < p.All {
		fmt.Fprintln(p.stderr)
	}
}
