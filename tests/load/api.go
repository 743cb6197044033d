//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// serverAPI talks to the server: conversations are made with the master key, everything else is done with tokens that
// the app has signed itself, each of which is a session of its own.
type serverAPI struct {
	base string
	http *http.Client
}

// setUpAtOnce is how many calls prepare a workload side by side.
const setUpAtOnce = 16

// membersPerCall is the contract's limit of client ids in one call.
const membersPerCall = 500

func newAPI(addr string) *serverAPI {
	return &serverAPI{base: "http://" + addr, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: setUpAtOnce}}}
}

func (a *serverAPI) converse(ctx context.Context, members [][]string) ([]string, error) {
	ids, failures := make([]string, len(members)), make([]error, setUpAtOnce)
	next := make(chan int)
	var workers sync.WaitGroup
	for w := range setUpAtOnce {
		workers.Go(func() {
			for i := range next {
				if failures[w] == nil {
					ids[i], failures[w] = a.create(ctx, members[i])
				}
			}
		})
	}
	for i := range members {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
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

func (a *serverAPI) post(ctx context.Context, path string, body any, want int, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.SetBasicAuth(appID, masterKey)
	r.Header.Set("Content-Type", "application/json")
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
	token, err := signedToken(client, "listening")
	return request(http.MethodGet, "/v1/stream", "", "Authorization", "Bearer "+token), err
}

// message sends by another session than the one that listens, so that the client's own stream gets it too.
func (a *serverAPI) message(client, conversation, text string) ([]byte, error) {
	token, err := signedToken(client, "sending")
	return request(http.MethodPost, "/v1/conversations/"+conversation+"/messages", textBody(text), "Authorization", "Bearer "+token), err
}

// signedToken signs a token as the app's own server would; each device has its own.
func signedToken(client, device string) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": appID, "sub": client, "jti": device,
		"exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(signingSecret))
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

func (hubAPI) stream(_, conversation string) ([]byte, error) {
	return request(http.MethodGet, "/stream?room="+conversation, ""), nil
}

func (hubAPI) message(client, conversation, text string) ([]byte, error) {
	return request(http.MethodPost, "/rooms/"+conversation+"/messages?from="+client, textBody(text)), nil
}
