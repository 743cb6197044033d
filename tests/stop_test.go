package tests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	. "parley/tests/harness"
)

// stopPromise is how long a stop may take, with a thousand streams open.
func stopPromise() time.Duration { return Promise(10 * time.Second) }

func TestStopWithAThousandStreams(t *testing.T) {
	const clients, workers = 1000, 20
	p := BuildProgram(t)
	DatabasesAlone(t, func(t *testing.T, db string) {
		running := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db)...)
		s := running.Server(t)
		streams := make([]*Stream, clients)
		parallel(workers, func(worker int) {
			for i := worker; i < clients; i += workers {
				id := fmt.Sprint("client-", i)
				token := SignedToken(t, jwt.MapClaims{"aud": AppID, "sub": id, "exp": time.Now().Add(time.Hour).Unix()})
				stream, err := s.Bearer(t, id, token, "").TryListen(t, "")
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				streams[i] = stream
			}
		})
		if t.Failed() {
			return
		}
		for _, stream := range streams {
			stream.Want("online")
		}
		begun := time.Now()
		running.Terminate(t)
		for _, stream := range streams {
			wantShutdown(t, stream)
		}
		if code := running.Wait(t); code != 0 {
			t.Errorf("the exit code is %d", code)
		}
		if took := time.Since(begun); took > stopPromise() {
			t.Errorf("the stop took %v", took)
		}
	})
}

// wantShutdown reads the last two events of a stream.
func wantShutdown(t *testing.T, stream *Stream) {
	t.Helper()
	announced := stream.Want("schedule")
	if delay, ok := announced.Data["delayMs"].(float64); !ok || delay < 0 || announced.Data["reason"] != "shutdown" || announced.ID != "" {
		t.Errorf("schedule says %s with id %q", announced.Raw, announced.ID)
	}
	end := stream.Want("disconnect")
	if end.Data["reason"] != "shutdown" || end.Data["reconnect"] != true || end.ID != "" {
		t.Errorf("disconnect says %s with id %q", end.Raw, end.ID)
	}
	stream.WantEnd()
}

// A send whose body is still on its way when the stop begins is answered, and what it was answered is kept.
func TestStopAnswersTheSendInFlight(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				running := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db)...)
				s := running.Server(t)
				tom := s.Login(t, "Tom", "")
				conversation := tom.Create(t, "Jerry")
				stream := tom.Listen(t, "")
				stream.Want("online")
				ready := dial(t, s, "GET /readyz HTTP/1.1\r\nHost: parley\r\n\r\n")
				wantStatus(t, ready, http.StatusOK)
				const body = `{"type":"text","text":"said at the last moment"}`
				send := dial(t, s, fmt.Sprintf("POST /v1/conversations/%s/messages HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer %s\r\n"+
					"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", conversation, tom.Token, len(body)))
				wantStatus(t, send, http.StatusContinue) // the handler reads

				if err := running.Cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				wantShutdown(t, stream) // the stop has begun
				wantNotReady(t, s, ready)
				send.write(t, body)
				wantStatus(t, send, http.StatusCreated)
				if code := running.Wait(t); code != 0 {
					t.Errorf("the exit code is %d", code)
				}
				again := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db)...)
				tom.Server = again.Server(t)
				if texts := tom.Texts(t, conversation); len(texts) != 1 || texts[0] != "said at the last moment" {
					t.Errorf("the history has %q", texts)
				}
				again.Stop(t)
			})
		})
	}
}

// wantNotReady fails the test when a connection from before the stop hears "ready", or a new one is served.
func wantNotReady(t *testing.T, s *Server, old *connection) {
	t.Helper()
	if _, err := old.Write([]byte("GET /readyz HTTP/1.1\r\nHost: parley\r\n\r\n")); err == nil {
		if response, err := http.ReadResponse(old.reader, nil); err == nil && response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("/readyz answers %d during the stop", response.StatusCode)
		}
	}
	if response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(readyRequest(t, s)); err == nil {
		if response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("/readyz answers %d during the stop", response.StatusCode)
		}
		_ = response.Body.Close()
	}
}

func readyRequest(t *testing.T, s *Server) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// connection speaks HTTP byte by byte.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, s *Server, request string) *connection {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	if err := conn.SetDeadline(time.Now().Add(Deadline)); err != nil {
		t.Fatal(err)
	}
	c := &connection{Conn: conn, reader: bufio.NewReader(conn)}
	c.write(t, request)
	return c
}

func (c *connection) write(t *testing.T, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func wantStatus(t *testing.T, c *connection, status int) {
	t.Helper()
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		t.Fatalf("answered %d, not %d", response.StatusCode, status)
	}
	if status != http.StatusContinue { // which has no body
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
	}
}

// A second signal does not wait for anybody.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	running := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+SQLite(t))...)
	s := running.Server(t)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	stream := tom.Listen(t, "")
	stream.Want("online")
	send := dial(t, s, fmt.Sprintf("POST /v1/conversations/%s/messages HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", conversation, tom.Token))
	wantStatus(t, send, http.StatusContinue) // and its body never comes
	running.Terminate(t)
	wantShutdown(t, stream)
	running.Terminate(t)
	if code := running.Wait(t); code != -1 {
		t.Errorf("the exit code is %d, and not that of a signal", code)
	}
}

// A reader that has stopped reading is cut, and not waited for.
func TestStopDoesNotWaitForAStuckReader(t *testing.T) {
	p := BuildProgram(t)
	Databases(t, func(t *testing.T, db string) {
		running := p.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db)...)
		s := running.Server(t)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		stuck := dial(t, s, "GET /v1/stream HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer "+jerry.Token+"\r\n\r\n")
		if line, err := stuck.reader.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatal(line, err)
		}
		long := strings.Repeat("Jerry, get up! ", 2000)
		for round, behind := 0, 0.0; behind < 300; round++ { // more than the stream's queue holds, so a write is stuck
			if round == 100 {
				t.Fatal("100 rounds of 20 long messages did not fill the way to a reader that does not read")
			}
			parallel(20, func(int) { tom.Say(t, conversation, long) })
			numbers := Metrics(t, s.URL)
			behind = numbers[`parley_sends_total{app="test-app",outcome="stored"}`] - numbers["parley_deliveries_total"]
		}
		begun := time.Now()
		running.Terminate(t)
		if code := running.Wait(t); code != 0 {
			t.Errorf("the exit code is %d", code)
		}
		if took := time.Since(begun); took > stopPromise() {
			t.Errorf("the stop took %v", took)
		}
	})
}
