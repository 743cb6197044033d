package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// Until a stream says retry:, as EventSource would wait.
	retryFirst = time.Second
	// A pause that a server asks for beyond this is not waited for in full.
	pauseMost = time.Minute
	// A node that has not answered by now is left for another one. The server's own limit for a call is 20 s.
	headerTimeout = 20 * time.Second
)

// Reader follows a client's stream: it resumes from the last id after every loss of the connection, on another node
// when there is one, and records what comes.
type Reader struct {
	client *Client
	ledger *Ledger
	trail  *trail
	most   time.Duration // of a pause, see ComeBackWithin
	away   time.Duration // of a pause after a Cut, see stayAway

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	conn    net.Conn
	cut     bool          // the connection was severed by Cut
	changed chan struct{} // closed when a block has come or the reader has ended; nil: nobody waits
	ended   error
	trouble error // why there is no connection now
}

// FollowOption changes how a stream is followed.
type FollowOption func(*Reader)

// ComeBackWithin bounds the pauses before a lost stream is opened again, whatever retry: and schedule say.
func ComeBackWithin(most time.Duration) FollowOption { return func(r *Reader) { r.most = most } }

// stayAway lets every other Cut be followed by a pause, so that messages are missed and have to be replayed.
func stayAway(most time.Duration) FollowOption { return func(r *Reader) { r.away = most } }

// Follow follows the client's stream until ctx ends or the reader is closed. It must get what is sent after its first
// online: wait for CaughtUp with "0" before. Whether the client is inside a conversation is known from Create, from what
// the stream says, and from messages that came; not known is that it was taken out before it was followed.
func (c *Client) Follow(ctx context.Context, l *Ledger, options ...FollowOption) *Reader {
	d := c.deployment
	r := &Reader{client: c, ledger: l, most: pauseMost, done: make(chan struct{})}
	for _, option := range options {
		option(r)
	}
	r.trail = l.newTrail(c.ID, c.SessionID, func(conversation string) (time.Time, bool) { return d.createdWith(conversation, c.ID) })
	ctx, r.cancel = context.WithCancel(ctx)
	go r.follow(ctx)
	return r
}

// Position is the last id that came, heartbeats included; empty before the first.
func (r *Reader) Position() string {
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	if r.trail.position < 0 {
		return ""
	}
	return strconv.FormatInt(r.trail.position, 10)
}

// Cut severs the connection abruptly, with a reset where the system can. The reader resumes at once: retry: is for
// streams that were lost.
func (r *Reader) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil || r.cut {
		return
	}
	r.cut = true
	sever(r.conn)
	r.ledger.wasCut()
}

// Close ends the reader and waits for it.
func (r *Reader) Close() {
	r.cancel()
	<-r.done
}

// CaughtUp waits until the reader has come to this position: everything of its own up to there is recorded. On an idle
// stream that takes a heartbeat; after a Cut, the reconnect says it at once.
func (r *Reader) CaughtUp(ctx context.Context, id string) error {
	position, ok := parseID(id)
	if !ok {
		return fmt.Errorf("%q is not a position", id)
	}
	return r.until(ctx, "is not at "+id, func() bool { return r.trail.position >= position })
}

// live waits until the connection has said online or reconnect; it is not so between a Cut and the resume.
func (r *Reader) live(ctx context.Context) error {
	return r.until(ctx, "is not live", func() bool { return r.trail.greeted && !r.cut && r.conn != nil })
}

// until waits for what blocks change.
func (r *Reader) until(ctx context.Context, not string, holds func() bool) error {
	for {
		r.mu.Lock()
		r.ledger.mu.Lock()
		done, at := holds(), r.trail.position
		r.ledger.mu.Unlock()
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed, ended := r.changed, r.ended
		r.mu.Unlock()
		switch {
		case done:
			return nil
		case ended != nil:
			return fmt.Errorf("%s has ended: %w", r.trail, ended)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			r.mu.Lock()
			defer r.mu.Unlock()
			return fmt.Errorf("%s %s, it is at %d: %w", r.trail, not, at, cmp.Or(r.trouble, ctx.Err()))
		}
	}
}

// tell wakes those who wait.
func (r *Reader) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// loss is how a connection ended.
type loss struct {
	final     error // there is no coming back
	refused   error // why it never was a stream, so that another node should be tried
	pause     time.Duration
	scheduled bool // pause is the server's schedule, or its Retry-After
}

// follow opens one connection after the other.
func (r *Reader) follow(ctx context.Context) {
	defer close(r.done)
	retry, nodes := retryFirst, len(r.client.deployment.urls)
	var lostAt time.Time // when the first attempt to resume began; zero: nothing is lost
	for refusals := 0; ; {
		end := r.connect(ctx, &retry, &lostAt)
		if ctx.Err() != nil {
			r.end(errors.New("it was closed"))
			return
		}
		r.troubledBy(end.refused)
		if end.final != nil {
			r.ledger.mu.Lock()
			r.trail.breach(broken, "%v", end.final)
			r.ledger.mu.Unlock()
			r.end(end.final)
			return
		}
		wait := retry
		refusals++
		switch cut := r.wasCut(); { // also while it was being opened
		case cut:
			refusals, wait = 0, max(0, rand.N(2*r.away+1)-r.away)
		case end.refused == nil:
			refusals = 0
		case refusals%nodes != 0:
			wait = 0 // the next node may be well
		}
		if end.scheduled && wait == retry {
			wait = end.pause
		}
		if sleep(ctx, min(wait, r.most)) == nil && lostAt.IsZero() {
			lostAt = time.Now()
		}
	}
}

