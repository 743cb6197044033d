package models

import (
	"context"
	"errors"
	"time"

	"github.com/rs/xid"
	"gorm.io/gorm"
)

// Why a session ended: the reason on the streams' disconnect event.
const (
	EndedByConflict = "conflict"
	EndedByLogout   = "logged_out"
	EndedByApp      = "kicked_by_app"
)

// kickRows bounds what a kick ends in one transaction, so that a client of thousands of sessions holds up nobody's sends.
const kickRows = 200

// Session is one device or tab of a client, from log-in to log-out (the guide's IMClient). A session without a tag
// conflicts with none.
type Session struct {
	AppID     uint32    `json:"-" gorm:"primaryKey;autoIncrement:false"`
	ID        string    `json:"id" gorm:"primaryKey" example:"cq3v0d8s7k5s73d1g0b0"`
	ClientID  string    `json:"clientId" example:"Tom"`
	Tag       *string   `json:"tag" extensions:"x-nullable" example:"Mobile"`
	CreatedAt Timestamp `json:"createdAt" gorm:"autoCreateTime:false" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:00.123Z"`
	ExpiresAt Timestamp `json:"expiresAt" swaggertype:"string" format:"date-time" example:"2026-11-24T08:33:00.123Z"`
	EndReason *string   `json:"-"`
}

// Login opens a session for a client and signs its token (API.md, "Sessions"). An older session of the same client and
// tag ends.
func (s *Store) Login(ctx context.Context, app *App, clientID string, tag *string) (_ *Session, _ string, err error) {
	defer func() { s.metrics.logins.WithLabelValues(s.AppLabel(app), outcomeOf(err)).Inc() }()
	if err := CheckClientID("clientId", clientID); err != nil {
		return nil, "", err
	}
	if tag != nil {
		if err := checkName("tag", *tag, maxTag); err != nil {
			return nil, "", err
		}
	}
	now := s.now()
	session := &Session{AppID: app.ID, ID: xid.New().String(), ClientID: clientID, Tag: tag,
		CreatedAt: now, ExpiresAt: s.expiry()}
	if err := s.openSession(ctx, session); err != nil {
		return nil, "", err
	}
	token, err := s.signSessionToken(app, session)
	return session, token, err
}

// LoginNotProved counts a log-in that ends before it is known who asks, with what it is answered.
func (s *Store) LoginNotProved(err error) {
	s.metrics.logins.WithLabelValues("", outcomeOf(err)).Inc()
}

// expiry is when a session that begins now ends: a whole second, as a token's exp is (RFC 7519), so that both end
// together.
func (s *Store) expiry() Timestamp {
	const second = 1000
	return (s.now() + Timestamp(s.options.SessionTTL.Milliseconds()) + second - 1) / second * second
}

// openSession stores a session. With a tag it takes the app's counter row, so that of two that race, on whatever
// nodes, one is left; without one it conflicts with nothing and is a plain insert.
func (s *Store) openSession(ctx context.Context, session *Session) error {
	if session.Tag == nil {
		return s.retry(ctx, func(tx *gorm.DB) error {
			err := tx.Create(session).Error
			if faultOf(err) == faultDuplicate { // the first attempt took effect, or a signed token's other first use did
				return nil
			}
			return err
		})
	}
	var older []Session
	err := s.change(ctx, session.AppID, func(t *logTx) error {
		var known int64
		err := t.db.Model(&Session{}).Where("app_id = ? AND id = ?", session.AppID, session.ID).Count(&known).Error
		if err != nil || known > 0 {
			return err
		}
		older = nil
		err = t.db.Where("app_id = ? AND client_id = ? AND tag = ? AND end_reason IS NULL AND expires_at > ?",
			session.AppID, session.ClientID, *session.Tag, t.at).Find(&older).Error
		if err != nil {
			return err
		}
		if err := t.endSessions(older, EndedByConflict); err != nil {
			return err
		}
		return t.db.Create(session).Error
	})
	if err != nil {
		return err
	}
	for _, ended := range older { // at once on this node; the others learn it from the log
		s.sessions.forget(ended.AppID, ended.ID)
	}
	return nil
}

// endSessions marks sessions as ended and tells every node, by an entry each.
func (t *logTx) endSessions(sessions []Session, reason string) error {
	if len(sessions) == 0 {
		return nil
	}
	ids := make([]string, len(sessions))
	for i, session := range sessions {
		ids[i] = session.ID
		t.append(Event{Kind: SessionEnded, Body: EventBody{SessionID: session.ID, Reason: reason}})
	}
	return t.db.Exec("UPDATE sessions SET end_reason = ? WHERE app_id = ? AND id IN ?", reason, t.appID, ids).Error
}

