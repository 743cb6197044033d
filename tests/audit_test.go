package tests

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// logLines is a log in JSON that a test reads.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// with gives the lines that have a message and whatever else is asked for.
func (l *logLines) with(t *testing.T, wants func(JSON) bool) (found []JSON) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(l.String()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line JSON
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if wants(line) {
			found = append(found, line)
		}
	}
	return found
}

// startLogged starts a server whose log is in JSON, as PARLEY_LOG_FORMAT=json makes it.
func startLogged(t *testing.T, db string, level slog.Level) (*Server, *logLines) {
	t.Helper()
	lines := &logLines{}
	return StartWith(t, db, slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: level})), func(c *app.Config) { c.LogLevel = level }), lines
}

// Whatever is done with the master key leaves one line, at the level that is the default, and reading leaves none.
func TestMasterKeyActsAreAudited(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, lines := startLogged(t, db, slog.LevelInfo)
		master, asTom := s.Master(t, ""), s.Master(t, "Tom")
		tom := s.Login(t, "Tom", "")
		tom.Say(t, tom.Create(t, "Jerry"), "not audited: it is Tom's own")
		type act struct {
			name, outcome, as string
			target            JSON
		}
		var want []act
		did := func(name, outcome, as string, target JSON) { want = append(want, act{name, outcome, as, target}) }

		id := func(a *Answer) string { return a.Object()["id"].(string) }
		session := master.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Mary"}).Want(201).Object()["session"].(JSON)["id"]
		did("session.create", "done", "", JSON{"client": "Mary", "session": session})
		group := id(asTom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "name": "secret plans"}).Want(201))
		did("conversation.create", "done", "Tom", JSON{"clients": []any{"Jerry"}, "conversation": group})
		path := "/v1/conversations/" + group
		master.Do(t, "PATCH", path, JSON{"attributes": JSON{"secret": "plans"}}).Want(200)
		did("conversation.update", "done", "", JSON{"conversation": group})
		master.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary", "Bob"}}).Want(200)
		did("members.add", "done", "", JSON{"conversation": group, "clients": []any{"Mary", "Bob"}})
		master.Do(t, "DELETE", path+"/members?clientId=Bob", nil).Want(200)
		did("members.remove", "done", "", JSON{"conversation": group, "clients": []any{"Bob"}})
		asTom.Do(t, "POST", path+"/quit", nil).Want(200)
		did("members.quit", "done", "Tom", JSON{"conversation": group})
		asTom.Do(t, "POST", path+"/join", nil).Want(200)
		did("members.join", "done", "Tom", JSON{"conversation": group})
		message := asTom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "the secret plans"}).Want(201).Object()["id"]
		did("message.send", "done", "Tom", JSON{"conversation": group, "message": message})
		master.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "from nobody"}).WantProblem(400, "client_id_required", "")
		did("message.send", "refused", "", JSON{"conversation": group})
		news := id(master.Do(t, "POST", "/v1/conversations", JSON{"type": "system"}).Want(201))
		did("conversation.create", "done", "", JSON{"conversation": news})
		message = master.Do(t, "POST", "/v1/conversations/"+news+"/broadcast",
			JSON{"to": []string{"Tom"}, "message": JSON{"type": "text", "text": "the secret plans"}}).Want(201).Object()["id"]
		did("message.broadcast", "done", "", JSON{"conversation": news, "clients": []any{"Tom"}, "message": message})
		file := asTom.Keep(t, "plans.txt", []byte("the secret plans"))
		did("file.create", "done", "Tom", JSON{"file": file["id"]})
		master.Do(t, "POST", "/v1/clients/Mary/kick", nil).Want(204)
		did("client.kick", "done", "", JSON{"client": "Mary"})
		master.Do(t, "DELETE", path, nil).Want(204)
		did("conversation.delete", "done", "", JSON{"conversation": group})
		last := master.Do(t, "DELETE", path, nil).WantProblem(404, "conversation_not_found", "")
		did("conversation.delete", "refused", "", JSON{"conversation": group})
		asTom.Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(403)
		did("session.refresh", "refused", "Tom", JSON{})
		asTom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(403)
		did("session.end", "refused", "Tom", JSON{})

		master.Do(t, "POST", "/v1/conversations/query", JSON{}).Want(200)
		master.Do(t, "POST", "/v1/clients/online", JSON{"clientIds": []string{"Tom"}}).Want(200)
		master.Do(t, "GET", "/v1/conversations", nil).Want(200)
		master.Do(t, "GET", "/v1/messages", nil).Want(200)
		s.Stop(t)

		got := lines.with(t, func(line JSON) bool { return line["audit"] == true })
		if len(got) != len(want) {
			t.Errorf("%d lines, not %d", len(got), len(want))
		}
		for i, line := range got[:min(len(got), len(want))] {
			target, _ := line["target"].(JSON)
			if n, ok := target["message"].(float64); ok {
				t.Errorf("a message's id is the number %v, not a string as in the API", n)
			}
			if target == nil {
				target = JSON{}
			}
			if line["act"] != want[i].name || line["outcome"] != want[i].outcome || line["as"] != want[i].as || !reflect.DeepEqual(target, want[i].target) {
				t.Errorf("line %d is %v, not of %+v", i, line, want[i])
			}
			if line["level"] != "INFO" || line["app"] != AppID || line["address"] != "127.0.0.1" || line["requestId"] == "" || line["status"] == nil {
				t.Errorf("line %d lacks something: %v", i, line)
			}
		}
		refused := lines.with(t, func(line JSON) bool { return line["audit"] == true && line["code"] == "conversation_not_found" })
		if len(refused) != 1 || refused[0]["requestId"] != last.Object()["requestId"] {
			t.Errorf("the refusal is %v, and was answered %s", refused, last.Body)
		}
		for _, secret := range []string{MasterKey, "secret plans", tom.Token} {
			if strings.Contains(lines.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
	})
}

