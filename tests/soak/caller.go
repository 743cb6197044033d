//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"parley/tests/rig"
)

type object map[string]any

// caller calls the server and counts how it was answered. An answer that is not expected is a finding, and an error for whoever called.
type caller struct {
	base     string
	http     *http.Client
	findings *findings

	mu     sync.Mutex
	counts map[string]int
}

const (
	// Kept open between calls: as many as ever call at once.
	callerConnections = 96
	// The server's own limit for a call is 20 s.
	callTimeout = 30 * time.Second
)

func newCaller(addr string, f *findings) *caller {
	return &caller{base: "http://" + addr, findings: f, counts: map[string]int{},
		http: &http.Client{Timeout: callTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: callerConnections, MaxConnsPerHost: callerConnections}}}
}

// call is one request.
type call struct {
	kind          string // as it is counted
	method        string // empty: GET
	path          string
	token         string // empty: the master key
	authorization string // instead of a token
	body          any    // JSON, or bytes of the content type
	contentType   string
	want          int   // empty: 200
	or            []int // further statuses that are in order
}

// hangUp closes the connections that nobody uses.
func (c *caller) hangUp() { c.http.CloseIdleConnections() }

// do makes a call and gives its status and body.
func (c *caller) do(ctx context.Context, q call) (int, []byte, error) {
	status, body, err := c.exchange(ctx, q)
	if ctx.Err() != nil {
		return 0, nil, ctx.Err() // at the end of a run calls are given up
	}
	want := cmp.Or(q.want, http.StatusOK)
	if err == nil && status != want && !slices.Contains(q.or, status) {
		err = fmt.Errorf("answered %d: %.300s", status, body)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", q.kind, err)
		c.findings.add("%v", err)
		return status, body, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[fmt.Sprintf("%s: %d", q.kind, status)]++
	return status, body, nil
}

func (c *caller) exchange(ctx context.Context, q call) (int, []byte, error) {
	var body io.Reader
	if q.body != nil {
		data, ok := q.body.([]byte)
		if !ok {
			var err error
			if data, err = json.Marshal(q.body); err != nil {
				return 0, nil, err
			}
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(q.method, http.MethodGet), c.base+q.path, body)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", cmp.Or(q.contentType, "application/json"))
	}
	switch {
	case q.authorization != "":
		r.Header.Set("Authorization", q.authorization)
	case q.token != "":
		r.Header.Set("Authorization", "Bearer "+q.token)
	default:
		r.Header.Set("Authorization", rig.MasterCredentials())
	}
	response, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// ask makes a call and decodes the answer.
func (c *caller) ask(ctx context.Context, q call, into any) error {
	_, body, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// answers tells how often what was answered how, in the order of the names.
func (c *caller) answers() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for what, n := range c.counts {
		lines = append(lines, fmt.Sprintf("%s × %d", what, n))
	}
	slices.Sort(lines)
	return lines
}
