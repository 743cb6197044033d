package faults

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	. "parley/tests/harness"
)

// overtaken is two nodes, of which the first loses its connection after a COMMIT took effect, and can try again only
// after the other has done something.
type overtaken struct {
	t             *testing.T
	first, second *Server
	armed         atomic.Bool
	tookEffect    chan struct{} // closed at the COMMIT
	goOn          chan struct{} // closed when the first may try again
}

func newOvertaken(t *testing.T) *overtaken {
	db := NeedMySQL(t)
	proxy, through := NewProxy(t, db)
	o := &overtaken{t: t, first: Start(t, through, quiet), second: Start(t, db, quiet),
		tookEffect: make(chan struct{}), goOn: make(chan struct{})}
	proxy.OnStatement(func(s Statement) Fate {
		switch {
		case s.SQL == "COMMIT" && s.InLog && o.armed.CompareAndSwap(true, false):
			close(o.tookEffect)
			return CutAfter
		case strings.HasSuffix(s.SQL, " FOR UPDATE"): // the second attempt takes the counter row
			select {
			case <-o.tookEffect:
				<-o.goOn
			default:
			}
		}
		return Pass
	})
	return o
}

// run makes a call on the first node, and another on the second between the first one's COMMIT and its second attempt.
func (o *overtaken) run(call, meanwhile func()) {
	o.armed.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-o.tookEffect:
		meanwhile()
	case <-done:
		o.t.Error("the call was answered without a COMMIT")
	}
	close(o.goOn)
	<-done
}

// TestOvertakenAfterCommit: a node does not know that its write took effect, and before it looks, another node has
// undone it. It must not be done again over that.
func TestOvertakenAfterCommit(t *testing.T) {
	type calls struct {
		tom, mary, otherTom, otherMary, master *Client // the last three on the second node
		path                                   string
	}
	add := func(c *Client, path string) *Answer {
		return c.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(http.StatusOK)
	}
	kick := func(c *Client, path string) *Answer {
		return c.Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(http.StatusOK)
	}
	for name, test := range map[string]struct {
		inside          bool // Mary, before
		call, meanwhile func(c calls)
		events          []string // at another member
		stays           bool     // Mary is inside at the end
	}{
		"add and kick":  {false, func(c calls) { add(c.tom, c.path) }, func(c calls) { kick(c.otherTom, c.path) }, []string{"members_joined", "members_left"}, false},
		"kick and add":  {true, func(c calls) { kick(c.tom, c.path) }, func(c calls) { add(c.otherTom, c.path) }, []string{"members_left", "members_joined"}, true},
		"join and kick": {false, func(c calls) { c.mary.Do(t, "POST", c.path+"/join", nil).Want(http.StatusOK) }, func(c calls) { kick(c.otherTom, c.path) }, []string{"members_joined", "members_left"}, false},
		"quit and add":  {true, func(c calls) { c.mary.Do(t, "POST", c.path+"/quit", nil).Want(http.StatusOK) }, func(c calls) { add(c.otherTom, c.path) }, []string{"members_left", "members_joined"}, true},
		"send and kick": {true, func(c calls) { c.mary.Say(t, c.path[len("/v1/conversations/"):], "last words") }, func(c calls) { kick(c.otherTom, c.path) }, []string{"message", "members_left"}, false},
		"rename and rename": {false, func(c calls) { c.tom.Do(t, "PATCH", c.path, JSON{"name": "one"}).Want(http.StatusOK) },
			func(c calls) { c.otherTom.Do(t, "PATCH", c.path, JSON{"name": "two"}).Want(http.StatusOK) }, []string{"conversation_updated", "conversation_updated"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOvertaken(t)
			c := calls{tom: o.first.Login(t, "Tom", ""), mary: o.first.Login(t, "Mary", ""), master: o.second.Master(t, "")}
			c.otherTom, c.otherMary = c.tom.On(o.second), c.mary.On(o.second)
			reader := o.first.Login(t, "Reader", "")
			c.path = "/v1/conversations/" + c.tom.Create(t, "Reader")
			if test.inside {
				add(c.tom, c.path)
			}
			stream := reader.Listen(t, "")
			stream.Want("online")
			o.run(func() { test.call(c) }, func() { test.meanwhile(c) })
			for _, want := range test.events {
				stream.Want(want)
			}
			members := c.tom.Do(t, "GET", c.path, nil).Want(http.StatusOK).Object()["members"].([]any)
			if slices.Contains(members, any("Mary")) != test.stays {
				t.Errorf("in the end the members are %v", members)
			}
			stream.WantNothingBefore(func() { c.tom.Say(t, c.path[len("/v1/conversations/"):], "end") }, func(e Event) bool { return e.Data["text"] == "end" })
		})
	}
}

// TestCreatedAndRemovedMeanwhile: nor does a conversation come back that was removed before its maker knew that it was
// made.
func TestCreatedAndRemovedMeanwhile(t *testing.T) {
	o := newOvertaken(t)
	tom, reader := o.first.Login(t, "Tom", ""), o.first.Login(t, "Reader", "")
	stream := reader.Listen(t, "")
	stream.Want("online")
	o.run(func() { tom.Create(t, "Reader") }, func() {
		id := stream.Want("invited").Data["conversationId"].(string)
		o.second.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+id, nil).Want(http.StatusNoContent)
	})
	stream.Want("kicked")
	stream.WantNothingBefore(func() { tom.Create(t, "Reader", "Mary") }, func(e Event) bool { return e.Name == "invited" })
	if left := reader.Do(t, "GET", "/v1/conversations", nil).Want(http.StatusOK).Object()["conversations"].([]any); len(left) != 1 {
		t.Errorf("%d conversations are left", len(left))
	}
}
