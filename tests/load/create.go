//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"parley/tests/rig"
)

// createMembers is how many clients a created conversation has, its creator among them.
const createMembers = 100

// createClients are those of whom the members are taken.
const createClients = 10_000

// create: conversations with a hundred members are made, one after the other.
func (b *bench) create() *workload {
	w := &workload{
		title: fmt.Sprintf("create: %d conversations of %d members, one after the other; beside the same rows in one bare transaction each", b.calls, createMembers),
		columns: slices.Concat([]column{{name: "p50 ms", decimals: 2}, {name: "p99 ms", decimals: 2}, {name: "a second", noRatio: true}},
			costColumns("conversation", 0), []column{residentColumn}),
		aims:  []aim{{columns: []string{"p50 ms"}, most: 10}},
		stock: b.newStock(0, 0),
	}
	w.subjects = []subject{
		{"server", func(ctx context.Context, _ int) ([]float64, error) {
			return b.overStock(ctx, w.stock, b.measureCreate)
		}},
		{"bare INSERTs", func(ctx context.Context, round int) ([]float64, error) {
			return b.measureBareCreate(ctx, w.stock.database, round)
		}},
	}
	return w
}

// createWarmUp is made before the measured ones.
const createWarmUp = 20

// membersOf are those of the i-th conversation.
func membersOf(clients []string, i int) []string {
	from := i * createMembers % len(clients)
	return clients[from : from+createMembers]
}

func (b *bench) measureCreate(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
	clients := clientNames("client", createClients)
	next, err := t.server().prepared("creator", createClients/createMembers, func(i int) call {
		members, _ := json.Marshal(membersOf(clients, i)[1:]) // strings; the creator is the hundredth
		return call{method: http.MethodPost, path: "/v1/conversations", body: `{"members":` + string(members) + `}`}
	})
	if err != nil {
		return nil, err
	}
	c, err := newCalls(l, t.Addr, 1, http.StatusCreated, next, has(fmt.Sprintf(`"memberCount":%d`, createMembers), 1))
	if err != nil {
		return nil, err
	}
	if err := c.times(ctx, createWarmUp, false); err != nil {
		return nil, err
	}
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	if err := c.times(ctx, b.calls, true); err != nil {
		return nil, err
	}
	return t.latencyRow(before, c.took)
}

func (b *bench) measureBareCreate(ctx context.Context, d *rig.Database, round int) ([]float64, error) {
	clients, bare := clientNames("client", createClients), &target{database: d}
	var before usage
	var took []time.Duration
	for i := range createWarmUp + b.calls {
		if i == createWarmUp {
			var err error
			if before, err = bare.usage(); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		if err := insertConversation(ctx, d, fmt.Sprintf("bare%06d%010d", round, i), membersOf(clients, i)); err != nil {
			return nil, err
		}
		if i >= createWarmUp {
			took = append(took, time.Since(begun))
		}
	}
	return bare.latencyRow(before, took)
}

// insertConversation writes what the server writes for a new conversation: its row, its members, the entry that tells
// of it, the counter.
func insertConversation(ctx context.Context, d *rig.Database, id string, members []string) error {
	var seq int64
	if err := d.DB.QueryRowContext(ctx, "SELECT seq + 1 FROM counters").Scan(&seq); err != nil {
		return err
	}
	names, _ := json.Marshal(members) // strings
	var rows strings.Builder
	for i, client := range members {
		fmt.Fprintf(&rows, ",(1,'%s','%s',%d,%d,%d,'%s')", id, client, seq, seq, i, members[0])
	}
	return d.Transaction(ctx,
		rig.Statement{SQL: "INSERT INTO conversations (app_id, id, type, is_unique, creator, attributes, member_count, created_at, updated_at, active_at, last_seq) VALUES (1, ?, 'normal', FALSE, ?, '{}', ?, ?, ?, ?, ?)", Args: []any{id, members[0], len(members), seq, seq, seq, seq}},
		rig.Statement{SQL: "INSERT INTO members (app_id, conversation_id, client_id, joined_seq, joined_at, ordinal, invited_by) VALUES " + rows.String()[1:]},
		rig.Statement{SQL: "INSERT INTO events (app_id, conversation_id, seq, kind, actor, body, created_at) VALUES (1, ?, ?, 'conversation_created', ?, ?, ?)", Args: []any{id, seq, members[0], `{"members":` + string(names) + `}`, seq}},
		rig.Statement{SQL: "UPDATE counters SET seq = ?", Args: []any{seq}})
}
