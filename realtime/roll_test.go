package realtime

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/models"
)

// memoryRoll is what the database holds of several nodes.
type memoryRoll struct {
	leases    map[string]models.Timestamp
	presences map[models.Presence]bool // without tags
	now       models.Timestamp
	fails     int  // attempts that are to fail
	after     bool // those that fail have taken effect
}

var errAway = errors.New("the database is away")

func newMemoryRoll() *memoryRoll {
	return &memoryRoll{leases: map[string]models.Timestamp{}, presences: map[models.Presence]bool{}}
}

// outcome is the error of an attempt; done tells whether it takes effect.
func (m *memoryRoll) outcome() (done bool, err error) {
	if m.fails == 0 {
		return true, nil
	}
	m.fails--
	return m.after, errAway
}

func (m *memoryRoll) Attend(_ context.Context, appID uint32, nodeID string, joins bool, a models.Attendance) (lost bool, err error) {
	done, err := m.outcome()
	if !done {
		return false, err
	}
	if _, known := m.leases[nodeID]; !known && !joins {
		return true, err
	}
	m.leases[nodeID] = m.now
	maps.DeleteFunc(m.presences, func(p models.Presence, _ bool) bool {
		return p.NodeID == nodeID && slices.Contains(a.Clients, p.ClientID)
	})
	for _, p := range a.Present {
		m.presences[p] = true
	}
	return false, err
}

func (m *memoryRoll) Leases(context.Context, uint32) (leases []models.Lease, now models.Timestamp, err error) {
	for node, at := range m.leases {
		leases = append(leases, models.Lease{NodeID: node, RenewedAt: at})
	}
	return leases, m.now, nil
}

func (m *memoryRoll) Bury(_ context.Context, _ uint32, dead models.Lease) (buried []models.Presence, err error) {
	for p := range m.presences {
		if p.NodeID == dead.NodeID {
			buried = append(buried, p)
		}
	}
	done, err := m.outcome()
	if done {
		delete(m.leases, dead.NodeID)
		maps.DeleteFunc(m.presences, func(p models.Presence, _ bool) bool { return p.NodeID == dead.NodeID })
	}
	return buried, err
}

func (m *memoryRoll) Resign(context.Context, uint32, string) error { return nil }

func (m *memoryRoll) PresencesElsewhere(_ context.Context, _ uint32, nodeID string, clients []string) (found []models.Presence, err error) {
	for p := range m.presences {
		if p.NodeID != nodeID && slices.Contains(clients, p.ClientID) {
			found = append(found, p)
		}
	}
	return found, nil
}

// recorder is a broker that keeps what was announced, and passes it on to the other nodes.
type recorder struct {
	told   map[string]bool // sessions, as the last announcement has them
	others []*rollNode
	from   *rollNode
}

func (r *recorder) Publish(a Announcement) {
	r.told[a.Presence.SessionID] = a.Presence.Online
	for _, other := range r.others {
		if other != r.from {
			other.node.heard(other.app, a)
		}
	}
}
func (r *recorder) Subscribe(string, func(Announcement)) error { return nil }
func (r *recorder) Close() error                               { return nil }

// rollNode is a node whose registrar the test moves by hand.
type rollNode struct {
	node      *Node
	app       *appLive
	registrar *registrar
	streams   []*Stream
}

func newRollNode(r *recorder, roll Roll) *rollNode {
	node := NewNode(&memoryLog{id: "log"}, Options{Broker: r, Roll: roll, LeaseBeat: time.Second})
	hub := newHub(0, node.options.Logger, node.metrics.of(""))
	app := &appLive{logID: "log", roll: newRoll(), hub: hub, usher: newUsher(1, nil, hub, node.options.Logger)}
	return &rollNode{node: node, app: app, registrar: &registrar{node: node, app: app, appID: 1}}
}

// TestRollIsRightInTheEnd: streams come and go on two nodes, writes fail before they take effect and after, a node is
// buried while it lives. When all is quiet, the database holds exactly the streams that are there, and the last that was
// told of each session is true.
func TestRollIsRightInTheEnd(t *testing.T) {
	for range 20 { // a hundred runs each, and a run is short
		rapid.Check(t, checkRoll)
	}
}

