// Package realtime is the live side: it reads the log and shows each client what is its own, as server-sent events.
// Feed brings the entries in order, Hub hands them to the streams, Stream writes them; whoever is behind reads the
// database instead.
package realtime

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"parley/models"
)

// Log is what the live side reads; models.Store is it.
type Log interface {
	Heads(ctx context.Context) ([]models.Head, error)
	Head(ctx context.Context, appID uint32) (models.Head, error)
	Between(ctx context.Context, appID uint32, after, upTo int64, limit int) ([]models.Entry, int64, error)
	Spans(ctx context.Context, appID uint32, clientID string, after int64) ([]models.Span, error)
	Page(ctx context.Context, appID uint32, spans []models.Span, after, upTo int64, limit int) ([]models.Entry, int64, error)
	Waiting(ctx context.Context, appID uint32, clientID string, spans []models.Span, after, upTo int64, limit int) ([]models.Entry, int64, error)
	CountUpTo(ctx context.Context, appID uint32, spans []models.Span, after, upTo int64, limit int) (int, error)
	SessionEnded(appID uint32, id string)
	TrustSessions(appID uint32, moment time.Time)
}

const (
	// HeartbeatPromise is the longest time between two heartbeats, as the stream's first event says it.
	HeartbeatPromise = 15 * time.Second
	// Written earlier than promised, so that a busy machine keeps the promise.
	defaultHeartbeat = 12 * time.Second
	// The contract's bound on a replay, in entries of the stream's own.
	defaultReplayLimit = 1_000_000
	// How often the counter is looked at. It bounds how late another node's entries are without a broker, and must be
	// under the second for which a remembered session is trusted.
	lookEvery = 500 * time.Millisecond
	// A look that has hung must not hold up the next ones: without looks a node hears nothing of the others. On a link
	// with 200 ms of latency a look takes a second where it needs a new connection.
	lookTimeout = 2 * time.Second
	// Pages read at once by catching-up streams: fewer than the pool's connections.
	maxCatchUps = 8
)

// Options are the settings of a Node; zero values mean the defaults.
type Options struct {
	Heartbeat   time.Duration    // default 12 s
	ReplayLimit int              // default 1,000,000
	Broker      Broker           // default: this node alone
	Clock       func() time.Time // default time.Now; for what clients are shown and for the end of sessions
	Roll        Roll             // default: nobody else knows who is on this node, and nobody is told that a session has gone
	LeaseBeat   time.Duration    // default 5 s
	Rooms       Rooms            // default: there are no chat rooms
	Post        Post             // default: nobody remembers which broadcasts were delivered, and none waits for anybody
	Logger      *slog.Logger
	Metrics     prometheus.Registerer
	Tracer      trace.Tracer // nil: nobody traces
}

// Node is the live side of one server process.
type Node struct {
	log      Log
	options  Options
	metrics  *metrics
	catchUps chan struct{}
	seen     *recent
	buffers  buffers
	links    links

	mu   sync.Mutex
	apps map[uint32]*appLive

	run        context.Context
	stop       context.CancelFunc
	background sync.WaitGroup

	registering context.Context // longer than run: the last streams are to be taken off the roll
	resign      context.CancelFunc
	registrars  []*registrar // under mu
	registers   sync.WaitGroup
}

// appLive is one app on this node.
type appLive struct {
	logID   string
	version atomic.Int64 // of the app, at the latest look
	label   string       // of the app on /metrics
	feed    *Feed
	hub     *Hub
	roll    *roll
	usher   *usher
	postman *postman
}

// NewNode makes the live side of a log; Start must follow.
func NewNode(log Log, options Options) *Node {
	if options.Heartbeat == 0 {
		options.Heartbeat = defaultHeartbeat
	}
	if options.ReplayLimit == 0 {
		options.ReplayLimit = defaultReplayLimit
	}
	if options.LeaseBeat == 0 {
		options.LeaseBeat = defaultLeaseBeat
	}
	if options.Broker == nil {
		options.Broker = Local{}
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Metrics == nil {
		options.Metrics = prometheus.NewRegistry()
	}
	n := &Node{log: log, options: options, metrics: newMetrics(options.Metrics), catchUps: make(chan struct{}, maxCatchUps),
		seen: newRecent(), apps: map[uint32]*appLive{}}
	options.Metrics.MustRegister(newGauges(n))
	n.run, n.stop = context.WithCancel(context.Background())
	n.registering, n.resign = context.WithCancel(context.Background())
	return n
}

// Start begins to follow the log and to listen to the other nodes. The broker stays its maker's to close, after Close.
func (n *Node) Start(ctx context.Context) error {
	if err := n.look(ctx); err != nil {
		return err
	}
	n.background.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-n.run.Done():
				return
			case <-tick.C:
				if err := n.look(n.run); err != nil && n.run.Err() == nil {
					n.options.Logger.Warn("the log's counter cannot be read", "error", err)
				}
			}
		}
	})
	return nil
}

