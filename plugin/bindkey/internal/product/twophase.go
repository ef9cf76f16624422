package product

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Branch names a transaction's part in one database, as the database knows it once
// it is prepared. Both are of letters, digits, ":", "-" and "_", so that they are safe
// in a literal: the statements of two-phase commit take no variables.
type Branch struct {
	GID       string // of the transaction
	Qualifier string // of the part
	// Owner is the connection that has begun the branch, where nobody may finish it while
	// that is there.
	Owner string
}

// A Found is a prepared branch that a database has.
type Found struct {
	Branch
	Age time.Duration // since it was prepared; negative: the database does not tell
}

// TwoPhase is how a product prepares a branch, so that it survives its connection, and
// finishes it. The functions make statements.
type TwoPhase struct {
	// Begin names the branch where it begins (XA START); nil: BEGIN begins it, and it
	// has a name only once it is prepared.
	Begin func(Branch) string
	// End stands before Prepare, OnePhase and Abort: nil without Begin.
	End func(Branch) string
	// OnePhase commits, and Abort rolls back, what was begun by Begin and is not prepared.
	OnePhase, Abort func(Branch) string
	Prepare         func(Branch) string
	// Commit and Rollback finish what is prepared, on any connection that may.
	Commit, Rollback func(Branch) string
	// Owner tells a connection from all others that the server has ever had, and Owned
	// asks whether it is still there; nil: nobody need know.
	Owner func(ctx context.Context, in Querier) (string, error)
	Owned func(ctx context.Context, in Querier, owner string) (bool, error)
	// Wrote asks in a branch whether it has written; "": only the statements tell.
	Wrote string
	// Find lists the prepared branches of a database whose id begins so.
	Find func(ctx context.Context, in Querier, prefix string) ([]Found, error)
	// gone reports whether an answer to Commit or Rollback says that there is no such
	// branch, at least for this connection; empty, that it had written nothing.
	gone, empty func(error) bool
	// ready is why a server can't prepare, which names the setting, or nil.
	ready func(ctx context.Context, in Querier) error
}

// Gone reports whether an answer to COMMIT or ROLLBACK of a prepared branch says that
// nobody knows it. In MySQL it may still be another connection's: Find tells.
func (p *TwoPhase) Gone(err error) bool { return err != nil && p.gone(err) }

// Empty reports whether such an answer says that the branch had only read.
func (p *TwoPhase) Empty(err error) bool { return err != nil && p.empty != nil && p.empty(err) }

// Ready is nil if a server can prepare branches that outlive their connection.
func (p *TwoPhase) Ready(ctx context.Context, in Querier) error { return p.ready(ctx, in) }

// Now is an SQL expression: the seconds since 1970 by the database's clock. It is ""
// where nobody knows one.
func (p *Profile) Now() string { return p.now }

// Unsafe tells of settings under which the database may forget in a crash what it has
// answered. It asks nothing where nobody knows how.
func (p *Profile) Unsafe(ctx context.Context, in Querier) ([]string, error) {
	if p.unsafe == nil {
		return nil, nil
	}
	return p.unsafe(ctx, in)
}

var postgresTwoPhase = TwoPhase{
	Prepare:  func(b Branch) string { return "PREPARE TRANSACTION " + postgresName(b) },
	Commit:   func(b Branch) string { return "COMMIT PREPARED " + postgresName(b) },
	Rollback: func(b Branch) string { return "ROLLBACK PREPARED " + postgresName(b) },
	// It also answers 25P02 in an aborted transaction, in which PREPARE TRANSACTION rolls
	// back and says nothing.
	Wrote: "SELECT txid_current_if_assigned() IS NOT NULL",
	Find:  postgresFind,
	gone:  func(err error) bool { return sqlState(err) == "42704" },
	ready: postgresReady,
}

func postgresName(b Branch) string { return "'" + b.GID + "/" + b.Qualifier + "'" }

func postgresFind(ctx context.Context, in Querier, prefix string) (found []Found, err error) {
	rows, err := in.QueryContext(ctx, fmt.Sprintf(`SELECT gid, CAST(extract(epoch FROM clock_timestamp() - prepared) * 1000 AS bigint)
		FROM pg_prepared_xacts WHERE database = current_database() AND left(gid, %d) = '%s'`, len(prefix), prefix))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var ms int64
		if err := rows.Scan(&name, &ms); err != nil {
			return nil, err
		}
		if gid, qualifier, ok := strings.Cut(name, "/"); ok {
			found = append(found, Found{Branch{GID: gid, Qualifier: qualifier}, max(0, time.Duration(ms)*time.Millisecond)})
		}
	}
	return found, rows.Err()
}

func postgresReady(ctx context.Context, in Querier) error {
	var most string
	if err := texts(ctx, in, "SHOW max_prepared_transactions", &most); err != nil {
		return err
	}
	if most == "0" {
		return fmt.Errorf("the server's max_prepared_transactions is 0, so it can't prepare a transaction; set it to at least max_connections in postgresql.conf, and restart the server")
	}
	return nil
}

func postgresUnsafe(ctx context.Context, in Querier) (told []string, err error) {
	var synchronous, fsync string
	if err := texts(ctx, in, "SELECT current_setting('synchronous_commit'), current_setting('fsync')", &synchronous, &fsync); err != nil {
		return nil, err
	}
	if synchronous == "off" {
		told = append(told, "synchronous_commit is off")
	}
	if fsync == "off" {
		told = append(told, "fsync is off")
	}
	return told, nil
}

