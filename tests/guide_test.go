package tests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	. "parley/tests/harness"
)

// The guide, walked chapter by chapter as its people do: Tom, Jerry, Mary and William. Each test has the name of a chapter.
// The chapters' own JavaScript samples run in tests/browser.

// TestGuideOneToOneChat is 一对一单聊: a client is made, connects, creates a conversation, sends; the other one is told and receives.
func TestGuideOneToOneChat(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		key := s.AppKeyHolder(t)
		key.Do(t, "POST", "/v1/sessions", JSON{"clientId": strings.Repeat("汤", 64)}).Want(http.StatusCreated)
		key.Do(t, "POST", "/v1/sessions", JSON{"clientId": strings.Repeat("汤", 65)}).WantProblem(http.StatusBadRequest, "validation_failed", "clientId")
		key.Do(t, "POST", "/v1/sessions", JSON{"clientId": 7}).Want(http.StatusBadRequest)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		toms, jerrys := listen(t, tom), listen(t, jerry)

		conversation := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}, "name": "Tom & Jerry"}).Want(http.StatusCreated).Object()
		invited := jerrys.Want("invited").Data
		if invited["conversationId"] != conversation["id"] || invited["invitedBy"] != "Tom" {
			t.Errorf("Jerry is told %v", invited)
		}
		toms.Want("members_joined")
		sent := tom.Do(t, "POST", "/v1/conversations/"+conversation["id"].(string)+"/messages", JSON{"type": "text", "text": "Jerry,起床了!"}).Want(http.StatusCreated).Object()
		got := jerrys.Want("message").Data
		if got["id"] != sent["id"] || got["from"] != "Tom" || got["text"] != "Jerry,起床了!" || got["conversationId"] != conversation["id"] {
			t.Errorf("Jerry receives %v", got)
		}
		// Without a name it is null, as the guide says.
		if bare := tom.Do(t, "POST", "/v1/conversations", JSON{"members": []string{"Jerry"}}).Want(http.StatusCreated).Object(); bare["name"] != nil {
			t.Errorf("the name is %v, not null", bare["name"])
		}
	})
}

// TestGuideGroupChat is 多人群聊: more members make a group, by adding and at once; a message reaches all of them.
func TestGuideGroupChat(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		clients, streams := party(t, s)
		tom := clients["Tom"]
		id := tom.Create(t, "Jerry")
		streams["Tom"].Want("members_joined")
		streams["Jerry"].Want("invited")
		added := tom.Do(t, "POST", "/v1/conversations/"+id+"/members", JSON{"members": []string{"Mary"}}).Want(http.StatusOK).Object()
		if members := fmt.Sprint(added["conversation"].(JSON)["members"]); members != "[Tom Jerry Mary]" {
			t.Errorf("the members are %s", members)
		}
		for _, name := range []string{"Tom", "Jerry"} {
			if joined := describe(streams[name].Next()); joined != "members_joined [Mary] Tom" {
				t.Errorf("%s is told %s", name, joined)
			}
		}
		if invited := describe(streams["Mary"].Next()); invited != "invited Tom" {
			t.Errorf("Mary is told %s", invited)
		}
		again := tom.Create(t, "Jerry", "Mary")
		if again == id {
			t.Error("a new group is the old one, though nobody asked for a unique one")
		}
		streams["Tom"].Want("members_joined")
		streams["Jerry"].Want("invited")
		streams["Mary"].Want("invited")
		tom.Say(t, again, "大家好,欢迎来到我们的群聊对话")
		for _, name := range []string{"Jerry", "Mary"} {
			if got := streams[name].Want("message").Data["text"]; got != "大家好,欢迎来到我们的群聊对话" {
				t.Errorf("%s receives %v", name, got)
			}
		}
	})
}

// TestGuideKickOthersOutOfAConversation is 将他人踢出对话.
func TestGuideKickOthersOutOfAConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		clients, streams := party(t, s)
		id := group(t, clients, streams, "Jerry", "Mary")
		left := clients["Tom"].Do(t, "DELETE", "/v1/conversations/"+id+"/members?clientId=Mary", nil).Want(http.StatusOK).Object()
		if members := fmt.Sprint(left["conversation"].(JSON)["members"]); members != "[Tom Jerry]" {
			t.Errorf("the members are %s", members)
		}
		tells(t, streams, map[string]string{"Tom": "members_left [Mary] Tom", "Jerry": "members_left [Mary] Tom", "Mary": "kicked Tom"})
		clients["Mary"].Do(t, "POST", "/v1/conversations/"+id+"/messages", JSON{"type": "text", "text": "?"}).WantProblem(http.StatusForbidden, "not_a_member", "")
	})
}

