package tests

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	. "parley/tests/harness"
)

// TestRandomInterleavings runs random sequences of send, add, kick, join, quit, rename, cut, resume and slow reading
// against a plain model of who is to be shown what. What each client reads, over all its cuts, must be exactly that:
// nothing lost, doubled or out of order, and nothing after `kicked` until it is inside again, live or on a replay.
func TestRandomInterleavings(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		var run atomic.Int64
		rapid.Check(t, func(r *rapid.T) {
			w := newWorld(t, s, run.Add(1))
			defer w.close()
			r.Repeat(map[string]func(*rapid.T){
				"send":   w.send,
				"add":    func(r *rapid.T) { w.move(r, "add") },
				"kick":   func(r *rapid.T) { w.move(r, "kick") },
				"join":   func(r *rapid.T) { w.move(r, "join") },
				"quit":   func(r *rapid.T) { w.move(r, "quit") },
				"rename": w.rename,
				"read":   w.read,
				"cut":    w.cut,
				"":       func(*rapid.T) {},
			})
			w.finish(r)
		})
	})
}

// world is the model and, beside it, the clients whose streams must follow it.
type world struct {
	t             *testing.T
	names         []string
	clients       []*Client // the sessions that listen
	silent        []*Client // a second session of each, which never listens
	streams       []*Stream // nil while cut
	positions     []string
	expected      [][]string // by client, what it is to be shown, in order
	taken         []int      // by client, how much of it has come
	conversations []string
	inside        []map[int]bool // by conversation
	sends         int
}

const (
	worldClients       = 4
	worldConversations = 3
)

func newWorld(t *testing.T, s *Server, run int64) *world {
	w := &world{t: t, streams: make([]*Stream, worldClients), positions: make([]string, worldClients),
		expected: make([][]string, worldClients), taken: make([]int, worldClients)}
	for i := range worldClients {
		name := fmt.Sprintf("c%d-%d", run, i)
		w.names = append(w.names, name)
		w.clients = append(w.clients, s.Login(t, name, ""))
		w.silent = append(w.silent, s.Login(t, name, ""))
		w.resume(i)
	}
	for i := range worldConversations {
		creator := i % worldClients
		w.conversations = append(w.conversations, w.clients[creator].Create(t))
		w.inside = append(w.inside, map[int]bool{creator: true})
		w.expect(creator, "members_joined %d [%s] %s", i, w.names[creator], w.names[creator])
	}
	return w
}

func (w *world) close() {
	for _, s := range w.streams {
		if s != nil {
			s.Cut()
		}
	}
}

func (w *world) expect(client int, format string, args ...any) {
	w.expected[client] = append(w.expected[client], fmt.Sprintf(format, args...))
}

func (w *world) path(conversation int) string {
	return "/v1/conversations/" + w.conversations[conversation]
}

func (w *world) send(r *rapid.T) {
	conversation, sender := rapid.IntRange(0, worldConversations-1).Draw(r, "conversation"), rapid.IntRange(0, worldClients-1).Draw(r, "sender")
	listening := rapid.Bool().Draw(r, "from the session that listens")
	client := w.silent[sender]
	if listening {
		client = w.clients[sender]
	}
	w.sends++
	answer := client.Do(w.t, "POST", w.path(conversation)+"/messages", JSON{"type": "text", "text": fmt.Sprint(w.sends)})
	if !w.inside[conversation][sender] {
		answer.WantProblem(403, "not_a_member", "")
		return
	}
	answer.Want(201)
	for client := range w.inside[conversation] {
		if client != sender || !listening {
			w.expect(client, "message %d %d", conversation, w.sends)
		}
	}
}

// move changes who is inside a conversation.
func (w *world) move(r *rapid.T, how string) {
	conversation, by := rapid.IntRange(0, worldConversations-1).Draw(r, "conversation"), rapid.IntRange(0, worldClients-1).Draw(r, "by")
	whom := []int{by}
	if how == "add" || how == "kick" {
		whom = rapid.SliceOfNDistinct(rapid.IntRange(0, worldClients-1), 1, 3, rapid.ID[int]).Draw(r, "whom")
	}
	names := make([]string, len(whom))
	for i, client := range whom {
		names[i] = w.names[client]
	}
	path := w.path(conversation)
	var answer *Answer
	switch how {
	case "add":
		answer = w.clients[by].Do(w.t, "POST", path+"/members", JSON{"members": names})
	case "kick":
		answer = w.clients[by].Do(w.t, "DELETE", path+"/members?clientId="+strings.Join(names, "&clientId="), nil)
	default:
		answer = w.clients[by].Do(w.t, "POST", path+"/"+how, nil)
	}
	if (how == "add" || how == "kick") && !w.inside[conversation][by] {
		answer.WantProblem(403, "not_a_member", "")
		return
	}
	answer.Want(200)
	if how == "add" || how == "join" {
		w.cameIn(conversation, by, whom)
	} else {
		w.wentOut(conversation, by, whom)
	}
}

