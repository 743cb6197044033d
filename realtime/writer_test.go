package realtime

import (
	"net/http/httptest"
	"testing"
	"time"
)

// deadlines records the deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// TestIdleStreamOverHTTP2EndedAfterTenSeconds: a deadline left standing after a write ends an HTTP/2 stream that is idle.
func TestIdleStreamOverHTTP2EndedAfterTenSeconds(t *testing.T) {
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	out := writer{wire: newResponse(w), buffers: &buffers{}}
	if err := out.write(make([]byte, 3*writeChunk)); err != nil {
		t.Fatal(err)
	}
	if len(w.set) < 2 || w.set[0].IsZero() || !w.set[len(w.set)-1].IsZero() {
		t.Fatalf("the deadlines were %v", w.set)
	}
}