// TestGuideJoinAConversation is 加入对话: William knows the id and joins by himself.
func TestGuideJoinAConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		clients, streams := party(t, s)
		id := group(t, clients, streams, "Jerry")
		william := clients["William"]
		william.Do(t, "GET", "/v1/conversations/"+id, nil).Want(http.StatusOK)
		if joined := join(t, william, id); fmt.Sprint(joined["members"]) != "[Tom Jerry William]" {
			t.Errorf("the members are %v", joined["members"])
		}
		all := "members_joined [William] William"
		tells(t, streams, map[string]string{"Tom": all, "Jerry": all, "William": all})
	})
}

// TestGuideLeaveAConversation is 退出对话: Jerry does not want to stay.
func TestGuideLeaveAConversation(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		clients, streams := party(t, s)
		id := group(t, clients, streams, "Jerry", "Mary")
		left := clients["Jerry"].Do(t, "POST", "/v1/conversations/"+id+"/quit", nil).Want(http.StatusOK).Object()
		if fmt.Sprint(left["members"]) != "[Tom Mary]" {
			t.Errorf("the members are %v", left["members"])
		}
		tells(t, streams, map[string]string{"Tom": "members_left [Jerry] Jerry", "Mary": "members_left [Jerry] Jerry"})
		clients["Jerry"].Do(t, "GET", "/v1/conversations/"+id+"/messages", nil).WantProblem(http.StatusForbidden, "not_a_member", "")
	})
}

// TestGuideOtherConversationTypes is 其他对话类型(聊天模式): the unique conversation, the open chat room and the service
// account, and the temporary conversation of the options of createConversation.
func TestGuideOtherConversationTypes(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		clients, streams := party(t, s)
		tom, jerry, mary := clients["Tom"], clients["Jerry"], clients["Mary"]
		create := func(c *Client, status int, body JSON) string {
			return c.Do(t, "POST", "/v1/conversations", body).Want(status).Object()["id"].(string)
		}

		one := create(tom, http.StatusCreated, JSON{"members": []string{"Jerry"}, "unique": true})
		if again := create(jerry, http.StatusOK, JSON{"members": []string{"Tom"}, "unique": true}); again != one {
			t.Error("the unique conversation of two is there twice")
		}
		streams["Tom"].Want("members_joined")
		streams["Jerry"].Want("invited")

		room := create(tom, http.StatusCreated, JSON{"type": "chatroom", "name": "直播"})
		join(t, jerry, room)
		join(t, mary, room)
		if got := headcount(t, tom, room); got != 2 {
			t.Errorf("%d are in the chat room", got)
		}
		jerry.Say(t, room, "弹幕")
		if got := streams["Mary"].Want("message").Data["text"]; got != "弹幕" {
			t.Errorf("Mary sees %v", got)
		}

		account := JSON{"type": "system", "name": "GM"}
		tom.Do(t, "POST", "/v1/conversations", account).WantProblem(http.StatusForbidden, "master_key_required", "")
		server := s.Master(t, "")
		gm := create(server, http.StatusCreated, account)
		notice := JSON{"to": "everyone", "message": JSON{"type": "text", "text": "全服广播"}}
		server.Do(t, "POST", "/v1/conversations/"+gm+"/broadcast", notice).Want(http.StatusCreated)
		for name, stream := range streams {
			if got := stream.Want("message").Data; got["text"] != "全服广播" || got["conversationId"] != gm {
				t.Errorf("%s is told %v", name, got)
			}
		}

		brief := create(tom, http.StatusCreated, JSON{"type": "temporary", "members": []string{"Jerry"}, "ttl": 3600})
		if again := create(jerry, http.StatusOK, JSON{"type": "temporary", "members": []string{"Tom"}}); again != brief || brief == one {
			t.Errorf("the temporary conversation is %s, and again %s", brief, again)
		}
		mary.Do(t, "GET", "/v1/conversations/"+brief, nil).WantProblem(http.StatusNotFound, "conversation_not_found", "")
	})
}

