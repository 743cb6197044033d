package realtime

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A chunk of HTTP/1.1 (RFC 9112, section 7.1) is its length in hexadecimal digits, always six here, its bytes, and a line end.
const (
	chunkHead = len("010000\r\n")
	chunkTail = "\r\n"
	chunkLast = "0\r\n\r\n"
)

// A client that has opened a stream has nothing more to say on its connection. What it says all the same is thrown away up to
// here, and is then the end.
const idleTalk = 64 << 10

// link is the wire of a stream that has taken its connection over from the HTTP server. What that holds for a request (two
// buffers, the request, the deep stack of its handlers) is several times of what an idle stream needs.
type link struct{ conn net.Conn }

// takeOver takes the connection over and sends the header of a stream; nil where that cannot be, as with HTTP/2. An error means
// that the client has gone.
func takeOver(w http.ResponseWriter) (*link, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrNotSupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	header := w.Header().Clone()
	setStreamHeader(header)
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	header.Set("Connection", "close") // no other request follows
	header.Set("Transfer-Encoding", "chunked")
	l := &link{conn: conn}
	if err := l.begin(header); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

func (l *link) begin(header http.Header) error {
	if err := l.conn.SetDeadline(time.Time{}); err != nil { // the HTTP server's
		return err
	}
	head := headWriter("HTTP/1.1 200 OK\r\n")
	if err := header.Write(&head); err != nil {
		return err
	}
	return l.put(append(head, "\r\n"...))
}

// headWriter collects the head of a response.
type headWriter []byte

func (h *headWriter) Write(p []byte) (int, error) {
	*h = append(*h, p...)
	return len(p), nil
}

func (l *link) put(b []byte) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(b)
	return err
}

func (l *link) send(chunk []byte) error {
	size := strconv.AppendInt(make([]byte, 0, chunkHead), int64(len(chunk)-chunkHead)|1<<24, 16) // a seventh digit, so that there are six
	copy(chunk, size[1:])
	copy(chunk[chunkHead-len(chunkTail):], chunkTail)
	return l.put(append(chunk, chunkTail...))
}

// rest leaves the deadline: one that passes does no harm to the next write, which sets its own.
func (l *link) rest() error { return nil }

// end says that nothing follows. The client may have gone.
func (l *link) end() { _ = l.put([]byte(chunkLast)) }

// listen returns when the client has gone, or the connection has been closed.
func (l *link) listen() {
	var some [64]byte
	for heard := 0; heard < idleTalk; {
		n, err := l.conn.Read(some[:])
		if err != nil {
			return
		}
		heard += n
	}
}

// links are the connections that streams have taken over. The HTTP server knows nothing of them any more.
type links struct {
	mu    sync.Mutex
	open  map[*link]bool
	empty chan struct{} // closed when there is none; nil: nobody waits
}

func (ls *links) add(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.open == nil {
		ls.open = map[*link]bool{}
	}
	ls.open[l] = true
}

func (ls *links) remove(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.open, l)
	if len(ls.open) == 0 && ls.empty != nil {
		close(ls.empty)
		ls.empty = nil
	}
}

// wait returns when none is open; when ctx ends before, it cuts those that are and tells how many.
func (ls *links) wait(ctx context.Context) (cut int) {
	ls.mu.Lock()
	if len(ls.open) == 0 {
		ls.mu.Unlock()
		return 0
	}
	if ls.empty == nil {
		ls.empty = make(chan struct{})
	}
	empty := ls.empty
	ls.mu.Unlock()
	select {
	case <-empty:
		return 0
	case <-ctx.Done():
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.open {
		_ = l.conn.Close() // its stream closes it again
	}
	return len(ls.open)
}
