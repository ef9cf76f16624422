package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// Two handles of one program, whose recoveries look at branches that are just being
// committed, few connections, contexts that end, connections that are lost: each caller
// is told what is true, and nothing stays prepared.
func TestPhasesInACrowd(t *testing.T) {
	config := young
	config.two.App = fmt.Sprint("crowd", time.Now().UnixNano()%1e9)
	config.two.Every = 3 * time.Millisecond
	first := newPhaseWorld(t, config)
	second := newPhaseWorld3(t, config)
	var calls int
	var mu sync.Mutex
	for _, w := range []*phaseWorld{first, second} {
		for _, pool := range w.pools {
			pool.SetMaxOpenConns(2)
		}
		hook := func(on *testkit.Conn, call testkit.Call, real func() error) error {
			mu.Lock()
			calls++
			n := calls
			mu.Unlock()
			if n%5 == 0 && strings.HasPrefix(call.SQL, "INSERT INTO gormbind_decisions") {
				time.Sleep(20 * time.Millisecond) // recovery may come first
			}
			if n%97 == 0 && call.Kind != testkit.Aside {
				return lost(on, real, n%2 == 0)
			}
			return real()
		}
		w.hook.Store(&hook)
	}
	told := map[string]string{}
	counts := map[string]int{}
	var all sync.WaitGroup
	for g := 0; g < 6; g++ {
		g := g
		w := []*phaseWorld{first, second}[g%2]
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 40; i++ {
				name := fmt.Sprintf("g%d-%d", g, i)
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				if i%7 == 0 {
					time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
				}
				err := w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return create(tx, name, keys...) })
				cancel()
				outcome := "nowhere"
				switch {
				case err == nil, errors.Is(err, bindkey.ErrPending):
					outcome = "everywhere"
				case errors.Is(err, bindkey.ErrInDoubt):
					outcome = "in doubt"
				case errors.Is(err, bindkey.ErrPartialCommit), errors.Is(err, bindkey.ErrHeuristic):
					t.Errorf("%s: %v", name, err)
				}
				mu.Lock()
				told[name] = outcome
				counts[outcome]++
				if errors.Is(err, bindkey.ErrAbortedByRecovery) {
					counts["aborted by recovery"]++
				}
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	first.hook.Store(nil)
	second.hook.Store(nil)
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		found, err := first.plugin.InDoubt(context.Background())
		if err == nil && len(found) == 0 {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%v, %v", found, err)
		}
	}
	holds := map[string][]string{}
	for _, key := range keys {
		var names []string
		must(t, first.db.Model(row(key, "")).Pluck("name", &names).Error)
		for _, name := range names {
			holds[name] = append(holds[name], key)
		}
	}
	for name, outcome := range told {
		n := len(holds[name])
		if n != 0 && n != len(keys) || outcome == "everywhere" && n == 0 || outcome == "nowhere" && n > 0 {
			t.Errorf("%s was told %s, and is in %s", name, outcome, strings.Join(holds[name], ", "))
		}
	}
	t.Log(counts)
	if counts["everywhere"] == 0 || counts["nowhere"] == 0 {
		t.Errorf("%v", counts)
	}
}
