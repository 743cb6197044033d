package tests

import (
	"fmt"
	"testing"

	. "parley/tests/harness"
)

// TestTheGuidesTable tries the table "who gets which membership event" cell by cell, for two sessions of each client,
// live and on a replay.
func TestTheGuidesTable(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		names := []string{"Tom", "Jerry", "Mary", "William"}
		clients, streams := map[string]*Client{}, map[string][]*Stream{}
		for _, name := range names {
			clients[name] = s.Login(t, name, "first")
			for _, c := range []*Client{clients[name], s.Login(t, name, "second")} {
				stream := c.Listen(t, "")
				stream.Want("online")
				streams[name] = append(streams[name], stream)
			}
			streams[name][0].Want("online") // the second session came
		}
		conversation := clients["Tom"].Create(t, "Jerry")
		path := "/v1/conversations/" + conversation
		start := map[string]string{}
		steps := []struct {
			action string
			do     func()
			want   map[string]string
		}{
			{"Tom creates with Jerry", func() {},
				map[string]string{"Tom": "members_joined [Jerry] Tom", "Jerry": "invited Tom"}},
			{"Tom adds Mary", func() {
				clients["Tom"].Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(200)
			}, map[string]string{"Tom": "members_joined [Mary] Tom", "Jerry": "members_joined [Mary] Tom", "Mary": "invited Tom"}},
			{"Tom kicks Mary", func() {
				clients["Tom"].Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200)
			}, map[string]string{"Tom": "members_left [Mary] Tom", "Jerry": "members_left [Mary] Tom", "Mary": "kicked Tom"}},
			{"William joins", func() { clients["William"].Do(t, "POST", path+"/join", nil).Want(200) },
				map[string]string{"Tom": "members_joined [William] William", "Jerry": "members_joined [William] William", "William": "members_joined [William] William"}},
			{"Jerry quits", func() { clients["Jerry"].Do(t, "POST", path+"/quit", nil).Want(200) },
				map[string]string{"Tom": "members_left [Jerry] Jerry", "Jerry": "members_left [Jerry] Jerry", "William": "members_left [Jerry] Jerry"}},
			{"the app's server adds Mary and Jerry", func() {
				s.Master(t, "").Do(t, "POST", path+"/members", JSON{"members": []string{"Mary", "Jerry"}}).Want(200)
			}, map[string]string{"Tom": "members_joined [Mary Jerry] <nil>", "William": "members_joined [Mary Jerry] <nil>", "Mary": "invited <nil>", "Jerry": "invited <nil>"}},
			{"Tom kicks himself and Jerry", func() {
				clients["Tom"].Do(t, "DELETE", path+"/members?clientId=Tom&clientId=Jerry", nil).Want(200)
			}, map[string]string{"Tom": "members_left [Tom Jerry] Tom", "Jerry": "kicked Tom", "Mary": "members_left [Tom Jerry] Tom", "William": "members_left [Tom Jerry] Tom"}},
			{"Mary renames it", func() { clients["Mary"].Do(t, "PATCH", path, JSON{"name": "ours"}).Want(200) },
				map[string]string{"Mary": "conversation_updated map[name:ours] Mary", "William": "conversation_updated map[name:ours] Mary"}},
			{"Tom, who is outside, starts another", func() { clients["Tom"].Create(t) },
				map[string]string{"Tom": "members_joined [Tom] Tom"}},
		}
		for _, name := range names {
			start[name] = "0"
		}
		for _, step := range steps {
			step.do()
			for _, name := range names {
				want, gets := step.want[name]
				for i, stream := range streams[name] {
					if !gets {
						continue // that nothing came shows at the next event, and in the replay below
					}
					if got := describe(stream.Next()); got != want {
						t.Fatalf("%s: %s's session %d got %q, not %q", step.action, name, i, got, want)
					}
				}
			}
		}
		// The same on a replay from the beginning, to the last cell.
		for _, name := range names {
			replay := clients[name].Listen(t, start[name])
			for _, step := range steps {
				if want, gets := step.want[name]; gets {
					if got := describe(replay.Next()); got != want {
						t.Fatalf("replay of %s: %s got %q, not %q", step.action, name, got, want)
					}
				}
			}
			replay.Want("reconnect")
		}
	})
}