// At debug every call has a line, by whose request id a problem is found, and which has nothing secret in it.
func TestRequestLog(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s, lines := startLogged(t, db, slog.LevelDebug)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		sent := tom.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": "between us"}).Want(201)
		refused := tom.Do(t, "GET", "/v1/conversations/nothing/messages?limit=7", nil).WantProblem(404, "conversation_not_found", "")
		s.Nobody(t).Do(t, "GET", "/v1/conversations", nil, "Authorization", "Bearer between-us-too").WantProblem(401, "token_invalid", "")
		stream := tom.ListenInQuery(t, "", "")
		stream.Want("online")
		Eventually(t, "the stream's line is there", func() bool {
			return len(lines.with(t, func(line JSON) bool { return line["route"] == "/v1/stream" })) == 1
		})
		s.Stop(t)

		byID := func(id any) JSON {
			found := lines.with(t, func(line JSON) bool { return line["msg"] == "request" && line["requestId"] == id })
			if len(found) != 1 {
				t.Fatalf("%d lines for the request %v", len(found), id)
			}
			return found[0]
		}
		line := byID(sent.Header.Get("X-Request-Id"))
		for name, want := range map[string]any{"level": "DEBUG", "method": "POST", "route": "/v1/conversations/:id/messages", "status": 201.0,
			"app": AppID, "client": "Tom", "address": "127.0.0.1", "bytes": float64(len(sent.Body))} {
			if line[name] != want {
				t.Errorf("%s is %v, not %v, in %v", name, line[name], want, line)
			}
		}
		if took, ok := line["durationMs"].(float64); !ok || took <= 0 || took > Deadline.Seconds()*1000 {
			t.Errorf("it took %v ms", line["durationMs"])
		}
		line = byID(refused.Object()["requestId"])
		if line["status"] != 404.0 || line["code"] != "conversation_not_found" || line["route"] != "/v1/conversations/:id/messages" {
			t.Errorf("the refusal is %v", line)
		}
		unknown := lines.with(t, func(line JSON) bool { return line["status"] == 401.0 })
		if len(unknown) != 1 || unknown[0]["client"] != nil || unknown[0]["app"] != nil || unknown[0]["code"] != "token_invalid" {
			t.Errorf("the stranger's lines are %v", unknown)
		}
		for _, secret := range []string{tom.Token, AppKey, "between us", "between-us-too", "access_token", "limit=7"} {
			if strings.Contains(lines.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
	})
}

// At info, the default, calls that succeed leave nothing.
func TestRequestLogIsOffByDefault(t *testing.T) {
	s, lines := startLogged(t, SQLite(t), slog.LevelInfo)
	tom := s.Login(t, "Tom", "")
	tom.Say(t, tom.Create(t, "Jerry"), "between us")
	s.Stop(t)
	if found := lines.with(t, func(line JSON) bool { return line["msg"] == "request" }); len(found) > 0 {
		t.Errorf("there are %v", found)
	}
}

// What a problem says and what the log says are one id, of the server's own making.
func TestRequestIDIsTheServersOwn(t *testing.T) {
	s := Start(t, SQLite(t))
	var seen []string
	for range 3 {
		answer := s.Nobody(t).Do(t, "GET", "/v1/conversations", nil, "X-Request-Id", "of-the-caller").Want(http.StatusUnauthorized)
		id := answer.Object()["requestId"].(string)
		if id != answer.Header.Get("X-Request-Id") || id == "of-the-caller" || slices.Contains(seen, id) {
			t.Errorf("the id is %q, after %q; the header says %q", id, seen, answer.Header.Get("X-Request-Id"))
		}
		seen = append(seen, id)
	}
}
