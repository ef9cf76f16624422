package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// settle recovers until nothing is left prepared. A server may still be at what a dead
// coordinator has sent, so that a first look may come too early; the victims' connections
// must be gone.
func settle(w *world, recoverers []*recoverer, t *tally) error {
	var last []recovered
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until); {
		gone, err := victimsGone(w)
		if err != nil {
			return err
		}
		if last, err = ask(recoverers); err != nil {
			return err
		}
		if verbose {
			fmt.Fprintf(os.Stderr, "\t%+v\n", last)
		}
		for _, answer := range last {
			for _, did := range answer.Did {
				_, outcome, _ := strings.Cut(did, ": ")
				t.did[outcome]++
			}
		}
		n, err := leftPrepared(w)
		if err != nil {
			return err
		}
		if gone && n == 0 {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("branches stay prepared after a minute: %+v", last)
}

// leftPrepared counts prepared branches, whoever they are of.
func leftPrepared(w *world) (all int, err error) {
	for i, d := range w.Databases {
		var n int
		switch d.Product {
		case postgres:
			err = w.plain[i].QueryRow("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()").Scan(&n)
		case mariaDB:
			n, err = w.xaLeft(i)
		}
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

func (w *world) xaLeft(i int) (n int, err error) {
	rows, err := w.plain[i].Query("XA RECOVER")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var format, gid, qualifier int
		var data []byte
		if err := rows.Scan(&format, &gid, &qualifier, &data); err != nil {
			return 0, err
		}
		if strings.HasPrefix(string(data), "gb1:"+w.App+":") {
			n++
		}
	}
	return n, rows.Err()
}

// victimsGone reports whether the servers have seen that the victims' connections are.
func victimsGone(w *world) (bool, error) {
	for i, d := range w.Databases {
		var n int
		var err error
		switch d.Product {
		case postgres:
			err = w.plain[i].QueryRow("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", victimName).Scan(&n)
		case mariaDB:
			err = w.plain[i].QueryRow("SELECT count(*) FROM information_schema.processlist WHERE user = ?", victimName).Scan(&n)
		}
		if err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// judge compares the databases with each other, and with what the coordinator was told,
// and empties them.
func judge(w *world, v *victim) (wrong []string, err error) {
	in := make([]map[int64]int, len(w.Databases)) // rows of each transaction
	for i, d := range w.Databases {
		if in[i], err = w.rows(i, d.Key); err != nil {
			return nil, err
		}
	}
	for _, id := range v.begun {
		var have []string
		half := false
		for i, d := range w.Databases {
			if n := in[i][id]; n > 0 {
				have = append(have, d.Key+" ("+d.Product+")")
				half = half || n != rowsPerBind
			}
			delete(in[i], id)
		}
		all, told := len(have) == len(w.Databases), v.told[id]
		switch {
		case half:
			wrong = append(wrong, fmt.Sprintf("t%d is half in %s", id, strings.Join(have, " and ")))
		case len(have) > 0 && !all:
			wrong = append(wrong, fmt.Sprintf("t%d is only in %s; told: %s %s", id, strings.Join(have, " and "), told, v.said[id]))
		case told == never, all && told == rolledBack, !all && (told == committed || told == pending):
			wrong = append(wrong, fmt.Sprintf("t%d is in %d databases, but told was: %s %s", id, len(have), told, v.said[id]))
		}
	}
	for i, d := range w.Databases {
		for id := range in[i] {
			wrong = append(wrong, fmt.Sprintf("%s has t%d, which nobody has begun", d.Key, id))
		}
		if _, err := w.plain[i].Exec("DELETE FROM " + d.Key + "_rows"); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

func (w *world) rows(i int, key string) (map[int64]int, error) {
	rows, err := w.plain[i].Query("SELECT txn, count(*) FROM " + key + "_rows GROUP BY txn")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]int{}
	for rows.Next() {
		var id int64
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		found[id] = n
	}
	return found, rows.Err()
}
