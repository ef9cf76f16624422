package bindkey_test

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/internal/testkit"
	"github.com/gormbind/gormbind/plugin/bindkey"
)

var (
	errUndone = errors.New("undone")
	marked    = regexp.MustCompile(`mark-\d+-\d+-\w+`)
)

// under is a program under load: each of its statements has a mark of its own in its SQL. Its
// transactions begin in the databases in one order, since each has one connection.
func under(db *gorm.DB, worker, round int) error {
	mark := func(of string) string { return fmt.Sprintf("mark-%d-%d-%s", worker, round, of) }
	errs := []error{
		db.Where("name <> ?", mark("readmain")).Find(&[]User{}).Error,
		db.Where("event <> ?", mark("readlogs")).Find(&[]LogEntry{}).Error,
		db.Raw("SELECT id FROM notes WHERE text <> ?", mark("rawnotes")).Scan(&[]uint{}).Error,
		db.Preload("Logs", "event <> ?", mark("preload")).Where("name <> ?", mark("preloading")).Find(&[]User{}).Error,
		db.Create(&User{Name: mark("createuser"), Logs: []LogEntry{{Event: mark("createlog")}}, Notes: []Note{{Text: mark("createnote")}}}).Error,
		db.Exec("UPDATE notes SET text = ? WHERE text = ?", mark("updated"), "nothing").Error,
		db.Clauses(bindkey.Use("archive")).Where("event <> ?", mark("use")).Find(&[]LogEntry{}).Error,
		db.Transaction(func(tx *gorm.DB) error {
			return errors.Join(
				tx.Create(&Team{Name: mark("txteam")}).Error,
				tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&LogEntry{Event: mark("txlog")}).Error }),
				tx.Where("text <> ?", mark("txnotes")).Find(&[]Note{}).Error)
		}),
	}
	if err := db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(tx.Create(&Order{Item: mark("undoneorder")}).Error, tx.Create(&Note{Text: mark("undone")}).Error, errUndone)
	}); !errors.Is(err, errUndone) {
		errs = append(errs, fmt.Errorf("%w, and not undone", err))
	}
	return errors.Join(errs...)
}

// A program of three binds, with replicas, transactions and goroutines: its log alone tells
// where each of its statements went, and in which transaction, and that is what each
// database has seen.
func TestLogTellsWhereEachStatementWent(t *testing.T) {
	const workers, rounds = 6, 8
	for _, prepare := range []bool{false, true} {
		out := &slogLines{}
		w := newTxWorld(t, worldConfig{gorm: gorm.Config{Logger: slogTo(out), PrepareStmt: prepare}, options: []bindkey.Option{bindkey.LogBinds()}})
		out.taken(t)
		w.calls.Start(nil)
		var all sync.WaitGroup
		for worker := 0; worker < workers; worker++ {
			worker := worker
			all.Add(1)
			go func() {
				defer all.Done()
				for round := 0; round < rounds; round++ {
					if err := under(w.db, worker, round); err != nil {
						t.Errorf("worker %d, round %d: %v", worker, round, err)
					}
				}
			}()
		}
		all.Wait()
		calls := w.calls.Stop()

		file := map[string]string{"main source": "main", "main replica": "main-replica", "analytics source": "analytics",
			"analytics replica": "analytics-replica", "archive source": "archive"}
		var told, happened []string
		inTx := map[string]uint64{}
		for _, line := range out.taken(t) {
			if line.Trace.SQL == "" {
				t.Errorf("a line that is no statement's: %+v", line)
				continue
			}
			told = append(told, file[line.Bind+" "+line.Role]+": "+verb(line.Trace.SQL))
			for _, mark := range marked.FindAllString(line.Trace.SQL, -1) {
				inTx[mark] = line.Tx
			}
		}
		for _, call := range testkit.Whole(calls) {
			if call.Kind == testkit.Statement || call.Kind == testkit.SavePoint || call.Kind == testkit.RollbackTo {
				happened = append(happened, call.Database+": "+verb(call.SQL))
			}
		}
		sort.Strings(told)
		sort.Strings(happened)
		if !reflect.DeepEqual(told, happened) {
			t.Errorf("PrepareStmt %v: the log tells of %d statements, and the databases have seen %d: %s", prepare, len(told), len(happened), difference(told, happened))
		}
		for worker := 0; worker < workers; worker++ {
			for round := 0; round < rounds; round++ {
				tx := func(of string) uint64 { return inTx[fmt.Sprintf("mark-%d-%d-%s", worker, round, of)] }
				together := [][]string{{"createuser", "createlog", "createnote"}, {"txlog", "txnotes", "txteam"}, {"undone", "undoneorder"}}
				numbers := map[uint64]bool{}
				for _, one := range together {
					for _, mark := range one {
						if tx(mark) == 0 || tx(mark) != tx(one[0]) {
							t.Fatalf("worker %d, round %d: %v are in the transactions %d", worker, round, one, tx(mark))
						}
					}
					numbers[tx(one[0])] = true
				}
				if len(numbers) != len(together) || tx("readmain") != 0 || tx("preload") != 0 {
					t.Fatalf("worker %d, round %d: the transactions are %v", worker, round, numbers)
				}
			}
		}
	}
}

// verb is a statement without its values, which the log has and the driver has not: what it
// does, and to which table.
func verb(sql string) string {
	words := strings.Fields(sql)
	for i, word := range words {
		switch strings.ToUpper(word) {
		case "FROM", "INTO", "UPDATE":
			if i+1 < len(words) {
				return words[0] + " " + strings.Trim(words[i+1], "`\"")
			}
		}
	}
	return words[0]
}

// difference is what only one of two sorted lists has.
func difference(one, other []string) string {
	count := map[string]int{}
	for _, text := range one {
		count[text]++
	}
	for _, text := range other {
		count[text]--
	}
	var found []string
	for text, n := range count {
		if n != 0 {
			found = append(found, fmt.Sprintf("%s: %+d", text, n))
		}
	}
	sort.Strings(found)
	return strings.Join(found, ", ")
}
