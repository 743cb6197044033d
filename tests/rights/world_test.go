package rights

import (
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// world is a server with two apps, the callers, and what they call about.
type world struct {
	server  *Server // as the first app calls it
	other   *Server // as the other one does
	tables  *sql.DB
	clients map[caller][]*Client // the ways in which a caller comes
	bob     *Client              // a member of everything, who has uploaded what was sent there
	bobs    *Stream
	unsent  string           // a file that its uploader, the creator, has sent nowhere
	shared  map[string]thing // by type of conversation: what calls are about that change nothing
	numbers atomic.Int64
}

// The clients of the first app.
const (
	tom     = "Tom"     // the creator
	jerry   = "Jerry"   // the member
	mary    = "Mary"    // has left
	william = "William" // never was inside
	bob     = "Bob"
)

// content is in all files.
const content = "cheese"

// newWorld starts a server and lets its callers in.
func newWorld(t *testing.T, databaseURL string) *world {
	t.Helper()
	var behind atomic.Int64 // of the server's clock, in nanoseconds
	w := &world{tables: OpenSQL(t, databaseURL), clients: map[caller][]*Client{}, shared: map[string]thing{}}
	w.server = Start(t, databaseURL, func(c *app.Config) {
		c.Clock = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
		c.RetentionEvery = time.Hour // nothing is to change by itself
	})
	w.other = w.server.NewApp(t, "--id", "other-app")
	s := w.server

	behind.Store(int64(24*time.Hour + time.Minute)) // longer than a session lives, and not so long that it is swept
	old := s.Login(t, jerry, "")
	behind.Store(0)
	gone, signedGone := s.Login(t, jerry, ""), signedClient(t, s, jerry, time.Hour)
	for _, c := range []*Client{gone, signedGone} {
		c.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent)
	}
	for c, ways := range map[caller][]*Client{
		nobody: {s.Nobody(t)}, appKey: {s.AppKeyHolder(t)}, master: {s.Master(t, "")}, acting: {s.Master(t, jerry)},
		creator: {s.Login(t, tom, "")}, member: {s.Login(t, jerry, "")}, former: {s.Login(t, mary, "")}, stranger: {s.Login(t, william, "")},
		expired: {old, signedClient(t, s, jerry, -time.Minute)}, ended: {gone, signedGone},
		otherClient: {w.other.Login(t, jerry, "")}, otherMaster: {w.other.Master(t, jerry)},
	} {
		w.clients[c] = ways
	}
	for _, c := range []caller{creator, member, former, stranger} { // to enter chat rooms
		w.as(c).Listen(t, "").Want("online")
	}
	w.bob = s.Login(t, bob, "")
	w.bobs = w.bob.Listen(t, "")
	w.bobs.Want("online")
	w.unsent = w.as(creator).Keep(t, "cheese.txt", []byte(content))["id"].(string)
	for _, kind := range conversationTypes(t) {
		to := w.prepare(t, kind, callers()...)
		w.furnish(t, kind, &to)
		w.shared[kind] = to
	}
	return w
}

// as is a caller's first way to come.
func (w *world) as(c caller) *Client { return w.clients[c][0] }

// home is the app's own server of the app that a client is of; abroad that of the other one.
func (w *world) home(c *Client) *Client   { return w.ownServer(c.Server.Keys == w.other.Keys) }
func (w *world) abroad(c *Client) *Client { return w.ownServer(c.Server.Keys != w.other.Keys) }

func (w *world) ownServer(ofOther bool) *Client {
	if ofOther {
		return w.as(otherMaster)
	}
	return w.as(master)
}

// another gives a name that nobody has had.
func (w *world) another(name string) string { return fmt.Sprintf("%s %d", name, w.numbers.Add(1)) }

// signedClient comes with a token signed by the app's own server, which ends so long from now.
func signedClient(t testing.TB, s *Server, clientID string, life time.Duration) *Client {
	t.Helper()
	audience := AppID
	if s.Keys != (Keys{}) {
		audience = s.Keys.AppID
	}
	token := s.SignedToken(t, jwt.MapClaims{"aud": audience, "sub": clientID, "exp": time.Now().Add(life).Unix()})
	return s.Bearer(t, clientID, token, "")
}

// thing is what a call is about: its ids.
type thing struct {
	conversation string
	message      string // in the conversation; it names the file
	file         string
	fileURL      string // with a token of its own; empty where the file has none
	unsent       string // a file
	client       string // one that is online
	victim       *Client
	bobs         *Stream // begun before the call
}

// prepare makes a conversation of a type with some of the callers in their places, and Bob.
func (w *world) prepare(t testing.TB, kind string, some ...caller) thing {
	t.Helper()
	maker, body := w.as(creator), JSON{"type": kind}
	entering, withFormer := []*Client{w.bob}, slices.Contains(some, former) && kind != "temporary"
	if slices.Contains(some, member) || slices.Contains(some, acting) {
		entering = append(entering, w.as(member))
	}
	if withFormer {
		entering = append(entering, w.as(former))
	}
	switch kind {
	case "normal":
		body["members"] = []string{jerry, mary, bob}
	case "temporary": // its members are all that tells it from others
		body["members"] = []string{jerry, bob, w.another("Extra")}
	case "system":
		maker = w.server.Master(t, tom)
	}
	made := maker.Do(t, "POST", "/v1/conversations", body).Want(http.StatusCreated).Object()
	to := thing{conversation: made["id"].(string), unsent: w.unsent, client: bob}
	path := "/v1/conversations/" + to.conversation
	if kind == "chatroom" || kind == "system" {
		for _, c := range entering {
			c.Do(t, "POST", path+"/join", nil).Want(http.StatusOK)
		}
	}
	if withFormer {
		w.as(former).Do(t, "POST", path+"/quit", nil).Want(http.StatusOK)
	}
	return to
}

// furnish puts a message with a file of Bob's into a conversation.
func (w *world) furnish(t testing.TB, kind string, to *thing) {
	t.Helper()
	record := w.bob.Keep(t, "cheese.txt", []byte(content))
	to.file, to.fileURL = record["id"].(string), record["url"].(string)
	path, message := "/v1/conversations/"+to.conversation, JSON{"type": "file", "text": "in " + kind, "file": JSON{"id": to.file}}
	if kind == "system" {
		answer := w.as(master).Do(t, "POST", path+"/broadcast", JSON{"to": "subscribers", "message": message})
		to.message = answer.Want(http.StatusCreated).Object()["id"].(string)
		return
	}
	to.message = w.bob.Send(t, to.conversation, message)["id"].(string)
}
