//go:build linux

package main

import (
	"fmt"
	"testing"
	"time"
)

// TestStreamIsReadHoweverItIsCut hands a response to the reader in two parts, cut at every byte.
func TestStreamIsReadHoweverItIsCut(t *testing.T) {
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	message := func(id, number int) string {
		return fmt.Sprintf("id: %d\nevent: message\ndata: {\"id\":\"%d\",\"conversationId\":\"c\",\"text\":\"%s\"}\n\n", id, id, textOf(int64(number), 9))
	}
	whole := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
		chunk("retry: 1500\nid: 7\nevent: online\ndata: {}\n\n") + chunk(message(8, 0)+message(9, 1)[:20]) + chunk(message(9, 1)[20:]) +
		chunk("event: message\ndata: {\"conversationId\":\"r\",\"text\":\"typing\"}\n\nevent: online\ndata: {}\n\n") +
		chunk("id: 10\nevent: members_left\ndata: {\"conversationId\":\"c\"}\n\n") + chunk("id: 12\n\n")
	for cut := range len(whole) {
		l := newLedger(&findings{})
		s := &stream{readers: &readers{ledger: l, findings: l.findings}, track: l.follow("Tom"), phase: opening}
		for _, part := range []string{whole[:cut], whole[cut:]} {
			if err := s.Received([]byte(part), time.Time{}); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
		come := fmt.Sprint(s.track.come)
		if want := fmt.Sprint([]entry{{8, 0}, {9, 1}, {10, eventNumber}}); come != want || s.last != 12 || s.track.start != 7 || s.phase != live || s.readers.transient != 1 {
			t.Fatalf("cut at %d: %s came, not %s; %+v", cut, come, want, s)
		}
	}
}

func TestNumbersAreRead(t *testing.T) {
	if number, ok := numberOf(textOf(123, 40)); !ok || number != 123 {
		t.Errorf("%d, %v", number, ok)
	}
	for _, text := range []string{"", "hello", "n5", "5 x", "nx x", "n-1 x"} {
		if _, ok := numberOf(text); ok {
			t.Errorf("%q has a number", text)
		}
	}
}
