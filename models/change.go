package models

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// changedFields is what a conversation_updated event shows: the fields of the PATCH that changed something, attributes
// as the merge patch that was applied.
type changedFields struct {
	Name          *jsontext.Value `json:"name,omitzero"`
	Attributes    JSON            `json:"attributes,omitzero"`
	RetentionDays JSON            `json:"retentionDays,omitzero"` // null: the server's
}

// applyTo changes c and tells what changed, as JSON; empty when nothing did.
func (change ConversationChange) applyTo(c *Conversation) (JSON, error) {
	var changed changedFields
	if change.ClearName && c.Name != nil || change.Name != nil && (c.Name == nil || *c.Name != *change.Name) {
		c.Name = change.Name
		name, err := json.Marshal(change.Name)
		if err != nil {
			return "", err
		}
		changed.Name = (*jsontext.Value)(&name)
	}
	if change.Attributes != "" {
		merged, err := mergePatch(jsontext.Value(c.Attributes), jsontext.Value(change.Attributes))
		if err != nil {
			return "", fmt.Errorf("merging attributes: %w", err)
		}
		if len(merged) > maxAttributes {
			return "", Invalidf("attributes", "would grow over %d bytes of JSON", maxAttributes)
		}
		if !JSON(merged).Equal(c.Attributes) {
			c.Attributes, changed.Attributes = JSON(merged), change.Attributes
		}
	}
	if r := change.Retention; r != nil && !equal(r.Days, c.RetentionDays) {
		days, err := json.Marshal(r.Days)
		if err != nil {
			return "", err
		}
		c.RetentionDays, changed.RetentionDays = r.Days, JSON(days)
	}
	if changed == (changedFields{}) {
		return "", nil
	}
	text, err := json.Marshal(changed)
	return JSON(text), err
}

func equal(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

func marshalTo(enc *jsontext.Encoder, value any) error { return json.MarshalEncode(enc, value) }
