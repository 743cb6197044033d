package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"parley/app/verify"
	. "parley/tests/harness"
)

const (
	stormClients       = 8
	stormConversations = 3
	// The pace of each client: some hundred sends a second in all, which leaves the machine room for the faults.
	stormPace = 25 * time.Millisecond
	// A reader that knows several nodes need not wait as long as retry: says to one that does not.
	comeBack = 500 * time.Millisecond
)

// storm is clients that send to one another without a pause and follow their streams, with the checker's ledger of it all.
type storm struct {
	t             *testing.T
	ctx           context.Context
	deployments   []*verify.Deployment
	ledger        *verify.Ledger
	conversations []string
	clients       []*verify.Client // who send
	readers       []*verify.Reader
	sending       sync.WaitGroup
	stop          chan struct{}
}

// startStorm sends by way of some nodes and reads by way of some, which may be the same. Every client is in every conversation, and
// each has a second session, which sends nothing.
func startStorm(t *testing.T, sendBy, readBy []string) *storm {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s := &storm{t: t, ctx: ctx, ledger: verify.NewLedger(), stop: make(chan struct{})}
	senders, readers := verify.NewDeployment(sendBy, AppID, MasterKey), verify.NewDeployment(readBy, AppID, MasterKey)
	s.deployments = []*verify.Deployment{senders, readers}
	var ids []string
	for i := range stormClients {
		id := fmt.Sprint("storm-", i)
		s.clients = append(s.clients, s.login(senders, id))
		reader := s.login(readers, id).Follow(ctx, s.ledger, verify.ComeBackWithin(comeBack))
		t.Cleanup(reader.Close)
		s.caughtUp(reader, "0", Deadline)
		ids, s.readers = append(ids, id), append(s.readers, reader)
	}
	for i := range stormConversations {
		conversation, err := s.clients[i].Create(ctx, ids)
		if err != nil {
			t.Fatal(err)
		}
		s.conversations = append(s.conversations, conversation)
	}
	for i, client := range s.clients {
		s.sending.Go(func() { s.send(i, client) })
	}
	return s
}

func (s *storm) login(d *verify.Deployment, id string) *verify.Client {
	s.t.Helper()
	client, err := d.Login(s.ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// send goes from conversation to conversation; now and then it repeats what has been answered.
func (s *storm) send(from int, client *verify.Client) {
	pace := time.NewTicker(stormPace)
	defer pace.Stop()
	for n := from; ; n++ {
		select {
		case <-s.stop:
			return
		case <-pace.C:
		}
		var options []verify.SendOption
		if n%10 == 0 {
			options = append(options, verify.Repeated())
		}
		if err := client.Send(s.ctx, s.ledger, s.conversations[n%stormConversations], options...); err != nil {
			if s.ctx.Err() == nil { // otherwise the test has failed already
				s.t.Error(err)
			}
			return
		}
	}
}

// caughtUp waits until a reader has come to a position.
func (s *storm) caughtUp(reader *verify.Reader, position string, within time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	if err := reader.CaughtUp(ctx, position); err != nil {
		s.t.Error(err)
	}
}

// atHead measures how long it takes until every reader has what has been answered by now.
func (s *storm) atHead(promise time.Duration) (slowest time.Duration) {
	s.t.Helper()
	begun, head := time.Now(), s.ledger.Last()
	var waiting sync.WaitGroup
	for _, reader := range s.readers {
		waiting.Go(func() { s.caughtUp(reader, head, Promise(promise)) })
	}
	waiting.Wait()
	return time.Since(begun)
}

// end stops the senders, waits until every reader has got everything, reads the histories, and fails the test for each
// promise that did not hold.
func (s *storm) end() verify.Report {
	s.t.Helper()
	close(s.stop)
	s.sending.Wait()
	for _, reader := range s.readers {
		reader.Cut() // the reconnect says at once how far it has come
		s.caughtUp(reader, s.ledger.Last(), Deadline)
	}
	for _, client := range s.clients {
		for _, conversation := range s.conversations {
			if err := client.History(s.ctx, s.ledger, conversation); err != nil {
				s.t.Error(err)
			}
		}
	}
	report := s.ledger.Check()
	s.t.Logf("\n%s", report)
	for _, breach := range report.Breaches {
		s.t.Error(breach)
	}
	if report.Acknowledged != report.Sent || report.Sent == 0 || report.Behind != 0 || report.Received != report.Sent*len(s.readers) {
		s.t.Errorf("%d sent, %d acknowledged, %d received by %d readers", report.Sent, report.Acknowledged, report.Received, len(s.readers))
	}
	s.leave()
	return report
}

// leave removes what was made; the nodes still run.
func (s *storm) leave() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, Deadline)
	defer cancel()
	for _, reader := range s.readers {
		reader.Close()
	}
	for _, d := range s.deployments {
		if err := d.Close(ctx); err != nil {
			s.t.Error(err)
		}
	}
}
