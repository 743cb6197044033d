package tests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// openRoom makes a chat room.
func openRoom(t testing.TB, c *Client) string {
	t.Helper()
	return c.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom", "name": "The final"}).Want(http.StatusCreated).Object()["id"].(string)
}

// listen opens a stream that is live.
func listen(t testing.TB, c *Client) *Stream {
	t.Helper()
	stream := c.Listen(t, "")
	stream.Want("online")
	return stream
}

// enter opens a stream and joins a room.
func enter(t testing.TB, c *Client, room string) *Stream {
	t.Helper()
	stream := listen(t, c)
	join(t, c, room)
	return stream
}

func join(t testing.TB, c *Client, room string) JSON {
	t.Helper()
	return c.Do(t, "POST", "/v1/conversations/"+room+"/join", nil).Want(http.StatusOK).Object()
}

func headcount(t testing.TB, c *Client, room string) int {
	t.Helper()
	return int(c.Do(t, "GET", "/v1/conversations/"+room+"/members/count", nil).Want(http.StatusOK).Object()["count"].(float64))
}

// insiders are the clients that the room's list shows.
func insiders(t testing.TB, c *Client, room string) (ids []string) {
	t.Helper()
	for _, m := range c.Do(t, "GET", "/v1/conversations/"+room+"/members", nil).Want(http.StatusOK).Object()["members"].([]any) {
		member := m.(JSON)
		if member["invitedBy"] != member["clientId"] || member["joinedAt"] == nil {
			t.Errorf("a member is shown as %v", member)
		}
		ids = append(ids, member["clientId"].(string))
	}
	return ids
}

// sayAs sends a text with a priority.
func sayAs(t testing.TB, c *Client, room, text, priority string) string {
	t.Helper()
	answer := c.Do(t, "POST", "/v1/conversations/"+room+"/messages", JSON{"type": "text", "text": text, "priority": priority})
	return answer.Want(http.StatusCreated).Object()["id"].(string)
}

// TestChatRoom walks through a room's life on one node: join needs a stream, those inside get what is said, nobody is told
// who comes and goes, and the room is left with the last stream.
func TestChatRoom(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, mary := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")
		atToms := listen(t, tom)
		created := tom.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom", "name": "The final", "attributes": JSON{"match": 7}}).
			Want(http.StatusCreated).Object()
		room := created["id"].(string)
		if created["type"] != "chatroom" || created["memberCount"] != 0.0 || len(created["members"].([]any)) != 0 || created["creator"] != "Tom" {
			t.Fatalf("the room was made as %v", created)
		}
		path := "/v1/conversations/" + room
		hello := JSON{"type": "text", "text": "hello"}
		jerry.Do(t, "POST", path+"/join", nil).WantProblem(http.StatusConflict, "stream_required", "")
		for _, c := range []*Client{tom, jerry} { // the creator too is outside at first
			c.Do(t, "POST", path+"/messages", hello).WantProblem(http.StatusForbidden, "not_a_member", "")
			c.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "hello", "transient": true}).WantProblem(http.StatusForbidden, "not_a_member", "")
			c.Do(t, "GET", path+"/messages", nil).WantProblem(http.StatusForbidden, "not_a_member", "")
			c.Do(t, "GET", path+"/members", nil).WantProblem(http.StatusForbidden, "not_a_member", "")
			if got := c.Do(t, "GET", path, nil).Want(http.StatusOK).Object(); got["name"] != "The final" || got["lastMessage"] != nil {
				t.Fatalf("from outside the room is %v", got)
			}
		}
		joined := join(t, tom, room)
		if joined["memberCount"] != 1.0 {
			t.Fatalf("after the join the room is %v", joined)
		}
		join(t, tom, room) // again
		atJerrys := enter(t, jerry, room)
		if n := headcount(t, mary, room); n != 2 {
			t.Fatalf("%d are inside, not 2", n)
		}
		if got := insiders(t, jerry, room); !slices.Equal(got, []string{"Jerry", "Tom"}) {
			t.Fatalf("inside are %q", got)
		}
		said := tom.Say(t, room, "goal")
		if event := atJerrys.Want("message"); event.ID != said || event.Data["conversationId"] != room || event.Data["from"] != "Tom" {
			t.Fatalf("got %s", event.Raw)
		}
		tom.Do(t, "POST", path+"/messages", JSON{"type": "clap", "transient": true}).Want(http.StatusAccepted)
		if event := atJerrys.Want("message"); event.ID != "" || event.Data["type"] != "clap" {
			t.Fatalf("got %s", event.Raw)
		}
		jerry.Say(t, room, "what a shot")
		if event := atToms.Want("message"); event.Data["text"] != "what a shot" { // and nothing before it: no message of Tom's own
			t.Fatalf("got %s", event.Raw)
		}
		if got := jerry.Texts(t, room); !slices.Equal(got, []string{"goal", "what a shot"}) {
			t.Fatalf("the history is %q", got)
		}
		jerry.Do(t, "GET", path+"/messages/"+said, nil).Want(http.StatusOK)
		if got := jerry.Do(t, "GET", path, nil).Want(http.StatusOK).Object(); got["lastMessage"].(JSON)["text"] != "what a shot" {
			t.Fatalf("from inside the room is %v", got)
		}
		jerry.Do(t, "POST", path+"/quit", nil).Want(http.StatusOK)
		jerry.Do(t, "POST", path+"/quit", nil).Want(http.StatusOK)
		jerry.Do(t, "POST", path+"/messages", hello).WantProblem(http.StatusForbidden, "not_a_member", "")
		jerry.Do(t, "GET", path+"/messages", nil).WantProblem(http.StatusForbidden, "not_a_member", "")
		tom.Say(t, room, "Jerry is outside")
		direct := mary.Create(t, "Jerry")
		if event := atJerrys.Want("invited"); event.Data["conversationId"] != direct { // and nothing of the room
			t.Fatalf("got %s", event.Raw)
		}
		atToms.Cut()
		Eventually(t, "the room is empty", func() bool { return headcount(t, mary, room) == 0 })
		tom.Do(t, "POST", path+"/messages", hello).WantProblem(http.StatusForbidden, "not_a_member", "")
	})
}

