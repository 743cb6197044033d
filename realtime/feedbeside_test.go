package realtime

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rs/xid"

	"parley/models"
)

// TestTransientMessagesKeepTheirPlace among the entries, whether these wait for the feed or come from the database.
func TestTransientMessagesKeepTheirPlace(t *testing.T) {
	log := &memoryLog{id: xid.New().String()}
	node := startNode(t, log, Local{})
	stream := watch(t, node, "Jerry")
	app, err := node.live(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	const entries = 100
	app.hub.mu.Lock() // the feed gets no further than to its first entry
	for i := range entries {
		e := log.commit(func(seq int64) models.Entry { return textEntry(seq, fmt.Sprint(i)) })
		if i != entries/2 { // one is lost on the way
			node.Committed(1, []models.Entry{e})
		}
		if i%10 == 9 {
			if err := node.SendTransient(t.Context(), &models.Message{AppID: 1, ConversationID: "c", From: "Tom", Type: "typing"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	app.hub.mu.Unlock()
	var got, want []int64
	for i := range int64(entries) {
		want = append(want, i+1)
		if i%10 == 9 {
			want = append(want, 0)
		}
	}
	for len(got) < len(want) {
		for _, f := range stream.next(t) {
			got = append(got, f.seq)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("came as %v", got)
	}
}
