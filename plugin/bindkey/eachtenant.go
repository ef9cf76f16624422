package bindkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// DefaultTenantsAtOnce is how many tenants [Plugin.EachTenant] works on at the same
// time without [AtOnce]: 4.
const DefaultTenantsAtOnce = 4

// EachTenant calls do for each tenant, with a context that names it ([WithTenant]): for
// migrations and reports. Some run at the same time ([AtOnce]), in the order of the
// list. A failure ends nothing: the failures are joined, in the order of the list, each a
// [*TenantFailure] with the tenant's name; so is a panic, and a do that ends its goroutine.
// Once ctx has ended, no more are begun, and what ctx ended with is in the error. A name
// that is in the list twice is worked on once. Without a bind of [Tenants] there is nothing
// that the tenants are of: that is [ErrInstall].
//
//	err := plugin.EachTenant(ctx, tenants, func(ctx context.Context) error {
//		return db.WithContext(ctx).AutoMigrate(&Invoice{})
//	}, bindkey.ProgressTo(os.Stderr))
func (p *Plugin) EachTenant(ctx context.Context, tenants []string, do func(ctx context.Context) error, options ...EachOption) error {
	return p.eachTenant(ctx, distinct(tenants), options, func(ctx context.Context, _ int) error { return do(ctx) })
}

// distinct are names, each once, in the order in which they come first.
func distinct(names []string) (once []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			once = append(once, name)
		}
	}
	return once
}

// eachTenant is EachTenant for distinct tenants, and tells the place in the list.
func (p *Plugin) eachTenant(ctx context.Context, tenants []string, options []EachOption, do func(context.Context, int) error) error {
	if p.db == nil {
		return installError("EachTenant needs an installed plugin; call db.Use first")
	}
	if len(p.families) == 0 {
		return misuse(fmt.Sprintf("no bind has tenants (known: %s); register one with bindkey.Tenants", strings.Join(p.known(), ", ")))
	}
	e := each{atOnce: DefaultTenantsAtOnce}
	for _, option := range options {
		if err := option(&e); err != nil {
			return err
		}
	}
	for _, key := range e.keys {
		if _, err := p.lookup(key, ""); err != nil {
			return err
		}
	}
	if err := p.wrongKey(e.keys); err != nil {
		return misuse("option OfBinds: " + err.Error())
	}
	for _, f := range p.families {
		if f.limit < e.atOnce {
			e.atOnce = f.limit // more would wait for each other
		}
	}
	return e.run(ctx, tenants, do)
}

// An EachOption configures [Plugin.EachTenant].
type EachOption func(*each) error

// AtOnce is how many tenants are worked on at the same time: [DefaultTenantsAtOnce]
// without it, and never more than the smallest [TenantLimit].
func AtOnce(n int) EachOption {
	return func(e *each) error {
		if n < 1 {
			return misuse(fmt.Sprintf("option AtOnce: %d tenants at once; say 1 or more", n))
		}
		e.atOnce = n
		return nil
	}
}

// OfBinds names the binds that the tenants are of, in a program with several: without
// it, the context names the tenant for all of them. A key that no bind has is an
// [*UnknownBindError], and one of a bind without tenants is [ErrInstall].
func OfBinds(keys ...string) EachOption {
	return func(e *each) error {
		e.keys = append(e.keys, keys...)
		return nil
	}
}

// Progress has a function called after each tenant, one call at a time.
func Progress(tell func(TenantProgress)) EachOption {
	return func(e *each) error {
		e.tell = append(e.tell, tell)
		return nil
	}
}

// A TenantFailure is what failed for one tenant in [Plugin.EachTenant].
type TenantFailure struct {
	Tenant string
	Err    error
}

func (e *TenantFailure) Error() string {
	text := fmt.Sprint(e.Err)
	if first, _, _ := strings.Cut(text, "\n"); strings.HasPrefix(text, "bindkey: ") && strings.Contains(first, fmt.Sprintf("tenant %q", e.Tenant)) {
		return text // it says so itself
	}
	return fmt.Sprintf("bindkey: tenant %q: %s", e.Tenant, inner(e.Err))
}

// Unwrap returns what failed.
func (e *TenantFailure) Unwrap() error { return e.Err }

// An each is one EachTenant.
type each struct {
	atOnce int
	keys   []string
	tell   []func(TenantProgress)

	mu       sync.Mutex
	progress TenantProgress
}

func (e *each) run(ctx context.Context, tenants []string, do func(context.Context, int) error) error {
	e.progress.All = len(tenants)
	failures := make([]error, len(tenants), len(tenants)+1)
	places := make(chan struct{}, e.atOnce)
	var all sync.WaitGroup
	begun := 0
	for ; begun < len(tenants); begun++ {
		if places <- struct{}{}; ctx.Err() != nil {
			break
		}
		i, tenant := begun, tenants[begun]
		all.Add(1)
		go func() {
			defer all.Done()
			defer func() { <-places }()
			err := errGoexit // unless do returns, or panics
			defer func() {
				if err != nil {
					failures[i] = &TenantFailure{Tenant: tenant, Err: err}
				}
				e.ended(tenant, err)
			}()
			err = one(WithTenant(ctx, tenant, e.keys...), i, do)
		}()
	}
	all.Wait()
	if left := len(tenants) - begun; left > 0 {
		failures = append(failures, fmt.Errorf("bindkey: %d of %d tenants were not begun: %w", left, len(tenants), ctx.Err()))
	}
	return errors.Join(failures...)
}

var errGoexit = errors.New("it has ended its goroutine (runtime.Goexit, or FailNow of a test), and may have done only a part")

// one calls do. A panic would end the program, and not reach who has called EachTenant.
func one(ctx context.Context, i int, do func(context.Context, int) error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return do(ctx, i)
}

func (e *each) ended(tenant string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.progress.Tenant, e.progress.Err = tenant, err
	e.progress.Done++
	if err != nil {
		e.progress.Failed++
	}
	for _, tell := range e.tell {
		tell(e.progress)
	}
}
