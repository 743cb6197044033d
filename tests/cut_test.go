package tests

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	. "parley/tests/harness"
)

// cuts is how often the stream is cut, cutConversations in how many conversations messages flow meanwhile, and cutAhead how many
// messages may be stored that the reader has not had: more than it reads between two cuts, so that it always has some to
// catch up, and not so many that it catches up all the time.
const (
	cuts             = 250 // on each of two databases, in five conversations
	cutConversations = 5
	cutAhead         = 50
)

// TestStreamCutAgainAndAgainLosesNothing cuts a stream after a random number of bytes, in the middle of a block or not,
// and resumes from the last whole block, while messages flow. What came must equal what was sent: once each, in order.
func TestStreamCutAgainAndAgainLosesNothing(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		reader := s.Login(t, "Reader", "")
		stop, ahead := make(chan struct{}), make(chan struct{}, cutAhead)
		var senders sync.WaitGroup
		sent := make([][]string, cutConversations) // ids by conversation, in order
		conversations := map[string]int{}
		for i := range sent {
			sender := s.Login(t, fmt.Sprint("Sender", i), "")
			conversation := sender.Create(t, "Reader")
			conversations[conversation] = i
			senders.Go(func() {
				for n := 0; !t.Failed(); n++ {
					select {
					case ahead <- struct{}{}:
					case <-stop:
						return
					}
					answer, err := sender.Try(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": fmt.Sprint(n)})
					if err != nil || answer.Status != 201 {
						t.Errorf("a send failed: %v %v", answer, err)
						return
					}
					sent[i] = append(sent[i], answer.Object()["id"].(string))
				}
			})
		}
		got := make([][]string, cutConversations)
		position := "0"
		take := func(block string) string {
			id, name, data := ParseBlock(block)
			if id != "" {
				position = id
			}
			if name == "message" {
				m := decode(t, data)
				i := conversations[m["conversationId"].(string)]
				got[i] = append(got[i], m["id"].(string))
				<-ahead
			}
			return name
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range cuts {
			stream, err := reader.OpenRaw(t, position, 1+random.Int64N(6000), 0)
			for err == nil {
				var block string
				if block, err = stream.Block(); err == nil {
					take(block)
				}
			}
			if stream == nil { // the error is the cut, in the header or in a block, unless nothing was opened
				t.Fatal(err)
			}
			if err := stream.Conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		senders.Wait()
		stream, err := reader.OpenRaw(t, position, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Conn.Close()
		for name := ""; name != "reconnect"; {
			block, err := stream.Block()
			if err != nil {
				t.Fatal(err)
			}
			name = take(block)
		}
		total := 0
		for i := range sent {
			total += len(sent[i])
			if fmt.Sprint(got[i]) != fmt.Sprint(sent[i]) {
				t.Fatalf("conversation %d: %d came and %d were sent: %s", i, len(got[i]), len(sent[i]), firstDifference(got[i], sent[i]))
			}
		}
		t.Logf("%d messages over %d cuts", total, cuts)
	})
}

func firstDifference(got, sent []string) string {
	for i := range max(len(got), len(sent)) {
		if i >= len(got) || i >= len(sent) || got[i] != sent[i] {
			return fmt.Sprintf("from number %d on: got %v, sent %v", i, got[min(i, len(got)):min(i+3, len(got))], sent[min(i, len(sent)):min(i+3, len(sent))])
		}
	}
	return "no difference"
}
