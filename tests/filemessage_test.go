package tests

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// TestMediaMessageIsWholeWhereverItIsRead: url, name, size, type and metadata are there live, on a resume, in the history,
// as the last message, in the answer and its repeat, and the url works from each of them.
func TestMediaMessageIsWholeWhereverItIsRead(t *testing.T) {
	EveryFileStore(t, func(t *testing.T, db string, files FileStore) {
		s := Start(t, db, inStore(files))
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation
		stream := jerry.Listen(t, "")
		start := stream.Want("online").ID
		data := picture(t, 30, 20)
		record := tom.Keep(t, "cheese.png", data, "metadata", `{"album":"cats"}`)
		body := JSON{"type": "image", "text": "发自我的 Ins", "attributes": JSON{"location": "旧金山"}, "file": JSON{"id": record["id"]}}
		sent := tom.Do(t, "POST", path+"/messages", body, "Idempotency-Key", "k").Want(201).Object()
		repeat := tom.Do(t, "POST", path+"/messages", body, "Idempotency-Key", "k").Want(200).Object()
		places := map[string]any{
			"the answer": sent, "its repeat": repeat, "live": stream.Want("message").Data, "on a resume": jerry.Listen(t, start).Want("message").Data,
			"the history":   jerry.History(t, conversation)[0],
			"one":           jerry.Do(t, "GET", path+"/messages/"+sent["id"].(string), nil).Want(200).Object(),
			"last message":  jerry.Do(t, "GET", path, nil).Want(200).Object()["lastMessage"],
			"in the list":   jerry.Do(t, "GET", "/v1/conversations", nil).Want(200).Object()["conversations"].([]any)[0].(JSON)["lastMessage"],
			"the app's log": s.Master(t, "").Do(t, "GET", "/v1/messages?after=0&type=image", nil).Want(200).Object()["messages"].([]any)[0],
			"its lines":     decode(t, strings.SplitN(string(s.Master(t, "").Do(t, "GET", "/v1/messages?after=0", nil, "Accept", "application/x-ndjson").Want(200).Body), "\n", 2)[0]),
			"a query":       jerry.Do(t, "POST", "/v1/conversations/query", JSON{"where": JSON{"members": JSON{"$all": []string{"Tom"}}}}).Want(200).Object()["conversations"].([]any)[0].(JSON)["lastMessage"],
			"by type":       jerry.Do(t, "GET", path+"/messages?type=image", nil).Want(200).Object()["messages"].([]any)[0],
		}
		for place, got := range places {
			message := got.(JSON)
			file, ok := message["file"].(JSON)
			if !ok || message["type"] != "image" || message["text"] != "发自我的 Ins" || message["id"] != sent["id"] {
				t.Fatalf("%s: %v", place, message)
			}
			for _, field := range []string{"id", "name", "mimeType", "size", "metadata"} {
				if fmt.Sprint(file[field]) != fmt.Sprint(record[field]) {
					t.Errorf("%s: %s is %v, not %v", place, field, file[field], record[field])
				}
			}
			bytesAre(t, s.Fetch(t, file["url"]).Want(200), data)
		}
	})
}

