package tests

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

func TestWhoMayReadAFile(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, mary := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry")
		path := "/v1/conversations/" + conversation
		record := tom.Keep(t, "a", []byte("a"))
		file := "/v1/files/" + record["id"].(string)
		reads := func(c *Client, want int) {
			t.Helper()
			for _, place := range []string{file, file + "/content"} {
				answer := c.Do(t, "GET", place, nil).Want(want)
				if want == 403 {
					answer.WantProblem(403, "file_not_readable", "")
				}
			}
			body := JSON{"type": "file", "file": JSON{"id": record["id"]}, "transient": true}
			if c.ID != "" {
				c.Do(t, "POST", "/v1/conversations/"+c.Create(t)+"/messages", body).Want(map[int]int{200: 202, 403: 403}[want])
			}
		}
		reads(tom, 200)
		reads(s.Login(t, "Tom", "another session"), 200)
		reads(jerry, 403) // Tom has not sent it
		reads(s.Master(t, ""), 200)
		reads(s.Master(t, "Mary"), 200)
		tom.Send(t, conversation, JSON{"type": "file", "file": JSON{"id": record["id"]}})
		reads(jerry, 200)
		reads(mary, 403)
		tom.Do(t, "POST", path+"/members", JSON{"members": []string{"Mary"}}).Want(200)
		reads(mary, 200) // a member now, also of what was sent before
		mary.Do(t, "POST", path+"/quit", nil).Want(200)
		reads(mary, 403)
		// Jerry forwards it; with that Mary has been shown it.
		other := jerry.Create(t, "Mary")
		jerry.Send(t, other, JSON{"type": "file", "file": JSON{"id": record["id"]}})
		reads(mary, 200)
		s.Master(t, "").Do(t, "DELETE", "/v1/conversations/"+other, nil).Want(204)
		reads(mary, 403)
		for _, id := range []string{"nothing", "%00", strings.Repeat("x", 300)} {
			tom.Do(t, "GET", "/v1/files/"+id, nil).WantProblem(404, "file_not_found", "")
			tom.Do(t, "GET", "/v1/files/"+id+"/content", nil).WantProblem(404, "file_not_found", "")
		}
		s.Nobody(t).Do(t, "GET", file+"/content?access_token="+url.QueryEscape(tom.Token), nil).Want(200)
		s.Nobody(t).Do(t, "GET", file+"/content?access_token="+url.QueryEscape(mary.Token), nil).WantProblem(403, "file_not_readable", "")
		s.Nobody(t).Do(t, "GET", file+"/content?access_token=x", nil).WantProblem(401, "token_invalid", "")
		s.Nobody(t).Do(t, "GET", file+"?access_token="+url.QueryEscape(tom.Token), nil).WantProblem(401, "credentials_missing", "")
		s.AppKeyHolder(t).Do(t, "GET", file, nil).WantProblem(403, "session_required", "")
		tom.Do(t, "GET", file+"/content?download=1", nil).WantProblem(400, "validation_failed", "download")
		// What the app's own server uploads as nobody is its own until it is sent.
		servers := s.Master(t, "").Keep(t, "b", []byte("b"))
		tom.Do(t, "GET", "/v1/files/"+servers["id"].(string), nil).WantProblem(403, "file_not_readable", "")
		s.Master(t, "Tom").Send(t, conversation, JSON{"type": "file", "file": JSON{"id": servers["id"]}})
		jerry.Do(t, "GET", "/v1/files/"+servers["id"].(string), nil).Want(200)
	})
}

// TestURLOfAFileDies: it is good for its time, for its file, as it is, and for nothing else.
func TestURLOfAFileDies(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := Start(t, SQLite(t), func(c *app.Config) {
		c.Clock, c.FileURLTTL, c.SessionTTL = func() time.Time { return now }, 24*time.Hour, 72*time.Hour
	})
	tom := s.Login(t, "Tom", "")
	record, other := tom.Keep(t, "a", []byte("a")), tom.Keep(t, "b", []byte("b"))
	file := "/v1/files/" + record["id"].(string)
	first := record["url"].(string)
	answer := s.Fetch(t, first).Want(200)
	var age int
	if _, err := fmt.Sscanf(answer.Header.Get("Cache-Control"), "private, max-age=%d, immutable", &age); err != nil || age > 24*3600 || age < 23*3600-1 {
		t.Errorf("Cache-Control is %q", answer.Header.Get("Cache-Control"))
	}
	if got := tom.Do(t, "GET", file+"/content", nil).Want(200).Header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("with credentials Cache-Control is %q", got)
	}
	_, token, _ := strings.Cut(first, "?token=")
	for _, wrong := range []string{"", "x", token + "A", token[:len(token)-1], strings.ToLower(token), "AAAAAQ", strings.Repeat("A", 32), strings.Repeat("_", 32), token[:8] + "AAAA" + token[12:],
		tom.Token, tokenOf(other)} {
		code := "token_invalid"
		if wrong == "" {
			code = "credentials_missing"
		}
		s.Nobody(t).Do(t, "GET", file+"/content?token="+url.QueryEscape(wrong), nil).WantProblem(401, code, "")
	}
	s.Nobody(t).Do(t, "GET", file+"?token="+token, nil).WantProblem(401, "credentials_missing", "") // the record is not the bytes
	s.Nobody(t).Do(t, "GET", "/v1/conversations?token="+token, nil).WantProblem(401, "credentials_missing", "")
	s.Nobody(t).Do(t, "GET", "/v1/stream?access_token="+token, nil).WantProblem(401, "token_invalid", "")
	now = now.Add(22 * time.Hour)
	s.Fetch(t, first).Want(200)
	fresh := tom.Do(t, "GET", file, nil).Want(200).Object()["url"].(string)
	if fresh == first {
		t.Error("22 hours later the url is the same")
	}
	now = now.Add(2 * time.Hour)
	s.Fetch(t, first).WantProblem(401, "token_expired", "")
	s.Fetch(t, fresh).Want(200)
	// Who has better credentials does not need it.
	tom.Do(t, "GET", strings.TrimPrefix(first, s.URL), nil).Want(200)
	s.Nobody(t).Do(t, "GET", strings.TrimPrefix(first, s.URL)+"&access_token="+tom.Token, nil).Want(200)
	s.Login(t, "Mary", "").Do(t, "GET", strings.TrimPrefix(first, s.URL), nil).WantProblem(403, "file_not_readable", "")
	s.Login(t, "Mary", "").Do(t, "GET", strings.TrimPrefix(fresh, s.URL), nil).Want(200)
}

// Within its step of time a file's url stays the same, so that a browser has it in its cache.
func TestURLOfAFileStaysForAWhile(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 8, 5, 0, 0, time.UTC)
	s := Start(t, SQLite(t), func(c *app.Config) { c.Clock = func() time.Time { return now } })
	tom := s.Login(t, "Tom", "")
	record := tom.Keep(t, "a", []byte("a"))
	now = now.Add(50 * time.Minute)
	if again := tom.Do(t, "GET", "/v1/files/"+record["id"].(string), nil).Want(200).Object(); again["url"] != record["url"] {
		t.Errorf("the url was %v and is %v", record["url"], again["url"])
	}
}

func tokenOf(record JSON) string {
	_, token, _ := strings.Cut(record["url"].(string), "?token=")
	return token
}
