package tests

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// TestTicketOpensOneStream: of its session, where the page left off, and not another one.
func TestTicketOpensOneStream(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		before := time.Now()
		made := jerry.Do(t, "POST", "/v1/sessions/current/stream-ticket", nil).Want(http.StatusCreated)
		expires, err := time.Parse(time.RFC3339, made.Object()["expiresAt"].(string))
		if err != nil || expires.Before(before.Add(29*time.Second)) || expires.After(time.Now().Add(31*time.Second)) || made.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("made %s, %v, %v", made.Body, made.Header, err)
		}
		ticket := made.Object()["ticket"].(string)
		stream := listenByTicket(t, s, ticket, "")
		if online := stream.Want("online").Data; online["sessionId"] != jerry.SessionID || online["clientId"] != "Jerry" {
			t.Errorf("the stream is of %v", online)
		}
		wantTicketRefused(t, s, ticket, "ticket_invalid")
		conversation := tom.Create(t, "Jerry")
		stream.Want("invited")
		tom.Say(t, conversation, "one")
		stream.Want("message")
		position := stream.LastID()
		stream.Cut()
		wantTicketRefused(t, s, ticket, "ticket_invalid") // as a browser does by itself
		tom.Say(t, conversation, "two")
		again := listenByTicket(t, s, jerry.Ticket(t), position)
		if missed := again.Want("message").Data["text"]; missed != "two" {
			t.Errorf("%v came first", missed)
		}
		again.Want("reconnect")
	})
}

func listenByTicket(t *testing.T, s *Server, ticket, lastEventID string) *Stream {
	t.Helper()
	stream, err := s.TryListenByTicket(t, ticket, lastEventID)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func wantTicketRefused(t *testing.T, s *Server, ticket, code string) {
	t.Helper()
	_, err := s.TryListenByTicket(t, ticket, "")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Status != http.StatusUnauthorized || !strings.Contains(string(refused.Body), `"`+code+`"`) {
		t.Errorf("%q is answered %v, not %s", ticket, err, code)
	}
}

// TestTicketIsUsedOnceOnWhateverNode: a balancer sends the page that has a ticket, and whoever has seen it, anywhere.
func TestTicketIsUsedOnceOnWhateverNode(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		nodes := []*Server{Start(t, db), Start(t, db)}
		tom := nodes[0].Login(t, "Tom", "")
		const tickets, tries = 8, 4
		for range tickets {
			ticket := tom.Ticket(t)
			var opened, refused atomic.Int32
			parallel(tries, func(i int) {
				stream, err := nodes[i%len(nodes)].TryListenByTicket(t, ticket, "")
				if r, ok := errors.AsType[*Refused](err); ok && r.Status == http.StatusUnauthorized {
					refused.Add(1)
				} else if err == nil {
					opened.Add(1)
					stream.Cut()
				}
			})
			if opened.Load() != 1 || refused.Load() != tries-1 {
				t.Errorf("%d opened a stream, %d were refused", opened.Load(), refused.Load())
			}
		}
	})
}

// TestTicketDiesWithItsSession: however that ended, and with time.
func TestTicketDiesWithItsSession(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		out, kicked, elsewhere, late := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "Web"), s.Login(t, "William", "")
		tickets := map[string]string{"session_ended": out.Ticket(t), "session_kicked": kicked.Ticket(t), "session_conflict": elsewhere.Ticket(t)}
		out.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent)
		s.Master(t, "").Do(t, "POST", "/v1/clients/Jerry/kick", nil).Want(http.StatusNoContent)
		s.Login(t, "Mary", "Web")
		for code, ticket := range tickets {
			wantTicketRefused(t, s, ticket, code)
			wantTicketRefused(t, s, ticket, "ticket_invalid") // spent all the same
		}
		out.Do(t, "POST", "/v1/sessions/current/stream-ticket", nil).WantProblem(http.StatusUnauthorized, "session_ended", "")
		ticket := late.Ticket(t)
		if _, err := OpenSQL(t, db).Exec("UPDATE stream_tickets SET expires_at = expires_at - 30000"); err != nil {
			t.Fatal(err)
		}
		wantTicketRefused(t, s, ticket, "ticket_invalid")
	})
}

// TestTicketOutlivedTheKeyOfItsToken: one that was asked for with a token of a leaked secret opened a stream after the secret had been
// replaced, and that stream went on to the end of its session.
func TestTicketOutlivedTheKeyOfItsToken(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		first := Start(t, db).NewApp(t)
		tickets := []string{first.Login(t, "Tom", "").Ticket(t), signed(t, first, "Jerry").Ticket(t)}
		second := rotate(t, first, "--keep", "0")
		second.WaitForApp(t)
		for _, ticket := range tickets {
			wantTicketRefused(t, second, ticket, "ticket_invalid")
		}

		tom := second.Login(t, "Tom", "")
		before := tom.Ticket(t)
		third := rotate(t, second)
		third.WaitForApp(t)
		refreshed := tom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(http.StatusOK).Object()["token"].(string)
		later := third.Bearer(t, "Tom", refreshed, tom.SessionID)
		old, renewed := listenByTicket(t, third, before, ""), listenByTicket(t, third, later.Ticket(t), "")
		old.Want("online")
		renewed.Want("online")
		unused := tom.Ticket(t)
		ManageApps(t, db, "rotate-keys", "--finish", third.Keys.AppID)
		if end := old.Want("disconnect"); end.Data["reason"] != "token_expired" {
			t.Errorf("the stream of the old secret ended with %s", end.Raw)
		}
		wantTicketRefused(t, third, unused, "ticket_invalid")
		third.Master(t, "").Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Tom"}}).Want(http.StatusCreated)
		renewed.Want("invited") // its token is good, and so is the stream
	})
}

