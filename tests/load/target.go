//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// target is a started server or floor.
type target struct {
	*process
	api
	database *database  // nil: the floor stores nothing
	others   []*process // further nodes of the server, on the same database
	broker   int        // the process of the broker between them; 0: there is none
	idle     bool       // nobody connects to the others
}

// addrOf spreads connections over the nodes.
func (t *target) addrOf(i int) string {
	if i %= len(t.others) + 1; i > 0 && !t.idle {
		return t.others[i-1].addr
	}
	return t.addr
}

// api is how a target is talked to: the only thing in which server and floor differ for the load.
type api interface {
	// converse makes conversations of these members and gives their ids.
	converse(ctx context.Context, members [][]string) ([]string, error)
	// openRoom makes a chat room and gives its id; join lets clients whose streams are open enter it.
	openRoom(ctx context.Context) (string, error)
	join(ctx context.Context, room string, clients []string) error
	// stream gives the request that opens a client's stream; a floor's stream shows one conversation.
	stream(client, conversation string) ([]byte, error)
	// message gives the request that sends a text.
	message(client, conversation, text string) ([]byte, error)
}

// server is the API of a target that is no floor.
func (t *target) server() *serverAPI { return t.api.(*serverAPI) }

func (t *target) stop() error {
	err := t.process.stop()
	for _, p := range t.others {
		err = errors.Join(err, p.stop())
	}
	if t.database != nil {
		err = errors.Join(err, t.database.drop())
	}
	return err
}

// request puts an HTTP/1.1 request together.
func request(method, path, body string, headers ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, path)
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.WriteString(body)
	return []byte(b.String())
}

// counters of the server that the tables show.
const slowReaders = "parley_slow_readers_total"

// counter reads one of the server's own metrics, all apps together.
func (t *target) counter(ctx context.Context, name string) (float64, error) {
	body, err := t.fetch(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for line := range bytes.Lines(body) {
		series, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if family, _, _ := bytes.Cut(series, []byte("{")); string(family) != name {
			continue
		}
		n, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("/metrics has no %s", name)
	}
	return sum, nil
}

// profileDuring takes a CPU profile of the server for a time; the returned function waits for it to be written.
func (t *target) profileDuring(ctx context.Context, duration time.Duration, path string) func() error {
	if path == "" || t.admin == "" {
		return func() error { return nil }
	}
	seconds := max(int(duration.Seconds()), 1)
	return t.profile(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), path)
}

// profile fetches a profile into a file, in the background.
func (t *target) profile(ctx context.Context, from, path string) func() error {
	done := make(chan error, 1)
	go func() {
		data, err := t.fetch(ctx, from)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}

func (t *target) fetch(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}
