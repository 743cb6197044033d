package rights

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// ghost is a thing that never was, with ids that could be some; a message's number is of the log that is asked.
func ghost(of thing) thing {
	const id = "c0000000000000000000"
	return thing{conversation: id, message: of.message, file: id, unsent: id, client: "Nobody at all",
		fileURL: strings.ReplaceAll(of.fileURL, of.file, id)}
}

// tryToReach makes every call about things of the first app as the other one: the answer is that about things which never
// were. So is, for a client that is outside, that about a temporary conversation.
func (w *world) tryToReach(t *testing.T, rows []row, calls map[string]act) {
	ownServer := w.other.Master(t, "")
	for _, r := range rows {
		a, askers := calls[r.key()], map[string]*Client{}
		if !strings.Contains(r.operation, " /v1/") || a.do != nil || a.of == "url" { // the url of a file is a right of its own
			continue
		}
		if !a.changes || !r.cells[otherClient].allowed() { // otherwise it does something in its own app
			askers["client"] = w.as(otherClient)
		}
		if !a.changes || !r.cells[otherMaster].allowed() {
			askers["own server"], askers["own server as a client"] = ownServer, w.as(otherMaster)
		}
		if a.kind() == "temporary" && r.cells[stranger].status == http.StatusNotFound {
			askers["stranger"] = w.as(stranger)
		}
		for who, c := range askers {
			t.Run(r.key()+"/"+who, func(t *testing.T) {
				to, ok := w.shared[a.kind()]
				if !ok {
					to = w.shared["normal"]
				}
				about := call{TB: t, w: w, as: otherClient, c: c, to: to, name: "Refused"}
				real := a.make(about)
				about.to = ghost(to)
				wantSameAnswer(t, real, a.make(about), to, about.to)
			})
		}
	}
}

// wantSameAnswer compares two answers in all but what names the request, and the ids that were asked for.
func wantSameAnswer(t *testing.T, real, never *Answer, to, ghost thing) {
	t.Helper()
	text := func(a *Answer) string {
		header := a.Header.Clone()
		for _, name := range []string{"X-Request-Id", "Date", "Content-Length"} {
			header.Del(name)
		}
		body := strings.ReplaceAll(string(a.Body), a.Header.Get("X-Request-Id"), "")
		return fmt.Sprint(a.Status, header, strings.ReplaceAll(body, ghost.client, to.client))
	}
	if text(real) != text(never) {
		t.Errorf("it is told apart from what never was:\n%s\n%s", text(real), text(never))
	}
}

// tryOtherWays looks for what could cross from one app to the other beside the calls of the table.
func (w *world) tryOtherWays(t *testing.T) {
	to, jerrys, outside := w.shared["normal"], w.as(member), w.as(otherClient)
	own := outside.Create(t, tom)
	path := "/v1/conversations/" + own
	t.Run("the creator who has left", w.tryCreatorWhoLeft)
	t.Run("a message of one app by a conversation of the other", func(t *testing.T) {
		outside.Do(t, "GET", path+"/messages/"+to.message, nil).WantProblem(http.StatusNotFound, "message_not_found", "")
	})
	t.Run("a message by another conversation of its app", func(t *testing.T) {
		jerrys.Do(t, "GET", "/v1/conversations/"+w.shared["temporary"].conversation+"/messages/"+to.message, nil).
			WantProblem(http.StatusNotFound, "message_not_found", "")
	})
	t.Run("a file of one app in a message of the other", func(t *testing.T) {
		system := "/v1/conversations/" + w.as(otherMaster).Do(t, "POST", "/v1/conversations", JSON{"type": "system"}).
			Want(http.StatusCreated).Object()["id"].(string)
		for _, id := range []string{to.file, w.unsent, ghost(to).file} {
			for _, transient := range []bool{false, true} {
				body := JSON{"type": "file", "file": JSON{"id": id}, "transient": transient}
				outside.Do(t, "POST", path+"/messages", body).WantProblem(http.StatusNotFound, "file_not_found", "")
			}
			w.as(otherMaster).Do(t, "POST", system+"/broadcast", JSON{"to": "everyone", "message": JSON{"type": "file", "file": JSON{"id": id}}}).
				WantProblem(http.StatusNotFound, "file_not_found", "")
		}
	})
	t.Run("the token of a file for another app's file", func(t *testing.T) {
		record := outside.Keep(t, "theirs.txt", []byte(content))
		u, err := url.Parse(to.fileURL)
		if err != nil {
			t.Fatal(err)
		}
		w.server.Nobody(t).Do(t, "GET", "/v1/files/"+record["id"].(string)+"/content?"+u.RawQuery, nil).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	})
	t.Run("a position of one log in the other", func(t *testing.T) {
		w.as(otherMaster).Do(t, "GET", "/v1/messages?after="+to.message, nil).WantProblem(http.StatusConflict, "future_position", "after")
		stream := outside.Listen(t, to.message)
		if event := stream.Want("resync"); event.Data["position"] != "2" { // two conversations have been made
			t.Errorf("got %s", event.Raw)
		}
	})
	t.Run("what is said in one app on a stream of the other", func(t *testing.T) {
		stream := outside.Listen(t, "")
		stream.Want("online")
		w.as(creator).Say(t, to.conversation, "in the first app")
		w.as(otherMaster).Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "in the other app"}).Want(http.StatusCreated)
		if event := stream.Want("message"); event.Data["text"] != "in the other app" {
			t.Errorf("got %s", event.Raw)
		}
	})
	t.Run("the same members, tag and key", func(t *testing.T) {
		members := JSON{"members": []string{tom}, "unique": true}
		first := jerrys.Do(t, "POST", "/v1/conversations", members).Want(http.StatusCreated).Object()["id"]
		if second := outside.Do(t, "POST", "/v1/conversations", members).Want(http.StatusCreated).Object()["id"]; second == first {
			t.Error("the apps share a conversation")
		}
		tagged := w.server.Login(t, jerry, "Mobile")
		w.other.Login(t, jerry, "Mobile")
		tagged.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
		text := JSON{"type": "text", "text": "once in each"}
		jerrys.Do(t, "POST", "/v1/conversations/"+first.(string)+"/messages", text, "Idempotency-Key", "one").Want(http.StatusCreated)
		outside.Do(t, "POST", path+"/messages", text, "Idempotency-Key", "one").Want(http.StatusCreated)
	})
}

// tryCreatorWhoLeft: who made a conversation has no rights in it after leaving, but those that it has as the creator of a chat room.
func (w *world) tryCreatorWhoLeft(t *testing.T) {
	tom := w.as(creator)
	for kind, code := range map[string]string{"normal": "not_a_member", "system": "master_key_required"} {
		path := "/v1/conversations/" + w.prepare(t, kind).conversation
		tom.Do(t, "POST", path+"/quit", nil).Want(http.StatusOK)
		tom.Do(t, "PATCH", path, JSON{"name": "still mine"}).WantProblem(http.StatusForbidden, code, "")
		tom.Do(t, "POST", path+"/members", JSON{"members": []string{jerry}}).WantProblem(http.StatusForbidden, code, "")
		tom.Do(t, "DELETE", path+"/members?clientId="+bob, nil).WantProblem(http.StatusForbidden, code, "")
		tom.Do(t, "GET", path+"/members", nil).WantProblem(http.StatusForbidden, code, "")
		tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "Refused"}).WantProblem(http.StatusForbidden, "not_a_member", "")
	}
}