func TestMessagesOfEveryMediaType(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		file := tom.Keep(t, "a.wav", sound())["id"]
		link := tom.Do(t, "POST", "/v1/files", JSON{"name": "a film", "url": "https://example.org/a.mp4"}).Want(201).Object()
		stream := jerry.Listen(t, "")
		stream.Want("online")
		for _, message := range []JSON{
			{"type": "image", "file": JSON{"id": file}}, {"type": "audio", "file": JSON{"id": file}, "text": "squeak"},
			{"type": "video", "file": JSON{"id": link["id"]}}, {"type": "file", "file": JSON{"id": file}, "attributes": JSON{"n": 1}},
			{"type": "image", "file": JSON{"url": "http://example.org/%E8%8C%B6/b.png?x=1"}},
			{"type": "video", "file": JSON{"url": "https://example.org/", "name": "c", "metadata": JSON{"size": 9, "duration": 3.5}}},
			{"type": "location", "location": JSON{"latitude": 37.7749295, "longitude": -122.4194155}, "text": "旧金山"},
			{"type": "location", "location": JSON{"latitude": -90, "longitude": 180}}, {"type": "location", "location": JSON{"latitude": 0, "longitude": 0}},
		} {
			sent := tom.Send(t, conversation, message)
			if event := stream.Want("message"); fmt.Sprint(event.Data) != fmt.Sprint(sent) {
				t.Errorf("answered %v, delivered %v", sent, event.Data)
			}
			if place, ok := message["location"]; ok && !sameJSON(t, sent["location"], place) {
				t.Errorf("the place came back as %v", sent["location"])
			}
			if message["location"] != nil != (sent["file"] == nil) {
				t.Errorf("%v became %v", message, sent)
			}
		}
		history := jerry.History(t, conversation)
		var files []string
		for _, m := range history[:6] {
			f := m["file"].(JSON)
			files = append(files, fmt.Sprint(f["name"], " ", f["mimeType"], " ", f["size"], " ", f["metadata"]))
		}
		want := []string{"a.wav audio/wav 12044 map[duration:1.5 format:wav size:12044]", "a.wav audio/wav 12044 map[duration:1.5 format:wav size:12044]",
			"a film video/mp4 <nil> map[]", "a.wav audio/wav 12044 map[duration:1.5 format:wav size:12044]",
			"b.png image/png <nil> map[]", "c application/octet-stream 9 map[duration:3.5 size:9]"}
		if !slices.Equal(files, want) {
			t.Errorf("the files are %q", files)
		}
		for kind, n := range map[string]int{"image": 2, "audio": 1, "video": 2, "file": 1, "location": 3, "text": 0} {
			if got := jerry.Do(t, "GET", "/v1/conversations/"+conversation+"/messages?type="+kind, nil).Want(200).Object()["messages"]; len(got.([]any)) != n {
				t.Errorf("%d messages of type %s", len(got.([]any)), kind)
			}
		}
	})
}

func sameJSON(t testing.TB, a, b any) bool {
	t.Helper()
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	if errX != nil || errY != nil {
		t.Fatal(errX, errY)
	}
	return string(x) == string(y)
}

