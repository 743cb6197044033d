//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"parley/tests/rig"
)

const (
	cpuOf1       = "CPU µs each, server and database"
	callersOwn   = 100 // conversations of the client whose list is asked for
	callersPast  = 40  // messages of the conversation whose history is
	callersSync  = 100 // messages of a page of history sync
	callersGroup = 10  // members of what is created
)

// callers asks what becomes of a call when more callers make it at the same time.
func (g *growth) callers(b *bench) *study {
	s := &study{name: "callers", x: "callers at once", sizes: []int{1, 4, 16, 64, 256, 1024}}
	figureOf := func(name, title, rate string) {
		s.figures = append(s.figures, &figure{name: "callers-" + name, title: title, curves: []curve{{y: rate}, {y: cpuOf1, cost: true}}})
	}
	figureOf("send", fmt.Sprintf("Stored messages, by senders at once (%d streams, %d conversations)", b.clients, b.clients/2), "messages/s")
	figureOf("history", "Pages of history (20 messages), by readers at once", "pages/s")
	figureOf("list", fmt.Sprintf("Lists of 10 of %d own conversations, by readers at once", callersOwn), "lists/s")
	figureOf("create", fmt.Sprintf("New conversations of %d, by creators at once", callersGroup), "conversations/s")
	figureOf("sync", fmt.Sprintf("Pages of history sync (%d messages), by readers at once", callersSync), "pages/s")
	s.measure = func(ctx context.Context, sizes []int, done func(int)) ([][]float64, error) {
		return against(ctx, b.startServer, func(ctx context.Context, t *target, l *rig.Loop) ([][]float64, error) {
			return g.measureCallers(ctx, b, t, l, sizes, done)
		})
	}
	return s
}

func (g *growth) measureCallers(ctx context.Context, b *bench, t *target, l *rig.Loop, sizes []int, done func(int)) ([][]float64, error) {
	questions, err := g.callersQuestions(ctx, t)
	if err != nil {
		return nil, err
	}
	traffic, err := b.pairTraffic(ctx, t, l)
	if err != nil {
		return nil, err
	}
	var rows [][]float64
	for _, callers := range sizes {
		if err := traffic.start(callers - traffic.senders); err != nil {
			return nil, err
		}
		rate, cpu, err := g.sends(ctx, traffic)
		if err != nil {
			return nil, err
		}
		row := []float64{rate, cpu}
		for _, q := range questions {
			rate, _, cpu, err := g.ask(ctx, t, l, callers, q)
			if err != nil {
				return nil, err
			}
			row = append(row, rate, cpu)
		}
		rows = append(rows, row)
		done(callers)
	}
	return rows, nil
}

// callersQuestions makes what is asked for, and gives the questions in the figures' order.
func (g *growth) callersQuestions(ctx context.Context, t *target) ([]question, error) {
	own, err := t.server().ownConversations(ctx, 0, callersOwn)
	if err != nil {
		return nil, err
	}
	for range callersPast {
		if err := t.server().say(ctx, "Tom", own[0], "hello"); err != nil {
			return nil, err
		}
	}
	group, err := json.Marshal(clientNames("member", callersGroup-1))
	if err != nil {
		return nil, err
	}
	create := question{name: "create", client: "creator", status: http.StatusCreated, check: has(`{"id":"`, 1), call: func(int) call {
		return call{method: http.MethodPost, path: "/v1/conversations", body: `{"members":` + string(group) + `}`}
	}}
	sync := get("sync", "", fmt.Sprintf("/v1/messages?after=0&limit=%d", callersSync), has(`{"id":"`, callersSync))
	return []question{
		get("history", "Tom", fmt.Sprintf("/v1/conversations/%s/messages?limit=%d", own[0], historyPage), has(`{"id":"`, historyPage)),
		get("list", "Tom", fmt.Sprintf("/v1/conversations?limit=%d", listPage), has(`"lastMessage":{"id":"`, listPage)),
		create, sync}, nil
}
