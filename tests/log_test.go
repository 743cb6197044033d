package tests

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestTailingReaderSeesNoHole: 64 writers, on two nodes where the database is made for that, commit while another
// transaction, that has taken the next number, is held open for 3 s. Whoever reads the log from behind must never see a
// number before all lower ones; refused and repeated sends use up none.
func TestTailingReaderSeesNoHole(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		s := Start(t, database)
		nodes, isMySQL := []*Server{s}, strings.HasPrefix(database, "mysql")
		if isMySQL {
			nodes = append(nodes, Start(t, database))
		}
		db := OpenSQL(t, database)
		names := make([]string, 64)
		for i := range names {
			names[i] = fmt.Sprint("writer", i)
		}
		first := s.Login(t, names[0], "")
		conversation := first.Create(t, names[1:]...)
		outsider := s.Login(t, "outsider", "")
		clients := make([]*Client, len(names))
		parallel(len(names), func(i int) { clients[i] = nodes[i%len(nodes)].Login(t, names[i], "") })

		var stop atomic.Bool
		var tail sync.WaitGroup
		seen := int64(0)
		tail.Go(func() {
			for done := false; !done; {
				done = stop.Load() // one more look after the last commit
				seen = FollowLog(t, db, seen)
			}
		})
		path := "/v1/conversations/" + conversation + "/messages"
		held := make(chan int64)
		go HoldTransaction(t, db, isMySQL, conversation, names[0], 3*time.Second, held)
		number := <-held // it has its number, and the lock
		var writers sync.WaitGroup
		var stored atomic.Int64
		for i, client := range clients {
			writers.Go(func() {
				for n := range 10 {
					body := JSON{"type": "text", "text": fmt.Sprint(i, " ", n)}
					client.Do(t, "POST", path, body, "Idempotency-Key", fmt.Sprint(n)).Want(201)
					client.Do(t, "POST", path, body, "Idempotency-Key", fmt.Sprint(n)).Want(200)
					stored.Add(1)
				}
				outsider.Do(t, "POST", path, JSON{"type": "text", "text": "refused"}).WantProblem(403, "not_a_member", "")
			})
		}
		writers.Wait()
		stop.Store(true)
		tail.Wait()
		if want := number + stored.Load(); seen != want {
			t.Fatalf("the log ends at %d, not at %d", seen, want)
		}
		// Every node shows what the other writer wrote, in its place.
		for _, node := range nodes {
			stream := first.On(node).Listen(t, fmt.Sprint(number-1))
			if event := stream.Want("message"); event.Data["text"] != "held" || event.ID != fmt.Sprint(number) {
				t.Fatalf("the held message came as %+v", event)
			}
		}
	})
}

// TestTimestampsNeverRunBackwards: another node's clock was an hour ahead; what is sent now is not dated before that.
func TestTimestampsNeverRunBackwards(t *testing.T) {
	Databases(t, func(t *testing.T, database string) {
		s := Start(t, database)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t)
		tom.Say(t, conversation, "first")
		ahead := time.Now().Add(time.Hour).UnixMilli()
		if _, err := OpenSQL(t, database).Exec("UPDATE counters SET newest_at = ? WHERE app_id = 1", ahead); err != nil {
			t.Fatal(err)
		}
		tom.Say(t, conversation, "second")
		tom.Do(t, "PATCH", "/v1/conversations/"+conversation, JSON{"name": "third"}).Want(200)
		c := tom.Do(t, "GET", "/v1/conversations/"+conversation, nil).Want(200).Object()
		for _, field := range []string{"lastMessageAt", "updatedAt"} {
			at, err := time.Parse(time.RFC3339, c[field].(string))
			if err != nil || at.UnixMilli() < ahead {
				t.Fatalf("%s is %v, before what another node wrote at %v", field, c[field], time.UnixMilli(ahead).UTC())
			}
		}
	})
}