// moved gives those of whom the change is one for, and their names as an event shows them.
func (w *world) moved(conversation int, whom []int, inside bool) (clients []int, names string) {
	var list []string
	for _, client := range whom {
		if w.inside[conversation][client] == inside {
			clients = append(clients, client)
			list = append(list, w.names[client])
		}
	}
	return clients, fmt.Sprint(list)
}

func (w *world) cameIn(conversation, by int, whom []int) {
	joining, names := w.moved(conversation, whom, false)
	if len(joining) == 0 {
		return
	}
	for client := range w.inside[conversation] {
		w.expect(client, "members_joined %d %s %s", conversation, names, w.names[by])
	}
	for _, client := range joining {
		w.inside[conversation][client] = true
		if client == by {
			w.expect(client, "members_joined %d %s %s", conversation, names, w.names[by])
		} else {
			w.expect(client, "invited %d %s", conversation, w.names[by])
		}
	}
}

func (w *world) wentOut(conversation, by int, whom []int) {
	leaving, names := w.moved(conversation, whom, true)
	if len(leaving) == 0 {
		return
	}
	for client := range w.inside[conversation] {
		if slices.Contains(leaving, client) && client != by {
			w.expect(client, "kicked %d %s", conversation, w.names[by])
		} else {
			w.expect(client, "members_left %d %s %s", conversation, names, w.names[by])
		}
	}
	for _, client := range leaving {
		delete(w.inside[conversation], client)
	}
}

func (w *world) rename(r *rapid.T) {
	conversation, by := rapid.IntRange(0, worldConversations-1).Draw(r, "conversation"), rapid.IntRange(0, worldClients-1).Draw(r, "by")
	w.sends++
	answer := w.clients[by].Do(w.t, "PATCH", w.path(conversation), JSON{"name": fmt.Sprint(w.sends)})
	if !w.inside[conversation][by] {
		answer.WantProblem(403, "not_a_member", "")
		return
	}
	answer.Want(200)
	for client := range w.inside[conversation] {
		w.expect(client, "conversation_updated %d %d", conversation, w.sends)
	}
}

// resume opens a client's stream where it was cut.
func (w *world) resume(client int) {
	if w.streams[client] == nil {
		w.streams[client] = w.clients[client].Listen(w.t, w.positions[client])
		if w.positions[client] == "" { // a stream that was cut before its first block would begin anew
			w.streams[client].Want("online")
			w.positions[client] = w.streams[client].LastID()
		}
	}
}

// read takes a few of the events that must come, of one client; the others read slowly meanwhile.
func (w *world) read(r *rapid.T) {
	client := rapid.IntRange(0, worldClients-1).Draw(r, "client")
	w.resume(client)
	waiting := len(w.expected[client]) - w.taken[client]
	for range rapid.IntRange(0, waiting).Draw(r, "events") {
		w.readOne(r, client)
	}
}

func (w *world) readOne(r interface{ Fatalf(string, ...any) }, client int) {
	for {
		event := w.streams[client].Next()
		if event.ID != "" {
			w.positions[client] = event.ID
		}
		got := w.short(event)
		if got == "" {
			continue
		}
		if want := w.expected[client][w.taken[client]]; got != want {
			r.Fatalf("client %d was shown %q as number %d, not %q", client, got, w.taken[client], want)
		}
		w.taken[client]++
		return
	}
}

// short says what an event shows, in the words of expect; empty for what is not of the log.
func (w *world) short(e Event) string {
	conversation := slices.Index(w.conversations, fmt.Sprint(e.Data["conversationId"]))
	switch e.Name {
	case "message":
		return fmt.Sprintf("message %d %v", conversation, e.Data["text"])
	case "invited":
		return fmt.Sprintf("invited %d %v", conversation, e.Data["invitedBy"])
	case "kicked":
		return fmt.Sprintf("kicked %d %v", conversation, e.Data["kickedBy"])
	case "members_joined":
		return fmt.Sprintf("members_joined %d %v %v", conversation, e.Data["members"], e.Data["invitedBy"])
	case "members_left":
		return fmt.Sprintf("members_left %d %v %v", conversation, e.Data["members"], e.Data["kickedBy"])
	case "conversation_updated":
		return fmt.Sprintf("conversation_updated %d %v", conversation, e.Data["changes"].(JSON)["name"])
	}
	return ""
}

func (w *world) cut(r *rapid.T) {
	client := rapid.IntRange(0, worldClients-1).Draw(r, "client")
	if w.streams[client] != nil {
		w.streams[client].Cut()
		w.streams[client] = nil
	}
}

// finish reads every stream to its end, and one replay of each from the beginning: nothing may be left over.
func (w *world) finish(r *rapid.T) {
	for client := range w.clients {
		w.resume(client)
		for w.taken[client] < len(w.expected[client]) {
			w.readOne(r, client)
		}
		last := w.silent[client].Create(w.t) // an event of its own that must be the next
		for {
			event := w.streams[client].Next()
			if event.Data["conversationId"] == last {
				break
			}
			if got := w.short(event); got != "" {
				r.Fatalf("client %d was shown %q, which was not for it", client, got)
			}
		}
	}
}
