package realtime

import (
	"errors"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"parley/models"
)

const (
	// A server that is gone is tried again this often, by every node at a moment of its own.
	natsReconnectWait, natsReconnectJitter = 500 * time.Millisecond, 500 * time.Millisecond
	// What is published meanwhile is kept up to this; the rest is found in the database.
	natsBuffer = 1 << 20
	// NATS servers take 1 MB; an announcement over half of it names the number only, and the nodes read the database.
	natsLargest = 512 << 10
	// A ping that stays away twice means a dead link.
	natsPing = 5 * time.Second
	// A stop does not wait longer than this for what is still to go out, nor does a server that takes nothing hold a
	// publisher up for longer.
	natsFlush = time.Second
	// Announcements that wait to go out; more means a server that takes nothing, and the database does it.
	natsWaiting = 4096
)

// natsSubject begins the subject of a log; the log's id follows.
const natsSubject = "parley.log."

// NATS is the broker of a cluster (NATS core: at most once, in the order of each publisher).
type NATS struct {
	conn     *nats.Conn
	logger   *slog.Logger
	metrics  *brokerMetrics
	tracer   trace.Tracer // nil: nobody traces
	outgoing chan Announcement
	stop     chan struct{}
	stopped  chan struct{}
}

// NewNATS connects to a nats:// URL, and goes on trying for ever: a server that cannot be reached is a warning.
func NewNATS(url string, logger *slog.Logger, registry prometheus.Registerer, tracer trace.Tracer) (*NATS, error) {
	b := &NATS{logger: logger, tracer: tracer, outgoing: make(chan Announcement, natsWaiting), stop: make(chan struct{}), stopped: make(chan struct{}),
		metrics: newBrokerMetrics(registry)}
	conn, err := nats.Connect(url, nats.Name("parley"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(natsReconnectWait), nats.ReconnectJitter(natsReconnectJitter, natsReconnectJitter),
		nats.ReconnectBufSize(natsBuffer), nats.PingInterval(natsPing), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(natsFlush),
		nats.ConnectHandler(func(*nats.Conn) { b.up() }), nats.ReconnectHandler(func(*nats.Conn) { b.up() }),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) { b.down(conn, err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.logger.Warn("the broker reports an error", "error", err)
		}))
	if err != nil {
		return nil, err
	}
	b.conn = conn
	if !conn.IsConnected() {
		b.down(conn, errors.New("not reached at the start"))
	}
	go b.send()
	return b, nil
}

func (b *NATS) up() {
	b.metrics.connected.Set(1)
	b.logger.Info("the broker is connected")
}

func (b *NATS) down(conn *nats.Conn, err error) {
	b.metrics.connected.Set(0)
	if !conn.IsClosed() {
		b.logger.Warn("the broker is not connected; other nodes' events come by the database", "error", err)
	}
}

// wireEntry is an entry on its way to another node, with what an API answer does not show.
type wireEntry struct {
	Message    *models.Message  `json:"message,omitzero"`
	SessionID  string           `json:"sessionId,omitzero"` // of the message's sender
	Priority   models.Priority  `json:"priority,omitzero"`  // of the message
	Audience   models.Audience  `json:"audience,omitzero"`  // and the like
	Recipients []string         `json:"recipients,omitempty"`
	ValidUntil models.Timestamp `json:"validUntil,omitzero"`
	Event      *models.Event    `json:"event,omitzero"`
	Trace      carried          `json:"trace,omitempty"`
}

// wireAnnouncement is an announcement on its way.
type wireAnnouncement struct {
	Announcement
	Entries []wireEntry `json:"entries,omitempty"`
	Trace   carried     `json:"trace,omitempty"`
}

// Publish hands an announcement to the sender; when too many wait it is dropped, and the database does it.
func (b *NATS) Publish(a Announcement) {
	select {
	case b.outgoing <- a:
	default:
		b.metrics.dropped.Inc()
	}
}

