package cut

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Freezer makes a server seem to accept and not to answer, as one that is stopped
// (SIGSTOP): what it answers is held back until Thaw.
type Freezer struct {
	mu     sync.Mutex
	thawed chan struct{} // nil: it is not frozen
}

// Freeze holds back all answers from here.
func (f *Freezer) Freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.thawed == nil {
		f.thawed = make(chan struct{})
	}
}

// Thaw lets all answers through.
func (f *Freezer) Thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.thawed != nil {
		close(f.thawed)
		f.thawed = nil
	}
}

func (f *Freezer) waits() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.thawed
}

// Wrap wraps a network connection to the server.
func (f *Freezer) Wrap(inner net.Conn) net.Conn {
	return &frozenConn{Conn: inner, f: f, over: make(chan struct{})}
}

type frozenConn struct {
	net.Conn
	f *Freezer

	mu   sync.Mutex
	over chan struct{} // closed when a deadline is over, or the connection closed
}

// SyscallConn lets go-sql-driver/mysql see that an idle connection was cut.
func (c *frozenConn) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

func (c *frozenConn) Read(packet []byte) (int, error) {
	n, err := c.Conn.Read(packet)
	waits := c.f.waits()
	if waits == nil {
		return n, err
	}
	c.mu.Lock()
	over := c.over
	c.mu.Unlock()
	select {
	case <-waits:
		return n, err
	case <-over:
		return 0, os.ErrDeadlineExceeded
	}
}

// SetDeadline wakes who waits for an answer, if it is over. A later one is the
// connection's own, and does not.
func (c *frozenConn) SetDeadline(at time.Time) error {
	c.ends(at)
	return c.Conn.SetDeadline(at)
}

// SetReadDeadline is as SetDeadline.
func (c *frozenConn) SetReadDeadline(at time.Time) error {
	c.ends(at)
	return c.Conn.SetReadDeadline(at)
}

func (c *frozenConn) ends(at time.Time) {
	if at.IsZero() || time.Until(at) > 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.over)
	c.over = make(chan struct{})
}

// Close closes the connection, and wakes who waits for an answer.
func (c *frozenConn) Close() error {
	c.ends(time.Unix(1, 0))
	return c.Conn.Close()
}
