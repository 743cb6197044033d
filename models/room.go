package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Chatroom is the guide's transient conversation, made for thousands who watch something together: it keeps no list of
// members. Inside are the sessions that have joined and have a stream, on any node.
const Chatroom = "chatroom"

const (
	// A session whose last stream has ended is put back into its rooms when it comes back within this (API.md, "Kinds").
	roomReturn = time.Minute
	// One that never was away, though its node was taken for dead, is put back within this: for so long its place is kept.
	roomKept = time.Hour
	// A stream is known to other nodes some tenths of a second after it was opened: for so long, so often, a join on another
	// node looks for it.
	joinPause, joinAttempts = 150 * time.Millisecond, 8
	// The rooms of one session. When its stream ends it leaves them all in one transaction, which sends wait for.
	maxRooms = 100
	// Those inside whom the list of members shows (API.md, "Kinds").
	maxRoomMembers = 50
)

// Why a session is outside a room: the reason of RoomLeft.
const (
	RoomGone   = "gone"   // its last stream has ended; it may be put back
	RoomQuit   = "quit"   // it has quit
	RoomKicked = "kicked" // the creator or the app's own server has removed its client
)

// Priority says which messages of a chat room a slow reader loses first: the low ones.
type Priority int8

// The priorities of a message. Outside chat rooms they mean nothing.
const (
	LowPriority    Priority = -1
	NormalPriority Priority = 0
	HighPriority   Priority = 1
)

// ParsePriority reads the API's word for it; empty is normal.
func ParsePriority(word string) (Priority, error) {
	switch word {
	case "low":
		return LowPriority, nil
	case "", "normal":
		return NormalPriority, nil
	case "high":
		return HighPriority, nil
	}
	return 0, Invalidf("priority", "must be high, normal or low")
}

// SessionKey names what has streams: a session of a client or, with an empty SessionID, the app's own server as that
// client.
type SessionKey struct {
	ClientID  string
	SessionID string
}

// RoomSession is a session that is inside a chat room, or was a moment ago.
type RoomSession struct {
	AppID          uint32 `gorm:"primaryKey;autoIncrement:false"`
	ConversationID string `gorm:"primaryKey"`
	ClientID       string `gorm:"primaryKey"`
	SessionID      string `gorm:"primaryKey"`
	JoinedSeq      int64
	JoinedAt       Timestamp
	MovedSeq       int64 // the entry that made it so
	MovedAt        Timestamp
	LeftAt         Timestamp // 0: inside
}

// MovedSession is a session in a RoomJoined or RoomLeft entry.
type MovedSession struct {
	ClientID  string `json:"c"`
	SessionID string `json:"s,omitzero"`
	JoinedSeq int64  `json:"j,omitzero"` // RoomJoined: of the join; an earlier one when the session was put back
}

// Key names the session.
func (m MovedSession) Key() SessionKey { return SessionKey{m.ClientID, m.SessionID} }

// RoomStay is a session's being inside a room, as the live side wants to know it.
type RoomStay struct {
	ConversationID string
	JoinedSeq      int64 // of the join
	MovedSeq       int64 // of the entry that brought it in: the join, or that it was put back
	LastMessageSeq int64 // the room's newest message when it was asked; 0: none
}

func (c *Conversation) isRoom() bool { return c.Type == Chatroom }

// checkRoom is what a new chat room has to keep to.
func (n *NewConversation) checkRoom(by Actor) error {
	for _, id := range n.Members {
		if id != by.ClientID {
			return Invalidf("members", "cannot be given for a chat room: clients join it themselves")
		}
	}
	if n.Unique {
		return Invalidf("unique", "means the members, and a chat room has none")
	}
	n.Members = nil
	return nil
}

// isInRoom tells whether any session of a client is inside a room.
func isInRoom(db *gorm.DB, appID uint32, roomID, clientID string) (bool, error) {
	inside, err := roomsWith(db, appID, []string{roomID}, clientID)
	return len(inside) == 1, err
}

// roomsWith gives those of some rooms in which a client is.
func roomsWith(db *gorm.DB, appID uint32, roomIDs []string, clientID string) (inside []string, err error) {
	err = db.Raw("SELECT DISTINCT conversation_id FROM room_sessions WHERE app_id = ? AND conversation_id IN ? AND client_id = ? AND left_at = 0",
		appID, roomIDs, clientID).Find(&inside).Error
	return inside, err
}

// roomsOf gives those of some conversations that are chat rooms in which the actor is.
func roomsOf(db *gorm.DB, by Actor, conversations []*Conversation) ([]string, error) {
	var ids []string
	for _, c := range conversations {
		if c.isRoom() {
			ids = append(ids, c.ID)
		}
	}
	if ids == nil || by.ClientID == "" {
		return nil, nil
	}
	return roomsWith(db, by.App.ID, ids, by.ClientID)
}

// roomMembers gives some of those inside, by their ids: the first ones, so that it costs the same however many there are.
func (s *Store) roomMembers(ctx context.Context, c *Conversation) ([]Member, error) {
	members := []Member{}
	err := s.read.WithContext(ctx).Raw(`SELECT client_id, client_id AS invited_by, MIN(joined_at) AS joined_at FROM room_sessions
		WHERE app_id = ? AND conversation_id = ? AND left_at = 0 GROUP BY client_id ORDER BY client_id LIMIT ?`,
		c.AppID, c.ID, maxRoomMembers).Find(&members).Error
	return members, asUnavailable(ctx, err)
}

