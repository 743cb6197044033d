package tests

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// askBare writes to a connection and reads one answer; its body has been read.
func askBare(t testing.TB, conn net.Conn, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// wantCut waits until the server has closed a connection, and gives what it said before.
func wantCut(t testing.TB, conn net.Conn) string {
	t.Helper()
	said, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the connection was not closed: %v", err)
	}
	return string(said)
}

func getRequest(path string, headers ...string) string {
	request := "GET " + path + " HTTP/1.1\r\nHost: parley\r\n"
	for i := 0; i+1 < len(headers); i += 2 {
		request += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	return request + "\r\n"
}

// TestAFullNodeSaysSo: beyond the limit on connections calls are refused and not left waiting, health checks are answered, and
// what is open goes on.
func TestAFullNodeSaysSo(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.MaxConnections = 3 })
	tom := s.Login(t, "Tom", "")
	stream := tom.Listen(t, "")
	stream.Want("online")
	tom.Do(t, "GET", aList, nil).Want(http.StatusOK)
	open := func() float64 { return Metrics(t, s.URL)["parley_connections"] } // its own too
	Eventually(t, "the log-in's connection is gone, so that there are a stream, Tom's and this", func() bool { return open() <= 4 })
	filling := s.Dial(t)
	askBare(t, filling, getRequest("/healthz"))
	for open() < 5 { // three, and the one that asks
		filling = s.Dial(t)
		askBare(t, filling, getRequest("/healthz"))
	}

	response, body := askBare(t, s.Dial(t), getRequest(aList, "Authorization", tom.Headers["Authorization"]))
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"too_many_connections"`) ||
		response.Header.Get("Retry-After") != "5" || !response.Close {
		t.Errorf("a full node answers %d, %v: %s", response.StatusCode, response.Header, body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if response, body := askBare(t, s.Dial(t), getRequest(path)); response.StatusCode != http.StatusOK || !response.Close {
			t.Errorf("%s of a full node answers %d: %s", path, response.StatusCode, body)
		}
	}
	_, err := tom.TryListen(t, "")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("a stream at a full node: %v", err)
	}
	native := tom.ListenInQuery(t, "", "")
	native.Want("schedule")
	native.Want("disconnect")

	conversation := tom.Create(t, "Jerry") // by the connection that Tom has
	stream.Want("members_joined")
	stream.Cut()
	if err := filling.Close(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "there is room again", func() bool {
		response, _ := askBare(t, s.Dial(t), getRequest("/v1/conversations/"+conversation, "Authorization", tom.Headers["Authorization"]))
		return response.StatusCode == http.StatusOK
	})
	if n := Metrics(t, s.URL)[`parley_limited_total{limit="connections"}`]; n < 5 {
		t.Errorf("%v connections were counted beyond the limit", n)
	}
}

// TestASpareConnectionIsShort: whoever sends nothing on it is cut, so that the few there are go round.
func TestASpareConnectionIsShort(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.MaxConnections = 1 })
	within := s.Dial(t)
	askBare(t, within, getRequest("/healthz"))
	beyond := s.Dial(t)
	if said := wantCut(t, beyond); said != "" {
		t.Errorf("it was told %q", said)
	}
	askBare(t, within, getRequest("/healthz"))
}

func TestAnAddressHasAsManyConnectionsAsItMay(t *testing.T) {
	t.Parallel()
	for name, trusted := range map[string]bool{"a client": false, "a proxy": true} {
		t.Run(name, func(t *testing.T) {
			s := Start(t, SQLite(t), func(c *app.Config) {
				c.MaxConnectionsPerAddress = 2
				if trusted {
					behindProxy(func(*app.Config) {})(c)
				}
			})
			first := s.Dial(t)
			askBare(t, first, getRequest("/healthz"))
			askBare(t, s.Dial(t), getRequest("/healthz"))
			if trusted {
				askBare(t, s.Dial(t), getRequest("/healthz"))
				return
			}
			if said := wantCut(t, s.Dial(t)); said != "" {
				t.Errorf("the third connection was told %q", said)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			Eventually(t, "there is room again", func() bool {
				conn := s.Dial(t)
				_, err := io.WriteString(conn, getRequest("/metrics"))
				if err != nil {
					return false
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					return false
				}
				body, err := io.ReadAll(response.Body)
				return err == nil && strings.Contains(string(body), `parley_limited_total{limit="address-connections"} `)
			})
		})
	}
}

func TestAHeaderIsBoundedInSizeAndTime(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.HeaderTimeout = 200 * time.Millisecond })
	conn := s.Dial(t)
	if response, _ := askBare(t, conn, getRequest("/healthz", "X-Large", strings.Repeat("x", 15<<10))); response.StatusCode != http.StatusOK {
		t.Errorf("15 KB of header were answered %d", response.StatusCode)
	}
	// net/http adds 4 KB of its own to a limit.
	if response, _ := askBare(t, s.Dial(t), getRequest("/healthz", "X-Large", strings.Repeat("x", 21<<10))); response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("21 KB of header were answered %d", response.StatusCode)
	}
	for _, beginning := range []string{"", "GET", "GET /healthz HTTP/1.1\r\nHost: parley\r\nX-Slow: "} {
		conn := s.Dial(t)
		if _, err := io.WriteString(conn, beginning); err != nil {
			t.Fatal(err)
		}
		if said := wantCut(t, conn); strings.Contains(said, " 200 ") {
			t.Errorf("%q was answered %q", beginning, said)
		}
	}
}

// TestABodyIsBoundedInTime, of a call that reads it, of one that refuses it unread, and of one that wants none.
func TestABodyIsBoundedInTime(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t), func(c *app.Config) { c.BodyTimeout = 200 * time.Millisecond })
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	bearer := "Authorization: " + tom.Headers["Authorization"] + "\r\n"
	for name, try := range map[string]struct {
		call, header string
		status       int
	}{
		"read":               {"POST /v1/conversations/" + conversation + "/messages", bearer, http.StatusBadRequest},
		"read in chunks":     {"POST /v1/conversations", bearer + "Transfer-Encoding: chunked\r\n", http.StatusBadRequest},
		"refused":            {"POST /v1/conversations/" + conversation + "/messages", "", http.StatusUnauthorized},
		"an upload, refused": {"POST /v1/files", "", http.StatusUnauthorized},
		"not wanted":         {"GET /v1/conversations", bearer, http.StatusOK},
		"of no route":        {"POST /v1/nothing", "", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.Dial(t)
			beginning := "5\r\n{\"tex"
			if !strings.Contains(try.header, "chunked") {
				try.header += "Content-Length: 1000\r\n"
				beginning = "{\"tex"
			}
			request := try.call + " HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\n" + try.header + "\r\n" + beginning
			response, body := askBare(t, conn, request)
			if response.StatusCode != try.status {
				t.Errorf("answered %d: %s", response.StatusCode, body)
			}
			if try.status == http.StatusBadRequest && !strings.Contains(body, `"body_incomplete"`) {
				t.Errorf("the body's time is over: %s", body)
			}
			wantCut(t, conn) // what is missing of it is not waited for
		})
	}
}

// TestAClientThatHasVanishedIsNoticed: its connection would otherwise be kept, and its stream counted, for a quarter of an hour.
// That takes a network that swallows packets, so it is asked what the system has been told about this test's own connections.
func TestAClientThatHasVanishedIsNoticed(t *testing.T) {
	t.Parallel()
	const tcpUserTimeout = 18 // TCP_USER_TIMEOUT of Linux, milliseconds
	s := Start(t, SQLite(t))
	s.Login(t, "Tom", "").Listen(t, "").Want("online")
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not show a process its files")
	}
	for _, file := range files {
		fd, err := strconv.Atoi(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		if timeout, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, tcpUserTimeout); err == nil && timeout == 30_000 {
			return
		}
	}
	t.Error("no connection ends when its client has vanished")
}