// TestGuideConversationList is 对话: those one is in, the ten most active first, and those with a word in their name.
func TestGuideConversationList(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		var ids []string
		for i := range 12 {
			ids = append(ids, named(t, tom, fmt.Sprint("conversation ", i), nil, "Jerry"))
		}
		tom.Say(t, ids[3], "newest")
		page := list(t, tom).Want(http.StatusOK).Object()
		want := append([]string{ids[3]}, ids[11], ids[10], ids[9], ids[8], ids[7], ids[6], ids[5], ids[4], ids[2])
		if got := idsOf(page); !slices.Equal(got, want) {
			t.Errorf("the ten most active are %v, not %v", got, want)
		}
		if got := idsOf(list(t, tom, "limit", "20").Want(http.StatusOK).Object()); len(got) != 12 {
			t.Errorf("with a limit of 20 there are %d", len(got))
		}
		finals := named(t, mary, "NBA finals", nil)
		named(t, mary, "nba, in small letters", nil)
		if got := idsOf(list(t, tom, "where", `{"name":{"$contains":"NBA"}}`).Want(http.StatusOK).Object()); !slices.Equal(got, []string{finals}) {
			t.Errorf("with NBA in the name: %v", got)
		}
	})
}

// TestGuideMediaMessages is 消息 with 图像消息 and 多媒体消息: a stored file or a link, and what the receiver draws it by.
func TestGuideMediaMessages(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		id := tom.Create(t, "Jerry")
		jerrys := listen(t, jerry)
		data := picture(t, 30, 20)
		record := tom.Keep(t, "avatar.png", data)
		tom.Send(t, id, JSON{"type": "image", "text": "发自我的 Ins", "attributes": JSON{"location": "旧金山"}, "file": JSON{"id": record["id"]}})
		got := jerrys.Want("message").Data
		file := got["file"].(JSON)
		metadata := file["metadata"].(JSON)
		if got["text"] != "发自我的 Ins" || got["attributes"].(JSON)["location"] != "旧金山" || metadata["width"] != 30.0 || metadata["height"] != 20.0 ||
			metadata["format"] != "png" || metadata["size"] != float64(len(data)) {
			t.Errorf("Jerry receives %v", got)
		}
		bytesAre(t, s.Fetch(t, file["url"]).Want(http.StatusOK), data)

		const link = "http://pic2.zhimg.com/6c10e6053c739ed0ce676a0aff15cf1c.gif"
		tom.Send(t, id, JSON{"type": "image", "text": "萌妹子一枚", "file": JSON{"url": link}})
		if file := jerrys.Want("message").Data["file"].(JSON); file["url"] != link {
			t.Errorf("the link is %v", file)
		}
		voice := tom.Keep(t, "voice.wav", sound())
		tom.Send(t, id, JSON{"type": "audio", "file": JSON{"id": voice["id"]}})
		if got := jerrys.Want("message").Data; got["type"] != "audio" || got["file"].(JSON)["metadata"].(JSON)["duration"] == nil {
			t.Errorf("Jerry hears %v", got)
		}
		tom.Send(t, id, JSON{"type": "location", "location": JSON{"latitude": 31.3753285, "longitude": 120.9664658}})
		if place := jerrys.Want("message").Data["location"].(JSON); place["latitude"] != 31.3753285 || place["longitude"] != 120.9664658 {
			t.Errorf("the place is %v", place)
		}
	})
}

