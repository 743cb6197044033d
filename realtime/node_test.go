package realtime

import (
	"context"
	"net/http/httptest"
	"testing"

	"parley/models"
)

// TestAppThatANodeMeetsDuringItsStop: one that was made since the last look began a stream that nobody ended, and that held the stop up.
func TestAppThatANodeMeetsDuringItsStop(t *testing.T) {
	node := NewNode(&memoryLog{id: "log"}, Options{}) // not started: it knows no app
	node.Close()
	gone, cancel := context.WithCancel(t.Context())
	cancel() // otherwise a stream that is served has no end
	err := node.Serve(gone, httptest.NewRecorder(), StreamRequest{AppID: 1, ClientID: "Jerry",
		Expiry: func(context.Context) (models.Timestamp, error) { return 0, nil }})
	if !models.HasCode(err, CodeStopping) {
		t.Errorf("a stream is answered %v", err)
	}
}