func checkRoll(t *rapid.T) {
	database, told := newMemoryRoll(), map[string]bool{}
	nodes := make([]*rollNode, 2)
	for i := range nodes {
		r := &recorder{told: told}
		nodes[i] = newRollNode(r, database)
		r.from = nodes[i]
	}
	for _, n := range nodes {
		n.node.options.Broker.(*recorder).others = nodes
	}
	pick := func() *rollNode { return nodes[rapid.IntRange(0, 1).Draw(t, "node")] }
	sessions := []string{"Tom phone", "Tom laptop", "Jerry"}
	t.Repeat(map[string]func(*rapid.T){
		"come": func(t *rapid.T) {
			n, session := pick(), rapid.SampledFrom(sessions).Draw(t, "session")
			s := &Stream{clientID: session[:3], sessionID: session, app: n.app, node: n.node}
			n.streams = append(n.streams, s)
			n.node.came(s)
		},
		"go": func(t *rapid.T) {
			n := pick()
			if len(n.streams) == 0 {
				t.Skip("nobody is there")
			}
			at := rapid.IntRange(0, len(n.streams)-1).Draw(t, "stream")
			n.node.lost(n.streams[at])
			n.streams = slices.Delete(n.streams, at, at+1)
		},
		"write": func(*rapid.T) { _ = pick().registrar.write(context.Background()) },
		"fail": func(t *rapid.T) {
			database.fails, database.after = rapid.IntRange(0, 2).Draw(t, "fails"), rapid.Bool().Draw(t, "after")
		},
		"bury": func(*rapid.T) {
			n := pick()
			lease := models.Lease{NodeID: n.app.roll.nodeID()}
			other := nodes[1-slices.Index(nodes, n)].registrar
			if buried, err := database.Bury(context.Background(), 1, lease); err != nil {
				other.watch.keep(lease.NodeID, buried)
			} else {
				other.tellBuried(context.Background(), buried)
			}
		},
	})
	database.fails = 0
	want, online := map[models.Presence]bool{}, map[string]bool{}
	for range 4 { // all writes that one another cause
		for _, n := range nodes {
			n.registrar.watch.look(context.Background(), n.registrar)
			if err := n.registrar.write(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range nodes {
		for _, s := range n.streams {
			want[models.Presence{AppID: 1, ClientID: s.clientID, NodeID: n.app.roll.nodeID(), SessionID: s.sessionID}] = true
			online[s.sessionID] = true
		}
		if n.app.roll.waiting() {
			t.Fatal("something is still to be written")
		}
	}
	if !maps.Equal(database.presences, want) {
		t.Fatalf("the database holds %v, and there are %v", database.presences, want)
	}
	for session, is := range told {
		if is != online[session] {
			t.Fatalf("%s is told to be online: %v", session, is)
		}
	}
}

func TestLeaseThatHasRunOut(t *testing.T) {
	const beat = 5 * time.Second // a lease lasts 30 s
	look := func(w *leaseWatch, seconds ...models.Timestamp) {
		for _, at := range seconds {
			w.looked(at*1000, beat)
		}
	}
	steps := []models.Timestamp{100, 105, 110, 115, 120, 125, 130, 135}
	cases := map[string]struct {
		looks   []models.Timestamp
		renewed models.Timestamp
		now     models.Timestamp
		dead    bool
	}{
		"renewed":                    {steps, 134, 135, false},
		"just not yet":               {steps, 105, 135, false},
		"run out":                    {steps, 104, 135, true},
		"before the first look":      {[]models.Timestamp{100, 105}, 10, 105, false},
		"a lease after the first":    {[]models.Timestamp{100, 110, 120, 131}, 10, 131, true},
		"looks too far apart":        {[]models.Timestamp{100, 110, 120, 136}, 10, 136, false},
		"after an outage":            {append(slices.Clone(steps), 200, 205), 135, 205, false},
		"a lease after an outage":    {append(slices.Clone(steps), 200, 210, 220, 231), 135, 231, true},
		"the clock was set back":     {append(slices.Clone(steps), 50, 55), 134, 55, false},
		"and the node is dead":       {append(slices.Clone(steps), 50, 60, 70, 81), 134, 81, true},
		"the clock was set forward":  {append(slices.Clone(steps), 4000), 134, 4000, false},
		"and the node has come back": {append(slices.Clone(steps), 4000, 4010, 4020, 4031), 4025, 4031, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := &leaseWatch{}
			look(w, c.looks...)
			if got := w.dead(models.Lease{RenewedAt: c.renewed * 1000}, c.now*1000, beat); got != c.dead {
				t.Errorf("dead: %v", got)
			}
		})
	}
}
