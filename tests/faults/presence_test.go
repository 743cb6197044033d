package faults

import (
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestNodeKilledWithItsClients: who had a stream on a node that was killed is online for 45 s more at most, and its other
// sessions are told. It takes as long at any length: a lease has one.
func TestNodeKilledWithItsClients(t *testing.T) {
	const promise = 45 * time.Second
	cluster := StartCluster(t, BuildProgram(t), 3, NeedMySQL(t), "PARLEY_BROKER_URL="+NATS(t))
	dying, left := cluster.Nodes[0], cluster.Nodes[1:]
	phone, laptop := dying.Login(t, "Tom", "phone"), dying.Login(t, "Tom", "laptop")
	var atLaptop []*Stream
	for _, node := range left {
		stream := laptop.On(node.Server).Listen(t, "")
		stream.Want("online")
		atLaptop = append(atLaptop, stream)
	}
	phone.Listen(t, "").Want("online")
	dying.Login(t, "Mary", "").Listen(t, "").Want("online")
	online := func(node *ClusterNode, client string) bool {
		answer := node.Master(t, "").Do(t, "GET", "/v1/clients/"+client, nil).Want(200).Object()
		return answer["online"].(bool)
	}
	for _, node := range left {
		Eventually(t, "Mary is known", func() bool { return online(node, "Mary") })
	}
	killed := time.Now()
	dying.Kill(t)
	for _, stream := range atLaptop {
		for {
			event, ok := stream.NextBlock() // heartbeats come meanwhile
			if !ok {
				t.Fatal("the stream has ended")
			}
			if event.Name == "offline" {
				if event.Data["sessionId"] != phone.SessionID || event.Data["tag"] != "phone" {
					t.Errorf("got %s", event.Raw)
				}
				break
			}
		}
	}
	told := time.Since(killed)
	for _, node := range left {
		Eventually(t, "Mary is gone", func() bool { return !online(node, "Mary") })
		if !online(node, "Tom") {
			t.Error("Tom has his laptop")
		}
	}
	if gone := time.Since(killed); gone > Promise(promise) || gone < 20*time.Second {
		t.Errorf("the clients of a killed node were online for %v", gone)
	}
	t.Logf("the other sessions were told %v after the node was killed", told.Round(time.Millisecond))
	dying.Start(t)
	phone.Listen(t, "").Want("online")
	for _, stream := range atLaptop {
		if event := stream.Want("online"); event.Data["sessionId"] != phone.SessionID {
			t.Errorf("got %s", event.Raw)
		}
	}
}
