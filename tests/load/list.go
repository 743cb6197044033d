//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"parley/tests/rig"
)

// listPage is how many conversations a list shows.
const listPage = 10

// list: a client of many conversations asks for the newest.
func (b *bench) list() *workload {
	const floor = "bare SELECT"
	w := &workload{
		title: fmt.Sprintf("list: the newest %d of a client's %d conversations, %d times one after the other", listPage, b.own, b.calls),
		columns: slices.Concat([]column{{name: "p50 ms", decimals: 3}, {name: "p99 ms", decimals: 3}, {name: "a second", noRatio: true}},
			costColumns("list", 0), []column{residentColumn}),
		aims:  []aim{{columns: []string{"p50 ms"}, most: 3}},
		stock: b.ownStock(b.own),
	}
	w.subjects = []subject{
		{"server", func(ctx context.Context, _ int) ([]float64, error) {
			return b.overStock(ctx, w.stock, b.measureList)
		}},
		{floor, func(ctx context.Context, _ int) ([]float64, error) { return b.measureBareList(ctx, w.stock.database) }},
	}
	return w
}

// ownStock has Tom in a number of conversations, each with another client and a message.
func (b *bench) ownStock(conversations int) *stock {
	return &stock{bench: b, prepare: func(ctx context.Context, t *target) ([]string, error) {
		return t.server().ownConversations(ctx, 0, conversations)
	}}
}

// ownConversations makes the conversations from … to-1 of Tom, each with another client and a message.
func (a *serverAPI) ownConversations(ctx context.Context, from, to int) ([]string, error) {
	others := clientNames("other", to)
	members := make([][]string, 0, to-from)
	for _, other := range others[from:] {
		members = append(members, []string{"Tom", other})
	}
	ids, err := a.converse(ctx, members)
	if err != nil {
		return nil, err
	}
	return ids, sideBySide(len(ids), func(i int) error { return a.say(ctx, "Tom", ids[i], "hello") })
}

// callWarmUp is asked before the measured calls.
const callWarmUp = 50

func (b *bench) measureList(ctx context.Context, t *target, l *rig.Loop) ([]float64, error) {
	next, err := t.server().prepared("Tom", 1, func(int) call { return call{path: fmt.Sprintf("/v1/conversations?limit=%d", listPage)} })
	if err != nil {
		return nil, err
	}
	c, err := newCalls(l, t.Addr, 1, http.StatusOK, next, has(`"lastMessage":{"id":"`, min(listPage, b.own)))
	if err != nil {
		return nil, err
	}
	if err := c.times(ctx, callWarmUp, false); err != nil {
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

// bareList reads the same rows in one statement: the conversations and the newest message of each.
const bareList = `SELECT c.id, c.type, c.name, c.is_unique, c.creator, c.attributes, c.member_count, c.created_at, c.updated_at, c.last_message_at,
	g.seq, g.sender, g.type, g.text, g.attributes, g.payload, g.created_at
	FROM members m JOIN conversations c ON c.app_id = m.app_id AND c.id = m.conversation_id
	JOIN messages g ON g.app_id = c.app_id AND g.conversation_id = c.id AND g.seq = c.last_message_seq
	WHERE m.app_id = 1 AND m.client_id = 'Tom' ORDER BY c.active_at DESC, c.id DESC LIMIT 10`

func (b *bench) measureBareList(ctx context.Context, d *rig.Database) ([]float64, error) {
	bare := &target{database: d}
	var before usage
	var took []time.Duration
	for i := range callWarmUp + b.calls {
		if i == callWarmUp {
			var err error
			if before, err = bare.usage(); err != nil {
				return nil, err
			}
		}
		begun := time.Now()
		if err := d.Read(ctx, min(listPage, b.own), bareList); err != nil {
			return nil, err
		}
		if i >= callWarmUp {
			took = append(took, time.Since(begun))
		}
	}
	return bare.latencyRow(before, took)
}
