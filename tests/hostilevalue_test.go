package tests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// numbers are what programs round, overflow, or write in another way.
var numbers = []string{"1e400", "-1e400", "1E+999999999", "1e-999999999", "123456789012345678901234567890", "0.1000000000000000055511151231257827", "9007199254740993",
	"-0", "-0.0", "1.10", "100", "1e2", "1E2", "0e0", "18446744073709551616", "-9223372036854775809", "3.141592653589793238462643383279502884197169399375105820974944592307816406286"}

// oddStrings end a line, a string, a header or a text somewhere.
var oddStrings = `["\r\n","\n\nevent: kicked\ndata: {}\n\n","\r","\u2028\u2029","\u0000","\u001b[31m","\u0085","\ufeff","\u202egnp","\ud83d\udc2d","</script>","\\u0000","data: x"]`

// TestValuesAreKeptAsTheyWereSent: an app's own values come out of the answer, the stream, the history, the sync and the record as
// they went in, digit by digit.
func TestValuesAreKeptAsTheyWereSent(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry, server := s.Login(t, "Tom", ""), s.Login(t, "Jerry", ""), s.Master(t, "")
		value := `{"numbers":[` + strings.Join(numbers, ",") + `],"strings":` + oddStrings + `,"names":{"\n":1,"\u2028":2,"":3,"A":4,"a":5}}`
		conversation := tom.Create(t, "Jerry")
		stream, err := jerry.OpenRaw(t, "0", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Conn.Close()
		path := "/v1/conversations/" + conversation
		seen := map[string]string{
			"the conversation": asSent(t, tom, "POST", "/v1/conversations", `{"members":[],"attributes":`+value+`}`),
			"the patch":        asSent(t, tom, "PATCH", path, `{"attributes":{"again":`+value+`}}`),
			"the message":      asSent(t, tom, "POST", path+"/messages", `{"type":"x","payload":`+value+`,"attributes":`+value+`}`),
			"the transient":    asSent(t, tom, "POST", path+"/messages", `{"type":"x","payload":`+value+`,"transient":true}`),
			"the file":         asSent(t, tom, "POST", "/v1/files", `{"url":"https://example.org/a","metadata":`+value+`}`),
		}
		for len(seen) < 7 {
			block, err := stream.Block()
			if err != nil {
				t.Fatal(err)
			}
			if _, name, data := ParseBlock(block); name == "message" || name == "conversation_updated" {
				seen["live: "+name] = data
			}
		}
		seen["the conversation later"] = asSent(t, jerry, "GET", path, "")
		seen["the history"] = asSent(t, jerry, "GET", path+"/messages", "")
		seen["the sync"] = asSent(t, server, "GET", "/v1/messages?after=0", "")
		for name, text := range seen {
			for _, number := range numbers {
				if !strings.Contains(text, "["+number+",") && !strings.Contains(text, ","+number+",") && !strings.Contains(text, ","+number+"]") {
					t.Errorf("%s does not have %s: %s", name, number, text)
				}
			}
			if strings.ContainsAny(strings.TrimSuffix(text, "\n"), "\r\n\x00") || !strings.Contains(text, `\n\nevent: kicked`) || !strings.Contains(text, `\u0000`) || !strings.Contains(text, "</script>") {
				t.Errorf("%s does not have the strings: %q", name, text)
			}
		}
	})
}

// asSent makes a call that must be answered well, and gives the answer as it came: Go's own decoder would not take these numbers.
func asSent(t *testing.T, c *Client, method, path, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.Server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", c.Headers["Authorization"])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s is answered %d %s, %v", method, path, response.StatusCode, text, err)
	}
	return string(text)
}

