package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"runtime/debug"
	"time"

	"gorm.io/gorm"
)

// A txn is a transaction while it runs. One goroutine has it.
type txn struct {
	id    int64
	world *world
	rng   *rand.Rand
	story *story

	ctx      context.Context
	careless float64 // how likely it ignores a statement's error
	seq      int64
	reads    bool // it is read-only
	open     []*sql.Rows
}

var (
	errWanted = errors.New("soak: the program returns an error")
	wanted    = "soak: the program panics"
)

// The kinds of transactions, some of them more than once to be more likely.
var kinds = []string{
	"default", "default", "autocommit", "Transaction", "Transaction", "Transaction", "Transaction",
	"Begin", "Begin", "Begin", "read-only", "abandoned",
}

func (w *world) newTxn(id int64) *txn {
	rng := rand.New(rand.NewSource(w.seed<<20 + id))
	t := &txn{id: id, world: w, rng: rng, careless: []float64{0, 0.3, 1}[rng.Intn(3)]}
	t.story = &story{id: id, round: w, kind: kinds[rng.Intn(len(kinds))]}
	return t
}

// run runs it to its end, whatever that is.
func (t *txn) run() {
	db, cancel := t.session()
	defer cancel()
	for _, f := range t.faults() {
		p := t.world.at[t.key()].proxy
		for p == nil { // a file
			p = t.world.at[t.key()].proxy
		}
		p.arm(f)
		defer p.disarm(f)
	}
	over := make(chan struct{})
	go func() { // Goexit ends a goroutine
		defer close(over)
		defer t.recover()
		t.story.told = outcome{all: rolledBack, err: errors.New("it ended in a panic or Goexit")}
		t.story.told = t.transact(db)
	}()
	<-over
	t.closeRows()
	t.story.mu.Lock()
	t.story.ended = time.Now()
	t.story.mu.Unlock()
}

func (t *txn) recover() {
	switch p := recover(); p {
	case nil, wanted:
	default:
		t.story.note("panic: %v\n%s", p, debug.Stack())
		t.world.report(finding{kind: "a panic", story: t.story, text: fmt.Sprint(p)})
	}
}

// session is the handle as the transaction has it, with its deadline.
func (t *txn) session() (*gorm.DB, context.CancelFunc) {
	t.story.mu.Lock()
	t.story.began = time.Now()
	t.story.mu.Unlock()
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if d := t.world.deadline(t.rng, t.story.kind == "abandoned"); d > 0 {
		ctx, cancel = context.WithTimeout(ctx, d)
		t.story.deadline, _ = ctx.Deadline()
	}
	if t.rng.Intn(4) == 0 {
		ctx = context.WithValue(ctx, storyKey{}, t.story)
	}
	t.ctx = ctx
	prepare := t.rng.Intn(4) == 0
	t.story.note("session with PrepareStmt %v, ignores errors with probability %v", prepare || t.world.prepare, t.careless)
	return t.world.db.Session(&gorm.Session{Context: ctx, PrepareStmt: prepare}), cancel
}

// faults are what will go wrong for this transaction alone.
func (t *txn) faults() (faults []*fault) {
	for t.rng.Float64() < t.world.faulty && len(faults) < 3 {
		f := &fault{txn: t, at: momentNames[t.rng.Intn(len(momentNames))], how: blows[t.rng.Intn(len(blows))]}
		faults = append(faults, f)
	}
	return faults
}

// transact runs the transaction, and returns what the library told of it.
func (t *txn) transact(db *gorm.DB) outcome {
	switch t.story.kind {
	case "default":
		return outcomeOf(t.write(db))
	case "autocommit":
		return t.alone(db)
	case "Transaction":
		return outcomeOf(t.story.did(db.Transaction(t.body), "Transaction"))
	case "read-only":
		t.reads = true
		return outcomeOf(t.story.did(db.Transaction(t.body, &sql.TxOptions{ReadOnly: true}), "read-only Transaction"))
	default:
		return t.manual(db)
	}
}

// alone is SQL that was given, outside of any transaction.
func (t *txn) alone(db *gorm.DB) outcome {
	err := t.raw(db, t.key(), "")
	if err != nil {
		return outcome{all: unknown, err: err}
	}
	return outcome{all: committed}
}

func (t *txn) manual(db *gorm.DB) outcome {
	tx := db.Begin()
	if t.story.did(tx.Error, "Begin") != nil {
		return outcome{all: rolledBack, err: tx.Error}
	}
	err := t.steps(tx, 0)
	switch {
	case t.story.kind == "abandoned":
		<-t.ctx.Done()
		for _, w := range t.story.waiters {
			w.fate = may // nobody has asked for the outcome
		}
		return outcome{all: rolledBack, err: t.ctx.Err()}
	case err != nil || t.rng.Intn(4) == 0:
		err := t.story.did(tx.Rollback().Error, "Rollback")
		return outcome{all: rolledBack, err: err}
	default:
		return outcomeOf(t.story.did(tx.Commit().Error, "Commit"))
	}
}

// body is what a Transaction runs, with one of the ends that a function has.
func (t *txn) body(tx *gorm.DB) error {
	if err := t.steps(tx, 0); err != nil {
		return err
	}
	switch t.rng.Intn(24) {
	case 0, 1, 2:
		return t.story.did(errWanted, "the function returns")
	case 3:
		t.story.note("the function panics")
		panic(wanted)
	case 4:
		t.story.note("the function calls Goexit")
		runtime.Goexit()
	}
	return nil
}

// steps runs some steps, until an error that is not ignored.
func (t *txn) steps(tx *gorm.DB, depth int) error {
	for n := 1 + t.rng.Intn(6); n > 0; n-- {
		m := t.story.mark()
		if err := t.step(tx, depth); err != nil {
			t.story.failed(m)
			if t.rng.Float64() >= t.careless {
				return err
			}
		}
	}
	if t.rng.Intn(3) > 0 {
		t.closeRows()
	}
	return nil
}

func (t *txn) closeRows() {
	for _, rows := range t.open {
		_ = t.story.did(rows.Close(), "close rows that were open")
	}
	t.open = nil
}

func (t *txn) key() string { return keys[t.rng.Intn(len(keys))] }

// next is a new row in a bind.
func (t *txn) next(key, suffix string) Row {
	t.seq++
	r := &row{key: key, seq: t.seq, val: int64(t.rng.Intn(1000))}
	t.story.rows = append(t.story.rows, r)
	return Row{ID: t.id*rowsPerTxn + t.seq, Name: rowName(key, t.id, t.seq, suffix), Bind: key, Txn: t.id, Seq: t.seq, Val: r.val}
}

const rowsPerTxn = 1000

func (t *txn) batch(key string, n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = t.next(key, "")
	}
	return rows
}
