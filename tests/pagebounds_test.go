package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

const aLargeText = 400 << 10

// largePage is as much of a page as is looked at here: to check all of it against the document takes seconds.
type largePage struct {
	Messages []struct{ Text string }
	Next     string
	size     int
}

func fetchPage(t testing.TB, c *Client, path string) (page largePage) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", c.Server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(body, &page)
	}
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v: %.500s", path, response.StatusCode, err, body)
	}
	page.size = len(body)
	return page
}

// walk reads a history page by page and gives how each text begins, in the walk's order, and the size of the largest page.
func walk(t testing.TB, c *Client, conversation, query string, forwards bool) (begins []string, largest int) {
	t.Helper()
	place := ""
	if forwards {
		place = "&after=0"
	}
	for range 100 {
		page := fetchPage(t, c, "/v1/conversations/"+conversation+"/messages?"+query+place)
		largest = max(largest, page.size)
		var some []string
		for _, m := range page.Messages {
			begin, _, _ := strings.Cut(m.Text, " ")
			some = append(some, begin)
		}
		if !forwards {
			slices.Reverse(some)
		}
		begins = append(begins, some...)
		if page.Next == "" {
			return begins, largest
		}
		if place = "&before=" + page.Next; forwards {
			place = "&after=" + page.Next
		}
	}
	t.Fatal("the walk does not end")
	return nil, 0
}

// TestLargePagesEndEarly: a page ends at about 2 MB, whatever its limit, and a walk over such pages shows everything once and in
// order, in both directions, also where a history is put together from two parts.
func TestLargePagesEndEarly(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.MaxMessageBytes = 1 << 20 })
		tom, server := s.Login(t, "Tom", ""), s.Master(t, "")
		group, news := tom.Create(t, "Jerry"), openSystem(t, server)
		var all []string
		for i := range 14 {
			name, size := fmt.Sprint("m", i), aLargeText
			if i%5 == 4 { // small ones between, so that pages do not end by chance where blocks do
				size = 10
			}
			text := name + " " + strings.Repeat("x", size)
			all = append(all, name)
			tom.Say(t, group, text)
			to := any("everyone")
			if i%3 == 0 {
				to = []string{"Tom"}
			}
			broadcast(t, server, news, to, text)
		}
		for _, conversation := range []string{group, news} {
			for _, query := range []string{"limit=1000", "limit=5"} {
				for _, forwards := range []bool{true, false} {
					got, largest := walk(t, tom, conversation, query, forwards)
					if !forwards {
						slices.Reverse(got)
					}
					if !slices.Equal(got, all) {
						t.Errorf("?%s, forwards %t, shows %v, not %v", query, forwards, got, all)
					}
					if largest > 5<<20 { // a page of each part, and the message that went beyond
						t.Errorf("?%s has a page of %d bytes", query, largest)
					}
				}
			}
		}
		var synced []string
		for after := "0"; after != ""; {
			page := fetchPage(t, server, "/v1/messages?limit=1000&conversationId="+group+"&after="+after)
			for _, m := range page.Messages {
				begin, _, _ := strings.Cut(m.Text, " ")
				synced = append(synced, begin)
			}
			if after = page.Next; page.size > 3<<20 {
				t.Errorf("history sync has a page of %d bytes", page.size)
			}
		}
		if !slices.Equal(synced, all) {
			t.Errorf("history sync shows %v", synced)
		}
	})
}

// TestManyLargePagesAtOnceAreSmallOnes: who has some large pages under way gets the next in small pieces, and others do not.
func TestManyLargePagesAtOnceAreSmallOnes(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.MaxMessageBytes = 1 << 20 })
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	for i := range 8 {
		tom.Say(t, conversation, fmt.Sprint("m", i, " ", strings.Repeat("x", aLargeText)))
	}
	path := "/v1/conversations/" + conversation + "/messages?limit=1000"
	sizes := func(c *Client) int { return fetchPage(t, c, path).size }
	if got := sizes(tom); got < 2<<20 {
		t.Fatalf("a large page has %d bytes", got)
	}
	for range 4 {
		askAndNotRead(t, tom, path)
	}
	if got := sizes(tom); got > aLargeText+(64<<10) {
		t.Errorf("a fifth large page has %d bytes", got)
	}
	if got := sizes(jerry); got < 2<<20 {
		t.Errorf("another's has %d bytes", got)
	}
	begins, _ := walk(t, tom, conversation, "limit=1000", true)
	if len(begins) != 8 {
		t.Errorf("in small pieces came %v", begins)
	}
}
