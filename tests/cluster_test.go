package tests

import (
	"slices"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// TestTwoNodesWithABroker: what is beside the log crosses nodes too, and nothing else comes twice.
func TestTwoNodesWithABroker(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		one, two := Start(t, db, withBroker), Start(t, db, withBroker)
		phone, laptop, jerry := one.Login(t, "Tom", "phone"), two.Login(t, "Tom", "laptop"), two.Login(t, "Jerry", "")
		conversation := phone.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		onPhone, atJerrys := phone.Listen(t, ""), jerry.Listen(t, "")
		onPhone.Want("online")
		atJerrys.Want("online")
		onLaptop := laptop.Listen(t, "")
		onLaptop.Want("online")
		if event := onPhone.Want("online"); event.Data["sessionId"] != laptop.SessionID {
			t.Fatalf("the other node's session came as %s", event.Raw)
		}
		phone.Do(t, "POST", path, JSON{"type": "typing", "transient": true}).Want(202)
		for _, stream := range []*Stream{atJerrys, onLaptop} {
			event := stream.Next()
			if event.Name == "online" { // of the other session, whose news may come late
				event = stream.Next()
			}
			if event.Name != "message" || event.Data["type"] != "typing" || event.ID != "" {
				t.Fatalf("on the other node: %+v", event)
			}
		}
		var want []string
		for i := range 50 {
			want = append(want, []*Client{phone, laptop}[i%2].Say(t, conversation, "x"))
		}
		var got []string
		for range want {
			got = append(got, atJerrys.Want("message").ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, not %v", got, want)
		}
		onLaptop.Cut()
		for event := onPhone.Next(); event.Name != "offline"; event = onPhone.Next() {
			if event.Name != "message" {
				t.Fatalf("got %s", event.Raw)
			}
		}
	})
}

// TestBrokerThatCannotBeReachedDoesNotStopTheStart: a warning, and the database alone does it.
func TestBrokerThatCannotBeReachedDoesNotStopTheStart(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		lost := func(c *app.Config) { c.BrokerURL = "nats://127.0.0.1:1" }
		one, two := Start(t, db, lost), Start(t, db, lost)
		tom, jerry := one.Login(t, "Tom", ""), two.Login(t, "Jerry", "")
		stream := jerry.Listen(t, "")
		stream.Want("online")
		conversation := tom.Create(t, "Jerry")
		said := tom.Say(t, conversation, "without a broker")
		stream.Want("invited")
		if event := stream.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
		if metric(t, one, "parley_broker_connected") != 0 {
			t.Fatal("the broker is said to be connected")
		}
	})
}