// TestChatRoomRefusals: what does not go with a room is refused and changes nothing.
func TestChatRoomRefusals(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		tom.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom", "members": []string{"Jerry"}}).WantProblem(400, "validation_failed", "members")
		tom.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom", "unique": true}).WantProblem(400, "validation_failed", "unique")
		tom.Do(t, "POST", "/v1/conversations", JSON{"type": "chatroom", "members": []string{"Tom"}}).Want(201) // only oneself
		room := openRoom(t, tom)
		path := "/v1/conversations/" + room
		enter(t, tom, room)
		enter(t, jerry, room)
		tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "x", "priority": "urgent"}).WantProblem(400, "validation_failed", "priority")
		tom.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).WantProblem(409, "join_only", "")
		jerry.Do(t, "DELETE", path+"/members?clientId=Tom", nil).WantProblem(403, "creator_required", "")
		jerry.Do(t, "PATCH", path, JSON{"name": "Jerry's"}).WantProblem(403, "creator_required", "")
		jerry.Do(t, "DELETE", path, nil).WantProblem(403, "master_key_required", "")
		jerry.Do(t, "POST", "/v1/conversations/nowhere/join", nil).WantProblem(404, "conversation_not_found", "")
		jerry.Do(t, "GET", "/v1/conversations/nowhere/members/count", nil).WantProblem(404, "conversation_not_found", "")
		if got := insiders(t, tom, room); !slices.Equal(got, []string{"Jerry", "Tom"}) {
			t.Fatalf("inside are %q", got)
		}
		if list := tom.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any); len(list) != 0 {
			t.Fatalf("a room is in somebody's own list: %v", list)
		}
	})
}

// TestChatRoomKick: the creator removes somebody, who is told, and nobody else is.
func TestChatRoomKick(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *Server) {
		tom, jerry, mary := one.Login(t, "Tom", ""), two.Login(t, "Jerry", ""), one.Login(t, "Mary", "")
		room := openRoom(t, tom)
		path := "/v1/conversations/" + room
		enter(t, tom, room)
		atJerrys, atMarys := enter(t, jerry, room), enter(t, mary, room)
		result := tom.Do(t, "DELETE", path+"/members?clientId=Jerry&clientId=Nobody", nil).Want(200).Object()
		if got := fmt.Sprint(result["succeeded"]); got != "[Jerry Nobody]" || len(result["failed"].([]any)) != 0 ||
			result["conversation"].(JSON)["memberCount"] != 2.0 {
			t.Fatalf("the kick was answered with %v", result)
		}
		event := atJerrys.Want("kicked")
		if event.Data["conversationId"] != room || event.Data["kickedBy"] != "Tom" || event.Data["at"] == nil {
			t.Fatalf("got %s", event.Raw)
		}
		jerry.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "x"}).WantProblem(403, "not_a_member", "")
		said := tom.Say(t, room, "Jerry is out")
		if event := atMarys.Want("message"); event.ID != said { // and nothing of the kick
			t.Fatalf("got %s", event.Raw)
		}
		atJerrys.Cut()
		atJerrys = listen(t, jerry) // is not put back
		if n := headcount(t, tom, room); n != 2 {
			t.Fatalf("%d are inside, not 2", n)
		}
		join(t, jerry, room)
		said = tom.Say(t, room, "Jerry is in again")
		if event := atJerrys.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
	})
}

