package testkit

import (
	"context"
	"database/sql/driver"
	"io"
)

// What happens in a call that goes wrong. The suites of this project and package
// bindtest have no other way to make one fail.

// Answers is a database that answers with an error. One that refuses to end a
// transaction has ended it without its rows.
func Answers(err error) Hook {
	return func(_ context.Context, on *Conn, call Call, _ Real) error {
		if call.Kind == Commit || call.Kind == Rollback {
			on.RollBack()
		}
		return err
	}
}

// StaysOpen is a database that answers COMMIT or ROLLBACK with an error, and
// leaves the transaction open.
func StaysOpen(err error) Hook {
	return func(context.Context, *Conn, Call, Real) error { return err }
}

// LosesBefore is a connection that is lost before the database has done anything.
func LosesBefore(_ context.Context, on *Conn, _ Call, _ Real) error {
	on.Lose()
	return driver.ErrBadConn
}

// LosesAfter is a connection that is lost when the database has done the work, and
// before its answer is there.
func LosesAfter(ctx context.Context, on *Conn, _ Call, real Real) error {
	_ = real(ctx)
	on.Drain()
	on.Lose()
	return io.ErrUnexpectedEOF // not ErrBadConn, which says that nothing was done
}
