package tests

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/nats-io/nats.go"

	"parley/app"
	. "parley/tests/harness"
)

// TestNullBodyMadeAConversation: null is no object, so it asks for nothing.
func TestNullBodyMadeAConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		for _, call := range []struct{ method, path string }{
			{"POST", "/v1/conversations"}, {"POST", "/v1/conversations/query"}, {"PATCH", "/v1/conversations/" + conversation},
			{"POST", "/v1/conversations/" + conversation + "/members"}, {"POST", "/v1/conversations/" + conversation + "/messages"},
			{"POST", "/v1/clients/online"}, {"POST", "/v1/files"},
		} {
			tom.Do(t, call.method, call.path, " null ").WantProblem(http.StatusBadRequest, "validation_failed", "body")
		}
		s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", "null").WantProblem(http.StatusBadRequest, "validation_failed", "body")
		if got := idsOf(tom.Do(t, "GET", "/v1/conversations", nil).Want(http.StatusOK).Object()); len(got) != 1 {
			t.Errorf("Tom is in %v", got)
		}
	})
}

// TestStreamTookParametersThatItDoesNotKnow: a misspelt lastEventId opened a stream that had lost what was missed.
func TestStreamTookParametersThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	tom := Start(t, SQLite(t)).Login(t, "Tom", "")
	for query, field := range map[string]string{
		"lastEventID=1": "lastEventID", "lastEventId=1&lastEventId=2": "lastEventId", "lastEventId=%ff": "lastEventId", "lastEventId=%zz": "query",
		"access_token=" + tom.Token + "&zzz=1": "zzz", "access_token=" + tom.Token + "&access_token=" + tom.Token: "access_token",
	} {
		tom.Do(t, "GET", "/v1/stream?"+query, nil).WantProblem(http.StatusBadRequest, "validation_failed", field)
	}
	s := tom.Server
	s.Nobody(t).Do(t, "GET", "/v1/stream?zzz=1&access_token="+tom.Token, nil).WantProblem(http.StatusBadRequest, "validation_failed", "zzz")
}

// TestSecondClientIDHeaderWasPassedOver: of two, which one counts would be up to whoever reads them.
func TestSecondClientIDHeaderWasPassedOver(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	for _, call := range []struct {
		authorization string
		clients       []string
		want          int
	}{
		{Basic(AppID, MasterKey), []string{"Tom"}, http.StatusOK},
		{Basic(AppID, MasterKey), []string{"Tom", "Jerry"}, http.StatusBadRequest},
		{Basic(AppID, MasterKey), []string{"Tom", "Tom"}, http.StatusBadRequest},
		{"Bearer " + tom.Token, []string{"Tom"}, http.StatusOK},
		{"Bearer " + tom.Token, []string{"Tom", "Jerry"}, http.StatusForbidden},
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/conversations", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", call.authorization)
		request.Header["X-Client-Id"] = call.clients
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != call.want {
			t.Errorf("%v answered %d, not %d", call.clients, response.StatusCode, call.want)
		}
	}
}

// TestMissingPartOfTheDocumentsWasNoProblem: it was a line of plain text.
func TestMissingPartOfTheDocumentsWasNoProblem(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	for _, path := range []string{"/docs/nothing", "/docs/nothing/", "/docs/%2e%2e/go.mod", "/docs/..%2f..%2fgo.mod", "/docs//", "/docs/%00", "/nothing", "/v1/nothing"} {
		s.Nobody(t).Do(t, "GET", path, nil).WantProblem(http.StatusNotFound, "route_not_found", "")
	}
}

// TestNewsWithoutAMessageEndedTheNode: what another node of whatever version says by the broker, or somebody who has found it.
func TestNewsWithoutAMessageEndedTheNode(t *testing.T) {
	t.Parallel()
	broker := NATS(t)
	s := Start(t, SQLite(t), func(c *app.Config) { c.BrokerURL, c.LogLevel = broker, slog.LevelError+1 })
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	stream := jerry.Listen(t, "")
	stream.Want("online")
	var logID string
	if err := OpenSQL(t, s.DatabaseURL).QueryRow("SELECT log_id FROM counters").Scan(&logID); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(broker)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, news := range []string{"", "null", "[]", "{", `{"id":"1","transient":{}}`, `{"id":"2","transient":{"Message":null}}`, `{"id":"3","presence":{}}`, `{"entries":[null,{}]}`,
		`{"reached":9223372036854775807}`, `{"entries":[{"event":{}},{"message":{}}]}`, `{"id":"4","transient":{"Message":{"conversationId":"` + conversation + `","from":"Tom","type":"text","text":"the last"}}}`} {
		if err := conn.Publish("parley.log."+logID, []byte(news)); err != nil {
			t.Fatal(err)
		}
	}
	if event := stream.Want("message"); event.Data["text"] != "the last" {
		t.Errorf("got %s", event.Raw)
	}
	tom.Say(t, conversation, "still there")
	stream.Want("message")
}
