package faults

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

const (
	// A read of all is one answer, so a conversation must stay under a history page's 1,000 messages.
	mostMessages = 900
	// The page that a client shows first is shorter than the history from the beginning on.
	newestPage = 5
	// The pace of each worker, so that there is time for some kills before a conversation is full.
	betweenCalls = 5 * time.Millisecond
	// Long enough for most calls to go through, short enough for several kills in a round.
	betweenKills, mostKills = 300 * time.Millisecond, 6
)

// recorder makes calls on the nodes of a cluster and records what they answer.
type recorder struct {
	t      *testing.T
	nodes  []*fragileNode
	begun  time.Time
	stop   atomic.Bool
	sends  atomic.Int64 // numbers the texts
	mu     sync.Mutex
	record []recordedCall
}

func (r *recorder) add(c recordedCall) {
	c.ended = time.Since(r.begun)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record = append(r.record, c)
}

// send says something new. Half of the sends have a key, and are repeated with it on the next node until one answers;
// the others are made once, and an answer that does not come leaves their outcome unknown.
func (r *recorder) send(client *Client, conversation string, node int, withKey bool) {
	text := fmt.Sprint("message ", r.sends.Add(1))
	c := recordedCall{call: call{conversation: conversation, text: text}, begun: time.Since(r.begun)}
	headers := []string{}
	if withKey {
		headers = []string{"Idempotency-Key", text}
	}
	const mostAttempts = 1000 // far more than the time of a restart has room for
	for attempt := range mostAttempts {
		at := r.nodes[(node+attempt)%len(r.nodes)]
		answer, err := client.On(at.Server).Try(r.t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text}, headers...)
		switch {
		case err == nil && (answer.Status == 201 || answer.Status == 200 && withKey):
			c.answer = []said{saidOf(r.t, answer.Object())}
			r.add(c)
			return
		case err == nil && answer.Status != 503:
			r.t.Errorf("a send was answered %d: %s", answer.Status, answer.Body)
			return
		case !withKey:
			c.unknown = true
			r.add(c)
			return
		}
	}
	r.t.Errorf("%q was not answered in %d attempts", text, mostAttempts)
}

// read reads all of a conversation, or its newest page; a read that is not answered says nothing.
func (r *recorder) read(client *Client, conversation string, node, newest int) {
	c := recordedCall{call: call{conversation: conversation, newest: newest}, begun: time.Since(r.begun)}
	limit := newest
	if limit == 0 {
		limit = 1000
	}
	answer, err := client.On(r.nodes[node].Server).Try(r.t, "GET", fmt.Sprintf("/v1/conversations/%s/messages?limit=%d", conversation, limit), nil)
	if err != nil || answer.Status == 503 {
		return
	}
	if answer.Status != 200 {
		r.t.Errorf("a read was answered %d: %s", answer.Status, answer.Body)
		return
	}
	page := answer.Object()
	for _, m := range page["messages"].([]any) {
		c.answer = append(c.answer, saidOf(r.t, m.(JSON)))
	}
	if page["next"] != nil && newest == 0 {
		r.t.Error("the conversation has become too long for one read")
	}
	r.add(c)
}

func saidOf(t *testing.T, message JSON) said {
	id, err := strconv.ParseInt(message["id"].(string), 10, 64)
	if err != nil {
		t.Error(err)
	}
	return said{id, message["text"].(string)}
}

// work makes calls of one client until enough has been said or the kills are over, each on a node of the random's choice.
func (r *recorder) work(client *Client, conversation string, random *rand.Rand) {
	pace := time.NewTicker(betweenCalls)
	defer pace.Stop()
	for r.sends.Load() < mostMessages && !r.stop.Load() && !r.t.Failed() {
		<-pace.C
		node := random.IntN(len(r.nodes))
		switch random.IntN(4) {
		case 0:
			r.read(client, conversation, node, 0)
		case 1:
			r.read(client, conversation, node, newestPage)
		case 2:
			r.send(client, conversation, node, true)
		case 3:
			r.send(client, conversation, node, false)
		}
	}
}

// TestHistoriesUnderKillsAreLinearizable: while nodes are killed in turn, every answer to every send and read, on whatever
// node, is one that a single list of messages would have given at some moment of the call.
func TestHistoriesUnderKillsAreLinearizable(t *testing.T) {
	program, db := BuildProgram(t, "failpoint"), NeedMySQL(t)
	var nodes []*fragileNode
	for i := range 3 {
		nodes = append(nodes, newFragileNode(t, program, db))
		nodes[i].Start(t)
	}
	for round := range pick(2, 10) { // each with conversations of its own, which stay short
		r := &recorder{t: t, nodes: nodes, begun: time.Now()}
		kills := r.storm(uint64(round))
		searched := time.Now()
		wantLinearizable(t, r.record)
		t.Logf("%d calls, %d of them sends, over %d kills; %s; searched in %v",
			len(r.record), r.sends.Load(), kills, unknownIn(r.record), time.Since(searched).Round(time.Millisecond))
	}
}

// storm lets clients work in two conversations while the nodes are killed in turn.
func (r *recorder) storm(seed uint64) (kills int) {
	const conversations, workers = 2, 8
	master := r.nodes[0].Master(r.t, "")
	var ids []string
	var working sync.WaitGroup
	for i := range conversations {
		var members []string
		for j := range workers {
			members = append(members, fmt.Sprint("worker-", i, "-", j))
		}
		ids = append(ids, master.Create(r.t, members...))
		for j, member := range members {
			client := r.nodes[j%len(r.nodes)].Login(r.t, member, "")
			working.Go(func() { r.work(client, ids[i], rand.New(rand.NewPCG(seed, uint64(i*workers+j)))) })
		}
	}
	pause := time.NewTicker(betweenKills)
	defer pause.Stop()
	for ; kills < mostKills && r.sends.Load() < mostMessages && !r.t.Failed(); kills++ {
		<-pause.C
		node := r.nodes[kills%len(r.nodes)]
		if kills%2 == 0 {
			node.Kill(r.t) // wherever it is
		} else {
			node.killAt(r.t, "sends committed", func() {}) // between a commit and its answers
		}
		node.Start(r.t)
	}
	r.stop.Store(true)
	working.Wait()
	for node := range r.nodes { // what was answered is there on each
		for _, id := range ids {
			r.read(master, id, node, 0)
		}
	}
	return kills
}

// unknownIn says how many sends have an unknown outcome, and how many of them a read has shown.
func unknownIn(record []recordedCall) string {
	unknown := map[string]bool{}
	for _, c := range record {
		if c.unknown {
			unknown[c.text] = false
		}
	}
	for _, c := range record {
		for _, message := range c.answer {
			if _, ok := unknown[message.text]; ok {
				unknown[message.text] = true
			}
		}
	}
	tookEffect := 0
	for _, shown := range unknown {
		if shown {
			tookEffect++
		}
	}
	return fmt.Sprintf("%d of unknown outcome, of which %d took effect", len(unknown), tookEffect)
}