// joinRoom lets a session enter a chat room; the app's own server as a client makes all of the client's sessions enter that
// have a stream. Conflict when there is no stream.
func (s *Store) joinRoom(ctx context.Context, by Actor, c *Conversation) (*Conversation, error) {
	for attempt := 1; ; attempt++ {
		joined, err := s.tryJoinRoom(ctx, by, c)
		if !HasCode(err, streamRequired) || attempt == joinAttempts {
			return joined, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(joinPause):
		}
	}
}

func (s *Store) tryJoinRoom(ctx context.Context, by Actor, c *Conversation) (*Conversation, error) {
	streaming, err := s.streamingSessions(ctx, by.App.ID, by.ClientID)
	if err != nil {
		return nil, err
	}
	keys := streaming
	if !by.Master {
		if keys = nil; slices.Contains(streaming, SessionKey{by.ClientID, by.SessionID}) {
			keys = []SessionKey{{by.ClientID, by.SessionID}}
		}
	}
	if len(keys) == 0 {
		return nil, errStreamRequired()
	}
	return s.moveInRoom(ctx, by, c, roomMove{kind: moveIn}, keys)
}

// quitRoom lets a session leave a chat room; the app's own server as a client makes all of the client's sessions leave.
func (s *Store) quitRoom(ctx context.Context, by Actor, c *Conversation) (*Conversation, error) {
	keys := []SessionKey{{by.ClientID, by.SessionID}}
	if by.Master {
		var err error
		if keys, err = s.sessionsInRoom(ctx, c, []string{by.ClientID}); err != nil {
			return nil, err
		}
	}
	return s.moveInRoom(ctx, by, c, roomMove{kind: moveOut, reason: RoomQuit}, keys)
}

// addToRoom refuses: a room has no list to put anybody on.
func (s *Store) addToRoom(context.Context, Actor, *Conversation, []string) (*Conversation, error) {
	return nil, errRoomJoinOnly()
}

// kickFromRoom removes clients with all their sessions; they are not put back, but may join again.
func (s *Store) kickFromRoom(ctx context.Context, by Actor, c *Conversation, clients []string) (*Conversation, error) {
	if err := by.mayChange(c, standing{}); err != nil {
		return nil, err
	}
	keys, err := s.sessionsInRoom(ctx, c, clients)
	if err != nil {
		return nil, err
	}
	return s.moveInRoom(ctx, by, c, roomMove{kind: moveOut, reason: RoomKicked, actor: by.Client()}, keys)
}

// moveInRoom makes one move of some sessions and gives the room as it is then.
func (s *Store) moveInRoom(ctx context.Context, by Actor, c *Conversation, move roomMove, keys []SessionKey) (*Conversation, error) {
	moves := make([]*roomMove, len(keys))
	for i, key := range keys {
		m := move
		m.room, m.key = c.ID, key
		moves[i] = &m
	}
	if len(moves) > 0 {
		if err := s.moveRooms(ctx, by.App.ID, moves); err != nil {
			return nil, err
		}
		for _, m := range moves {
			if m.err != nil {
				return nil, m.err
			}
			c = m.conversation
		}
	}
	after := *c // the batch shares the row
	return &after, s.complete(ctx, by, &after)
}

func (s *Store) sessionsInRoom(ctx context.Context, c *Conversation, clients []string) (keys []SessionKey, err error) {
	err = s.read.WithContext(ctx).Raw("SELECT client_id, session_id FROM room_sessions WHERE app_id = ? AND conversation_id = ? AND client_id IN ?",
		c.AppID, c.ID, clients).Find(&keys).Error
	return keys, asUnavailable(ctx, err)
}

// streamingSessions gives the sessions of a client that have a stream on any node, those of this node without the delay
// with which the database knows of them.
func (s *Store) streamingSessions(ctx context.Context, appID uint32, clientID string) ([]SessionKey, error) {
	var sessions []string
	err := s.read.WithContext(ctx).Raw("SELECT DISTINCT session_id FROM presences WHERE app_id = ? AND client_id = ?", appID, clientID).Find(&sessions).Error
	if err != nil {
		return nil, asUnavailable(ctx, err)
	}
	var keys []SessionKey
	for _, session := range append(sessions, s.options.SessionsHere(appID, clientID)...) {
		if key := (SessionKey{clientID, session}); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

const streamRequired = "stream_required"

func errStreamRequired() *Error {
	return &Error{Kind: Conflict, Code: streamRequired,
		Detail: "a chat room is entered by a session with an open stream, and left with it: open GET /v1/stream first"}
}

func errTooManyRooms() *Error {
	return &Error{Kind: Conflict, Code: "room_limit_reached", Detail: fmt.Sprintf("a session is in at most %d chat rooms: quit one first", maxRooms)}
}

func errRoomJoinOnly() *Error {
	return &Error{Kind: Conflict, Code: "join_only", Detail: "nobody is added to a chat room: its clients join it themselves"}
}