// describe says what a membership event tells.
func describe(e Event) string {
	switch e.Name {
	case "invited":
		if e.Data["conversation"].(JSON)["id"] != e.Data["conversationId"] {
			return "an invitation to something else"
		}
		return fmt.Sprintf("invited %v", e.Data["invitedBy"])
	case "kicked":
		return fmt.Sprintf("kicked %v", e.Data["kickedBy"])
	case "members_joined":
		return fmt.Sprintf("members_joined %v %v", e.Data["members"], e.Data["invitedBy"])
	case "members_left":
		return fmt.Sprintf("members_left %v %v", e.Data["members"], e.Data["kickedBy"])
	case "conversation_updated":
		return fmt.Sprintf("conversation_updated %v %v", e.Data["changes"], e.Data["updatedBy"])
	}
	return e.Name + " " + e.Raw
}

func TestMembersAreListedAndCounted(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		path := "/v1/conversations/" + tom.Create(t, "Jerry")
		mary.Do(t, "GET", path+"/members", nil).WantProblem(403, "not_a_member", "")
		if count := mary.Do(t, "GET", path+"/members/count", nil).Want(200).Object()["count"]; count != 2.0 {
			t.Fatalf("the count is %v", count)
		}
		mary.Do(t, "POST", path+"/join", nil).Want(200)
		members := tom.Do(t, "GET", path+"/members", nil).Want(200).Object()["members"].([]any)
		got := ""
		for _, m := range members {
			got += fmt.Sprintf("%v by %v, ", m.(JSON)["clientId"], m.(JSON)["invitedBy"])
		}
		if got != "Tom by Tom, Jerry by Tom, Mary by Mary, " {
			t.Fatalf("the members are %s", got)
		}
	})
}

func TestWhoIsThereAlreadyIsNoFailureAndNoEvent(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		path := "/v1/conversations/" + tom.Create(t, "Jerry")
		stream := jerry.Listen(t, "")
		stream.Want("online")
		stream.WantNothingBefore(func() {
			added := tom.Do(t, "POST", path+"/members", JSON{"members": []string{"Jerry"}}).Want(200).Object()
			kicked := tom.Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200).Object()
			if fmt.Sprint(added["succeeded"], added["failed"], kicked["succeeded"], kicked["failed"]) != "[Jerry] [] [Mary] []" {
				t.Fatalf("added %v, kicked %v", added, kicked)
			}
			jerry.Do(t, "POST", path+"/join", nil).Want(200)
			s.Login(t, "William", "").Do(t, "POST", path+"/quit", nil).Want(200)
			tom.Do(t, "PATCH", path, JSON{"attributes": JSON{}}).Want(200)
			tom.Do(t, "PATCH", path, JSON{"name": "at last"}).Want(200)
		}, func(e Event) bool { return e.Name == "conversation_updated" })
	})
}

func TestOnlyMembersChangeMembers(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		path := "/v1/conversations/" + tom.Create(t, "Jerry")
		mary.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).WantProblem(403, "not_a_member", "")
		mary.Do(t, "DELETE", path+"/members?clientId=Tom", nil).WantProblem(403, "not_a_member", "")
		for body, field := range map[string]string{`{}`: "members", `{"members":[]}`: "members", `{"members":["a",""]}`: "members[1]",
			`{"members":["a\nb"]}`: "members[0]", `{"members":"a"}`: "members", `{"members":[1]}`: "members[0]"} {
			tom.Do(t, "POST", path+"/members", body).WantProblem(400, "validation_failed", field)
		}
		tom.Do(t, "DELETE", path+"/members", nil).WantProblem(400, "validation_failed", "clientId")
		many := make([]string, 501)
		for i := range many {
			many[i] = fmt.Sprint("c", i)
		}
		tom.Do(t, "POST", path+"/members", JSON{"members": many}).WantProblem(400, "validation_failed", "members")
		if c := tom.Do(t, "GET", path, nil).Object(); c["memberCount"] != 2.0 {
			t.Fatalf("refused calls left %v", c)
		}
		// The master key adds and kicks without being inside.
		s.Master(t, "").Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(200)
		s.Master(t, "William").Do(t, "DELETE", path+"/members?clientId=Mary", nil).Want(200)
	})
}
