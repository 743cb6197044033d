package faults

import (
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestNodesKilledInASendStorm: a node is killed every 2 s, each in turn, and started again at once. Senders repeat with
// their key on another node: nothing is lost, doubled or out of order, and the readers are at the head 2 s after a restart.
func TestNodesKilledInASendStorm(t *testing.T) {
	t.Run("three nodes with a broker", func(t *testing.T) {
		killInTurn(t, StartCluster(t, BuildProgram(t), 3, NeedMySQL(t), "PARLEY_BROKER_URL="+NATS(t)), pick(3, 30))
	})
	t.Run("two nodes without a broker", func(t *testing.T) {
		killInTurn(t, StartCluster(t, BuildProgram(t), 2, NeedMySQL(t)), pick(2, 30))
	})
}

func killInTurn(t *testing.T, cluster *Cluster, kills int) {
	const every, promise = 2 * time.Second, 2 * time.Second
	s := startStorm(t, cluster.URLs(), cluster.URLs())
	var restart, head time.Duration
	tick := time.NewTicker(every)
	defer tick.Stop()
	for kill := range kills {
		<-tick.C
		node := cluster.Nodes[kill%len(cluster.Nodes)]
		killed := time.Now()
		node.Kill(t)
		node.Start(t)
		restart = max(restart, time.Since(killed))
		head = max(head, s.atHead(promise))
	}
	s.end()
	t.Logf("%d kills; a node answered again %v after its end at the latest, and every reader was at the head %v later",
		kills, restart.Round(time.Millisecond), head.Round(time.Millisecond))
}

// TestRollingRestartUnderLoad: three nodes are stopped in order and started again one after the other, as an upgrade
// does. Every send is answered, by a repeat with its key on another node at the latest, and no stream loses anything.
func TestRollingRestartUnderLoad(t *testing.T) {
	cluster := StartCluster(t, BuildProgram(t), 3, NeedMySQL(t), "PARLEY_BROKER_URL="+NATS(t))
	s := startStorm(t, cluster.URLs(), cluster.URLs())
	var stop, start time.Duration
	for range pick(2, 30) {
		for _, node := range cluster.Nodes {
			begun := time.Now()
			node.Terminate(t)
			stopped := time.Now()
			node.Start(t)
			stop, start = max(stop, stopped.Sub(begun)), max(start, time.Since(stopped))
			s.atHead(Deadline) // streams have come back before the next node goes
		}
	}
	report := s.end()
	if report.Resumes < len(s.readers) {
		t.Errorf("%d streams resumed %d times", len(s.readers), report.Resumes)
	}
	t.Logf("a stop took %v at most, a start %v", stop.Round(time.Millisecond), start.Round(time.Millisecond))
}
