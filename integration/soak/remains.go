package main

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

const patience = 15 * time.Second // for what ends on goroutines of database/sql

// until waits until something is so, and reports whether it is.
func until(ok func() bool) bool {
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return ok()
		}
	}
	return true
}

// checkPools checks that no connection is in use once all transactions are over.
func (w *world) checkPools() {
	for _, key := range keys {
		pool := w.pools[key]
		if until(func() bool { return pool.Stats().InUse == 0 }) {
			continue
		}
		w.report(finding{kind: "connections stay in use", where: w.at[key].product.name,
			text: fmt.Sprintf("%d of the pool of %s\n%s", pool.Stats().InUse, key, stacks())})
	}
}

// checkIdle checks that connections which went back to a pool have no transaction:
// the pool's next user would commit it.
func (w *world) checkIdle() {
	for _, key := range keys {
		d, pool := w.at[key], w.pools[key]
		for i := pool.Stats().Idle; i > 0; i-- {
			ctx, cancel := soon()
			conn, err := pool.Conn(ctx)
			cancel()
			if err != nil {
				break // it was cut
			}
			defer conn.Close()
			if open, err := d.product.inTransaction(conn); err == nil && open {
				id, last := w.lastOn(d, conn)
				w.report(finding{kind: "a connection goes back to its pool with its transaction", where: d.product.name,
					text: fmt.Sprintf("connection %d of the pool of %s", id, key), story: last})
			}
		}
	}
}

// lastOn is a connection's id, and the transaction that was on it last, of those that
// wrote a row; or nil.
func (w *world) lastOn(d *database, conn *sql.Conn) (id int64, last *story) {
	if d.proxy == nil {
		return 0, nil
	}
	ctx, cancel := soon()
	defer cancel()
	_ = conn.QueryRowContext(ctx, d.product.ownID).Scan(&id) // else none has that id
	for _, l := range d.proxy.open() {
		connection, txn := l.ids()
		for _, s := range w.stories {
			if connection == id && s.id == txn {
				return id, s
			}
		}
	}
	return id, nil
}

// checkGoroutines checks that all that a round has started has ended.
func (r *run) checkGoroutines(w *world) {
	if !until(func() bool { return goroutines() <= r.goroutines }) {
		w.report(finding{kind: "goroutines stay", text: fmt.Sprintf("%d, and %d before the round\n%s", goroutines(), r.goroutines, stacks())})
		r.goroutines = goroutines()
	}
}

// goroutines counts them, without those that GORM itself starts for each store of
// prepared statements and never ends.
func goroutines() int {
	n := runtime.NumGoroutine()
	return n - strings.Count(stacks(), "created by gorm.io/gorm/internal/lru")
}

// steady is how many there are once none has ended for a moment.
func steady() int {
	n := goroutines()
	_ = until(func() bool {
		time.Sleep(20 * time.Millisecond)
		was := n
		n = goroutines()
		return n == was
	})
	return n
}

const (
	heapRounds = 5 * numHandles // that fill caches
	heapGrowth = 32 << 20       // that the others may add, all in all
)

// checkHeap checks that rounds leave no memory behind.
func (r *run) checkHeap(w *world) {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if r.heapMax < stats.HeapAlloc {
		r.heapMax = stats.HeapAlloc
	}
	if r.rounds++; r.rounds == heapRounds {
		r.heap = stats.HeapAlloc
	}
	if r.rounds > heapRounds && stats.HeapAlloc > r.heap+heapGrowth {
		w.report(finding{kind: "the heap grows", text: fmt.Sprintf("%d MB, and %d MB after %d rounds", stats.HeapAlloc>>20, r.heap>>20, heapRounds)})
		r.heap = stats.HeapAlloc
	}
}

func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		buffer := make([]byte, size)
		if n := runtime.Stack(buffer, true); n < size {
			return string(buffer[:n])
		}
	}
}

// checkEnds checks that transactions ended in time after their deadline.
func (w *world) checkEnds() {
	for _, s := range w.stories {
		if !s.reported && !s.deadline.IsZero() && s.ended.Sub(s.deadline) > w.run.bound {
			w.report(finding{kind: "ended long after its deadline", story: s, text: fmt.Sprintf("%v after it", s.ended.Sub(s.deadline))})
		}
	}
}

// inTransaction asks a connection whether it is in a transaction.
func (p *product) inTransaction(conn *sql.Conn) (bool, error) {
	ctx, cancel := soon()
	defer cancel()
	switch p {
	case mariaProduct:
		var open bool
		err := conn.QueryRowContext(ctx, "SELECT @@in_transaction").Scan(&open)
		return open, err
	case postgresProduct:
		var status byte
		err := conn.Raw(func(raw any) error {
			status = raw.(*stdlib.Conn).Conn().PgConn().TxStatus()
			return nil
		})
		return status != 'I', err
	default:
		if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
			return true, nil
		}
		_, err := conn.ExecContext(ctx, "ROLLBACK")
		return false, err
	}
}

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
