//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"parley/tests/rig"
)

// serverAPI talks to the server: conversations are made with the master key, everything else is done with tokens that
// the app has signed itself, each of which is a session of its own.
type serverAPI struct {
	base    string
	http    *http.Client
	expires time.Time // of all tokens
}

// setUpAtOnce is how many calls prepare a workload side by side.
const setUpAtOnce = 16

// membersPerCall is the contract's limit of client ids in one call.
const membersPerCall = 500

func newAPI(addr string) *serverAPI {
	return &serverAPI{base: "http://" + addr, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: setUpAtOnce}},
		expires: time.Now().Add(time.Hour)}
}

func (a *serverAPI) converse(ctx context.Context, members [][]string) ([]string, error) {
	ids := make([]string, len(members))
	err := sideBySide(len(members), func(i int) (err error) {
		ids[i], err = a.create(ctx, members[i])
		return err
	})
	return ids, err
}

// sideBySide does something 0 … n-1 times, some at once; a worker that fails stops.
func sideBySide(n int, do func(i int) error) error {
	failures := make([]error, setUpAtOnce)
	next := make(chan int)
	var workers sync.WaitGroup
	for w := range setUpAtOnce {
		workers.Go(func() {
			for i := range next {
				if failures[w] == nil {
					failures[w] = do(i)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	return errors.Join(failures...)
}

func (a *serverAPI) openRoom(ctx context.Context) (string, error) {
	var answer struct{ ID string }
	err := a.post(ctx, "/v1/conversations", map[string]any{"type": "chatroom"}, http.StatusCreated, &answer)
	return answer.ID, err
}

func (a *serverAPI) join(ctx context.Context, room string, clients []string) error {
	return sideBySide(len(clients), func(i int) error {
		token, err := a.signedToken(clients[i], "listening")
		if err != nil {
			return err
		}
		return a.call(ctx, "/v1/conversations/"+room+"/join", nil, "Bearer "+token, http.StatusOK, &struct{}{})
	})
}

func (a *serverAPI) create(ctx context.Context, members []string) (id string, err error) {
	for some := range slices.Chunk(members, membersPerCall) {
		path, want := "/v1/conversations", http.StatusCreated
		if id != "" {
			path, want = path+"/"+id+"/members", http.StatusOK
		}
		var answer struct{ ID string }
		if err := a.post(ctx, path, map[string]any{"members": some}, want, &answer); err != nil {
			return "", err
		}
		if id == "" {
			id = answer.ID
		}
	}
	return id, nil
}

// post calls with the master key.
func (a *serverAPI) post(ctx context.Context, path string, body any, want int, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return a.call(ctx, path, data, rig.MasterCredentials(), want, into)
}

func (a *serverAPI) call(ctx context.Context, path string, data []byte, authorization string, want int, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", authorization)
	if data != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := a.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != want {
		return fmt.Errorf("POST %s: %s: %.1000s", path, response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}

func (a *serverAPI) stream(client, _ string) ([]byte, error) {
	token, err := a.signedToken(client, "listening")
	return rig.Request(http.MethodGet, "/v1/stream", "", "Authorization", "Bearer "+token), err
}

// message sends by another session than the one that listens, so that the client's own stream gets it too.
func (a *serverAPI) message(client, conversation, text string) ([]byte, error) {
	token, err := a.signedToken(client, "sending")
	return rig.Request(http.MethodPost, "/v1/conversations/"+conversation+"/messages", textBody(text), "Authorization", "Bearer "+token), err
}

// call is one that a client makes.
type call struct {
	method string // empty: GET
	path   string
	body   string // JSON
}

// prepared gives a client's requests by their number, made beforehand: after the last comes the first again. Without a client
// they are the app's own server's.
func (a *serverAPI) prepared(client string, n int, make func(i int) call) (func(i int) []byte, error) {
	credentials := rig.MasterCredentials()
	if client != "" {
		token, err := a.signedToken(client, "sending")
		if err != nil {
			return nil, err
		}
		credentials = "Bearer " + token
	}
	requests := [][]byte{}
	for i := range n {
		c := make(i)
		requests = append(requests, rig.Request(cmp.Or(c.method, http.MethodGet), c.path, c.body, "Authorization", credentials))
	}
	return func(i int) []byte { return requests[i%n] }, nil
}

// say sends a text.
func (a *serverAPI) say(ctx context.Context, client, conversation, text string) error {
	token, err := a.signedToken(client, "sending")
	if err != nil {
		return err
	}
	return a.call(ctx, "/v1/conversations/"+conversation+"/messages", []byte(textBody(text)), "Bearer "+token, http.StatusCreated, &struct{}{})
}

// signedToken gives each device of a client its own token, and always the same: another token would be another session.
func (a *serverAPI) signedToken(client, device string) (string, error) {
	return rig.SignedToken(client, device, a.expires)
}

// textBody: the texts here need no escapes.
func textBody(text string) string { return `{"type":"text","text":"` + text + `"}` }

// hubAPI talks to the bare hub. Ids and names are as long as the server's, so that as many bytes go over the wire.
type hubAPI struct{}

func (hubAPI) converse(_ context.Context, members [][]string) ([]string, error) {
	ids := make([]string, len(members))
	for i := range ids {
		ids[i] = fmt.Sprintf("room%016d", i)
	}
	return ids, nil
}

func (hubAPI) openRoom(context.Context) (string, error) { return "room0000000000000000", nil }

func (hubAPI) join(context.Context, string, []string) error { return nil } // a stream is opened inside

func (hubAPI) stream(_, conversation string) ([]byte, error) {
	return rig.Request(http.MethodGet, "/stream?room="+conversation, ""), nil
}

func (hubAPI) message(client, conversation, text string) ([]byte, error) {
	return rig.Request(http.MethodPost, "/rooms/"+conversation+"/messages?from="+client, textBody(text)), nil
}
