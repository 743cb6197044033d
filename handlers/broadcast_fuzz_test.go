package handlers

import (
	"testing"

	"github.com/go-json-experiment/json"

	"parley/models"
)

// FuzzBroadcast: whatever is sent, a request that is understood is for one of the three audiences, with names where and only where
// there are to be some, and what is wrong names a field.
func FuzzBroadcast(f *testing.F) {
	for _, seed := range []string{
		`{"to":"subscribers","message":{"type":"text","text":"a"}}`, `{"to":["Tom"],"message":{},"validUntil":"2026-11-23T08:33:00.123Z"}`,
		`{"to":"everyone","message":{"type":"x","payload":[1]},"validUntil":null}`, `{"to":[],"message":{}}`, `{"to":{},"message":{}}`,
		`{"to":null,"message":null}`, `{"to":["a",1]}`, `{"to":"nobody"}`, `{"validUntil":"tomorrow","to":"everyone"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var request BroadcastRequest
		if Unmarshal([]byte(body), &request) != nil {
			return
		}
		b, err := request.broadcast()
		if err != nil {
			e, told := err.(*models.Error)
			if !told || len(e.Fields) == 0 {
				t.Fatalf("%q is refused with %v", body, err)
			}
			return
		}
		switch {
		case b.To != models.ToNamed && b.Named == nil && (b.To == models.ToSubscribers || b.To == models.ToEveryone):
		case b.To == models.ToNamed:
			var again []string
			if err := json.Unmarshal([]byte(request.To), &again); err != nil || len(again) != len(b.Named) {
				t.Fatalf("%q names %v", body, b.Named)
			}
		default:
			t.Fatalf("%q is for audience %d, %v", body, b.To, b.Named)
		}
	})
}
