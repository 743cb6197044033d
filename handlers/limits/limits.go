// Package limits counts what a client, a session, an address and an app do in a minute and have open at once, and says
// what is too much. It counts on this node alone and in bounded memory.
package limits

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/models"
)

// Settings are the limits of a node; 0 is off. What may be done in a minute may be done at once, and comes back evenly.
type Settings struct {
	ClientRequests   int // calls of a client, by all its sessions
	ClientSends      int // sends of a client, whatever becomes of them
	SessionRequests  int // calls of a session
	AddressRequests  int // calls from an address, but those of the app's own server
	AppRequests      int // calls of all clients of an app, and as many of its own server
	Logins           int // log-ins from an address, but those by the app's own server
	WrongCredentials int // wrong keys from an address, and as many wrong tokens

	ClientStreams      int // open streams of a client
	AddressStreams     int // open streams from an address
	Connections        int // open connections
	AddressConnections int // open connections from an address

	Clock   func() time.Time // default: time.Now
	Metrics prometheus.Registerer
}

// Limits is what a node counts.
type Limits struct {
	clientRequests, clientSends, sessionRequests    *perMinute[member]
	addressRequests, logins, wrongKeys, wrongTokens *perMinute[Address]
	appRequests                                     *perMinute[caller]

	clientStreams  *atOnce[member]
	addressStreams *atOnce[Address]
	largePages     *pages
	connections    *Connections
}

// member is a client or a session of an app.
type member struct {
	app uint32
	id  string
}

// caller is all clients of an app together, or its own server.
type caller struct {
	app      uint32
	isServer bool
}

// CodeWrongCredentials is the code of a call that is refused because of wrong keys or tokens.
const CodeWrongCredentials = "too_many_wrong_credentials"

// New begins to count.
func New(s Settings) *Limits {
	if s.Clock == nil {
		s.Clock = time.Now
	}
	m := newMetrics(s.Metrics)
	requests := func(whose string) told { return told{"too_many_requests", "too many calls " + whose} }
	return &Limits{
		clientRequests:  newPerMinute[member](m, s.Clock, "client-requests", s.ClientRequests, requests("by this client")),
		sessionRequests: newPerMinute[member](m, s.Clock, "session-requests", s.SessionRequests, requests("in this session")),
		addressRequests: newPerMinute[Address](m, s.Clock, "address-requests", s.AddressRequests, requests("from this address")),
		appRequests:     newPerMinute[caller](m, s.Clock, "app-requests", s.AppRequests, requests("for this app")),
		clientSends:     newPerMinute[member](m, s.Clock, "client-sends", s.ClientSends, told{"too_many_sends", "too many messages by this client"}),
		logins:          newPerMinute[Address](m, s.Clock, "address-logins", s.Logins, told{"too_many_logins", "too many log-ins from this address"}),
		wrongKeys: newPerMinute[Address](m, s.Clock, "address-wrong-keys", s.WrongCredentials,
			told{CodeWrongCredentials, "too many wrong keys from this address, so none from there is looked at now"}),
		wrongTokens: newPerMinute[Address](m, s.Clock, "address-wrong-tokens", s.WrongCredentials,
			told{CodeWrongCredentials, "too many wrong tokens from this address"}),
		clientStreams:  newAtOnce[member](m, "client-streams", s.ClientStreams, told{"too_many_streams", "too many streams of this client"}),
		addressStreams: newAtOnce[Address](m, "address-streams", s.AddressStreams, told{"too_many_streams", "too many streams from this address"}),
		largePages:     newPages(),
		connections:    newConnections(m, s.Connections, s.AddressConnections),
	}
}

// Connections are those that are open on the node.
func (l *Limits) Connections() *Connections { return l.connections }

// From counts a call from an address; one of the app's own server is not counted so.
func (l *Limits) From(address Address) error { return l.addressRequests.take(address) }

// By counts a call of a caller who is known: a client's for its session, for itself and for its app, the narrowest first, so
// that whoever makes too many takes nothing from the others.
func (l *Limits) By(actor models.Actor) error {
	app := actor.App.ID
	if actor.Master {
		return l.appRequests.take(caller{app, true})
	}
	if err := l.sessionRequests.take(member{app, actor.SessionID}); err != nil {
		return err
	}
	if err := l.clientRequests.take(member{app, actor.ClientID}); err != nil {
		return err
	}
	return l.appRequests.take(caller{app, false})
}

// Send counts a send; the app's own server may send as it likes.
func (l *Limits) Send(actor models.Actor) error {
	if actor.Master {
		return nil
	}
	return l.clientSends.take(member{actor.App.ID, actor.ClientID})
}

// Login counts a log-in from an address, for its app too where that is known before the log-in; app is nil otherwise. One by
// the app's own server is not counted so.
func (l *Limits) Login(address Address, app *models.App) error {
	if err := l.logins.take(address); err != nil {
		return err
	}
	if err := l.From(address); err != nil || app == nil {
		return err
	}
	return l.appRequests.take(caller{app.ID, false})
}

// MayTryKey tells whether a key from an address is looked at. After too many wrong ones a right one is refused too:
// otherwise a guesser would learn which it is.
func (l *Limits) MayTryKey(address Address) error { return l.wrongKeys.look(address) }

// WrongKey counts a wrong key from an address.
func (l *Limits) WrongKey(address Address) error { return l.wrongKeys.take(address) }

// WrongToken counts a wrong token from an address. Right ones are taken all the time: a signature of 256 bits is not guessed,
// and whoever has the address in common with a guesser must not be shut out.
func (l *Limits) WrongToken(address Address) error { return l.wrongTokens.take(address) }

// Stream counts a stream until leave is called; one of the app's own server is not counted.
func (l *Limits) Stream(actor models.Actor, address Address) (leave func(), err error) {
	if actor.Master {
		return func() {}, nil
	}
	of := member{actor.App.ID, actor.ClientID}
	if err := l.clientStreams.enter(of); err != nil {
		return nil, err
	}
	if err := l.addressStreams.enter(address); err != nil {
		l.clientStreams.leave(of)
		return nil, err
	}
	return func() {
		l.addressStreams.leave(address)
		l.clientStreams.leave(of)
	}, nil
}
