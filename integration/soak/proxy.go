package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// A proxy stands between the program and a server. It forwards what both say,
// without encryption, and knows of each connection the server's id and the
// transaction that it last carried: rows have their transaction in their name.
type proxy struct {
	product  *product
	network  string // of the server
	address  string
	listener net.Listener
	strike   func(*link, *fault, []byte) bool // forwards a request that a fault waits for; false: the connection is over

	mu     sync.Mutex
	gate   chan struct{} // not nil: frozen until it is closed
	links  map[*link]bool
	ids    []int64 // of all connections since the last call of forget
	faults map[*fault]bool
	done   sync.WaitGroup
}

// A link is a connection through the proxy.
type link struct {
	client, server net.Conn

	mu   sync.Mutex
	id   int64 // the server's; 0: not known yet
	txn  int64 // of the last row that was named
	mute bool  // the next answer gets lost
}

func newProxy(p *product, network, address string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	x := &proxy{product: p, network: network, address: address, listener: listener, links: map[*link]bool{}, faults: map[*fault]bool{}}
	go x.accept()
	return x, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server}
		p.mu.Lock()
		p.links[l] = true
		p.mu.Unlock()
		p.done.Add(2)
		go p.requests(l)
		go p.answers(l)
	}
}

func (p *proxy) requests(l *link) {
	defer p.done.Done()
	defer p.end(l)
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			return
		}
		request := buffer[:n]
		l.read(request)
		p.wait()
		if f := p.waiting(l, request); f != nil {
			if !p.strike(l, f, request) {
				return
			}
			continue
		}
		if _, err := l.server.Write(request); err != nil {
			return
		}
	}
}

func (p *proxy) answers(l *link) {
	defer p.done.Done()
	defer p.end(l)
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buffer)
		if err != nil {
			return
		}
		p.wait()
		l.mu.Lock()
		mute := l.mute
		if l.id == 0 {
			if l.id = p.product.connectionID(buffer[:n]); l.id != 0 {
				p.mu.Lock()
				p.ids = append(p.ids, l.id)
				p.mu.Unlock()
			}
		}
		l.mu.Unlock()
		if mute {
			return
		}
		if _, err := l.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

var rowOf = regexp.MustCompile(`/t(\d+)/`)

// read notes which transaction a request is of.
func (l *link) read(request []byte) {
	at := bytes.LastIndex(request, []byte("/t"))
	if at < 0 {
		return
	}
	if found := rowOf.FindSubmatch(request[at:]); found != nil {
		id, _ := strconv.ParseInt(string(found[1]), 10, 64)
		l.mu.Lock()
		l.txn = id
		l.mu.Unlock()
	}
}

func (l *link) ids() (connection, txn int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id, l.txn
}

// end cuts a connection: both sides see it at once.
func (p *proxy) end(l *link) {
	_ = l.client.Close()
	_ = l.server.Close()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// wait waits while the proxy is frozen.
func (p *proxy) wait() {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// freeze forwards nothing until thaw: it looks like a server that has got SIGSTOP.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gate == nil {
		p.gate = make(chan struct{})
	}
}

func (p *proxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gate != nil {
		close(p.gate)
		p.gate = nil
	}
}

func (p *proxy) freezeFor(d time.Duration) {
	p.freeze()
	time.AfterFunc(d, p.thaw)
}

// open are the connections, in no order.
func (p *proxy) open() (links []*link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		links = append(links, l)
	}
	return links
}

// forget cuts all connections, and returns the server's ids of all since it was
// called last.
func (p *proxy) forget() []int64 {
	p.thaw()
	for _, l := range p.open() {
		p.end(l)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := p.ids
	p.ids = nil
	return ids
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.forget()
	p.done.Wait()
}

// postgresID is in PostgreSQL's BackendKeyData, behind the authentication.
func postgresID(answer []byte) int64 {
	at := bytes.Index(answer, []byte{'K', 0, 0, 0, 12})
	if at < 0 || len(answer) < at+9 {
		return 0
	}
	return int64(binary.BigEndian.Uint32(answer[at+5:]))
}

// mysqlID is in the first packet: a version, ended by a zero, and the id.
func mysqlID(answer []byte) int64 {
	const header = 5 // length, sequence, protocol
	if len(answer) < header {
		return 0
	}
	end := bytes.IndexByte(answer[header:], 0)
	if end < 0 || len(answer) < header+end+5 {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(answer[header+end+1:]))
}