func (r *Reader) end(err error) {
	r.mu.Lock()
	r.ended = err
	r.mu.Unlock()
	r.tell()
}

// troubledBy keeps why a connection could not be opened, for those who wait.
func (r *Reader) troubledBy(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble = err
}

// wasCut tells whether the connection before was severed by Cut.
func (r *Reader) wasCut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	cut := r.cut
	r.cut = false
	return cut
}

// connect opens the stream on the next node and reads it to its end.
func (r *Reader) connect(ctx context.Context, retry *time.Duration, lostAt *time.Time) loss {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	transport := newTransport()
	transport.DisableKeepAlives, transport.ResponseHeaderTimeout = true, headerTimeout
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			r.keep(conn)
		}
		return conn, err
	}
	defer transport.CloseIdleConnections()
	defer r.keep(nil)
	response, node, err := r.open(ctx, transport)
	if err != nil {
		return loss{refused: err}
	}
	defer response.Body.Close()
	if end := r.accept(response, node); end != nil {
		return *end
	}
	return r.read(response.Body, cancel, retry, lostAt)
}

func (r *Reader) keep(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn = conn
}

// open asks for the stream, from the last id on.
func (r *Reader) open(ctx context.Context, transport *http.Transport) (*http.Response, string, error) {
	node := r.client.deployment.node()
	request, err := http.NewRequestWithContext(ctx, "GET", node+"/v1/stream", nil)
	if err != nil {
		return nil, node, err
	}
	request.Header.Set("Authorization", r.client.bearer)
	request.Header.Set("Accept", "text/event-stream")
	r.ledger.mu.Lock()
	r.trail.opened()
	r.ledger.mu.Unlock()
	if position := r.Position(); position != "" {
		request.Header.Set("Last-Event-ID", position)
	}
	response, err := transport.RoundTrip(request)
	return response, node, err
}

// accept looks at the answer's header; nil when it is a stream.
func (r *Reader) accept(response *http.Response, node string) *loss {
	if response.StatusCode == http.StatusOK {
		media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
		if err == nil && media == "text/event-stream" {
			return nil
		}
		r.ledger.mu.Lock()
		defer r.ledger.mu.Unlock()
		r.trail.breach(broken, "%s answered 200 with the Content-Type %q", node, response.Header.Get("Content-Type"))
		return &loss{refused: fmt.Errorf("%s answered with no event stream", node)}
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // what there is of it is shown
	answer := result{status: response.StatusCode, header: response.Header, body: body, node: node}
	pause := retryAfter(response.Header)
	switch {
	case answer.status == http.StatusTooManyRequests, answer.status >= http.StatusInternalServerError:
		return &loss{refused: answer.refusal(), scheduled: pause > 0, pause: pause}
	default:
		return &loss{final: answer.refusal()}
	}
}

// read records one block after the other. A connection that is silent for twice the promised time is dead.
func (r *Reader) read(body io.Reader, cancel context.CancelFunc, retry *time.Duration, lostAt *time.Time) loss {
	blocks, end := newBlocks(body), loss{}
	heartbeat := heartbeatPromise
	silence := time.AfterFunc(2*heartbeat, func() {
		r.ledger.mu.Lock()
		defer r.ledger.mu.Unlock()
		r.trail.breach(broken, "nothing came for %v, twice the promised time", 2*r.trail.heartbeat)
		cancel()
	})
	defer silence.Stop()
	for {
		b, err := blocks.next()
		if err != nil {
			if errors.Is(err, errBlockTooLarge) {
				end.final = err
			}
			return end
		}
		r.ledger.mu.Lock()
		o := r.trail.take(b)
		heartbeat = r.trail.heartbeat
		r.ledger.mu.Unlock()
		silence.Reset(2 * heartbeat)
		if o.retry > 0 {
			*retry = o.retry
		}
		if o.reconnected && !lostAt.IsZero() {
			r.ledger.resumed(time.Since(*lostAt))
			*lostAt = time.Time{}
		}
		if o.scheduled {
			end.scheduled, end.pause = true, o.schedule
		}
		r.tell()
		if o.final != "" {
			end.final = errors.New(o.final)
			return end
		}
	}
}

// newTransport is http.DefaultTransport's settings in a transport of our own, with a shorter dial.
func newTransport() *http.Transport {
	dialer := net.Dialer{Timeout: dialTimeout}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: time.Minute}
}

// sever ends a connection without a farewell: what is on its way is dropped, and the other side gets a reset.
func sever(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // at worst it is closed in order
	}
	_ = conn.Close() // an error means that it has ended already
}
