package harness

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between a server and its database, and breaks what goes through it: it cuts, delays, holds everything
// back, and acts on a statement when it comes.
type Proxy struct {
	target   string
	mysql    bool // statements are known apart
	listener net.Listener
	links    sync.WaitGroup
	answered atomic.Int64

	mu          sync.Mutex
	cut         bool
	passing     chan struct{} // closed while bytes pass
	delay       time.Duration
	onStatement func(Statement) Fate
	conns       map[net.Conn]bool
}

// NewProxy forwards to the host of a database URL, and gives the URL by way of itself.
func NewProxy(t testing.TB, databaseURL string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: u.Host, mysql: u.Scheme == "mysql", listener: listener, conns: map[net.Conn]bool{}, passing: make(chan struct{})}
	close(p.passing)
	p.links.Go(p.accept)
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		p.Thaw()
		p.Cut()
		p.links.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed after the test
		}
		p.links.Go(func() { p.serve(client) })
	}
}

// serve joins a client with the target until either side ends; while cut, a connection is closed at once.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(server) {
		return
	}
	defer p.drop(server)
	newLink(p, client, server).run()
}

// Freeze holds all bytes back in both directions and keeps the connections open, like a network that swallows
// everything: neither side learns that the other has closed, or that it is gone.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
		p.passing = make(chan struct{})
	default: // frozen already
	}
}

// Thaw lets bytes pass again, those held back first.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
	default:
		close(p.passing)
	}
}

// waitThawed returns when bytes may pass.
func (p *Proxy) waitThawed() {
	p.mu.Lock()
	passing := p.passing
	p.mu.Unlock()
	<-passing
}

// Delay makes everything that comes back from the target so much later: the round trip grows by it.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

func (p *Proxy) currentDelay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// OnStatement asks decide what becomes of each statement on its way to a MySQL database; nil lets all pass. Connections
// ask at the same time.
func (p *Proxy) OnStatement(decide func(Statement) Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onStatement = decide
}

func (p *Proxy) fateOf(s Statement) Fate {
	p.mu.Lock()
	decide := p.onStatement
	p.mu.Unlock()
	if decide == nil {
		return Pass
	}
	return decide(s)
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.conns[c] = true
	}
	return !p.cut
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Answered counts the bytes that the target has sent through the proxy.
func (p *Proxy) Answered() int64 { return p.answered.Load() }

// Connections tells how many connections are open through the proxy.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2 // both ends
}

// Cut ends all connections and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	p.CutConnections()
}

// CutConnections ends the connections that are open; new ones are let through.
func (p *Proxy) CutConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Restore lets connections through again.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}
