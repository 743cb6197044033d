package models

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/xid"
	"gorm.io/gorm"

	"parley/models/query"
)

// Normal is the type of one-to-one chats and groups; the contract's other types come with their own rules.
const Normal = "normal"

// maxAttributes bounds what merged attributes can grow to, in bytes of JSON: as much as one request may carry.
const maxAttributes = 32768

// Conversation is a channel between its members, as it is stored and as the API shows it.
type Conversation struct {
	AppID          uint32       `json:"-" gorm:"primaryKey;autoIncrement:false"`
	ID             string       `json:"id" gorm:"primaryKey" example:"cq3v0d8s7k5s73d1g0ag"`
	Type           string       `json:"type" example:"normal" enums:"normal,chatroom,system,temporary"`
	Name           *string      `json:"name" extensions:"x-nullable" example:"Tom & Jerry"`
	Unique         bool         `json:"unique" gorm:"column:is_unique"`
	UniqueKey      []byte       `json:"-"`
	TTL            *int         `json:"ttl,omitzero" validate:"optional" minimum:"1" maximum:"2592000" example:"86400"`                                    // of a temporary one: its life in seconds
	ExpiresAt      *Timestamp   `json:"expiresAt,omitzero" swaggertype:"string" format:"date-time" validate:"optional" example:"2026-11-24T08:33:00.123Z"` // of a temporary one: from then on it is gone
	Creator        *string      `json:"creator" extensions:"x-nullable" example:"Tom"`                                                                     // null: the app's own server
	Members        []string     `json:"members,omitzero" gorm:"-" example:"Tom,Jerry" validate:"optional"`                                                 // in the order of joining; absent where PARLEY_HIDE_MEMBERS hides them
	MemberCount    int          `json:"memberCount" example:"2"`
	Attributes     JSON         `json:"attributes" swaggertype:"object"`
	FlatAttributes []byte       `json:"-" gorm:"->:false;<-"` // the attributes as queries look into them; written, never read
	CreatedAt      Timestamp    `json:"createdAt" gorm:"autoCreateTime:false" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	UpdatedAt      Timestamp    `json:"updatedAt" gorm:"autoUpdateTime:false" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	ActiveAt       Timestamp    `json:"-"` // the last message's time, or else the creation's: what the own list is sorted by
	LastSeq        int64        `json:"-"` // of the newest entry of any kind
	LastMessageSeq *int64       `json:"-"`
	RetentionDays  *int         `json:"retentionDays,omitzero" validate:"optional" minimum:"0" maximum:"36500" example:"30"` // where it is not the server's: messages older than this are removed; 0 keeps all
	FloorSeq       int64        `json:"-"`                                                                                   // up to here messages have been removed by that
	LastMessageAt  *Timestamp   `json:"lastMessageAt" extensions:"x-nullable" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	LastMessage    *LastMessage `json:"lastMessage,omitzero" gorm:"-" extensions:"x-nullable" validate:"optional"` // members and the master key only
}

// LastMessage is a conversation's newest message; null when it has none.
type LastMessage struct{ *Message }

// MarshalJSONTo writes the message, or null.
func (l LastMessage) MarshalJSONTo(enc *jsontext.Encoder) error {
	if l.Message == nil {
		return enc.WriteToken(jsontext.Null)
	}
	return marshalTo(enc, l.Message)
}

// NewConversation is what its creator asks for.
type NewConversation struct {
	Members    []string
	Name       *string
	Attributes JSON
	Unique     bool
	Type       string
	TTL        *int // of a temporary one: its life in seconds; nil: a day
}

func (n *NewConversation) check(by Actor) error {
	switch n.Type {
	case "", Normal:
		n.Type = Normal
	case Chatroom:
		if err := n.checkRoom(by); err != nil {
			return err
		}
	case Temporary:
	case System:
		if err := n.checkSystem(by); err != nil {
			return err
		}
	default:
		return Invalidf("type", "must be one of normal, chatroom, system, temporary")
	}
	if err := n.checkTTL(); err != nil {
		return err
	}
	members, err := checkClientIDs("members", n.Members, 0)
	if err != nil {
		return err
	}
	if by.ClientID != "" && n.Type != Chatroom { // the creator is always a member
		members = append([]string{by.ClientID}, without(members, by.ClientID)...)
	}
	n.Members = members
	if err := n.checkTemporary(); err != nil {
		return err
	}
	if n.Unique && len(members) == 0 {
		return Invalidf("members", "must name the members of a unique conversation")
	}
	if n.Attributes == "" {
		n.Attributes = "{}"
	}
	return checkNameAndAttributes(n.Name, n.Attributes)
}

func checkNameAndAttributes(name *string, attributes JSON) error {
	switch {
	case name != nil && !utf8.ValidString(*name):
		return Invalidf("name", "must be valid UTF-8")
	case name != nil && utf8.RuneCountInString(*name) > maxName:
		return Invalidf("name", "must be at most %d characters long", maxName)
	case attributes != "" && !attributes.IsObject():
		return Invalidf("attributes", "must be a JSON object")
	case len(attributes) > maxAttributes:
		return Invalidf("attributes", "must be at most %d bytes of JSON", maxAttributes)
	}
	return nil
}

// CreateConversation makes a conversation; its creation counts as the creator adding the others. A unique one that
// exists with exactly these members is returned instead, with created = false; name and attributes then stay as they are.
func (s *Store) CreateConversation(ctx context.Context, by Actor, want NewConversation) (c *Conversation, created bool, err error) {
	if err := want.check(by); err != nil {
		return nil, false, err
	}
	if len(want.Members) > s.options.MaxMembers {
		return nil, false, Invalidf("members", "a conversation holds at most %d members", s.options.MaxMembers)
	}
	id := xid.New().String()
	var made struct { // the committer's until change has returned nil: a caller that hangs up does not wait
		conversation *Conversation
		created      bool
	}
	err = s.change(ctx, by.App.ID, func(t *logTx) (err error) {
		made.conversation, made.created, err = t.create(by, id, want)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return made.conversation, made.created, s.complete(ctx, by, made.conversation)
}

func (t *logTx) create(by Actor, id string, want NewConversation) (*Conversation, bool, error) {
	c := &Conversation{AppID: t.appID, ID: id, Type: want.Type, Name: want.Name, Unique: want.Unique, Creator: by.Client(),
		TTL:         want.TTL,
		MemberCount: len(want.Members), Attributes: want.Attributes, CreatedAt: t.at, UpdatedAt: t.at, ActiveAt: t.at}
	if want.Unique {
		c.UniqueKey = uniqueKey(want.Type, want.Members)
		if same, err := t.holder(c.UniqueKey); err != nil || same != nil {
			return same, false, err
		}
	}
	if want.TTL != nil {
		var err error
		if c.ExpiresAt, err = expiry(t.db, *want.TTL); err != nil {
			return nil, false, err
		}
	}
	others := want.Members // of a chat room: none
	if by.ClientID != "" && len(others) > 1 {
		others = without(others, by.ClientID)
	}
	event := t.append(Event{ConversationID: id, Kind: ConversationCreated, Actor: by.Client(),
		Body: EventBody{Members: others, Conversation: c.ref(), Unique: c.Unique, Attributes: c.Attributes}})
	c.LastSeq = event.Seq
	if err := t.db.Create(c).Error; err != nil {
		return nil, false, err
	}
	return c, true, t.insertMembers(c, want.Members, by.Client(), event.Seq)
}

// Conversation reads one conversation: any client of the app may (a join needs it).
func (s *Store) Conversation(ctx context.Context, by Actor, id string) (*Conversation, error) {
	c, err := s.conversationFor(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return c, s.complete(ctx, by, c)
}

// conversationFor reads a conversation's row, NotFound when there is none in the actor's app that it may know of.
func (s *Store) conversationFor(ctx context.Context, by Actor, id string) (*Conversation, error) {
	db := s.read.WithContext(ctx)
	c, err := findConversation(db, by.App.ID, id)
	if err == nil && c == nil {
		err = errConversationNotFound()
	}
	if err == nil && c.isTemporary() && !by.Master { // the right depends on it
		var in standing
		if in.inside, err = isMember(db, c.AppID, c.ID, by.ClientID); err == nil {
			err = by.mayKnow(c, in)
		}
	}
	return c, asUnavailable(ctx, err)
}

func findConversation(db *gorm.DB, appID uint32, id string) (*Conversation, error) {
	c := &Conversation{}
	err := db.Where("app_id = ? AND id = ? AND "+alive(db, "conversations"), appID, id).Take(c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return c, err
}

// ConversationChange is a PATCH: nil fields stay as they are.
type ConversationChange struct {
	Name       *string
	ClearName  bool
	Attributes JSON // a JSON Merge Patch (RFC 7396)
	// Retention is for the app's own server: the days that messages are kept, 0 for ever; nil inside: as the server does.
	Retention *Retention
}

// Retention is how long a conversation's messages are kept.
type Retention struct {
	Days *int // 0 to MaxRetentionDays
}

func (r *Retention) check(by Actor) error {
	if r == nil {
		return nil
	}
	if err := by.requireMaster(); err != nil {
		return err
	}
	if r.Days != nil && (*r.Days < 0 || *r.Days > MaxRetentionDays) {
		return Invalidf("retentionDays", "must be 0 to %d, or null", MaxRetentionDays)
	}
	return nil
}

// UpdateConversation changes name and attributes; members only. What changes nothing makes no event.
func (s *Store) UpdateConversation(ctx context.Context, by Actor, id string, change ConversationChange) (*Conversation, error) {
	if err := checkNameAndAttributes(change.Name, change.Attributes); err != nil {
		return nil, err
	}
	if err := change.Retention.check(by); err != nil {
		return nil, err
	}
	var c *Conversation
	err := s.change(ctx, by.App.ID, func(t *logTx) (err error) {
		if c, err = t.conversationFor(by, id); err != nil {
			return err
		}
		return t.update(by, c, change)
	})
	if err != nil {
		return nil, err
	}
	return c, s.complete(ctx, by, c)
}

func (t *logTx) update(by Actor, c *Conversation, change ConversationChange) error {
	before := entriesOf(c.Attributes)
	changes, err := change.applyTo(c)
	if err != nil || changes == "" {
		return err
	}
	event := t.append(Event{ConversationID: c.ID, Kind: ConversationUpdated, Actor: by.Client(),
		Body: EventBody{Changes: changes}})
	c.UpdatedAt, c.LastSeq = event.At, event.Seq
	c.FlatAttributes = query.Flatten(string(c.Attributes))
	err = t.db.Exec("UPDATE conversations SET name = ?, attributes = ?, flat_attributes = ?, retention_days = ?, updated_at = ?, last_seq = ? WHERE app_id = ? AND id = ?",
		c.Name, c.Attributes, c.FlatAttributes, c.RetentionDays, c.UpdatedAt, c.LastSeq, c.AppID, c.ID).Error
	if err != nil {
		return err
	}
	return indexAttributes(t.db, c.AppID, c.ID, before, query.Entries(c.FlatAttributes))
}

// RemoveConversation deletes a conversation with its history: for the app's own server. Its members are told that they
// are outside; the rows of the history are swept afterwards.
func (s *Store) RemoveConversation(ctx context.Context, by Actor, id string) error {
	if err := by.requireMaster(); err != nil {
		return err
	}
	return s.change(ctx, by.App.ID, func(t *logTx) error {
		c, err := findConversation(t.db, t.appID, id)
		if err != nil {
			return err
		}
		if c == nil {
			return errConversationNotFound()
		}
		return t.remove(c)
	})
}

func (t *logTx) remove(c *Conversation) error {
	if c.Type == System {
		return t.removeSystem(c)
	}
	members, err := memberIDs(t.db, t.appID, c.ID)
	if err != nil {
		return err
	}
	event := t.append(Event{ConversationID: c.ID, Kind: ConversationRemoved, Body: EventBody{Members: members}})
	// All that a stream may still show of it is its end: a span of this one entry for everybody who was inside.
	last := make([]FormerMember, len(members))
	for i, id := range members {
		last[i] = FormerMember{AppID: t.appID, ClientID: id, LeftSeq: event.Seq, ConversationID: c.ID, JoinedSeq: event.Seq}
	}
	// Who had left before is shown its own end only.
	for _, statement := range []string{"UPDATE former_members SET joined_seq = left_seq", "DELETE FROM members", "DELETE FROM room_sessions"} {
		if err := t.db.Exec(statement+" WHERE app_id = ? AND conversation_id = ?", t.appID, c.ID).Error; err != nil {
			return err
		}
	}
	if len(last) > 0 {
		if err := t.db.CreateInBatches(&last, insertRows).Error; err != nil {
			return err
		}
	}
	if err := indexAttributes(t.db, t.appID, c.ID, entriesOf(c.Attributes), nil); err != nil {
		return err
	}
	err = t.db.Exec("INSERT INTO removed_conversations (app_id, conversation_id, seq) VALUES (?, ?, ?)", t.appID, c.ID, event.Seq).Error
	if err != nil {
		return err
	}
	if err := t.db.Exec("DELETE FROM conversations WHERE app_id = ? AND id = ?", t.appID, c.ID).Error; err != nil || c.UniqueKey == nil {
		return err
	}
	return t.inheritKey(c.UniqueKey, members)
}

// conversationFor reads a conversation inside a transaction and checks that the actor may change it.
func (t *logTx) conversationFor(by Actor, id string) (*Conversation, error) {
	c, err := findConversation(t.db, t.appID, id)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errConversationNotFound()
	}
	var in standing
	if !by.Master && !c.isRoom() && c.Type != System { // the right depends on it
		if in.inside, err = isMember(t.db, t.appID, id, by.ClientID); err != nil {
			return nil, err
		}
	}
	if err := by.mayKnow(c, in); err != nil {
		return nil, err
	}
	return c, by.mayChange(c, in)
}

func (c *Conversation) ref() *ConversationRef {
	return &ConversationRef{ID: c.ID, Type: c.Type, Name: c.Name}
}