// TestTicketIsKeptWhileItsAddressMakesTooManyCalls: a native EventSource is told to come back, and may.
func TestTicketIsKeptWhileItsAddressMakesTooManyCalls(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, clock := startLimited(t, db, func(c *app.Config) { c.AddressRequestsPerMinute = 3 })
		tom := s.Login(t, "Tom", "")
		ticket := tom.Ticket(t)
		tom.Do(t, "GET", aList, nil).Want(http.StatusOK)
		tom.Do(t, "GET", aList, nil).Want(http.StatusTooManyRequests)
		stream := listenByTicket(t, s, ticket, "")
		stream.Want("schedule")
		stream.Want("disconnect")
		stream.WantEnd()
		clock.Pass(20 * time.Second)
		listenByTicket(t, s, ticket, "").Want("online")
	})
}

// TestTicketIsForAStreamAlone: for nobody without a session, and for no other call.
func TestTicketIsForAStreamAlone(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom, nobody := s.Login(t, "Tom", ""), s.Nobody(t)
	const path = "/v1/sessions/current/stream-ticket"
	for _, c := range []*Client{s.Master(t, ""), s.Master(t, "Tom"), s.AppKeyHolder(t)} {
		c.Do(t, "POST", path, nil).WantProblem(http.StatusForbidden, "session_required", "")
	}
	nobody.Do(t, "POST", path, nil).WantProblem(http.StatusUnauthorized, "credentials_missing", "")
	tom.Do(t, "POST", path+"?clientId=Jerry", nil).WantProblem(http.StatusBadRequest, "validation_failed", "clientId")

	ticket, record := tom.Ticket(t), tom.Keep(t, "a.txt", []byte("x"))
	for _, path := range []string{"/v1/sessions/current", "/v1/conversations", "/v1/files/" + record["id"].(string) + "/content"} {
		nobody.Do(t, "GET", path+"?ticket="+ticket, nil).Want(http.StatusUnauthorized)
		nobody.Do(t, "GET", path, nil, "Authorization", "Bearer "+ticket).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	}
	nobody.Do(t, "GET", "/v1/stream?access_token="+ticket, nil).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	// What is wrong with the call does not spend it.
	for query, field := range map[string]string{"zzz=1": "zzz", "lastEventId=1&lastEventId=2": "lastEventId", "ticket=x": "ticket", "access_token=" + tom.Token: "ticket", "lastEventId=%zz": "query"} {
		nobody.Do(t, "GET", "/v1/stream?ticket="+ticket+"&"+query, nil).WantProblem(http.StatusBadRequest, "validation_failed", field)
	}
	nobody.Do(t, "GET", "/v1/stream?ticket="+ticket, nil, "Authorization", "Bearer x").WantProblem(http.StatusUnauthorized, "token_invalid", "")
	listenByTicket(t, s, ticket, "").Want("online")
	nobody.Do(t, "GET", "/v1/stream?ticket="+tom.Ticket(t), nil, "X-Client-Id", "Jerry").WantProblem(http.StatusForbidden, "master_key_required", "")
}

// TestTicketsThatNeverWere: no other spelling of one either.
func TestTicketsThatNeverWere(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	good := s.Login(t, "Tom", "").Ticket(t)
	for _, ticket := range []string{"x", good[1:], good + "A", good + "=", "+" + good[1:], strings.ToLower(good), "AAAAAg" + good[6:], "_____w" + good[6:], good + "\n",
		strings.Repeat("A", 27), strings.Repeat("A", 8000), "\x00", "'; DROP TABLE stream_tickets; --", "é"} {
		wantTicketRefused(t, s, ticket, "ticket_invalid")
	}
	listenByTicket(t, s, good, "").Want("online")
}

// TestTicketIsKeptWhileTheDatabaseIsAway: a native EventSource is told to come back, and may.
func TestTicketIsKeptWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, func(c *app.Config) { c.LogLevel = slog.LevelError + 1 })
	ticket := s.Login(t, "Tom", "").Ticket(t)
	proxy.Cut()
	stream := listenByTicket(t, s, ticket, "")
	if schedule := stream.Want("schedule"); schedule.Retry == "" || schedule.Data["reason"] != "unavailable" {
		t.Errorf("refused with %+v", schedule)
	}
	stream.Want("disconnect")
	stream.WantEnd()
	proxy.Restore()
	Eventually(t, "the ticket opens the stream", func() bool {
		stream, err := s.TryListenByTicket(t, ticket, "")
		if err != nil {
			t.Fatal(fmt.Errorf("it was spent: %w", err))
		}
		return stream.Next().Name == "online"
	})
}

// TestUnusedTicketsAreSweptAway: a page that asks and does not come leaves nothing behind.
func TestUnusedTicketsAreSweptAway(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		for range 20 {
			tom.Ticket(t)
		}
		tables := OpenSQL(t, db)
		if _, err := tables.Exec("UPDATE stream_tickets SET expires_at = expires_at - 30001"); err != nil {
			t.Fatal(err)
		}
		good := tom.Ticket(t)
		sweepAt(t, db, time.Now())
		if left := count(t, tables, "SELECT COUNT(*) FROM stream_tickets"); left != 1 {
			t.Errorf("%d are left", left)
		}
		listenByTicket(t, s, good, "").Want("online")
	})
}
