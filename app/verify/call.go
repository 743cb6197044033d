package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// Pauses between rounds over all nodes when none of them answers, doubled from the first to the last.
	pauseFirst, pauseLast = 50 * time.Millisecond, time.Second
	// A Retry-After beyond this is not waited for in full: the deployment may have come back long before.
	retryAfterMost = 60 * time.Second
	// The largest answer: a page of the history, with room.
	answerMost = 32 << 20
	// What the code of a problem is made of (API.md, "Conventions").
	codeLetters = "abcdefghijklmnopqrstuvwxyz0123456789_"
)

// call is a call of the API.
type call struct {
	method, path  string
	authorization string
	key           string        // the Idempotency-Key, where there is one
	body          func() []byte // of each attempt; nil: none
	once          bool          // one attempt, on one node
	finish        bool          // an attempt that has begun is not given up with its context, so that its outcome is known
}

// result is an answer that is not to be repeated.
type result struct {
	status   int
	header   http.Header
	body     []byte
	node     string
	attempts int
	doubt    bool // an earlier attempt may have taken effect without its answer having come
}

// refusal is the error of an answer that is not the one wanted.
func (r result) refusal() error {
	var problem struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(r.body, &problem) != nil || problem.Code == "" || strings.Trim(problem.Code, codeLetters) != "" {
		problem.Code, problem.Detail = "no problem+json", string(r.body)
	}
	// Bounded and quoted: what answers may be anything, and this is shown on a terminal.
	return fmt.Errorf("%s answered %d %.60s: %.200q", r.node, r.status, problem.Code, problem.Detail)
}

// into decodes an answer that must have this status.
func (r result) into(status int, value any) error {
	if r.status != status {
		return r.refusal()
	}
	if err := json.Unmarshal(r.body, value); err != nil {
		return fmt.Errorf("%s answered %d with what is not the JSON of the API: %w", r.node, r.status, err)
	}
	return nil
}

// do makes a call on one node after the other until it is answered or ctx ends. A 429, and a 5xx of every node, are
// waited out, as long as Retry-After says.
func (d *Deployment) do(ctx context.Context, c call) (r result, err error) {
	if ctx.Err() != nil { // also where attempts are finished: this one has not begun
		return r, fmt.Errorf("%s %s: %w", c.method, c.path, ctx.Err())
	}
	pause, wait := pauseFirst, time.Duration(0)
	for tried := 1; ; tried++ {
		doubt := r.doubt
		r, err = d.attempt(ctx, c)
		r.attempts, r.doubt = tried, doubt
		if err == nil && r.status != http.StatusTooManyRequests && r.status < http.StatusInternalServerError {
			return r, nil
		}
		if err == nil {
			err = r.refusal()
		}
		r.doubt = r.doubt || r.status >= http.StatusInternalServerError || r.status == 0 && !notSent(err)
		if ctx.Err() != nil || c.once {
			return r, fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
		wait = max(wait, retryAfter(r.header))
		if r.status != http.StatusTooManyRequests && tried%len(d.urls) != 0 {
			continue // the next node may be well
		}
		if sleep(ctx, max(wait, pause/2+rand.N(pause))) != nil {
			return r, fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
		pause, wait = min(2*pause, pauseLast), 0
	}
}

// attempt makes a call on the next node. A status of 0 means that no whole answer came.
func (d *Deployment) attempt(ctx context.Context, c call) (r result, err error) {
	if c.finish {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	r.node = d.node()
	var body io.Reader
	if c.body != nil {
		body = bytes.NewReader(c.body())
	}
	request, err := http.NewRequestWithContext(ctx, c.method, r.node+c.path, body)
	if err != nil {
		return r, err
	}
	request.Header.Set("Authorization", c.authorization)
	if c.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		request.Header.Set("Idempotency-Key", c.key)
	}
	response, err := d.http.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	r.body, err = io.ReadAll(io.LimitReader(response.Body, answerMost+1))
	if err == nil && len(r.body) > answerMost {
		err = fmt.Errorf("%s answered with more than %d bytes", r.node, answerMost)
	}
	if err != nil {
		return r, err
	}
	r.status, r.header = response.StatusCode, response.Header
	return r, nil
}

// notSent tells whether a call failed before its request could go out.
func notSent(err error) bool {
	failure, ok := errors.AsType[*net.OpError](err)
	return ok && failure.Op == "dial"
}

// retryAfter reads the header, in seconds or as a date; 0 without one.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), retryAfterMost)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), retryAfterMost)
	}
	return 0
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
