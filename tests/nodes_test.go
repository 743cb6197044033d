package tests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// nodes are three servers on one database.
type nodes struct {
	all     []*Server
	promise time.Duration // how late a node may act on what another one has done
	slowest time.Duration
}

// threeNodes runs a test on three nodes with a broker, and on three that have the database alone.
func threeNodes(t *testing.T, test func(t *testing.T, n *nodes)) {
	run := func(t *testing.T, promise time.Duration, change ...func(*app.Config)) {
		n := &nodes{promise: Promise(promise)}
		db := NeedMySQL(t)
		for range 3 {
			n.all = append(n.all, Start(t, db, change...))
		}
		test(t, n)
		t.Logf("the slowest took %v", n.slowest.Round(time.Millisecond))
	}
	t.Run("with a broker", func(t *testing.T) {
		t.Parallel()
		url := NATS(t)
		run(t, time.Second, func(c *app.Config) { c.BrokerURL = url })
	})
	t.Run("without a broker", func(t *testing.T) {
		t.Parallel()
		run(t, 1500*time.Millisecond)
	})
}

// kept fails the test when what was to follow since a moment has taken longer than promised.
func (n *nodes) kept(t *testing.T, since time.Time, what string) {
	t.Helper()
	took := time.Since(since)
	n.slowest = max(n.slowest, took)
	if took > n.promise {
		t.Errorf("%s took %v, and %v is promised", what, took, n.promise)
	}
}

// listen opens a stream of the client on every node.
func (n *nodes) listen(t *testing.T, c *Client) []*Stream {
	t.Helper()
	var streams []*Stream
	for _, node := range n.all {
		stream := c.On(node).Listen(t, "")
		stream.Want("online")
		streams = append(streams, stream)
	}
	return streams
}

// wantEnded waits until a session's streams have ended for a reason and its token is refused with a code on every node.
func (n *nodes) wantEnded(t *testing.T, since time.Time, session *Client, streams []*Stream, reason, code string) {
	t.Helper()
	for i, stream := range streams {
		end := stream.Next()
		for end.Name == "offline" { // an earlier session of the client, on whatever node
			end = stream.Next()
		}
		if end.Name != "disconnect" {
			t.Fatalf("node %d: got %s %s, not disconnect", i, end.Name, end.Raw)
		}
		if end.Data["reason"] != reason || end.Data["reconnect"] != false {
			t.Errorf("node %d ended the stream with %s", i, end.Raw)
		}
		stream.WantEnd()
		n.kept(t, since, fmt.Sprintf("the end (%s) on node %d", reason, i))
	}
	for i, node := range n.all {
		Eventually(t, "the token is refused", func() bool {
			answer := session.On(node).Do(t, "GET", "/v1/sessions/current", nil)
			if answer.Status == 200 {
				return false
			}
			answer.WantProblem(401, code, "")
			return true
		})
		n.kept(t, since, fmt.Sprintf("the refusal (%s) on node %d", code, i))
		if _, err := session.On(node).TryListen(t, ""); err == nil {
			t.Errorf("node %d opened a stream for a session that has ended", i)
		}
	}
}

// TestSessionOfOneNodeWorksOnAll: opened anywhere, it reads, writes and listens everywhere, at once.
func TestSessionOfOneNodeWorksOnAll(t *testing.T) {
	t.Parallel()
	threeNodes(t, func(t *testing.T, n *nodes) {
		for i, home := range n.all {
			tom := home.Login(t, fmt.Sprint("Tom", i), "phone")
			signed := home.Bearer(t, "Jerry", SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": "Jerry", "jti": fmt.Sprint(i), "exp": time.Now().Add(time.Hour).Unix()}), "")
			signed.SessionID = signed.Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()["id"].(string)
			conversation := tom.Create(t, "Jerry")
			var texts []string
			for j, node := range n.all {
				for _, c := range []*Client{tom, signed} {
					session := c.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200).Object()
					if session["id"] != c.SessionID || session["clientId"] != c.ID {
						t.Fatalf("node %d shows the session of node %d as %v", j, i, session)
					}
					text := fmt.Sprint(c.ID, " on ", j)
					c.On(node).Say(t, conversation, text)
					texts = append(texts, text)
					if got := c.On(node).Texts(t, conversation); !slices.Equal(got, texts) {
						t.Fatalf("node %d has the history %q, not %q", j, got, texts)
					}
					c.On(node).Listen(t, "").Want("online")
				}
			}
			refreshed := tom.On(n.all[(i+1)%3]).Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(200).Object()
			renewed := home.Bearer(t, tom.ID, refreshed["token"].(string), tom.SessionID)
			for _, node := range n.all {
				renewed.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
				tom.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200) // the old token stays good
			}
		}
	})
}