// send sends what is published until the stop, and then what still waits. It may be held up by a server that takes
// nothing; a publisher is not.
func (b *NATS) send() {
	defer close(b.stopped)
	for {
		select {
		case a := <-b.outgoing:
			b.sendOne(a)
		case <-b.stop:
			for len(b.outgoing) > 0 {
				b.sendOne(<-b.outgoing)
			}
			return
		}
	}
}

// sendOne sends an announcement to the log's subject.
func (b *NATS) sendOne(a Announcement) {
	span := b.tracePublish(&a)
	if span != nil {
		defer span.End()
	}
	data, err := encodeAnnouncement(a)
	if err == nil {
		err = b.conn.Publish(natsSubject+a.Log, data)
	}
	if err != nil { // the other nodes find entries in the database
		b.metrics.dropped.Inc()
		b.logger.Debug("an announcement did not go out", "error", err)
		return
	}
	b.metrics.published.Inc()
}

// Subscribe listens to the log's subject.
func (b *NATS) Subscribe(log string, heard func(Announcement)) error {
	_, err := b.conn.Subscribe(natsSubject+log, func(m *nats.Msg) {
		b.metrics.received.Inc()
		a, err := decodeAnnouncement(m.Data)
		if err != nil {
			b.logger.Warn("an announcement cannot be read", "error", err)
			return
		}
		a.Log = log
		span := b.traceHeard(&a)
		heard(a)
		if span != nil {
			span.End()
		}
	})
	return err
}

// Close sends what is still to go out, and closes the connection.
func (b *NATS) Close() error {
	close(b.stop)
	select {
	case <-b.stopped:
	case <-time.After(natsFlush):
	}
	if b.conn.IsConnected() {
		if err := b.conn.FlushTimeout(natsFlush); err != nil {
			b.logger.Debug("the broker did not take the last announcements", "error", err)
		}
	}
	b.conn.Close()
	return nil
}

// encodeAnnouncement writes an announcement as JSON; a large one without its entries.
func encodeAnnouncement(a Announcement) ([]byte, error) {
	wire := wireAnnouncement{Announcement: a, Trace: carry(a.Trace)}
	for _, e := range a.Entries {
		entry := wireEntry{Message: e.Message, Event: e.Event, Trace: carry(e.Trace)}
		if e.Message != nil {
			entry.Message = e.Message.Stored() // an older node shows a personal message to nobody
			entry.SessionID, entry.Priority = e.Message.SessionID, e.Message.Priority
			entry.Audience, entry.Recipients, entry.ValidUntil = e.Message.Audience, e.Message.Recipients, e.Message.ValidUntil
		}
		wire.Entries = append(wire.Entries, entry)
	}
	data, err := json.Marshal(wire)
	if err != nil || len(data) <= natsLargest || len(a.Entries) == 0 {
		return data, err
	}
	return json.Marshal(wireAnnouncement{Announcement: Announcement{Reached: a.Entries[len(a.Entries)-1].Seq()}})
}

func decodeAnnouncement(data []byte) (Announcement, error) {
	var wire wireAnnouncement
	if err := json.Unmarshal(data, &wire); err != nil {
		return Announcement{}, err
	}
	a := wire.Announcement
	if a.Transient != nil && a.Transient.Message == nil {
		return Announcement{}, errors.New("a transient message is a message")
	}
	a.Trace = wire.Trace.span()
	for _, e := range wire.Entries {
		if (e.Message == nil) == (e.Event == nil) {
			return Announcement{}, errors.New("an entry is a message or an event")
		}
		if e.Message != nil {
			e.Message.SessionID, e.Message.Priority = e.SessionID, e.Priority
			e.Message.Audience, e.Message.Recipients, e.Message.ValidUntil = e.Audience, e.Recipients, e.ValidUntil
			e.Message.Unmark()
		}
		a.Entries = append(a.Entries, models.Entry{Message: e.Message, Event: e.Event, Trace: e.Trace.span()})
	}
	return a, nil
}
