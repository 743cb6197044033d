package models_test

import (
	"fmt"
	"strings"
	"testing"

	"parley/models"
	"parley/models/query"
	"parley/tests/harness"
)

// benchConversations is an app of some size: a query that an index does not serve reads all of them.
const benchConversations = 100_000

// BenchmarkQuery asks an app of 100,000 conversations: two members each of 20,000 clients, and a client that is in a tenth.
func BenchmarkQuery(b *testing.B) {
	forEachDatabase(b, func(b *testing.B, url string) {
		s, app := openStoreWith(b, url, models.Options{})
		fillConversations(b, url, app.ID)
		server, client := models.Actor{App: app, Master: true}, models.Actor{App: app, ClientID: "client-777"}
		for _, c := range []struct {
			name string
			by   models.Actor
			q    models.ConversationQuery
		}{
			{"own", client, models.ConversationQuery{}},
			{"own of many", models.Actor{App: app, ClientID: "bot"}, models.ConversationQuery{}},
			{"newest of all", server, models.ConversationQuery{}},
			{"skip 10,000", server, models.ConversationQuery{Skip: 10_000}},
			{"a name", client, models.ConversationQuery{Where: `{"name":"chat 55555"}`}},
			{"part of a name", client, models.ConversationQuery{Where: `{"name":{"$contains":"55"}}`}},
			{"part of a rare name", client, models.ConversationQuery{Where: `{"name":{"$contains":"55555"}}`}},
			{"a common attribute", client, models.ConversationQuery{Where: `{"attributes.topic":"topic 5"}`}},
			{"a rare attribute", client, models.ConversationQuery{Where: `{"attributes.n":55555}`}},
			{"two members", client, models.ConversationQuery{Where: `{"members":{"$all":["client-777","client-778"]}}`}},
			{"two members, one of many", client, models.ConversationQuery{Where: `{"members":{"$all":["bot","client-778"]}}`}},
			{"exactly these members", client, models.ConversationQuery{Where: `{"members":{"$all":["client-777","client-778"],"$size":2}}`}},
			{"sorted by an attribute", client, models.ConversationQuery{Where: `{"attributes.topic":"topic 5"}`, Sort: []string{"-attributes.n"}}},
			{"a common pattern", client, models.ConversationQuery{Where: `{"name":{"$regex":"7$"}}`}},
		} {
			b.Run(c.name, func(b *testing.B) {
				c.q.Limit = 10
				for b.Loop() {
					if _, _, err := s.Conversations(b.Context(), c.by, c.q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// fillConversations writes the rows that the server would.
func fillConversations(b *testing.B, databaseURL string, app uint32) {
	b.Helper()
	db := harness.OpenSQL(b, databaseURL)
	const rows = 500
	for first := 0; first < benchConversations; first += rows {
		var conversations, members, entries []any
		for i := first; i < first+rows; i++ {
			attributes := fmt.Sprintf(`{"topic":"topic %d","n":%d,"tags":["a","b","c %d"],"settings":{"color":"blue","muted":false}}`, i%100, i, i%7)
			id := fmt.Sprintf("c%019d", (i*7919)%benchConversations) // not in the order of activity
			flat := query.Flatten(attributes)
			conversations = append(conversations, app, id, "normal", fmt.Sprintf("chat %d", i), false, attributes, flat, 2, i, i, i, 1)
			for _, entry := range query.Entries(flat) {
				entries = append(entries, app, entry, id)
			}
			for k, name := range []string{fmt.Sprintf("client-%d", i%20_000), fmt.Sprintf("client-%d", (i+1)%20_000), "bot"}[:2+(9-i%10)/9] {
				members = append(members, app, id, name, i+1, i, k)
			}
		}
		for _, statement := range []struct {
			text   string
			values []any
			width  int
		}{
			{"INSERT INTO conversations (app_id, id, type, name, is_unique, attributes, flat_attributes, member_count, created_at, updated_at, active_at, last_seq) VALUES ", conversations, 12},
			{"INSERT INTO members (app_id, conversation_id, client_id, joined_seq, joined_at, ordinal) VALUES ", members, 6},
			{"INSERT INTO conversation_attributes (app_id, entry, conversation_id) VALUES ", entries, 3},
		} {
			row := "(" + strings.TrimSuffix(strings.Repeat("?,", statement.width), ",") + "),"
			text := statement.text + strings.TrimSuffix(strings.Repeat(row, len(statement.values)/statement.width), ",")
			if _, err := db.ExecContext(b.Context(), text, statement.values...); err != nil {
				b.Fatal(err)
			}
		}
	}
}