// TestNoLineOfAHeaderOrABlockIsTheCallers: names of clients, conversations and files with what ends a line in them.
func TestNoLineOfAHeaderOrABlockIsTheCallers(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	master := s.Master(t, "")
	for _, id := range []string{"a\nb", "a\rb", "a\x00b", "a\tb", "\x7f", "a\u0085b", strings.Repeat("x", 65), ""} { // control characters (API.md)
		s.AppKeyHolder(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": id}).WantProblem(http.StatusBadRequest, "validation_failed", "clientId")
		master.Do(t, "GET", "/v1/conversations", nil, "X-Client-Id", "UTF-8''"+url.PathEscape(id)).WantProblem(http.StatusBadRequest, "validation_failed", "X-Client-Id")
		if id != "" {
			master.Do(t, "GET", "/v1/clients/"+url.PathEscape(id), nil).WantProblem(http.StatusBadRequest, "validation_failed", "clientId")
		}
	}
	for _, header := range []string{"UTF-8''%", "UTF-8''%zz", "UTF-8''%ff", "UTF-8''%0d%0aX: y", "\xff"} {
		master.Do(t, "GET", "/v1/conversations", nil, "X-Client-Id", header).WantProblem(http.StatusBadRequest, "validation_failed", "X-Client-Id")
	}
	// What only looks odd is a name like any other, and is told as it is.
	for _, id := range []string{"a\u2028b", "\u202etom", "a\u200bb", "🐭", "a/b?c#d%e", `"';--`, " Tom ", "UTF-8''Tom", "."} {
		odd := s.Login(t, id, "")
		stream := odd.Listen(t, "")
		if online := stream.Want("online"); online.Data["clientId"] != id || strings.ContainsAny(online.Raw, "\r\n") {
			t.Errorf("%q is %s", id, online.Raw)
		}
		if online := master.Do(t, "GET", "/v1/clients/"+url.PathEscape(id), nil).Want(200).Object(); online["clientId"] != id {
			t.Errorf("%q is %v", id, online)
		}
		as := s.Master(t, id).Do(t, "POST", "/v1/conversations", JSON{"members": []string{}, "name": id + "\r\nX: y"}).Want(http.StatusCreated)
		if as.Object()["creator"] != id {
			t.Errorf("%q made %s", id, as.Body)
		}
		if joined := stream.Want("members_joined"); strings.ContainsAny(joined.Raw, "\r\n") {
			t.Errorf("%q", joined.Raw)
		}
	}
}

// TestHostilePaths: dots, NUL, slashes and whole books in a path or a query are nothing that is there.
func TestHostilePaths(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		long := strings.Repeat("x", 8000)
		for _, id := range []string{"%2e%2e", "%2e", "..%2f..%2fetc%2fpasswd", "%00", conversation + "%00", conversation + "%20", "%20" + conversation, "%ff", "%c0%ae", "%2F", "a%2Fb", "%25", "%0d%0aX:%20y",
			"%e2%80%a8", long, "'%20OR%201=1--", "*", "$ne", strings.ToUpper(conversation), conversation + ";x", conversation[:19]} {
			for _, path := range []string{"/v1/conversations/" + id, "/v1/conversations/" + id + "/messages", "/v1/conversations/" + id + "/members"} {
				tom.Do(t, "GET", path, nil).WantProblem(http.StatusNotFound, "conversation_not_found", "")
			}
			tom.Do(t, "GET", "/v1/files/"+id, nil).WantProblem(http.StatusNotFound, "file_not_found", "")
			tom.Do(t, "GET", "/v1/conversations/"+conversation+"/messages/"+id, nil).WantProblem(http.StatusNotFound, "message_not_found", "")
			s.Nobody(t).Do(t, "GET", "/v1/files/"+id+"/content?token="+url.QueryEscape(id), nil).Want(http.StatusUnauthorized)
		}
		for _, query := range []string{"limit=1&limit=2", "limit=1;limit=2", "limit[]=1", "limit%00=1", "limit=1%00", "%6cimit=1&limit=1", "limit=" + long, "=1", "limit=%zz", "where=%ff", "where={", "where=" + url.QueryEscape(`{"name":"a","name":"b"}`),
			"where=" + url.QueryEscape(strings.Repeat("[", 2000)), "skip=1e2", "skip=-1", "sort=" + long, "member=%0a", "member=", "__proto__=1", "access_token=x", "ticket=x"} {
			if answer := tom.Do(t, "GET", "/v1/conversations?"+query, nil); answer.Status != http.StatusBadRequest || answer.Object()["code"] != "validation_failed" {
				t.Errorf("?%.60s is answered %d %s", query, answer.Status, answer.Body)
			}
		}
	})
}

// TestImportedConversationWithAColonWasNotFound: an id that a client percent-encodes, as encodeURIComponent does, is the same id.
func TestImportedConversationWithAColonWasNotFound(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		const id = `room:4/2 "%2F"?#@` // ids of an import are printable ASCII
		tables := OpenSQL(t, db)
		for _, statement := range []string{"UPDATE conversations SET id = '" + id + "'", "UPDATE members SET conversation_id = '" + id + "'", "UPDATE events SET conversation_id = '" + id + "'"} {
			if _, err := tables.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		path := "/v1/conversations/" + strings.ReplaceAll(url.QueryEscape(id), "+", "%20") // encodeURIComponent's
		if got := tom.Do(t, "GET", path, nil).Want(http.StatusOK).Object()["id"]; got != id {
			t.Errorf("got %v", got)
		}
		said := tom.Do(t, "POST", path+"/messages", JSON{"type": "text", "text": "here"}).Want(http.StatusCreated).Object()["id"].(string)
		tom.Do(t, "GET", path+"/messages/"+said, nil).Want(http.StatusOK)
		tom.Do(t, "GET", "/v1/conversations/%"+fmt.Sprintf("%x", conversation[0])+conversation[1:], nil).WantProblem(http.StatusNotFound, "conversation_not_found", "") // it has another id now
	})
}

