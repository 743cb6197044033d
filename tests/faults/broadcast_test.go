package faults

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	. "parley/tests/harness"
)

// TestBroadcastsCutAtCommit: however often the connection to the database is lost at COMMIT, every broadcast is answered 201,
// is there once and is shown once.
func TestBroadcastsCutAtCommit(t *testing.T) {
	t.Parallel()
	proxy, db := NewProxy(t, NeedMySQL(t))
	s := Start(t, db, quiet)
	master, reader := s.Master(t, ""), s.Master(t, "Reader")
	system := master.Do(t, "POST", "/v1/conversations", JSON{"type": "system"}).Want(http.StatusCreated).Object()["id"].(string)
	reader.Do(t, "POST", "/v1/conversations/"+system+"/join", nil).Want(http.StatusOK)
	stream := reader.Listen(t, "")
	stream.Want("online")
	cutter := newCutter(proxy, pick(30, 300))
	var want []string
	for i := 0; !cutter.over(); i++ {
		text := fmt.Sprint(i)
		to := []any{"subscribers", "everyone", []string{"Reader"}}[i%3]
		var key []string
		if i%2 == 0 {
			key = []string{"Idempotency-Key", text}
		}
		master.Do(t, "POST", "/v1/conversations/"+system+"/broadcast", JSON{"to": to, "message": JSON{"type": "text", "text": text}}, key...).Want(http.StatusCreated)
		if i%5 == 0 {
			text += " answered"
			reader.Do(t, "POST", "/v1/conversations/"+system+"/messages", JSON{"type": "text", "text": text}).Want(http.StatusCreated)
			want = append(want, fmt.Sprint(i))
		}
		want = append(want, text)
	}
	t.Logf("%d messages through %v", len(want), cutter)
	for _, text := range want {
		if got := stream.Want("message").Data["text"]; got != text {
			t.Fatalf("got %v, not %v", got, text)
		}
	}
	if got := reader.Texts(t, system); !slices.Equal(got, want) {
		t.Errorf("the history has %d messages, and %d were sent", len(got), len(want))
	}
}
