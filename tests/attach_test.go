package tests

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"parley/models"
	"parley/realtime"
	. "parley/tests/harness"
)

// disturbed does something between a stream's read of the counter and its read of the memberships.
type disturbed struct {
	*models.Store
	once sync.Once
	do   func()
}

func (d *disturbed) Spans(ctx context.Context, appID uint32, clientID string, after int64) ([]models.Span, error) {
	d.once.Do(d.do)
	return d.Store.Spans(ctx, appID, clientID, after)
}

// TestKickedIsLostWhenAConversationIsDeletedWhileAStreamOpens puts each change of membership between the two reads.
func TestKickedIsLostWhenAConversationIsDeletedWhileAStreamOpens(t *testing.T) {
	t.Parallel()
	changes := map[string]struct {
		want string
		do   func(ctx context.Context, s *models.Store, tom, server models.Actor, id string) error
	}{
		"deleted": {"kicked", func(ctx context.Context, s *models.Store, _, server models.Actor, id string) error {
			return s.RemoveConversation(ctx, server, id)
		}},
		"kicked": {"kicked", func(ctx context.Context, s *models.Store, tom, _ models.Actor, id string) error {
			_, err := s.KickMembers(ctx, tom, id, []string{"Jerry"})
			return err
		}},
		"kicked and added again": {"kicked", func(ctx context.Context, s *models.Store, tom, _ models.Actor, id string) error {
			if _, err := s.KickMembers(ctx, tom, id, []string{"Jerry"}); err != nil {
				return err
			}
			_, err := s.AddMembers(ctx, tom, id, []string{"Jerry"})
			return err
		}},
		"invited elsewhere": {"invited", func(ctx context.Context, s *models.Store, tom, _ models.Actor, _ string) error {
			_, _, err := s.CreateConversation(ctx, tom, models.NewConversation{Members: []string{"Jerry"}})
			return err
		}},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				ctx := t.Context()
				var node *realtime.Node
				store, err := models.Open(ctx, db, models.Options{
					PublishCommitted: func(appID uint32, entries []models.Entry) { node.Committed(appID, entries) }})
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				app, _, err := store.Bootstrap(ctx, models.Credentials{})
				if err != nil {
					t.Fatal(err)
				}
				log := &disturbed{Store: store}
				node = realtime.NewNode(log, realtime.Options{})
				if err := node.Start(ctx); err != nil {
					t.Fatal(err)
				}
				tom := models.Actor{App: app, ClientID: "Tom"}
				c, _, err := store.CreateConversation(ctx, tom, models.NewConversation{Members: []string{"Jerry"}})
				if err != nil {
					t.Fatal(err)
				}
				log.do = func() {
					if err := change.do(ctx, store, tom, models.Actor{App: app, Master: true}, c.ID); err != nil {
						t.Error(err)
					}
				}
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := node.Serve(r.Context(), w, realtime.StreamRequest{AppID: app.ID, ClientID: "Jerry",
						Expiry: func(context.Context) (models.Timestamp, error) { return 0, nil }}); err != nil {
						t.Error(err)
					}
				}))
				defer server.Close()
				defer node.Close()
				deadline, cancel := context.WithTimeout(ctx, Deadline)
				defer cancel()
				request, err := http.NewRequestWithContext(deadline, "GET", server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := http.DefaultTransport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				stream := &RawStream{Body: bufio.NewReader(response.Body)}
				for _, want := range []string{"online", change.want} {
					block, err := stream.Block()
					if err != nil {
						t.Fatalf("waiting for %s: %v", want, err)
					}
					if _, got, _ := ParseBlock(block); got != want {
						t.Fatalf("got %q, not %s", block, want)
					}
				}
			})
		})
	}
}
