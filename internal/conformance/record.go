package conformance

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm/logger"
)

// A recorder is a logger that keeps the statements.
type recorder struct {
	mu         sync.Mutex
	statements []statement
}

// A statement is one line of the log.
type statement struct {
	sql  string
	rows int64
	err  error
}

// A line is what a statement must agree on with that of the twin.
type line struct {
	sql string // with the number of rows
	err string // perhaps of a statement that was made for this one, in another database
}

func (l line) String() string {
	if l.err != "" {
		return l.sql + " error: " + l.err
	}
	return l.sql
}

var counted = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)

func (r *recorder) LogMode(logger.LogLevel) logger.Interface { return r }
func (r *recorder) Info(context.Context, string, ...any)     {}
func (r *recorder) Warn(context.Context, string, ...any)     {}
func (r *recorder) Error(context.Context, string, ...any)    {}
func (r *recorder) Trace(_ context.Context, _ time.Time, ask func() (string, int64), err error) {
	sql, rows := ask()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, statement{sql, rows, err})
}

func (r *recorder) add(statements []statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, statements...)
}

// take empties the recorder.
func (r *recorder) take() []statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.statements
	r.statements = nil
	return taken
}

// count is how many statements there are.
func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.statements)
}

// since are the statements after the first n.
func (r *recorder) since(n int) []statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]statement(nil), r.statements[n:]...)
}

// lines are what the log says, without what differs between two runs of the
// same: names of savepoints, and the savepoints of binds that a transaction
// has not reached yet; and the order of values where it says nothing.
func (s *suite) lines(statements []statement) []line {
	var lines []line
	for _, st := range statements {
		if savepoint.MatchString(st.sql) {
			continue
		}
		l := line{sql: numbers.ReplaceAllStringFunc(s.neutral(st.sql), func(list string) string {
			values := strings.Split(list[len("IN ("):len(list)-1], ",")
			sort.Strings(values) // of rows that were read in no certain order
			return "IN (" + strings.Join(values, ",") + ")"
		})}
		if counted.MatchString(st.sql) { // what drivers say of other statements is by chance
			l.sql += fmt.Sprintf(" [%d rows]", st.rows)
		}
		if st.err != nil {
			l.err = s.neutral(st.err.Error())
		}
		lines = append(lines, l)
	}
	return lines
}

var numbers = regexp.MustCompile(`IN \([0-9]+(,[0-9]+)*\)`)

var savepoint = regexp.MustCompile(`^(SAVEPOINT|ROLLBACK TO SAVEPOINT) `)

// tablesIn are the tables whose names are in an SQL text. No column and no value
// of the suite is called like a table.
func tablesIn(sql string) map[string]bool {
	found := map[string]bool{}
	for _, word := range words.FindAllString(strings.ToLower(sql), -1) {
		if tableNames[word] {
			found[word] = true
		}
	}
	return found
}

var (
	words      = regexp.MustCompile(`[a-z_0-9]+`)
	tableNames = func() map[string]bool {
		names := map[string]bool{}
		for _, tb := range tables {
			names[tb.name] = true
		}
		return names
	}()
)