func TestMediaMessagesThatAreRefused(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, mary := s.Login(t, "Tom", ""), s.Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation + "/messages"
		own, others := tom.Keep(t, "a", []byte("a"))["id"].(string), mary.Keep(t, "b", []byte("b"))["id"].(string)
		first := tom.Say(t, conversation, "first")
		for body, field := range map[string]string{
			`{"type":"image","file":{}}`: "file", `{"type":"image","file":null}`: "file", `{"type":"image","file":"` + own + `"}`: "file",
			`{"type":"image","file":{"id":7}}`:                                                          "file.id",
			`{"type":"image","file":{"id":"` + own + `","url":"https://example.org"}}`:                  "file.url",
			`{"type":"image","file":{"id":"` + own + `","name":"x"}}`:                                   "file.id",
			`{"type":"image","file":{"id":"` + own + `","metadata":{}}}`:                                "file.id",
			`{"type":"image","file":{"id":"` + own + `","size":1}}`:                                     "file.size",
			`{"type":"video","file":{"url":"ftp://example.org/x"}}`:                                     "file.url",
			`{"type":"video","file":{"url":"javascript:alert(1)"}}`:                                     "file.url",
			`{"type":"video","file":{"url":"https://bank.example@evil.example/x"}}`:                     "file.url",
			`{"type":"video","file":{"url":"https://tom:secret@example.org/x"}}`:                        "file.url",
			`{"type":"video","file":{"url":"https:///x"}}`:                                              "file.url",
			`{"type":"video","file":{"url":"https://example.org/a b"}}`:                                 "file.url",
			`{"type":"video","file":{"url":"data:image/png;base64,AAAA"}}`:                              "file.url",
			`{"type":"video","file":{"url":"https://example.org","metadata":[]}}`:                       "file.metadata",
			`{"type":"video","file":{"url":"https://e.org","name":"` + strings.Repeat("x", 256) + `"}}`: "file.name",
			`{"type":"text","text":"x","file":{"id":"` + own + `"}}`:                                    "file",
			`{"type":"poll","file":{"id":"` + own + `"}}`:                                               "file",
			`{"type":"image","file":{"id":"` + own + `"},"payload":{}}`:                                 "payload",
			`{"type":"image","file":{"id":"` + own + `"},"location":{"latitude":0,"longitude":0}}`:      "location",
			`{"type":"location"}`: "location", `{"type":"location","location":{}}`: "location.latitude",
			`{"type":"location","location":{"latitude":1}}`:                      "location.longitude",
			`{"type":"location","location":{"latitude":90.1,"longitude":0}}`:     "location.latitude",
			`{"type":"location","location":{"latitude":-90.1,"longitude":0}}`:    "location.latitude",
			`{"type":"location","location":{"latitude":0,"longitude":180.001}}`:  "location.longitude",
			`{"type":"location","location":{"latitude":0,"longitude":-1e9}}`:     "location.longitude",
			`{"type":"location","location":{"latitude":"0","longitude":0}}`:      "location.latitude",
			`{"type":"location","location":{"latitude":1e999,"longitude":0}}`:    "location.latitude",
			`{"type":"location","location":{"latitude":0,"longitude":0,"z":1}}`:  "location.z",
			`{"type":"location","location":[1,2]}`:                               "location",
			`{"type":"text","text":"x","location":{"latitude":0,"longitude":0}}`: "location",
		} {
			for _, transient := range []string{"}", `,"transient":true}`} {
				tom.Do(t, "POST", path, strings.TrimSuffix(body, "}")+transient).WantProblem(400, "validation_failed", field)
			}
		}
		for _, extra := range []JSON{{}, {"transient": true}} {
			for id, want := range map[string]string{others: "file_not_readable", "nothing": "file_not_found", "x": "file_not_found", strings.Repeat("x", 500): "file_not_found", "../../etc": "file_not_found"} {
				body := JSON{"type": "file", "file": JSON{"id": id}}
				for name, value := range extra {
					body[name] = value
				}
				status := map[string]int{"file_not_readable": 403, "file_not_found": 404}[want]
				tom.Do(t, "POST", path, body).WantProblem(status, want, "")
			}
		}
		// Nothing was stored, and no number was used up.
		if a, b := number(t, first), number(t, tom.Say(t, conversation, "second")); b != a+1 {
			t.Fatalf("the refusals left a hole: %d, then %d", a, b)
		}
	})
}

// A batch may hold sends of all kinds; each is judged by itself.
func TestManySendersOfFilesAtOnce(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		shown, hidden := tom.Keep(t, "shown", []byte("shown"))["id"], tom.Keep(t, "hidden", []byte("hidden"))["id"]
		tom.Send(t, conversation, JSON{"type": "file", "file": JSON{"id": shown}})
		jerry, mary := s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")
		own := mary.Create(t)
		parallel(60, func(i int) {
			body := JSON{"type": "file", "file": JSON{"id": []any{shown, hidden, "nothing"}[i%3]}}
			want := []int{201, 403, 404}[i%3]
			if i%2 == 0 {
				jerry.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", body).Want(want)
				return
			}
			mary.Do(t, "POST", "/v1/conversations/"+own+"/messages", body).Want([]int{403, 403, 404}[i%3]) // she was shown neither
		})
		if got := tom.History(t, conversation); len(got) != 11 {
			t.Errorf("%d messages", len(got))
		}
	})
}

