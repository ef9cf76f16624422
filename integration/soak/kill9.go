package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/gormbind/gormbind/integration/servers"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

// killSets are the databases that a victim's transactions are over.
var killSets = [][]*product{
	{sqliteProduct, sqliteProduct},
	{sqliteProduct, postgresProduct},
	{sqliteProduct, postgresProduct, mariaProduct},
}

// A tally is what many kills have left behind.
type tally struct {
	kills    int
	disagree int // kills after which some database has a transaction that another has not
	txns     int // transactions that are in some database
	half     []string
	kinds    map[string]int // of disagreements: which databases have the rows

	recovering string // the databases, where transactions are in two phases; or ""
}

// recover does something with a handle of its own, as the next process would.
func (t *tally) recover(do func(*bindkey.Plugin, context.Context) error) error {
	var databases []victimDatabase
	if err := json.Unmarshal([]byte(t.recovering), &databases); err != nil {
		return err
	}
	db, plugin, err := victimHandle(databases, true)
	if err != nil {
		return err
	}
	return errors.Join(do(plugin, context.Background()), closeVictim(db, plugin))
}

// recoverAll recovers until nothing is left.
func recoverAll(plugin *bindkey.Plugin, ctx context.Context) error {
	var found []bindkey.Recovered
	var err error
	if !until(func() bool {
		if _, err = plugin.Recover(ctx); err == nil {
			found, err = plugin.InDoubt(ctx)
		}
		return err != nil || len(found) == 0
	}) {
		return fmt.Errorf("soak: branches stay prepared: %v", found)
	}
	return err
}

// kill9 kills a process at random moments of its transactions, again and again,
// and tells how often databases disagree. Without two-phase commit that is no
// fault, and not never; half a transaction in one database is one. In two phases, once
// recovery has run, it is never.
func kill9(out io.Writer, seed int64, kills int, twoPhase bool) error {
	sets, how := killSets, "kill -9"
	if twoPhase {
		server, err := servers.PreparingPostgreSQL()
		if err != nil {
			return err
		}
		postgres := *postgresProduct
		postgres.server = server
		sets, how = [][]*product{{sqliteProduct, &postgres}, {sqliteProduct, &postgres, mariaProduct}}, "kill -9, in two phases"
	}
	for _, set := range sets {
		t, err := killOften(set, rand.New(rand.NewSource(seed)), kills, twoPhase)
		if err != nil {
			return err
		}
		names := make([]string, len(set))
		for i, p := range set {
			names[i] = p.name
		}
		fmt.Fprintf(out, "%s, %s: databases disagree after %d of %d kills (%.1f %%), with %d transactions committed; %v\n",
			how, strings.Join(names, " and "), t.disagree, t.kills, 100*float64(t.disagree)/float64(t.kills), t.txns, t.kinds)
		if len(t.half) > 0 {
			return fmt.Errorf("soak: half a transaction in one database: %v", t.half)
		}
		if twoPhase && t.disagree > 0 {
			return fmt.Errorf("soak: databases disagree after recovery: %v", t.kinds)
		}
	}
	return nil
}

func killOften(set []*product, rng *rand.Rand, kills int, twoPhase bool) (t tally, err error) {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	var databases []*database
	defer func() {
		for _, d := range databases {
			err = errors.Join(err, d.close())
		}
	}()
	var dsns []string
	for _, p := range set {
		d, err := newDatabase(p, dir)
		if err != nil {
			return t, err
		}
		d.plain.SetMaxOpenConns(1) // all other connections are the victim's
		databases = append(databases, d)
		dsn := "file:" + d.file + "?_busy_timeout=5000&_txlock=immediate&_journal_mode=WAL&_synchronous=NORMAL"
		if d.server != nil {
			if dsn, err = d.server.DSN("", nil); err != nil {
				return t, err
			}
		}
		dsns = append(dsns, dsn)
	}
	t.kinds = map[string]int{}
	if twoPhase {
		if t.recovering = describe(set, dsns); err == nil {
			err = t.recover((*bindkey.Plugin).CreateDecisions)
		}
		if err != nil {
			return t, err
		}
	}
	for ; t.kills < kills; t.kills++ {
		if err := killOnce(set, dsns, rng, twoPhase); err != nil {
			return t, err
		}
		if err := t.look(databases); err != nil {
			return t, err
		}
	}
	return t, nil
}

// killOnce starts a victim, and kills it in the middle of its transactions.
func killOnce(set []*product, dsns []string, rng *rand.Rand, twoPhase bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.Command(self)
	child.Stderr = os.Stderr
	child.Env = append(os.Environ(), victimVariable+"="+describe(set, dsns), fmt.Sprintf("%s=%t", twoPhaseVariable, twoPhase))
	told, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	_, ready := bufio.NewReader(told).ReadString('\n')
	if ready == nil {
		time.Sleep(time.Duration(rng.Intn(30_000)) * time.Microsecond)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if ready != nil {
		return errors.New("the process to kill ended by itself")
	}
	return nil
}

// look compares the databases after a kill, and empties them.
func (t *tally) look(databases []*database) error {
	in := make([]map[int64]int, len(databases)) // rows of each transaction
	all := map[int64]bool{}
	for _, d := range databases {
		if err := d.product.alone(d.plain); err != nil {
			return err
		}
	}
	if t.recovering != "" {
		if err := t.recover(recoverAll); err != nil {
			return err
		}
	}
	for i, d := range databases {
		p, err := read(d.plain, keys[i], d.product.name)
		if err != nil {
			return err
		}
		in[i] = map[int64]int{}
		for _, r := range p.rows {
			in[i][r.txn]++
			all[r.txn] = true
		}
		if err := d.clear(); err != nil {
			return err
		}
	}
	disagree := false
	for txn := range all {
		t.txns++
		var has []string
		for i, rows := range in {
			if rows[txn] > 0 {
				has = append(has, keys[i]+" ("+databases[i].product.name+")")
			}
			if rows[txn] != 0 && rows[txn] != victimRows {
				t.half = append(t.half, fmt.Sprintf("t%d has %d of %d rows in %s after kill %d", txn, rows[txn], victimRows, databases[i].product.name, t.kills))
			}
		}
		if len(has) < len(in) {
			disagree = true
			t.kinds["only in "+strings.Join(has, " and ")]++
		}
	}
	if disagree {
		t.disagree++
	}
	return nil
}

// alone waits until nobody else is connected: what the victim had sent is decided
// then.
func (p *product) alone(plain *sql.DB) error {
	if p.others == "" {
		return nil
	}
	var n int
	var err error
	if !until(func() bool {
		err = plain.QueryRow(p.others).Scan(&n)
		return err != nil || n == 0
	}) {
		return fmt.Errorf("%s keeps %d connections of a process that was killed", p.name, n)
	}
	return err
}
