package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Event is one block of a stream. A heartbeat has neither name nor data.
type Event struct {
	ID    string // as on the block; empty when it has none
	Name  string
	Data  JSON
	Raw   string // the data line as it came
	Retry string
}

// Stream reads an event stream as EventSource would: it keeps the last id seen.
type Stream struct {
	t        testing.TB
	Response *http.Response
	cancel   context.CancelFunc
	events   chan Event

	mu     sync.Mutex
	lastID string
	err    error
}

// Listen opens a stream with the client's credentials in the header. lastEventID may be empty.
func (c *Client) Listen(t testing.TB, lastEventID string) *Stream {
	t.Helper()
	s, err := c.TryListen(t, lastEventID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TryListen is Listen where opening may fail.
func (c *Client) TryListen(t testing.TB, lastEventID string) (*Stream, error) {
	headers := map[string]string{"Last-Event-ID": lastEventID}
	for name, value := range c.Headers {
		headers[name] = value
	}
	return c.open(t, "/v1/stream", headers)
}

// ListenInQuery opens a stream as a native EventSource does, with the token in the query.
func (c *Client) ListenInQuery(t testing.TB, lastEventID, lastEventIDInQuery string) *Stream {
	t.Helper()
	query := url.Values{"access_token": {c.Token}}
	if lastEventIDInQuery != "" {
		query.Set("lastEventId", lastEventIDInQuery)
	}
	s, err := c.open(t, "/v1/stream?"+query.Encode(), map[string]string{"Last-Event-ID": lastEventID})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TryListenInQuery is ListenInQuery where opening may fail.
func (c *Client) TryListenInQuery(t testing.TB) (*Stream, error) {
	return c.open(t, "/v1/stream?"+url.Values{"access_token": {c.Token}}.Encode(), nil)
}

// Ticket gets a ticket for one stream of the client's session.
func (c *Client) Ticket(t testing.TB) string {
	t.Helper()
	return c.Do(t, "POST", "/v1/sessions/current/stream-ticket", nil).Want(http.StatusCreated).Object()["ticket"].(string)
}

// TryListenByTicket opens a stream with nothing but a ticket, which is in the query; lastEventIDInQuery may be empty.
func (s *Server) TryListenByTicket(t testing.TB, ticket, lastEventIDInQuery string) (*Stream, error) {
	query := url.Values{"ticket": {ticket}}
	if lastEventIDInQuery != "" {
		query.Set("lastEventId", lastEventIDInQuery)
	}
	return s.Nobody(t).open(t, "/v1/stream?"+query.Encode(), nil)
}

func (c *Client) open(t testing.TB, path string, headers map[string]string) (*Stream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", c.Server.URL+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	for name, value := range headers {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	// A connection of its own, so that cutting the stream cuts the connection.
	transport := c.Server.transport()
	transport.DisableKeepAlives = true
	response, err := transport.RoundTrip(request)
	if err != nil {
		cancel()
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(response.Body)
		cancel()
		checkAgainstDocument(t, "GET", "/v1/stream", &Answer{Status: response.StatusCode, Header: response.Header, Body: body, t: t})
		return nil, errors.Join(&Refused{Status: response.StatusCode, Header: response.Header, Body: body}, err, response.Body.Close())
	}
	s := &Stream{t: t, Response: response, cancel: cancel, events: make(chan Event, 1024), lastID: headers["Last-Event-ID"]}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read(ctx, response.Body)
	}()
	t.Cleanup(func() {
		s.Cut()
		<-done
	})
	return s, nil
}

// Refused is the error of a stream that was answered with another status than 200.
type Refused struct {
	Status int
	Header http.Header
	Body   []byte
}

func (r *Refused) Error() string { return http.StatusText(r.Status) + ": " + string(r.Body) }

// read parses blocks as WHATWG HTML says, for what this server sends.
func (s *Stream) read(ctx context.Context, body io.ReadCloser) {
	defer close(s.events)
	defer body.Close()
	lines := bufio.NewReaderSize(body, 64<<10)
	var event Event
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
		line = strings.TrimSuffix(line, "\n")
		if line != "" {
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch field {
			case "id":
				event.ID = value
			case "event":
				event.Name = value
			case "data":
				event.Raw += value
			case "retry":
				event.Retry = value
			}
			continue
		}
		if event.ID != "" {
			s.mu.Lock()
			s.lastID = event.ID
			s.mu.Unlock()
		}
		if event.Raw != "" {
			if event.Name == "" { // an EventSource would take it for a message
				s.t.Errorf("a block has data and no event: %s", event.Raw)
			}
			if err := json.Unmarshal([]byte(event.Raw), &event.Data); err != nil {
				s.t.Errorf("the data of %s is not JSON: %v", event.Name, err)
			}
		}
		select {
		case s.events <- event:
		case <-ctx.Done():
			return
		}
		event = Event{}
	}
}

// LastID is the id that a reconnecting EventSource would send.
func (s *Stream) LastID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastID
}

// Cut closes the connection.
func (s *Stream) Cut() { s.cancel() }

// NextBlock waits for the next block, heartbeats included; false when the stream has ended.
func (s *Stream) NextBlock() (Event, bool) {
	s.t.Helper()
	timer := time.NewTimer(Deadline)
	defer timer.Stop()
	return s.nextBlock(timer.C)
}

func (s *Stream) nextBlock(deadline <-chan time.Time) (Event, bool) {
	s.t.Helper()
	select {
	case event, ok := <-s.events:
		return event, ok
	case <-deadline:
		s.t.Fatalf("nothing came on the stream in %v", Deadline)
		return Event{}, false
	}
}

// Next waits for the next event that is not a heartbeat.
func (s *Stream) Next() Event {
	s.t.Helper()
	timer := time.NewTimer(Deadline) // heartbeats do not put it off
	defer timer.Stop()
	for {
		event, ok := s.nextBlock(timer.C)
		if !ok {
			s.t.Fatalf("the stream has ended")
		}
		if event.Name != "" {
			return event
		}
	}
}

// Want waits for the next event and fails the test unless it has this name.
func (s *Stream) Want(name string) Event {
	s.t.Helper()
	event := s.Next()
	if event.Name != name {
		s.t.Fatalf("got %s %s, not %s", event.Name, event.Raw, name)
	}
	return event
}

// WantEnd waits for the end and fails the test when another event comes first.
func (s *Stream) WantEnd() {
	s.t.Helper()
	for {
		event, ok := s.NextBlock()
		if !ok {
			return
		}
		if event.Name != "" {
			s.t.Fatalf("got %s %s, not the end of the stream", event.Name, event.Raw)
		}
	}
}

// WantNothingBefore fails the test when anything comes before the event that do causes, which must be recognised by is.
// It is how "nothing came" is tested without waiting for a time to pass.
func (s *Stream) WantNothingBefore(do func(), is func(Event) bool) {
	s.t.Helper()
	do()
	if event := s.Next(); !is(event) {
		s.t.Fatalf("got %s %s, where nothing should have come", event.Name, event.Raw)
	}
}