func TestRepeatedMediaSends(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t)
		path := "/v1/conversations/" + conversation + "/messages"
		a, b := tom.Keep(t, "a", []byte("a"))["id"], tom.Keep(t, "b", []byte("b"))["id"]
		for i, bodies := range [][2]JSON{
			{{"type": "file", "file": JSON{"id": a}}, {"type": "file", "file": JSON{"id": b}}},
			{{"type": "file", "file": JSON{"url": "https://example.org/a", "metadata": JSON{"x": 1, "y": 2}}}, {"type": "file", "file": JSON{"url": "https://example.org/b"}}},
			{{"type": "file", "file": JSON{"url": "https://example.org/a"}}, {"type": "file", "file": JSON{"url": "https://example.org/a", "name": "other"}}},
			{{"type": "location", "location": JSON{"latitude": 1.5, "longitude": math.Pi}}, {"type": "location", "location": JSON{"latitude": 1.5, "longitude": 3}}},
		} {
			key := fmt.Sprint(i)
			first := tom.Do(t, "POST", path, bodies[0], "Idempotency-Key", key).Want(201).Object()
			if again := tom.Do(t, "POST", path, bodies[0], "Idempotency-Key", key).Want(200).Object(); again["id"] != first["id"] {
				t.Errorf("repeated as %v", again)
			}
			tom.Do(t, "POST", path, bodies[1], "Idempotency-Key", key).WantProblem(422, "idempotency_key_reused", "Idempotency-Key")
		}
	})
}

func TestTransientMediaMessage(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	stream := jerry.Listen(t, "")
	stream.Want("online")
	id := tom.Keep(t, "a.txt", []byte("for a moment"))["id"]
	for _, body := range []JSON{{"type": "file", "file": JSON{"id": id}}, {"type": "location", "location": JSON{"latitude": 1, "longitude": 2}}} {
		body["transient"] = true
		tom.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", body).Want(202)
		event := stream.Want("message")
		if file, ok := event.Data["file"].(JSON); ok {
			bytesAre(t, s.Fetch(t, file["url"]).Want(200), []byte("for a moment"))
		} else if !sameJSON(t, event.Data["location"], body["location"]) {
			t.Errorf("got %v", event.Data)
		}
	}
	jerry.Do(t, "GET", "/v1/files/"+id.(string), nil).WantProblem(403, "file_not_readable", "") // nothing that is stored names it
}

// TestMediaMessageReachesOtherNodes: by the broker and without it.
func TestMediaMessageReachesOtherNodes(t *testing.T) {
	t.Parallel()
	for _, broker := range []string{"", "nats"} {
		t.Run("broker "+broker, func(t *testing.T) {
			db, files := NeedMySQL(t), Folder(t)
			change := func(c *app.Config) {
				c.PublicURL = "https://chat.example.org/im/"
				if broker != "" {
					c.BrokerURL = NATS(t)
				}
			}
			one, two := Start(t, db, inStore(files), change), Start(t, db, inStore(files), change)
			tom, jerry := one.Login(t, "Tom", ""), two.Login(t, "Jerry", "")
			conversation := tom.Create(t, "Jerry")
			stream := jerry.Listen(t, "0")
			stream.Want("invited")
			stream.Want("reconnect")
			sent := tom.Send(t, conversation, JSON{"type": "file", "file": JSON{"id": tom.Keep(t, "a", []byte("a"))["id"]}})
			event := stream.Want("message")
			if fmt.Sprint(event.Data) != fmt.Sprint(sent) {
				t.Errorf("sent %v, delivered %v", sent, event.Data)
			}
			path, ok := strings.CutPrefix(event.Data["file"].(JSON)["url"].(string), "https://chat.example.org/im/v1/")
			if !ok {
				t.Fatalf("the url is %v", event.Data["file"])
			}
			bytesAre(t, two.Nobody(t).Do(t, "GET", "/v1/"+path, nil).Want(200), []byte("a"))
		})
	}
}