// xaFormat tells the library's branches from those of others on a server.
const xaFormat = 26466

func xaName(b Branch) string {
	qualifier := b.Qualifier
	if b.Owner != "" {
		qualifier += "." + b.Owner
	}
	return fmt.Sprintf("'%s','%s',%d", b.GID, qualifier, xaFormat)
}

var mysqlTwoPhase = TwoPhase{
	Begin:    func(b Branch) string { return "XA START " + xaName(b) },
	End:      func(b Branch) string { return "XA END " + xaName(b) },
	OnePhase: func(b Branch) string { return "XA COMMIT " + xaName(b) + " ONE PHASE" },
	Abort:    func(b Branch) string { return "XA ROLLBACK " + xaName(b) },
	Prepare:  func(b Branch) string { return "XA PREPARE " + xaName(b) },
	Commit:   func(b Branch) string { return "XA COMMIT " + xaName(b) },
	Rollback: func(b Branch) string { return "XA ROLLBACK " + xaName(b) },
	Owner:    mysqlOwner,
	Owned:    mysqlOwned,
	Find:     mysqlFind,
	gone:     func(err error) bool { return mysqlHas(err, "1397") },
	// MariaDB says so of a prepared branch that only read, once its connection has gone.
	empty: func(err error) bool { return mysqlHas(err, "1402") },
	ready: mysqlReady,
}

// mysqlFind asks for all branches of the server. It does not tell how old they are.
func mysqlFind(ctx context.Context, in Querier, prefix string) (found []Found, err error) {
	rows, err := in.QueryContext(ctx, "XA RECOVER")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var format, gid, qualifier int
		var data []byte
		if err := rows.Scan(&format, &gid, &qualifier, &data); err != nil {
			return nil, err
		}
		if format != xaFormat || gid+qualifier != len(data) || !strings.HasPrefix(string(data), prefix) {
			continue
		}
		of, owner, _ := strings.Cut(string(data[gid:]), ".")
		found = append(found, Found{Branch{string(data[:gid]), of, owner}, -1})
	}
	return found, rows.Err()
}

// mysqlOwner is a connection's id, and when its server was started, since the ids begin
// again then.
//
// While a connection ends, MariaDB (10.11.19) lets others have its prepared branches a
// moment too soon: XA COMMIT by another says OK then and commits nothing, and the branch
// is in no list until the server is started again. It is over once the connection is out
// of the process list.
func mysqlOwner(ctx context.Context, in Querier) (string, error) {
	var id int64
	if err := numbers(ctx, in, "SELECT CONNECTION_ID()", &id); err != nil {
		return "", err
	}
	started, err := mysqlStarted(ctx, in)
	return strconv.FormatInt(id, 36) + "." + strconv.FormatInt(started, 36), err
}

func mysqlStarted(ctx context.Context, in Querier) (int64, error) {
	var name string
	var now, uptime int64
	if err := numbers(ctx, in, "SHOW GLOBAL STATUS LIKE 'Uptime'", &name, &uptime); err != nil {
		return 0, err
	}
	err := numbers(ctx, in, "SELECT UNIX_TIMESTAMP()", &now)
	return now - uptime, err
}

// mysqlOwned sees the connections of its own user, or with PROCESS all.
func mysqlOwned(ctx context.Context, in Querier, owner string) (bool, error) {
	first, second, _ := strings.Cut(owner, ".")
	id, wrong := strconv.ParseInt(first, 36, 64)
	then, wrongToo := strconv.ParseInt(second, 36, 64)
	if wrong != nil || wrongToo != nil {
		return false, fmt.Errorf("%q names no connection", owner)
	}
	started, err := mysqlStarted(ctx, in)
	if err != nil {
		return false, err
	}
	if apart := started - then; apart > 5 || apart < -5 { // both were asked for in two steps
		return false, nil
	}
	var n int
	err = numbers(ctx, in, fmt.Sprintf("SELECT count(*) FROM information_schema.processlist WHERE id = %d", id), &n)
	return n > 0, err
}

func mysqlReady(ctx context.Context, in Querier) error {
	var version string
	if err := texts(ctx, in, "SELECT VERSION()", &version); err != nil {
		return err
	}
	var major, minor, patch int
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	number, needs := major*10000+minor*100+patch, 50707
	if strings.Contains(version, "MariaDB") {
		needs = 100500
	}
	if number < needs {
		return fmt.Errorf("the server is %s, which rolls a prepared XA transaction back when its connection ends; MariaDB keeps it from 10.5 on, and MySQL from 5.7.7", version)
	}
	return nil
}

func mysqlUnsafe(ctx context.Context, in Querier) ([]string, error) {
	var flush string
	if err := texts(ctx, in, "SELECT @@innodb_flush_log_at_trx_commit", &flush); err != nil {
		return nil, err
	}
	if flush != "1" {
		return []string{"innodb_flush_log_at_trx_commit is " + flush}, nil
	}
	return nil, nil
}

func sqliteUnsafe(ctx context.Context, in Querier) ([]string, error) {
	var synchronous string
	if err := texts(ctx, in, "PRAGMA synchronous", &synchronous); err != nil {
		return nil, err
	}
	if synchronous == "0" || synchronous == "1" {
		return []string{"PRAGMA synchronous is below FULL"}, nil
	}
	return nil, nil
}

// texts reads the only row of a query.
func texts(ctx context.Context, in Querier, query string, into ...*string) error {
	to := make([]any, len(into))
	for i := range into {
		to[i] = into[i]
	}
	return numbers(ctx, in, query, to...)
}
