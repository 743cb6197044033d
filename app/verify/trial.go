package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// Sends that are under way when the time is up may still be answered, and streams may come to their end, for so long.
	// Without a broker an event of another node is 1.5 s late at most.
	settleTimeout = 30 * time.Second
	// doubles of the clients have a second session: it gets what the first one sends.
	doubles = 2
	// One send in so many is repeated after its answer.
	repeatOneIn = 10
	// So long a stream that was cut stays away, at most.
	away = time.Second
	// A deployment that does not answer at all in this time is not there, or its URL is wrong.
	reachTimeout = 5 * time.Second
	// One that has not let everybody in by then cannot be tried: 500 log-ins and 1000 creations, with room.
	beginTimeout = 2 * time.Minute
)

// trial is one run of the sub-command.
type trial struct {
	options
	deployment *Deployment
	ledger     *Ledger

	ids      []string          // of the clients
	sessions []*Client         // the second sessions come last
	readers  []*Reader         // of the sessions, in their order
	in       map[string][]room // by client

	mu       sync.Mutex
	rooms    []room
	failures []string // what went wrong beside the ledger
}

// room is a conversation of the trial.
type room struct {
	id      string
	members []string
}

func newTrial(o options) *trial {
	t := &trial{options: o, deployment: NewDeployment(o.urls, o.app, o.masterKey), ledger: NewLedger(), in: map[string][]room{}}
	for i := range o.clients {
		t.ids = append(t.ids, fmt.Sprintf("%s-client-%d", t.deployment.Name(), i+1))
	}
	return t
}

// run does everything up to the check. An error means that there is nothing to check.
func (t *trial) run(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.storm(ctx)
	t.settle(ctx)
	return t.histories(ctx)
}

// begin logs in, makes the conversations, and opens the streams, half of the conversations before and half after it.
func (t *trial) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	if err := t.reach(ctx); err != nil {
		return err
	}
	who := append(append([]string{}, t.ids...), t.ids[:doubles]...)
	t.sessions = make([]*Client, len(who))
	if err := together(numbers(0, len(who)), func(i int) (err error) {
		t.sessions[i], err = t.deployment.Login(ctx, who[i])
		return err
	}); err != nil {
		return err
	}
	half := t.options.conversations / 2
	if err := together(numbers(0, half), func(i int) error { return t.converse(ctx, i) }); err != nil {
		return err
	}
	for _, c := range t.sessions {
		t.readers = append(t.readers, c.Follow(context.WithoutCancel(ctx), t.ledger, stayAway(away))) // until it is closed
	}
	for _, r := range t.readers {
		if err := r.CaughtUp(ctx, "0"); err != nil {
			return err
		}
	}
	if err := together(numbers(half, t.options.conversations), func(i int) error { return t.converse(ctx, i) }); err != nil {
		return err
	}
	for _, room := range t.rooms {
		for _, member := range room.members {
			t.in[member] = append(t.in[member], room)
		}
	}
	return nil
}

// reach makes sure that the deployment answers, and that what is made can be removed again.
func (t *trial) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	return t.deployment.checkKey(ctx)
}

func numbers(from, to int) []int {
	all := make([]int, 0, max(0, to-from))
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// converse makes the conversation of this number, so that together they hold everybody.
func (t *trial) converse(ctx context.Context, number int) error {
	first := number * t.clients / t.options.conversations
	r := room{}
	for i := range t.members() {
		r.members = append(r.members, t.ids[(first+i)%t.clients])
	}
	id, err := t.sessions[first%t.clients].Create(ctx, r.members[1:])
	if err != nil {
		return err
	}
	r.id = id
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rooms = append(t.rooms, r)
	return nil
}

// storm sends from every session and cuts streams, for the duration.
func (t *trial) storm(ctx context.Context) {
	sending, cancel := context.WithTimeout(ctx, t.duration+settleTimeout)
	defer cancel()
	storm, stop := context.WithTimeout(sending, t.duration)
	defer stop()
	var all sync.WaitGroup
	for _, c := range t.sessions {
		all.Go(func() { t.send(storm, sending, c) })
	}
	if t.cuts > 0 {
		all.Go(func() { t.cut(storm) })
	}
	all.Wait()
}

// send sends from one session at its share of the rate, one message after the other.
func (t *trial) send(storm, sending context.Context, c *Client) {
	interval := time.Duration(float64(time.Second) * float64(len(t.sessions)) / float64(t.rate))
	rooms := t.in[c.ID]
	next := time.Now().Add(rand.N(interval))
	for sleep(storm, time.Until(next)) == nil {
		next = next.Add(interval)
		if late := time.Now(); next.Before(late) {
			next = late // the rate is a ceiling: what was late is not made up for
		}
		var how []SendOption
		if rand.N(repeatOneIn) == 0 {
			how = append(how, Repeated())
		}
		err := c.Send(sending, t.ledger, rooms[rand.N(len(rooms))].id, how...)
		if err != nil && sending.Err() == nil {
			t.fail("a send of client %s was refused: %v", c.ID, err)
			return
		}
	}
}

// cut severs streams at random, spread over the storm.
func (t *trial) cut(storm context.Context) {
	tick := time.NewTicker(max(t.duration/time.Duration(t.cuts+1), time.Millisecond))
	defer tick.Stop()
	for range t.cuts {
		select {
		case <-storm.Done():
			return
		case <-tick.C:
			t.readers[rand.N(len(t.readers))].Cut()
		}
	}
}

// settle waits until every stream has brought what it owes, and then cuts and resumes each once more: nothing may come
// twice, and nothing may be missing.
func (t *trial) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for _, r := range t.readers {
		t.must(r.CaughtUp(ctx, t.owed(r)))
	}
	if t.cuts == 0 {
		return
	}
	for _, r := range t.readers {
		r.Cut()
	}
	last := t.ledger.Last()
	for _, r := range t.readers {
		t.must(r.live(ctx))
		t.must(r.CaughtUp(ctx, last))
	}
}

// owed is the highest id that a stream has to bring by itself, without a heartbeat.
func (t *trial) owed(r *Reader) string {
	inside := map[string]bool{}
	for _, room := range t.in[r.client.ID] {
		inside[room.id] = true
	}
	return t.ledger.last(func(s *sent) bool { return inside[s.conversation] && s.session != r.client.SessionID })
}

// histories reads every conversation as one of its members.
func (t *trial) histories(ctx context.Context) error {
	byID := map[string]*Client{}
	for _, c := range t.sessions {
		byID[c.ID] = c
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return together(t.rooms, func(r room) error {
		return byID[r.members[rand.N(len(r.members))]].History(ctx, t.ledger, r.id)
	})
}

func (t *trial) must(err error) {
	if err != nil {
		t.fail("after %v: %v", settleTimeout, err)
	}
}

func (t *trial) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) < linesMost {
		t.failures = append(t.failures, broken.String()+": "+fmt.Sprintf(format, args...))
	}
}

// close ends the streams and removes what was made.
func (t *trial) close(ctx context.Context) error {
	for _, r := range t.readers {
		r.Close()
	}
	return t.deployment.Close(ctx)
}
