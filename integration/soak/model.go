package main

import (
	"database/sql"
	"fmt"
	"sort"
	"strings"
)

// A finding is something that is not as the library has promised.
type finding struct {
	kind  string
	where string // the product, if it is of one
	text  string
	story *story // nil: it is of the round
}

// A place is a database with the bind that it is in this round.
type place struct {
	key, product string
	rows         []found
	hots         map[string]int64 // by the bind of the table, the sum of all
}

// found is a row as it is in a database.
type found struct {
	table string // of this bind
	name  string
	bind  string
	txn   int64
	seq   int64
	val   int64
}

// read reads all that is in a database, with database/sql alone.
func read(db *sql.DB, key, product string) (place, error) {
	p := place{key: key, product: product, hots: map[string]int64{}}
	for _, table := range keys {
		rows, err := db.Query("SELECT name, bind, txn, seq, val FROM " + table + "_rows ORDER BY id")
		if err != nil {
			return p, err
		}
		defer rows.Close()
		for rows.Next() {
			f := found{table: table}
			if err := rows.Scan(&f.name, &f.bind, &f.txn, &f.seq, &f.val); err != nil {
				return p, err
			}
			p.rows = append(p.rows, f)
		}
		if err := rows.Err(); err != nil {
			return p, err
		}
		var n int64
		if err := db.QueryRow("SELECT coalesce(sum(n), 0) FROM " + table + "_hots").Scan(&n); err != nil {
			return p, err
		}
		p.hots[table] = n
	}
	return p, nil
}

// check compares the stories of a round with what is in its databases.
func check(stories []*story, places []place) (findings []finding) {
	byID := map[int64]*story{}
	for _, s := range stories {
		byID[s.id] = s
	}
	for _, p := range places {
		there := map[int64][]found{}
		for _, f := range p.rows {
			s := byID[f.txn]
			if f.bind != p.key || f.table != p.key {
				findings = append(findings, finding{kind: "a row in the wrong database", where: p.product, story: s,
					text: fmt.Sprintf("%s is in table %s_rows of %s", f.name, f.table, p.key)})
				continue
			}
			if s == nil {
				findings = append(findings, finding{kind: "a row of no transaction", where: p.product, text: f.name})
				continue
			}
			there[f.txn] = append(there[f.txn], f)
		}
		for _, s := range stories {
			findings = append(findings, s.checkRows(p, there[s.id])...)
		}
		findings = append(findings, checkHots(p, stories)...)
	}
	for _, s := range stories {
		findings = append(findings, s.checkWaiters()...)
		if s.told.all == committed {
			findings = append(findings, s.amiss...)
		}
	}
	return findings
}

// checkRows compares one transaction's rows in one database.
func (s *story) checkRows(p place, there []found) []finding {
	missing, undone, wrong := s.compare(p.key, there)
	problem := func(kind string, seqs []string) []finding {
		return []finding{{kind: kind, where: p.product, story: s,
			text: fmt.Sprintf("in %s (%s): %s; rows there: %s", p.key, p.product, strings.Join(seqs, ", "), seqsOf(there))}}
	}
	verdict := s.told.in(p.key)
	prefix := ""
	if s.told.partial() {
		prefix = "partial: "
	}
	switch {
	case verdict == rolledBack && len(there) > 0:
		return problem(prefix+"told rolled back, but rows are there", nil)
	case verdict == unknown && len(there) == 0, verdict == rolledBack:
		return nil
	case len(missing) > 0 && len(missing) < s.wanted(p.key):
		return problem(prefix+"half a transaction ("+string(verdict)+")", missing)
	case len(missing) > 0:
		return problem(prefix+"told "+string(verdict)+", but rows are missing", missing)
	case len(undone) > 0:
		return problem(prefix+"undone rows are there", undone)
	case len(wrong) > 0:
		return problem(prefix+"rows with another value", wrong)
	}
	return nil
}

// compare lists what a bind of a committed transaction has too little, too much
// and with another value.
func (s *story) compare(key string, there []found) (missing, undone, wrong []string) {
	values := map[int64]int64{}
	for _, f := range there {
		values[f.seq] = f.val
	}
	for _, r := range s.rows {
		if r.key != key {
			continue
		}
		val, ok := values[r.seq]
		name := fmt.Sprintf("#%d", r.seq)
		switch {
		case r.fate == must && !ok:
			missing = append(missing, name)
		case r.fate == never && ok:
			undone = append(undone, name)
		case ok && r.val >= 0 && r.val != val:
			wrong = append(wrong, fmt.Sprintf("%s is %d and not %d", name, val, r.val))
		}
	}
	return missing, undone, wrong
}

// wanted is how many rows a bind has if the transaction is committed, at least.
func (s *story) wanted(key string) (n int) {
	for _, r := range s.rows {
		if r.key == key && r.fate == must {
			n++
		}
	}
	return n
}

func seqsOf(rows []found) string {
	if len(rows) == 0 {
		return "none"
	}
	names := make([]string, len(rows))
	for i, f := range rows {
		names[i] = fmt.Sprintf("#%d", f.seq)
	}
	return strings.Join(names, " ")
}

// checkHots compares the sum of a bind's hot rows with the updates that counted.
func checkHots(p place, stories []*story) (findings []finding) {
	for _, key := range keys {
		var least, most int64
		for _, s := range stories {
			for _, b := range s.bumps {
				verdict := s.told.in(key)
				if key != p.key || b.key != key || b.fate == never || verdict == rolledBack {
					continue
				}
				most++
				if b.fate == must && verdict == committed {
					least++
				}
			}
		}
		if n := p.hots[key]; n < least || n > most {
			findings = append(findings, finding{kind: "updates of hot rows", where: p.product,
				text: fmt.Sprintf("%s_hots in %s add up to %d, and should to %d to %d; who updated them:\n%s", key, p.key, n, least, most, bumpers(stories, key))})
		}
	}
	return findings
}

// bumpers are the stories of all that updated a bind's hot rows.
func bumpers(stories []*story, key string) string {
	var all []string
	for _, s := range stories {
		for _, b := range s.bumps {
			if b.key == key {
				all = append(all, s.String())
				break
			}
		}
	}
	return strings.Join(all, "\n")
}

// checkWaiters checks that functions for the outcome ran if it was theirs, once.
func (s *story) checkWaiters() (findings []finding) {
	for i, w := range s.waiters {
		name, mine := "AfterRollback", s.told.all == rolledBack && !s.told.partial()
		if w.commit {
			name, mine = "AfterCommit", s.told.all == committed
		}
		least, most := int32(0), int32(0)
		if mine && w.fate != never {
			most = 1
		}
		if mine && w.fate == must {
			least = 1
		}
		if ran := w.ran.Load(); ran < least || ran > most {
			findings = append(findings, finding{kind: name + " function", story: s,
				text: fmt.Sprintf("function %d ran %d times, and should have %d to %d", i, ran, least, most)})
		}
	}
	return findings
}

// summary counts findings by kind.
func summary(findings map[string]int) string {
	var lines []string
	for kind, n := range findings {
		lines = append(lines, fmt.Sprintf("%6d  %s", n, kind))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
