package tests

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"parley/app"
	"parley/app/verify"
	. "parley/tests/harness"
)

// TestVerifyPartsOnTwoNodes uses the checker as the fault tests do: several nodes, streams that are cut, kicks.
func TestVerifyPartsOnTwoNodes(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		one, two := Start(t, db, withBroker), Start(t, db, withBroker)
		ctx, cancel := context.WithTimeout(t.Context(), 3*Deadline)
		defer cancel()
		d := verify.NewDeployment([]string{one.URL, two.URL + "/"}, AppID, MasterKey)
		l := verify.NewLedger()
		defer func() {
			if err := d.Close(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		}()
		login := func(id string) *verify.Client {
			c, err := d.Login(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		tom, laptop, jerry, mary := login("Tom"), login("Tom"), login("Jerry"), login("Mary")
		var readers []*verify.Reader
		for _, c := range []*verify.Client{tom, laptop, jerry, mary} {
			r := c.Follow(ctx, l)
			defer r.Close()
			if err := r.CaughtUp(ctx, "0"); err != nil {
				t.Fatal(err)
			}
			readers = append(readers, r)
		}
		conversation, err := tom.Create(ctx, []string{"Jerry", "Mary"})
		if err != nil {
			t.Fatal(err)
		}
		const each = 50
		var senders sync.WaitGroup
		for i, c := range []*verify.Client{tom, laptop, jerry} {
			senders.Go(func() {
				for n := range each {
					options := [][]verify.SendOption{{}, {verify.Repeated()}, {verify.WithoutKey()}, {verify.OfSize(2000)}}[n%4]
					if err := c.Send(ctx, l, conversation, options...); err != nil {
						t.Error(err)
					}
					if n%10 == 0 {
						readers[(n/10+i)%len(readers)].Cut()
					}
				}
			})
		}
		two.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+conversation+"/members?clientId=Mary", nil).Want(200)
		senders.Wait()
		for _, r := range readers {
			r.Cut() // the reconnect says at once how far it is
			if err := r.CaughtUp(ctx, l.Last()); err != nil {
				t.Fatal(err)
			}
		}
		if err := jerry.History(ctx, l, conversation); err != nil {
			t.Fatal(err)
		}
		report := l.Check()
		t.Logf("\n%s", report)
		for _, line := range report.Breaches {
			t.Error(line)
		}
		if report.Sent != 3*each || report.Acknowledged != report.Sent || report.Received < 3*2*each || report.HistoryRead != 3*each || report.Behind != 0 {
			t.Errorf("%+v", report)
		}
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
		for _, token := range []string{tom.Token, laptop.Token, jerry.Token, mary.Token} {
			two.Bearer(t, "", token, "").Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "session_ended", "")
		}
		if left := fmt.Sprint(one.Master(t, "").Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"]); left != "[]" {
			t.Errorf("left behind: %s", left)
		}
	})
}