// TestChatRoomUpdateAndDelete: those inside are told; afterwards there is no such room, and nothing of it.
func TestChatRoomUpdateAndDelete(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *Server) {
		tom, jerry, master := one.Login(t, "Tom", ""), two.Login(t, "Jerry", ""), one.Master(t, "")
		room := openRoom(t, tom)
		path := "/v1/conversations/" + room
		stream := enter(t, jerry, room)
		jerry.Say(t, room, "hello")
		tom.Do(t, "PATCH", path, JSON{"name": "Half-time"}).Want(200) // the creator need not be inside
		event := stream.Want("conversation_updated")
		if event.Data["conversationId"] != room || event.Data["changes"].(JSON)["name"] != "Half-time" || event.Data["updatedBy"] != "Tom" {
			t.Fatalf("got %s", event.Raw)
		}
		master.Do(t, "DELETE", path, nil).Want(204)
		event = stream.Want("kicked")
		if event.Data["conversationId"] != room || event.Data["kickedBy"] != nil {
			t.Fatalf("got %s", event.Raw)
		}
		for _, call := range []string{"GET " + path, "GET " + path + "/messages", "GET " + path + "/members", "GET " + path + "/members/count",
			"POST " + path + "/join", "POST " + path + "/quit"} {
			method, at, _ := strings.Cut(call, " ")
			jerry.Do(t, method, at, nil).WantProblem(404, "conversation_not_found", "")
		}
		jerry.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "x"}).WantProblem(404, "conversation_not_found", "")
		var left int
		if err := OpenSQL(t, one.DatabaseURL).QueryRow("SELECT COUNT(*) FROM room_sessions").Scan(&left); err != nil || left != 0 {
			t.Fatalf("%d rows are left (%v)", left, err)
		}
		direct := tom.Create(t, "Jerry")
		if event := stream.Want("invited"); event.Data["conversationId"] != direct {
			t.Fatalf("got %s", event.Raw)
		}
	})
}

// TestChatRoomAndTheAppsServer: it speaks in a room without being inside, reads it, and lets a client's sessions in and out.
func TestChatRoomAndTheAppsServer(t *testing.T) {
	twoNodes(t, func(t *testing.T, one, two *Server) {
		master, host, asTom := one.Master(t, ""), one.Master(t, "host"), two.Master(t, "Tom")
		room := openRoom(t, master)
		path := "/v1/conversations/" + room
		phone, laptop := one.Login(t, "Tom", "phone"), two.Login(t, "Tom", "laptop")
		asTom.Do(t, "POST", path+"/join", nil).WantProblem(409, "stream_required", "")
		master.Do(t, "POST", path+"/join", nil).WantProblem(400, "client_id_required", "X-Client-Id")
		onPhone := listen(t, phone)
		onLaptop := listen(t, laptop)
		tables := OpenSQL(t, one.DatabaseURL)
		Eventually(t, "each node knows of the other's", func() bool { return presences(t, tables) == "Tom,Tom," })
		join(t, asTom, room)
		if n := headcount(t, phone, room); n != 1 {
			t.Fatalf("%d are inside, not 1", n)
		}
		said := host.Say(t, room, "welcome")
		for _, stream := range []*Stream{onPhone, onLaptop} {
			event := stream.Next()
			for event.Name == "online" { // of the other session
				event = stream.Next()
			}
			if event.ID != said || event.Data["from"] != "host" {
				t.Fatalf("got %s", event.Raw)
			}
		}
		said = asTom.Say(t, room, "as Tom") // reaches all of Tom's
		for _, stream := range []*Stream{onPhone, onLaptop} {
			if event := stream.Want("message"); event.ID != said || event.Data["from"] != "Tom" {
				t.Fatalf("got %s", event.Raw)
			}
		}
		host.Do(t, "POST", path+"/messages", JSON{"type": "bell", "transient": true}).Want(202)
		if got := master.Texts(t, room); !slices.Equal(got, []string{"welcome", "as Tom"}) {
			t.Fatalf("the history is %q", got)
		}
		if got := insiders(t, master, room); !slices.Equal(got, []string{"Tom"}) {
			t.Fatalf("inside are %q", got)
		}
		asTom.Do(t, "POST", path+"/quit", nil).Want(200)
		if n := headcount(t, phone, room); n != 0 {
			t.Fatalf("%d are inside, not 0", n)
		}
		// A stream of its own, without a session, is inside like one.
		own := listen(t, two.Master(t, "bot"))
		join(t, one.Master(t, "bot"), room)
		said = host.Say(t, room, "to the bot")
		if event := own.Want("message"); event.ID != said {
			t.Fatalf("got %s", event.Raw)
		}
		own.Cut()
		Eventually(t, "the bot is outside", func() bool { return headcount(t, phone, room) == 0 })
	})
}