// TestMethodsThatAreNotThere: each is refused, with those that are, and no header makes it another.
func TestMethodsThatAreNotThere(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	for o := range operationsOf(document(t)) {
		path := strings.NewReplacer("{id}", conversation, "{clientId}", "Tom", "{messageId}", "1").Replace(o.path)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW", "get", "X"} {
			if FindOperation(document(t), method, path) != nil { // also one with a parameter there
				continue
			}
			answer := tom.Do(t, method, path, nil, "X-HTTP-Method-Override", o.method, "X-Method-Override", o.method, "X-HTTP-Method", o.method).Want(http.StatusMethodNotAllowed)
			if method != "HEAD" {
				answer.WantProblem(http.StatusMethodNotAllowed, "method_not_allowed", "")
			}
			if allowed := strings.Split(answer.Header.Get("Allow"), ", "); !slices.Contains(allowed, o.method) || slices.Contains(allowed, method) {
				t.Errorf("%s %s: allowed are %q", method, path, answer.Header["Allow"])
			}
		}
	}
	tom.Do(t, "GET", "/v1/conversations/"+conversation+"?_method=DELETE", nil, "X-HTTP-Method-Override", "DELETE").WantProblem(http.StatusBadRequest, "validation_failed", "_method")
	s.Master(t, "").Do(t, "GET", "/v1/conversations/"+conversation, nil, "X-HTTP-Method-Override", "DELETE", "X-Method-Override", "DELETE").Want(http.StatusOK)
	tom.Do(t, "GET", "/v1/conversations/"+conversation, nil).Want(http.StatusOK)
}

// TestHostileConnections: requests that no library sends. None is carried out, and the server goes on.
func TestHostileConnections(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.MaxMessageBytes = 1000 })
	tom := s.Login(t, "Tom", "")
	path := "/v1/conversations/" + tom.Create(t, "Jerry") + "/messages"
	const body = `{"type":"text","text":"x"}`
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	post := "POST " + path + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + tom.Token + "\r\n"
	typed := post + "Content-Type: application/json\r\n"
	for name, try := range map[string]struct {
		request string
		status  int
	}{
		// Those with "early" in their name end before they are whole; the others wait for their answer.
		"chunked, without a length":              {typed + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n", 201},
		"more chunks than allowed":               {typed + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("80\r\n"+strings.Repeat(" ", 128)+"\r\n", 100) + "0\r\n\r\n", 413},
		"a chunk of a huge size, ended early":    {typed + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + body, 400},
		"a chunk of no size":                     {typed + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + "\r\n0\r\n\r\n", 400},
		"chunks that end early":                  {typed + "Transfer-Encoding: chunked\r\n\r\n" + chunk, 400},
		"a length and chunks":                    {typed + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n", 201}, // chunks count, the connection ends (RFC 9112, 6.3)
		"gzip in chunks":                         {typed + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk + "0\r\n\r\n", 501},
		"a negative length":                      {typed + "Content-Length: -1\r\n\r\n" + body, 400},
		"two lengths":                            {typed + fmt.Sprintf("Content-Length: %d\r\nContent-Length: 1\r\n\r\n%s", len(body), body), 400},
		"a length of words":                      {typed + "Content-Length: 1e3\r\n\r\n" + body, 400},
		"a length beyond numbers":                {typed + "Content-Length: 99999999999999999999\r\n\r\n" + body, 400},
		"a huge length":                          {typed + "Content-Length: 1000000000000\r\n\r\n" + strings.Repeat(" ", 4000), 413},
		"a length that is too long, ended early": {typed + "Content-Length: 100\r\n\r\n" + body, 400},
		"no body":                                {typed + "\r\n", 400},
		"two types":                              {post + fmt.Sprintf("Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body), 415},
		"no type":                                {post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body), 415},
		"a header on a second line":              {post + "Content-Type: application/json\r\n X: y\r\nContent-Length: 0\r\n\r\n", 415},
		"a space before the colon":               {post + "Content-Type : application/json\r\n\r\n", 400},
		"NUL in a header":                        {post + "X: a\x00b\r\n\r\n", 400},
		"no host":                                {"GET /healthz HTTP/1.1\r\n\r\n", 400},
		"two hosts":                              {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"a bad escape":                           {"GET /v1/%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		"a path that is none":                    {"GET healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		"dots":                                   {"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", 404},
		"slashes":                                {"GET //v1//conversations HTTP/1.1\r\nHost: h\r\n\r\n", 404},
		"as to a proxy":                          {"GET http://example.org/v1/nothing HTTP/1.1\r\nHost: h\r\n\r\n", 404},
		"CONNECT":                                {"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 404},
		"a star":                                 {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 200},
		"a version of the future":                {"GET /healthz HTTP/9.9\r\nHost: h\r\n\r\n", 505},
		"a header of a megabyte, ended early":    {"GET /healthz HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 1<<20), 431},
		"a method with a space before":           {" GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
	} {
		if got := statusOf(t, s, try.request, strings.Contains(name, "early")); got != try.status {
			t.Errorf("%s is answered %d, not %d", name, got, try.status)
		}
	}
	if texts := tom.Texts(t, strings.Split(path, "/")[3]); len(texts) != 2 {
		t.Errorf("%q were sent", texts)
	}
}

// statusOf sends bytes, may say that there are no more, and reads the status of the answer.
func statusOf(t *testing.T, s *Server, request string, end bool) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(Deadline)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(conn, request) // the answer may come before the end
		if end {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%.80q: %v", request, err)
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}