// TestGuideMessageHistory is 消息记录: the newest ten, the ten before them, and those of one type.
func TestGuideMessageHistory(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		id := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + id + "/messages"
		for i := range 25 {
			tom.Say(t, id, fmt.Sprint("第 ", i))
		}
		page := tom.Do(t, "GET", path+"?limit=10", nil).Want(http.StatusOK).Object()
		if got := saidOn(page); got != "第 15,第 16,第 17,第 18,第 19,第 20,第 21,第 22,第 23,第 24" {
			t.Errorf("the newest ten are %s", got)
		}
		page = tom.Do(t, "GET", path+"?limit=10&before="+page["next"].(string), nil).Want(http.StatusOK).Object()
		if got := saidOn(page); got != "第 5,第 6,第 7,第 8,第 9,第 10,第 11,第 12,第 13,第 14" {
			t.Errorf("the ten before are %s", got)
		}
		page = tom.Do(t, "GET", path+"?limit=10&before="+page["next"].(string), nil).Want(http.StatusOK).Object()
		if got := saidOn(page); got != "第 0,第 1,第 2,第 3,第 4" || page["next"] != nil {
			t.Errorf("the last page is %s, next %v", got, page["next"])
		}
		if got := len(tom.Do(t, "GET", path, nil).Want(http.StatusOK).Object()["messages"].([]any)); got != 20 {
			t.Errorf("by default there are %d", got)
		}
		for _, limit := range []string{"0", "1001"} {
			tom.Do(t, "GET", path+"?limit="+limit, nil).WantProblem(http.StatusBadRequest, "validation_failed", "limit")
		}
		tom.Send(t, id, JSON{"type": "image", "text": "the picture", "file": JSON{"url": "https://example.org/cheese.gif"}})
		if got := saidOn(tom.Do(t, "GET", path+"?type=image", nil).Want(http.StatusOK).Object()); got != "the picture" {
			t.Errorf("the pictures are %s", got)
		}
	})
}

// TestGuideNetworkStates is 客户端事件与网络状态响应 with 断线重连, as far as the server has a part in it: a stream that was
// cut comes back with all that was missed, and then says that the service is there again.
func TestGuideNetworkStates(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		id := tom.Create(t, "Jerry")
		jerrys := listen(t, jerry)
		tom.Say(t, id, "seen")
		jerrys.Want("message")
		jerrys.Cut()
		tom.Say(t, id, "missed 1")
		tom.Say(t, id, "missed 2")
		back := jerry.Listen(t, jerrys.LastID())
		for _, want := range []string{"missed 1", "missed 2"} {
			if got := back.Want("message").Data["text"]; got != want {
				t.Errorf("got %v, not %s", got, want)
			}
		}
		if missed := back.Want("reconnect").Data["missed"]; missed != 2.0 {
			t.Errorf("reconnect says %v", missed)
		}
		tom.Say(t, id, "live")
		if got := back.Want("message").Data["text"]; got != "live" {
			t.Errorf("got %v", got)
		}
	})
}

// TestGuideCloseAndLogOut is 退出登录与断开连接.
func TestGuideCloseAndLogOut(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		stream := listen(t, tom)
		tom.Do(t, "DELETE", "/v1/sessions/current", nil).Want(http.StatusNoContent)
		if told := stream.Want("disconnect").Data; told["reason"] != "logged_out" || told["reconnect"] != false {
			t.Errorf("the stream is told %v", told)
		}
		stream.WantEnd()
		tom.Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusUnauthorized)
		s.Login(t, "Tom", "").Do(t, "GET", "/v1/sessions/current", nil).Want(http.StatusOK)
	})
}

// party logs in the guide's four with a stream each.
func party(t *testing.T, s *Server) (map[string]*Client, map[string]*Stream) {
	t.Helper()
	clients, streams := map[string]*Client{}, map[string]*Stream{}
	for _, name := range []string{"Tom", "Jerry", "Mary", "William"} {
		clients[name] = s.Login(t, name, "")
		streams[name] = listen(t, clients[name])
	}
	return clients, streams
}

// group starts a conversation of Tom with others, of which all have been told.
func group(t *testing.T, clients map[string]*Client, streams map[string]*Stream, others ...string) string {
	t.Helper()
	id := clients["Tom"].Create(t, others...)
	streams["Tom"].Want("members_joined")
	for _, name := range others {
		streams[name].Want("invited")
	}
	return id
}

// tells fails the test unless the next event of each of these is the one described.
func tells(t *testing.T, streams map[string]*Stream, want map[string]string) {
	t.Helper()
	for name, event := range want {
		if got := describe(streams[name].Next()); got != event {
			t.Errorf("%s is told %s, not %s", name, got, event)
		}
	}
}

// saidOn are the texts of a page of messages.
func saidOn(page JSON) string {
	var messages []JSON
	for _, m := range page["messages"].([]any) {
		messages = append(messages, m.(JSON))
	}
	return strings.Join(textsOf(messages), ",")
}