// TestLogOutActsOnEveryNode: the node that is asked, the one that opened the session, and the third.
func TestLogOutActsOnEveryNode(t *testing.T) {
	threeNodes(t, func(t *testing.T, n *nodes) {
		for i := range n.all {
			tom, other := n.all[i].Login(t, "Tom", "phone"), n.all[i].Login(t, "Tom", "laptop")
			streams := n.listen(t, tom)
			for _, node := range n.all { // each remembers the session
				tom.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			}
			asked := tom.On(n.all[(i+1)%3])
			asked.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
			begun := time.Now()
			asked.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_ended", "") // at once where it was asked
			n.wantEnded(t, begun, tom, streams, "logged_out", "session_ended")
			for _, node := range n.all {
				other.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			}
			other.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
		}
	})
}

// TestTagConflictActsOnEveryNode: a log-in on one node ends the session of the same tag on all.
func TestTagConflictActsOnEveryNode(t *testing.T) {
	threeNodes(t, func(t *testing.T, n *nodes) {
		older := n.all[0].Login(t, "Tom", "phone")
		for i := range 3 {
			streams := n.listen(t, older)
			newer := n.all[(i+1)%3].Login(t, "Tom", "phone")
			n.wantEnded(t, time.Now(), older, streams, "conflict", "session_conflict")
			for _, node := range n.all {
				newer.On(node).Do(t, "GET", "/v1/sessions/current", nil).Want(200)
			}
			older = newer
		}
		// Log-ins that race on all nodes leave one, and all nodes agree which.
		racing := make([]*Client, 12)
		parallel(len(racing), func(i int) { racing[i] = n.all[i%3].Login(t, "Jerry", "phone") })
		begun := time.Now()
		for i, node := range n.all {
			Eventually(t, "one session is left", func() bool {
				alive := 0
				for _, c := range racing {
					if c.On(node).Do(t, "GET", "/v1/sessions/current", nil).Status == 200 {
						alive++
					}
				}
				if alive == 0 {
					t.Fatal("no session is left")
				}
				return alive == 1
			})
			n.kept(t, begun, fmt.Sprintf("agreeing on node %d", i))
		}
	})
}

