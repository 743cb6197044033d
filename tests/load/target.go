//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"parley/tests/rig"
)

// target is a started server or floor.
type target struct {
	*rig.Process
	api
	database *rig.Database  // nil: the floor stores nothing
	others   []*rig.Process // further nodes of the server, on the same database
	broker   int            // the process of the broker between them; 0: there is none
	idle     bool           // nobody connects to the others
}

// addrOf spreads connections over the nodes.
func (t *target) addrOf(i int) string {
	if i %= len(t.others) + 1; i > 0 && !t.idle {
		return t.others[i-1].Addr
	}
	return t.Addr
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

func (t *target) Stop() error {
	err := t.Process.Stop()
	for _, p := range t.others {
		err = errors.Join(err, p.Stop())
	}
	if t.database != nil {
		err = errors.Join(err, t.database.Drop())
	}
	return err
}

// counters of the server that the tables show.
const slowReaders = "parley_slow_readers_total"

// counter reads one of the server's own metrics, all apps together.
func (t *target) counter(ctx context.Context, name string) (float64, error) {
	values, err := t.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	value, found := values[name]
	if !found {
		return 0, fmt.Errorf("/metrics has no %s", name)
	}
	return value, nil
}

// profileDuring takes a CPU profile of the server for a time; the returned function waits for it to be written.
func (t *target) profileDuring(ctx context.Context, duration time.Duration, path string) func() error {
	if path == "" || t.Admin == "" {
		return func() error { return nil }
	}
	seconds := max(int(duration.Seconds()), 1)
	return t.profile(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), path)
}

// profile fetches a profile into a file, in the background.
func (t *target) profile(ctx context.Context, from, path string) func() error {
	done := make(chan error, 1)
	go func() {
		data, err := t.Fetch(ctx, from)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}