// Logout ends the actor's session; its token is refused from then on. Ending it again is no error.
func (s *Store) Logout(ctx context.Context, by Actor) error {
	if err := by.requireSession(); err != nil {
		return err
	}
	err := s.change(ctx, by.App.ID, func(t *logTx) error {
		session := Session{}
		err := t.db.Where("app_id = ? AND id = ? AND end_reason IS NULL", by.App.ID, by.SessionID).Take(&session).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return t.endSessions([]Session{session}, EndedByLogout)
	})
	s.sessions.forget(by.App.ID, by.SessionID)
	return err
}

// Kick ends all sessions that a client has now: for the app's own server. One without any is no error; the client may log
// in again.
func (s *Store) Kick(ctx context.Context, by Actor, clientID string) error {
	if err := by.requireMaster(); err != nil {
		return err
	}
	for more := true; more; {
		var found []Session // the committer's until change has returned nil
		err := s.change(ctx, by.App.ID, func(t *logTx) error {
			found = nil
			err := t.db.Where("app_id = ? AND client_id = ? AND end_reason IS NULL AND expires_at > ?", t.appID, clientID, t.at).
				Limit(kickRows).Find(&found).Error
			if err != nil {
				return err
			}
			return t.endSessions(found, EndedByApp)
		})
		if err != nil {
			return err
		}
		for i := range found { // at once on this node; the others learn it from the log
			s.sessions.forget(found[i].AppID, found[i].ID)
		}
		more = len(found) == kickRows
	}
	return nil
}

// Refresh moves the session's expiry and signs a new token for it; the old one stays good until its own exp.
func (s *Store) Refresh(ctx context.Context, by Actor) (*Session, string, error) {
	session, err := s.Session(ctx, by)
	if err != nil {
		return nil, "", err
	}
	renewed := *session
	renewed.ExpiresAt = max(session.ExpiresAt, s.expiry())
	err = s.retry(ctx, func(tx *gorm.DB) error {
		return tx.Exec("UPDATE sessions SET expires_at = ? WHERE app_id = ? AND id = ? AND expires_at < ?",
			renewed.ExpiresAt, renewed.AppID, renewed.ID, renewed.ExpiresAt).Error
	})
	if err != nil {
		return nil, "", err
	}
	s.sessions.forget(renewed.AppID, renewed.ID)
	token, err := s.signSessionToken(by.App, &renewed)
	return &renewed, token, err
}

// Session reads the actor's own session; it is an error when it has ended or expired.
func (s *Store) Session(ctx context.Context, by Actor) (*Session, error) {
	if err := by.requireSession(); err != nil {
		return nil, err
	}
	return s.liveSession(ctx, by.App.ID, by.SessionID)
}

// liveSession finds a session that is neither ended nor expired.
func (s *Store) liveSession(ctx context.Context, appID uint32, id string) (*Session, error) {
	session, err := s.findSession(ctx, appID, id)
	switch {
	case err != nil:
		return nil, err
	case session == nil:
		return nil, errTokenInvalid()
	case session.EndReason != nil && *session.EndReason == EndedByConflict:
		return nil, &Error{Kind: Unauthorized, Code: "session_conflict", Detail: "the client logged in elsewhere with the same tag"}
	case session.EndReason != nil && *session.EndReason == EndedByApp:
		return nil, &Error{Kind: Unauthorized, Code: "session_kicked", Detail: "the app has ended the client's sessions"}
	case session.EndReason != nil:
		return nil, &Error{Kind: Unauthorized, Code: "session_ended", Detail: "the session has been ended"}
	case session.ExpiresAt <= s.now():
		return nil, errTokenExpired()
	}
	return session, nil
}

// findSession reads a session from memory where that can be trusted, and otherwise from the database; nil when there
// is none.
func (s *Store) findSession(ctx context.Context, appID uint32, id string) (*Session, error) {
	session, generation := s.sessions.get(appID, id)
	if session != nil && session.ExpiresAt > s.now() { // another node may have refreshed one that looks expired
		return session, nil
	}
	session = &Session{}
	err := s.read.WithContext(ctx).Where("app_id = ? AND id = ?", appID, id).Take(session).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, asUnavailable(ctx, err)
	}
	s.sessions.put(session, generation)
	return session, nil
}

// SessionEnded must be called for every SessionEnded entry, in the log's order: the session's token is dead from here on.
func (s *Store) SessionEnded(appID uint32, id string) { s.sessions.forget(appID, id) }

// TrustSessions says that every entry up to a moment has been applied: what is remembered of the app's sessions may be
// believed until a second after it, which bounds how long a log-out on another node goes unnoticed.
func (s *Store) TrustSessions(appID uint32, moment time.Time) {
	s.sessions.trust(appID, moment.Add(time.Second))
}
