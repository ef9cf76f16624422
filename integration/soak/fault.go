package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand"
	"net"
	"sync/atomic"
	"time"
)

// A fault waits in a proxy for one request of one transaction.
type fault struct {
	txn   *txn
	at    string // which request: one of the moments
	how   string // what happens then: one of the blows
	fired atomic.Bool
}

// The requests that a fault may wait for, by what their text has; "" is a row.
var moments = map[string]string{
	"a row": "", "COMMIT": "COMMIT", "ROLLBACK": "ROLLBACK", "a savepoint": "SAVEPOINT", "the check": "SELECT 1",
}

var momentNames = []string{"a row", "COMMIT", "COMMIT", "COMMIT", "ROLLBACK", "a savepoint", "the check"}

var blows = []string{
	"cut before", "cut in the middle", "cut after", "answer lost",
	"connection killed", "query killed before", "query killed", "refused", "frozen for a while",
}

// waiting is the fault that waits for a request, or nil.
func (p *proxy) waiting(l *link, request []byte) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.faults) == 0 {
		return nil
	}
	_, txn := l.ids()
	for f := range p.faults {
		if f.txn.id != txn || f.fired.Load() {
			continue
		}
		text := moments[f.at]
		if text == "" {
			text = fmt.Sprintf("/t%d/", txn)
		}
		if bytes.Contains(bytes.ToUpper(request), bytes.ToUpper([]byte(text))) {
			f.fired.Store(true)
			return f
		}
	}
	return nil
}

func (p *proxy) arm(f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[f] = true
}

func (p *proxy) disarm(f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.faults, f)
}

// strikeOn lets faults happen on the connections to a database.
func strikeOn(d *database) func(*link, *fault, []byte) bool {
	return func(l *link, f *fault, request []byte) bool {
		id, _ := l.ids()
		f.txn.story.note("FAULT in %s: %s, at %s (connection %d)", d.product.name, f.how, f.at, id)
		f.txn.world.count("fault: " + f.how)
		forward := func(part []byte) bool {
			_, err := l.server.Write(part)
			return err == nil
		}
		switch f.how {
		case "cut before":
			return false
		case "cut in the middle":
			forward(request[:len(request)/2])
			return false
		case "cut after":
			forward(request)
			return false
		case "answer lost":
			l.mu.Lock()
			l.mute = true
			l.mu.Unlock()
		case "connection killed":
			go d.end(d.product.kill(id))
		case "query killed before":
			d.end(d.product.killQuery(id))
		case "query killed":
			if !forward(request) {
				return false
			}
			for i := 0; i < 3; i++ {
				d.end(d.product.killQuery(id))
			}
			return true
		case "refused":
			if d.product == mariaProduct && (f.at == "COMMIT" || f.at == "ROLLBACK") {
				_, err := l.client.Write(mysqlRefusal)
				return err == nil
			}
		case "frozen for a while":
			d.proxy.freezeFor(200 * time.Millisecond)
			d.proxy.wait()
		}
		return forward(request)
	}
}

// end kills a connection or a query of the soak's own.
func (d *database) end(statement string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = d.plain.ExecContext(ctx, statement) // it may have gone
}

// mysqlRefusal answers a query with error 1317, as if it had been killed. The server
// does not hear of the query: so the transaction stays open, as it does where a
// server refuses a COMMIT or ROLLBACK that it has not begun.
var mysqlRefusal = func() []byte {
	body := append([]byte{0xff, 1317 & 0xff, 1317 >> 8}, "#70100Query execution was interrupted"...)
	return append([]byte{byte(len(body)), 0, 0, 1}, body...)
}()

// disturb does what is of no one transaction, until the round is over.
func (w *world) disturb(over <-chan struct{}, rng *rand.Rand) {
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(5+rng.Intn(60)) * time.Millisecond):
		}
		d := w.at[keys[rng.Intn(len(keys))]]
		switch {
		case d.proxy == nil:
			if w.kind == "locked" {
				w.lockFile(d, rng)
			}
		case w.kind == "killed":
			w.killOne(d, rng)
		case w.kind == "stalled":
			w.note("%s is frozen for a while", d.product.name)
			w.count("fault: frozen for a while")
			d.proxy.freezeFor(time.Duration(20+rng.Intn(200)) * time.Millisecond)
		case w.kind == "frozen" && d == w.at[w.frozen]:
			w.note("%s is frozen until all transactions are over", d.product.name)
			w.count("fault: frozen")
			d.proxy.freeze()
			return
		}
	}
}

func (w *world) killOne(d *database, rng *rand.Rand) {
	links := d.proxy.open()
	if len(links) == 0 {
		return
	}
	l := links[rng.Intn(len(links))]
	id, txn := l.ids()
	if id == 0 {
		return
	}
	how, statement := "connection killed", d.product.kill(id)
	switch rng.Intn(3) {
	case 0:
		how, statement = "query killed", d.product.killQuery(id)
	case 1:
		how, statement = "connection cut", ""
	}
	w.note("%s: %s (connection %d, last of t%d)", d.product.name, how, id, txn)
	w.count("fault: " + how)
	if statement != "" {
		d.end(statement)
		return
	}
	if tcp, ok := l.client.(*net.TCPConn); ok && rng.Intn(2) == 0 {
		_ = tcp.SetLinger(0) // a reset, and not an orderly end
	}
	d.proxy.end(l)
}

// lockFile keeps a SQLite file from being written, or a COMMIT from ending, as
// another process does.
func (w *world) lockFile(d *database, rng *rand.Rand) {
	ctx := context.Background()
	conn, err := d.plain.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	begin := []string{"BEGIN IMMEDIATE", "BEGIN"}[rng.Intn(2)]
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return
	}
	defer func() { _, _ = conn.ExecContext(ctx, "ROLLBACK") }()
	var n int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM tickets").Scan(&n); err != nil && err != sql.ErrNoRows {
		return
	}
	w.note("SQLite: locked from outside with %s", begin)
	w.count("fault: file locked")
	time.Sleep(time.Duration(10+rng.Intn(250)) * time.Millisecond)
}
