// Package cut breaks a database connection at a moment that a test cannot reach
// from outside: between a COMMIT and its answer.
package cut

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"syscall"
)

// LoseCommitAnswer wraps a network connection without encryption. While lost
// is true, a COMMIT that is sent reaches the server, but its answer gets lost:
// the connection ends in its place.
func LoseCommitAnswer(inner net.Conn, lose *atomic.Bool) net.Conn {
	return &losingConn{Conn: inner, lose: lose}
}

var _ syscall.Conn = (*losingConn)(nil)

type losingConn struct {
	net.Conn
	lose      *atomic.Bool
	committed atomic.Bool // a COMMIT was sent whose answer is to be lost
}

// SyscallConn lets go-sql-driver/mysql see that an idle connection was cut.
func (c *losingConn) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

func (c *losingConn) Write(packet []byte) (int, error) {
	if c.lose.Load() && bytes.Contains(bytes.ToUpper(packet), []byte("COMMIT")) {
		c.committed.Store(true)
	}
	return c.Conn.Write(packet)
}

func (c *losingConn) Read(packet []byte) (int, error) {
	if !c.committed.Load() {
		return c.Conn.Read(packet)
	}
	// The first byte of the answer tells that the server is done.
	if _, err := c.Conn.Read(make([]byte, 1)); err != nil {
		return 0, err
	}
	_ = c.Conn.Close()
	return 0, io.EOF
}
