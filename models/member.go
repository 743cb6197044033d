package models

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// insertRows bounds one INSERT of members: SQLite takes 32,766 values in a statement.
const insertRows = 500

// Member is a client inside a conversation now.
type Member struct {
	AppID          uint32     `json:"-" gorm:"primaryKey;autoIncrement:false"`
	ConversationID string     `json:"-" gorm:"primaryKey"`
	ClientID       string     `json:"clientId" gorm:"primaryKey" example:"Mary"`
	JoinedSeq      int64      `json:"-"`
	JoinedAt       Timestamp  `json:"joinedAt" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	Ordinal        int        `json:"-"` // the place among those who joined by the same entry
	ExpiresAt      *Timestamp `json:"-"` // that of a temporary conversation
	Kind           MemberKind `json:"-"`
	InvitedBy      *string    `json:"invitedBy" extensions:"x-nullable" example:"Tom"` // oneself after a join; null: the app's own server
}

// FormerMember is a span of membership that has ended; one client may have several in one conversation.
type FormerMember struct {
	AppID          uint32 `gorm:"primaryKey;autoIncrement:false"`
	ClientID       string `gorm:"primaryKey"`
	LeftSeq        int64  `gorm:"primaryKey;autoIncrement:false"`
	ConversationID string `gorm:"primaryKey"`
	JoinedSeq      int64
}

// MembershipResult is the outcome of adding or kicking, which may succeed in part. Whoever is already where the call
// wants them counts as succeeded.
type MembershipResult struct {
	Conversation *Conversation       `json:"conversation"`
	Succeeded    []string            `json:"succeeded" example:"Mary"`
	Failed       []MembershipFailure `json:"failed"`
}

// MembershipFailure names the clients that could not be added, and why.
type MembershipFailure struct {
	ClientIDs []string `json:"clientIds" example:"William"`
	Code      string   `json:"code" example:"member_limit_reached"`
	Detail    string   `json:"detail" example:"the conversation holds at most 500 members"`
}

// AddMembers invites clients: any member may, and the app's own server.
func (s *Store) AddMembers(ctx context.Context, by Actor, id string, clients []string) (*MembershipResult, error) {
	return s.changeMembers(ctx, by, id, "members", clients, s.addToRoom, (*logTx).join)
}

// KickMembers removes clients: any member may, and the app's own server.
func (s *Store) KickMembers(ctx context.Context, by Actor, id string, clients []string) (*MembershipResult, error) {
	return s.changeMembers(ctx, by, id, "clientId", clients, s.kickFromRoom, func(t *logTx, by Actor, c *Conversation, clients []string, _ int) ([]string, error) {
		return clients, t.leave(by, c, clients)
	})
}

func (s *Store) changeMembers(ctx context.Context, by Actor, id, field string, clients []string,
	inRoom func(ctx context.Context, by Actor, c *Conversation, clients []string) (*Conversation, error),
	apply func(t *logTx, by Actor, c *Conversation, clients []string, limit int) ([]string, error)) (*MembershipResult, error) {
	clients, err := checkClientIDs(field, clients, 1)
	if err != nil {
		return nil, err
	}
	result := &MembershipResult{}
	c, err := s.conversationFor(ctx, by, id)
	if err == nil {
		err = c.checkMovable()
	}
	if err != nil || c.isRoom() {
		if err == nil {
			result.Succeeded, result.Failed = clients, []MembershipFailure{}
			result.Conversation, err = inRoom(ctx, by, c, clients)
		}
		return result, err
	}
	err = s.change(ctx, by.App.ID, func(t *logTx) (err error) {
		if result.Conversation, err = t.conversationFor(by, id); err != nil {
			return err
		}
		result.Succeeded, err = apply(t, by, result.Conversation, clients, s.options.MaxMembers)
		return err
	})
	if err != nil {
		return nil, err
	}
	result.Failed = []MembershipFailure{}
	if left := without(clients, result.Succeeded...); len(left) > 0 {
		e := errMemberLimit(s.options.MaxMembers)
		result.Failed = append(result.Failed, MembershipFailure{ClientIDs: left, Code: e.Code, Detail: e.Detail})
	}
	return result, s.complete(ctx, by, result.Conversation)
}

// Join lets a client enter a conversation by itself; being inside already is fine and makes no event.
func (s *Store) Join(ctx context.Context, by Actor, id string) (*Conversation, error) {
	return s.moveSelf(ctx, by, id, s.joinRoom, func(t *logTx, c *Conversation) error {
		joined, err := t.join(by, c, []string{by.ClientID}, s.options.MaxMembers)
		if err == nil && len(joined) == 0 {
			err = errMemberLimit(s.options.MaxMembers)
		}
		return err
	})
}

// Quit lets a client leave; being outside already is fine and makes no event.
func (s *Store) Quit(ctx context.Context, by Actor, id string) (*Conversation, error) {
	return s.moveSelf(ctx, by, id, s.quitRoom, func(t *logTx, c *Conversation) error {
		return t.leave(by, c, []string{by.ClientID})
	})
}

func (s *Store) moveSelf(ctx context.Context, by Actor, id string, inRoom func(context.Context, Actor, *Conversation) (*Conversation, error),
	move func(*logTx, *Conversation) error) (*Conversation, error) {
	if err := by.requireClient(); err != nil {
		return nil, err
	}
	c, err := s.conversationFor(ctx, by, id)
	if err == nil {
		err = c.checkMovable()
	}
	if err != nil {
		return nil, err
	}
	if c.isRoom() {
		return inRoom(ctx, by, c)
	}
	err = s.change(ctx, by.App.ID, func(t *logTx) (err error) {
		if c, err = findConversation(t.db, t.appID, id); err != nil {
			return err
		}
		if c == nil {
			return errConversationNotFound()
		}
		return move(t, c)
	})
	if err != nil {
		return nil, err
	}
	return c, s.complete(ctx, by, c)
}

// join brings clients in, as one entry, and gives those who are inside afterwards: when the conversation is full, the
// last ones are not.
func (t *logTx) join(by Actor, c *Conversation, clients []string, limit int) ([]string, error) {
	if c.Type == System {
		return clients, t.subscribe(by, c, clients)
	}
	inside, err := membersAmong(t.db, t.appID, c.ID, clients)
	if err != nil {
		return nil, err
	}
	joining := without(clients, inside...)
	room := max(limit-c.MemberCount, 0)
	var refused []string
	if len(joining) > room {
		joining, refused = joining[:room], joining[room:]
	}
	if len(joining) > 0 {
		before, err := t.membersBefore(c)
		if err != nil {
			return nil, err
		}
		event := t.append(Event{ConversationID: c.ID, Kind: MembersJoined, Actor: by.Client(),
			Body: EventBody{Members: joining, Conversation: c.ref()}})
		if err := t.insertMembers(c, joining, by.Client(), event.Seq); err != nil {
			return nil, err
		}
		if err := t.membersChanged(c, before, len(joining), event); err != nil {
			return nil, err
		}
	}
	return without(clients, refused...), nil
}

// leave ends the membership of those of the clients who are inside, as one entry.
func (t *logTx) leave(by Actor, c *Conversation, clients []string) error {
	if c.Type == System {
		return t.unsubscribe(by, c, clients)
	}
	var leaving []Member
	err := t.db.Where("app_id = ? AND conversation_id = ? AND client_id IN ?", t.appID, c.ID, clients).Find(&leaving).Error
	if err != nil || len(leaving) == 0 {
		return err
	}
	before, err := t.membersBefore(c)
	if err != nil {
		return err
	}
	slices.SortFunc(leaving, func(a, b Member) int {
		return slices.Index(clients, a.ClientID) - slices.Index(clients, b.ClientID)
	})
	ids, spans := make([]string, len(leaving)), make([]FormerMember, len(leaving))
	event := t.append(Event{ConversationID: c.ID, Kind: MembersLeft, Actor: by.Client()})
	for i, m := range leaving {
		ids[i] = m.ClientID
		spans[i] = FormerMember{AppID: t.appID, ClientID: m.ClientID, LeftSeq: event.Seq, ConversationID: c.ID, JoinedSeq: m.JoinedSeq}
	}
	event.Body.Members = ids
	if err := t.db.CreateInBatches(&spans, insertRows).Error; err != nil {
		return err
	}
	err = t.db.Exec("DELETE FROM members WHERE app_id = ? AND conversation_id = ? AND client_id IN ?", t.appID, c.ID, ids).Error
	if err != nil {
		return err
	}
	return t.membersChanged(c, before, -len(ids), event)
}

// membersBefore gives the members whose key a change of members sets free; only unique conversations have one.
func (t *logTx) membersBefore(c *Conversation) ([]string, error) {
	if c.UniqueKey == nil {
		return nil, nil
	}
	return memberIDs(t.db, t.appID, c.ID)
}

func (t *logTx) insertMembers(c *Conversation, ids []string, invitedBy *string, seq int64) error {
	rows := make([]Member, len(ids))
	for i, id := range ids {
		rows[i] = Member{AppID: t.appID, ConversationID: c.ID, ClientID: id, JoinedSeq: seq, JoinedAt: t.at,
			Ordinal: i, ExpiresAt: c.ExpiresAt, Kind: c.memberKind(), InvitedBy: invitedBy}
	}
	if len(rows) == 0 {
		return nil
	}
	return t.db.CreateInBatches(&rows, insertRows).Error
}

// membersChanged brings the conversation's own row up to a change of its members.
func (t *logTx) membersChanged(c *Conversation, before []string, by int, event *Event) error {
	c.MemberCount, c.UpdatedAt, c.LastSeq = c.MemberCount+by, event.At, event.Seq
	err := t.db.Exec("UPDATE conversations SET member_count = ?, updated_at = ?, last_seq = ? WHERE app_id = ? AND id = ?",
		c.MemberCount, c.UpdatedAt, c.LastSeq, t.appID, c.ID).Error
	if err != nil {
		return err
	}
	return t.followMembers(c, before)
}

// MembersQuery is a page of a system conversation's subscribers; zero values: not asked for.
type MembersQuery struct {
	Limit int
	After string // a client id, exclusive
}

// Members lists who is inside, in the order of joining: for members and the app's own server. Of a system conversation it
// gives a page of the subscribers, in the order of their ids, to the app's own server alone; more: there are more after it.
func (s *Store) Members(ctx context.Context, by Actor, id string, q MembersQuery) (members []Member, more bool, err error) {
	c, err := s.conversationFor(ctx, by, id)
	if err != nil {
		return nil, false, err
	}
	if c.Type == System {
		return s.subscribers(ctx, by, c, q)
	}
	inside, err := s.isInside(ctx, c, by.ClientID)
	if err == nil {
		err = by.mayRead(standing{inside})
	}
	switch {
	case err != nil:
		return nil, false, err
	case q != MembersQuery{}:
		return nil, false, Invalidf("limit", "and after page through the subscribers of a system conversation; other lists are whole")
	case c.isRoom():
		members, err = s.roomMembers(ctx, c)
		return members, false, err
	}
	members = []Member{}
	err = s.read.WithContext(ctx).Where("app_id = ? AND conversation_id = ?", by.App.ID, id).
		Order("joined_seq, ordinal").Find(&members).Error
	return members, false, asUnavailable(ctx, err)
}

// MemberCount counts who is inside; any client of the app may ask, as with the conversation itself.
func (s *Store) MemberCount(ctx context.Context, by Actor, id string) (int, error) {
	c, err := s.conversationFor(ctx, by, id)
	if err != nil {
		return 0, err
	}
	return c.MemberCount, nil
}

func (s *Store) isInside(ctx context.Context, c *Conversation, clientID string) (bool, error) {
	look := isMember
	if c.isRoom() {
		look = isInRoom
	}
	inside, err := look(s.read.WithContext(ctx), c.AppID, c.ID, clientID)
	return inside, asUnavailable(ctx, err)
}

func isMember(db *gorm.DB, appID uint32, conversationID, clientID string) (bool, error) {
	inside, err := membersAmong(db, appID, conversationID, []string{clientID})
	return len(inside) == 1, err
}

// membersAmong gives those of the clients who are inside.
func membersAmong(db *gorm.DB, appID uint32, conversationID string, clients []string) (inside []string, err error) {
	err = db.Raw("SELECT client_id FROM members WHERE app_id = ? AND conversation_id = ? AND client_id IN ? AND "+alive(db, "members"),
		appID, conversationID, clients).Find(&inside).Error
	return inside, err
}

// memberIDs gives everybody inside, in the order of joining.
func memberIDs(db *gorm.DB, appID uint32, conversationID string) (ids []string, err error) {
	err = db.Raw("SELECT client_id FROM members WHERE app_id = ? AND conversation_id = ? ORDER BY joined_seq, ordinal",
		appID, conversationID).Find(&ids).Error
	return ids, err
}

func errMemberLimit(limit int) *Error {
	return &Error{Kind: Conflict, Code: "member_limit_reached", Detail: fmt.Sprintf("the conversation holds at most %d members", limit)}
}