// TestMembershipActsOnEveryNode: each change is made on one node, and told and enforced on the others.
func TestMembershipActsOnEveryNode(t *testing.T) {
	threeNodes(t, func(t *testing.T, n *nodes) {
		one, two, three := n.all[0], n.all[1], n.all[2]
		tom, jerry, mary := one.Login(t, "Tom", ""), two.Login(t, "Jerry", ""), three.Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation
		atTom, atJerry, atMary := n.listen(t, tom), n.listen(t, jerry), n.listen(t, mary)
		told := func(since time.Time, want string, whom ...[]*Stream) {
			t.Helper()
			for _, streams := range whom {
				for i, stream := range streams {
					if got := describe(stream.Next()); got != want {
						t.Errorf("node %d told %q, not %q", i, got, want)
					}
					n.kept(t, since, want+" on node "+fmt.Sprint(i))
				}
			}
		}
		mayNotSend := func() {
			t.Helper()
			for _, node := range n.all { // no node lets one in who is outside, from the answer to the change on
				mary.On(node).Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "x"}).WantProblem(403, "not_a_member", "")
				mary.On(node).Do(t, "POST", path+"/messages", JSON{"type": "typing", "transient": true}).WantProblem(403, "not_a_member", "")
				mary.On(node).Do(t, "GET", path+"/messages", nil).WantProblem(403, "not_a_member", "")
			}
		}
		mayNotSend()
		tom.On(one).Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(200)
		begun := time.Now()
		told(begun, "invited Tom", atMary)
		told(begun, "members_joined [Mary] Tom", atTom, atJerry)
		mary.On(two).Say(t, conversation, "here I am") // a member at once, everywhere
		begun = time.Now()
		for _, stream := range slices.Concat(atTom, atJerry) {
			if event := stream.Want("message"); event.Data["text"] != "here I am" {
				t.Fatalf("got %s", event.Raw)
			}
			n.kept(t, begun, "the message of a new member")
		}

		tom.On(two).Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200)
		begun = time.Now()
		mayNotSend()
		told(begun, "kicked Tom", atMary)
		told(begun, "members_left [Mary] Tom", atTom, atJerry)
		tom.On(three).Say(t, conversation, "not for Mary") // the next that she gets is her own return
		for _, stream := range atJerry {
			stream.Want("message")
		}

		mary.On(three).Do(t, "POST", path+"/join", nil).Want(200)
		told(time.Now(), "members_joined [Mary] Mary", atMary, atTom, atJerry)
		jerry.On(one).Do(t, "PATCH", path, JSON{"name": "ours"}).Want(200)
		told(time.Now(), "conversation_updated map[name:ours] Jerry", atMary, atTom, atJerry)
		mary.On(two).Do(t, "POST", path+"/quit", nil).Want(200)
		begun = time.Now()
		mayNotSend()
		told(begun, "members_left [Mary] Mary", atMary, atTom, atJerry)
		three.Master(t, "").Do(t, "DELETE", path, nil).Want(204)
		begun = time.Now()
		for _, node := range n.all {
			tom.On(node).Do(t, "GET", path, nil).WantProblem(404, "conversation_not_found", "")
			tom.On(node).Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "x"}).WantProblem(404, "conversation_not_found", "")
		}
		told(begun, "kicked <nil>", atTom, atJerry)
	})
}

// TestStreamResumesOnAnotherNode moves a stream from node to node, a hundred times and cut anywhere, while all nodes
// store messages. What came must be what was sent: once each, in order.
func TestStreamResumesOnAnotherNode(t *testing.T) {
	t.Parallel()
	threeNodes(t, func(t *testing.T, n *nodes) {
		const moves = 100
		reader := n.all[0].Login(t, "Reader", "")
		asTom := n.all[0].Master(t, "Tom")
		conversation := asTom.Create(t, "Reader")
		var stop atomic.Bool
		var senders sync.WaitGroup
		for _, node := range n.all {
			sender := node.Master(t, "Tom")
			senders.Go(func() {
				for number := 0; !stop.Load() && !t.Failed(); number++ {
					answer, err := sender.Try(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": fmt.Sprint(node.URL, number)})
					if err != nil || answer.Status != 201 {
						t.Errorf("a send failed: %v %v", answer, err)
					}
				}
			})
		}
		var got []string
		position := "0"
		take := func(stream *RawStream) (name string, err error) {
			block, err := stream.Block()
			if err != nil {
				return "", err
			}
			id, name, data := ParseBlock(block)
			if id != "" {
				position = id
			}
			if name == "message" {
				got = append(got, decode(t, data)["text"].(string))
			}
			return name, nil
		}
		random := rand.New(rand.NewPCG(3, 4))
		for move := range moves {
			stream, err := reader.On(n.all[move%3]).OpenRaw(t, position, 1+random.Int64N(4000), 0)
			for err == nil {
				_, err = take(stream)
			}
			if stream == nil { // the error is the cut, in the header or in a block, unless nothing was opened
				t.Fatal(err)
			}
			if err := stream.Conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		stop.Store(true)
		senders.Wait()
		stream, err := reader.On(n.all[moves%3]).OpenRaw(t, position, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Conn.Close()
		for name := ""; name != "reconnect"; {
			if name, err = take(stream); err != nil {
				t.Fatal(err)
			}
		}
		sent := reader.Texts(t, conversation)
		if !slices.Equal(got, sent) {
			t.Fatalf("%d came and %d were sent: %s", len(got), len(sent), firstDifference(got, sent))
		}
		t.Logf("%d messages over %d moves", len(sent), moves)
	})
}