// Close ends every stream with a word to its client, refuses new ones, and stops following the log. It returns when
// nothing of the node runs any more but the streams, which end by themselves (Drain); it tells how many there were.
func (n *Node) Close() (streams int) {
	n.mu.Lock()
	n.stop() // whoever takes the lock next knows by it
	for _, app := range n.apps {
		streams += app.hub.endAll(ReasonShutdown)
	}
	n.mu.Unlock()
	n.background.Wait()
	return streams
}

// Drain waits, after Close and when no handler runs any more, for the streams that have a connection of their own. Those that have
// not ended when ctx does are cut; it tells how many.
func (n *Node) Drain(ctx context.Context) (cut int) { return n.links.wait(ctx) }

// Resign says, when all streams have ended, that nobody is on this node any more. It must follow Close, and give up when
// ctx ends: the other nodes then find out by themselves.
func (n *Node) Resign(ctx context.Context) {
	n.resign()
	n.registers.Wait()
	n.mu.Lock()
	registrars := n.registrars
	apps := slices.Collect(maps.Values(n.apps))
	n.mu.Unlock() // what is written now is announced
	for _, app := range apps {
		if err := app.postman.finish(ctx); err != nil {
			n.options.Logger.Warn("which broadcasts have been delivered could not be written; some will come once more", "error", err)
		}
	}
	for _, r := range registrars {
		if err := r.resign(ctx); err != nil {
			n.options.Logger.Warn("it could not be written that this node has gone; the others find out within 45 s", "error", err)
			return
		}
		r.app.usher.finish(ctx)
	}
}

// look reads where every app's log stands and tells the feeds.
func (n *Node) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	moment := time.Now()
	heads, err := n.log.Heads(ctx)
	if err != nil {
		return err
	}
	n.metrics.looked.Set(float64(moment.UnixMilli()) / 1000)
	for _, head := range heads {
		app := n.appAt(head)
		app.feed.reached(head.Seq, moment)
		if app.version.Swap(head.AppVersion) != head.AppVersion { // its keys have changed, or whether it is disabled
			app.hub.reviewAll()
		}
	}
	return nil
}

// live gives an app's live side; an app made since the last look is looked up.
func (n *Node) live(ctx context.Context, appID uint32) (*appLive, error) {
	n.mu.Lock()
	app := n.apps[appID]
	n.mu.Unlock()
	if app != nil {
		return app, nil
	}
	head, err := n.log.Head(ctx, appID)
	if err != nil {
		return nil, err
	}
	return n.appAt(head), nil
}

// appAt gives an app's live side, begun at a number when it is new here.
func (n *Node) appAt(head models.Head) *appLive {
	n.mu.Lock()
	defer n.mu.Unlock()
	app := n.apps[head.AppID]
	if app != nil {
		return app
	}
	hub := newHub(head.Seq, n.options.Logger, n.metrics.of(head.App))
	hub.tracer = n.options.Tracer
	app = &appLive{logID: head.LogID, label: head.App, hub: hub, roll: newRoll(), feed: newFeed(head.AppID, n.log, hub, n.options.Logger, n.options.Clock)}
	app.version.Store(head.AppVersion)
	app.usher = newUsher(head.AppID, n.options.Rooms, hub, n.options.Logger)
	app.postman = newPostman(head.AppID, n.options.Post, n.options.Logger)
	n.apps[head.AppID] = app
	if n.run.Err() != nil { // the node is being stopped: its streams have been ended, and this app is to have none
		hub.endAll(ReasonShutdown)
		return app
	}
	n.background.Go(func() { app.feed.run(n.run) })
	n.background.Go(func() { app.usher.run(n.run) })
	if n.options.Post != nil {
		n.background.Go(func() { app.postman.run(n.run) })
	}
	if n.options.Roll != nil {
		r := &registrar{node: n, app: app, appID: head.AppID}
		n.registrars = append(n.registrars, r)
		n.registers.Go(func() { r.run(n.registering) })
	}
	if err := n.options.Broker.Subscribe(head.LogID, func(a Announcement) { n.heard(app, a) }); err != nil {
		// The database alone still does it, half a second later.
		n.options.Logger.Error("the broker takes no subscription; other nodes' events come by the database", "error", err)
	}
	return app
}

// Committed brings what this node has just committed to its own streams and announces it to the other nodes. It never
// blocks; models.Options.PublishCommitted.
func (n *Node) Committed(appID uint32, entries []models.Entry) {
	n.mu.Lock()
	app := n.apps[appID]
	n.mu.Unlock()
	if app == nil {
		return // nobody listens here yet; other nodes find the entries by their own look
	}
	app.feed.offer(entries)
	n.options.Broker.Publish(Announcement{Log: app.logID, Entries: entries})
}

// SessionsHere gives the sessions of a client that have a stream on this node; models.Options.SessionsHere.
func (n *Node) SessionsHere(appID uint32, clientID string) []string {
	n.mu.Lock()
	app := n.apps[appID]
	n.mu.Unlock()
	if app == nil {
		return nil
	}
	return app.hub.sessionsOf(clientID)
}

// CodeStopping is the code of a stream that is refused because the node is being stopped.
const CodeStopping = "stopping"

func errStopping() *models.Error {
	return &models.Error{Kind: models.Unavailable, Code: CodeStopping, Detail: "this node is stopping; come back in a moment", RetryAfter: time.Second}
}
