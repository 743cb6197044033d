package harness

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// lateness is how long a statement is under way that reaches the database after its client was cut off: longer than a
// client takes to connect and try again, so that the database has both at once.
const lateness = 50 * time.Millisecond

// link is one connection through a Proxy.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	swallow        atomic.Bool // the next answer is not passed on, and ends the link
	ended          chan struct{}
	end            func() // closes both sides, once
}

func newLink(p *Proxy, client, server net.Conn) *link {
	l := &link{proxy: p, client: client, server: server, ended: make(chan struct{})}
	l.end = sync.OnceFunc(func() {
		close(l.ended)
		client.Close()
		server.Close()
	})
	return l
}

// run forwards both ways until either side ends.
func (l *link) run() {
	answers := make(chan answer, 64) // the reader goes on while answers wait for their time
	var both sync.WaitGroup
	both.Go(func() {
		l.forwardToServer()
		l.proxy.waitThawed() // the other side does not learn of the end meanwhile
		l.end()
	})
	both.Go(func() {
		defer close(answers)
		l.readAnswers(answers)
	})
	both.Go(func() {
		l.forwardToClient(answers)
		l.proxy.waitThawed()
		l.end()
	})
	both.Wait()
}

// forwardToServer returns when the client has closed, or when the link is to be cut.
func (l *link) forwardToServer() {
	from := bufio.NewReaderSize(l.client, 32<<10)
	var statement Statement
	for {
		data, err := l.next(from)
		if err != nil {
			return
		}
		fate := Pass
		if sql, ok := statementIn(data); ok && l.proxy.mysql {
			statement = statement.follow(sql)
			fate = l.proxy.fateOf(statement)
		}
		if !l.forward(data, fate) {
			return
		}
	}
}

// next reads what is to be forwarded at once: a packet of MySQL's, or whatever there is.
func (l *link) next(from *bufio.Reader) ([]byte, error) {
	if l.proxy.mysql {
		return readPacket(from)
	}
	if _, err := from.Peek(1); err != nil {
		return nil, err
	}
	data := make([]byte, from.Buffered())
	_, err := from.Read(data)
	return data, err
}

// forward sends a packet on as its fate wants; false ends the link.
func (l *link) forward(data []byte, fate Fate) bool {
	switch fate {
	case CutBefore:
		return false
	case CutAfter:
		l.swallow.Store(true)
	case CutLate:
		l.swallow.Store(true)
		l.client.Close()
		late := time.NewTimer(lateness)
		defer late.Stop()
		select {
		case <-late.C:
		case <-l.ended:
			return false
		}
	case FreezeIt:
		l.proxy.Freeze()
	case FreezeHalf:
		l.proxy.waitThawed()
		half := len(data) / 2
		if _, err := l.server.Write(data[:half]); err != nil {
			return false
		}
		data = data[half:]
		l.proxy.Freeze()
	}
	l.proxy.waitThawed()
	if fate == FreezeAfter {
		l.proxy.Freeze() // before the answer can have come
	}
	if _, err := l.server.Write(data); err != nil {
		return false
	}
	if fate == CutAfter || fate == CutLate {
		<-l.ended // by the answer, or by the end of either side
		return false
	}
	return true
}

// answer is what came back from the server, and when it is to be passed on.
type answer struct {
	due  time.Time
	data []byte
}

// readAnswers returns when the server has closed, or has given the answer that is to be swallowed.
func (l *link) readAnswers(answers chan<- answer) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := l.server.Read(buffer)
		l.proxy.answered.Add(int64(n))
		if l.swallow.Load() {
			l.end()
			return
		}
		if err != nil {
			return
		}
		select {
		case answers <- answer{time.Now().Add(l.proxy.currentDelay()), append([]byte(nil), buffer[:n]...)}:
		case <-l.ended:
			return
		}
	}
}

func (l *link) forwardToClient(answers <-chan answer) {
	for a := range answers {
		if wait := time.Until(a.due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-l.ended:
			}
			timer.Stop()
		}
		l.proxy.waitThawed()
		if _, err := l.client.Write(a.data); err != nil {
			return
		}
	}
}
