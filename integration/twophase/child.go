package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

const childVariable = "GORMBIND_TWOPHASE_CHILD"

// An order is what a child is told, in its variable.
type order struct {
	World *world
	Role  role
	First int64 // the number of its first transaction
	At    int   // the call, from 1, at which something happens
	// OnePhase: its transactions are committed as without the option.
	OnePhase bool
}

type role string

const (
	counts   role = "counts"  // how many calls a transaction makes
	dies     role = "before"  // is killed before a call
	diesIn   role = "during"  // is killed while the database is at a call
	stops    role = "stopped" // stops before a call, until somebody has it go on
	isCut    role = "cut"     // its connection is cut before a call
	works    role = "random"  // runs transactions until it is killed
	recovers role = "recover" // recovers when it is told

	diesDecided role = "decided" // is killed once it has decided
)

func child(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	switch o.Role {
	case recovers:
		return o.recover()
	case works:
		return o.work()
	default:
		return o.coordinate()
	}
}

// coordinate runs a transaction, and then one in which something happens.
func (o order) coordinate() error {
	var armed atomic.Bool
	var calls atomic.Int64
	h, err := o.World.open(true, func(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) error {
		if armed.Load() && o.Role == diesDecided && (strings.HasPrefix(call.SQL, "COMMIT PREPARED") || strings.HasPrefix(call.SQL, "XA COMMIT")) {
			die()
		}
		if armed.Load() && calls.Add(1) == int64(o.At) {
			o.happen(ctx, on, call, real)
		}
		return real(ctx)
	})
	if err != nil {
		return err
	}
	o.transaction(h, o.First)
	armed.Store(true)
	o.transaction(h, o.First+1)
	fmt.Println("calls", calls.Load())
	return nil
}

func (o order) happen(ctx context.Context, on *testkit.Conn, call testkit.Call, real testkit.Real) {
	switch o.Role {
	case dies:
		die()
	case diesIn:
		go func() { _ = real(ctx) }()
		time.Sleep(time.Duration(rand.Intn(1500)) * time.Microsecond)
		die()
	case stops:
		fmt.Println("stops")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(50 * time.Millisecond) // another thread may take the signal
	case isCut:
		server := servers.MariaDB
		for _, d := range o.World.Databases {
			if d.Key != call.Database || d.Product == sqliteFile {
				continue
			}
			if d.Product == postgres {
				server = servers.PostgreSQL.At(d.DSN)
				if err := server.Answers(); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			}
			if err := server.Answers(); err == nil {
				_ = server.CutConn(context.WithoutCancel(ctx), on.Inner()) // a connection that is lost already can't be
			}
		}
	}
}

// die ends the process as a crash does.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// work runs transactions on several goroutines.
func (o order) work() error {
	h, err := o.World.open(true, nil)
	if err != nil {
		return err
	}
	next := o.First - 1
	var working sync.WaitGroup
	for i := 0; i < 3; i++ {
		working.Add(1)
		go func() {
			defer working.Done()
			for {
				o.transaction(h, atomic.AddInt64(&next, 1))
			}
		}()
	}
	working.Wait()
	return nil
}

// transaction writes into all databases, and tells the outcome. Each line is one write,
// which the parent has once it is done.
func (o order) transaction(h *handle, id int64) {
	fmt.Printf("begins %d\n", id)
	ctx := context.Background()
	if o.OnePhase {
		ctx = bindkey.OnePhase(ctx)
	}
	err := h.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		for i := range o.World.Databases {
			for seq := 0; seq < rowsPerBind; seq++ {
				if err := tx.Create(rowOf(keys[i], id, seq)).Error; err != nil {
					return err
				}
			}
		}
		return nil
	})
	fmt.Printf("told %d %s %q\n", id, outcomeOf(err), fmt.Sprint(err))
}

// The outcomes that a coordinator is told.
const (
	committed  = "committed"
	pending    = "pending"
	inDoubt    = "in-doubt"
	rolledBack = "rolled-back"
	never      = "never" // what must not be told
)

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return committed
	case errors.Is(err, bindkey.ErrPartialCommit), errors.Is(err, bindkey.ErrHeuristic):
		return never
	case errors.Is(err, bindkey.ErrInDoubt):
		return inDoubt
	case errors.Is(err, bindkey.ErrPending):
		return pending
	default:
		return rolledBack
	}
}

// A recovered is what a recoverer answers.
type recovered struct {
	Did    []string
	Left   []string
	Failed string
}

// recover recovers once for each line that it reads.
func (o order) recover() error {
	h, err := o.World.open(false, nil)
	if err != nil {
		return err
	}
	defer h.close()
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		found, err := h.plugin.Recover(context.Background())
		var answer recovered
		for _, r := range found {
			text := fmt.Sprintf("%s in %s: %s", r.GID, r.Bind, r.Outcome)
			if r.Outcome == bindkey.RecoveryLeft {
				answer.Left = append(answer.Left, fmt.Sprintf("%s: %v", text, r.Err))
			} else {
				answer.Did = append(answer.Did, text)
			}
		}
		if err != nil {
			answer.Failed = err.Error()
		}
		line, _ := json.Marshal(answer)
		fmt.Println(string(line))
	}
	return nil
}
