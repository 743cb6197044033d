package verify

import (
	"slices"
	"strings"
	"testing"
)

// Whatever a server streams, the checker neither breaks nor contradicts itself: a promise held exactly when no line says
// otherwise, nothing that came is forgotten, and what had come by then is not lost by what follows.
func FuzzStream(f *testing.F) {
	for _, w := range wrongs() {
		s := truth()
		w.change(s)
		f.Add(strings.Join(s.stream, ""))
	}
	f.Add("id: 9223372036854775807\nevent: message\ndata: {\"id\":\"9223372036854775807\",\"text\":null,\"attributes\":[]}\n\n")
	f.Add("event: reconnect\ndata: null\n\nevent: resync\nid: 0\ndata: {}\n\nevent: online\ndata: {\"sessionId\":\"J1\"}\n\n")
	ofKnown := func(line string) bool {
		return strings.HasPrefix(line, "lost: conversation C: message 1 of") || strings.HasPrefix(line, "lost: conversation C: message 2 of")
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > blockMost/2 {
			return
		}
		s := truth()
		s.stream = append(s.stream, cut, text)
		r := s.tell(t).Check()
		if r.Held() != (len(r.Breaches) == 0) || r.Received < 4 || r.Acknowledged != 4 || slices.ContainsFunc(r.Breaches, ofKnown) {
			t.Fatalf("%+v", r)
		}
		s.stream = []string{text}
		if r := s.tell(t).Check(); r.Held() != (len(r.Breaches) == 0) {
			t.Fatalf("%+v", r)
		}
	})
}
