package realtime

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json"

	"parley/models"
)

// TestPersonalMessageIsNobodysOnAnOlderNode: on the wire it carries what a node needs that knows of audiences, and one that does not finds no
// conversation with that id.
func TestPersonalMessageIsNobodysOnAnOlderNode(t *testing.T) {
	for _, audience := range []models.Audience{models.ToMembers, models.ToSubscribers, models.ToEveryone, models.ToNamed, models.ToServer} {
		e := textEntry(1, "hello")
		e.Message.Audience, e.Message.Recipients, e.Message.ValidUntil = audience, models.ClientList{"Tom"}, 1800000000123
		data, err := encodeAnnouncement(Announcement{Log: "l", Entries: []models.Entry{e}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := decodeAnnouncement(data)
		if err != nil {
			t.Fatal(err)
		}
		got := a.Entries[0].Message
		if got.Audience != audience || got.ConversationID != "c" || !slices.Equal(got.Recipients, e.Message.Recipients) || got.ValidUntil != e.Message.ValidUntil {
			t.Errorf("audience %d came as %+v", audience, got)
		}
		var older struct {
			Entries []struct {
				Message models.Message `json:"message"`
			} `json:"entries"`
		}
		if err := json.Unmarshal(data, &older); err != nil {
			t.Fatal(err)
		}
		personal := audience == models.ToNamed || audience == models.ToServer
		if (older.Entries[0].Message.ConversationID != "c") != personal {
			t.Errorf("an older node takes audience %d for a message of %q", audience, older.Entries[0].Message.ConversationID)
		}
		if e.Message.ConversationID != "c" {
			t.Error("encoding has changed what is shared")
		}
	}
}
