package models

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"gorm.io/gorm"
)

const (
	// ticketSeconds is the life of a ticket: a page that has asked for one opens its stream at once.
	ticketSeconds = 30
	// A ticket is base64url of the app's number, by which its row is found, and of so much chance that nobody guesses one.
	ticketNumberBytes = 4
	ticketBytes       = ticketNumberBytes + 16
)

// StreamTicket opens one stream of a session in place of its token, where that would have to stand in a URL: it is good
// once, and not for long.
type StreamTicket struct {
	AppID      uint32    `json:"-" gorm:"primaryKey;autoIncrement:false"`
	TicketHash []byte    `json:"-" gorm:"primaryKey"`
	SessionID  string    `json:"-"`
	Ticket     string    `json:"ticket" gorm:"-" example:"AAAAAaVb2Jw1x3kq0T4mZ9yNfQ4"`
	ExpiresAt  Timestamp `json:"expiresAt" swaggertype:"string" format:"date-time" example:"2026-11-23T08:33:30.123Z"`
}

// NewStreamTicket makes a ticket for the actor's session.
func (s *Store) NewStreamTicket(ctx context.Context, by Actor) (*StreamTicket, error) {
	if err := by.requireSession(); err != nil {
		return nil, err
	}
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, ticketBytes), by.App.ID)
	raw = raw[:ticketBytes]
	rand.Read(raw[ticketNumberBytes:]) // never fails
	ticket := &StreamTicket{AppID: by.App.ID, TicketHash: hashTicket(by.credential.value, raw), SessionID: by.SessionID, Ticket: base64.RawURLEncoding.EncodeToString(raw)}
	err := s.retry(ctx, func(tx *gorm.DB) error {
		if ticket.ExpiresAt == 0 { // not anew at a second attempt, which may find that the first took effect
			expires, err := expiry(tx, ticketSeconds)
			if err != nil {
				return err
			}
			ticket.ExpiresAt = *expires
		}
		err := tx.Create(ticket).Error
		if faultOf(err) == faultDuplicate {
			return nil
		}
		return err
	})
	return ticket, err
}

// UseStreamTicket finds the session that a ticket is for, and spends the ticket: also where the session has ended, and where the
// stream cannot be served after all. Where the database does not tell whether it has been spent, it counts as that.
func (s *Store) UseStreamTicket(ctx context.Context, text string) (Actor, error) {
	raw, ok := decodeExactly(text, ticketBytes)
	if !ok {
		return Actor{}, errTicketInvalid()
	}
	app, err := s.appByNumber(ctx, binary.BigEndian.Uint32(raw))
	if err != nil {
		return Actor{}, asUnavailable(ctx, err)
	}
	if app == nil {
		return Actor{}, errTicketInvalid()
	}
	sessionID, secret, err := s.spendTicket(ctx, app, raw)
	if err != nil {
		return Actor{}, err
	}
	if err := app.admit(); err != nil {
		return Actor{}, err
	}
	session, err := s.liveSession(ctx, app.ID, sessionID)
	if err != nil {
		return Actor{}, err
	}
	return Actor{App: app, ClientID: session.ClientID, SessionID: session.ID, credential: credential{SigningSecret, secret}}, nil
}

// spendTicket gives the session of a ticket, and the signing secret of the token that it was asked for with, to the one that
// deletes its row. A secret that is not good any more finds none.
func (s *Store) spendTicket(ctx context.Context, app *App, raw []byte) (sessionID string, secret []byte, err error) {
	pair := app.keys(SigningSecret)
	secret = pair.current
	hashes := [][]byte{hashTicket(secret, raw)}
	if pair.hasPrevious(s.now()) {
		hashes = append(hashes, hashTicket(pair.previous, raw))
	}
	ticket := &StreamTicket{}
	db := s.read.WithContext(ctx)
	err = db.Where("app_id = ? AND ticket_hash IN ? AND expires_at > "+databaseNow(db), app.ID, hashes).Take(ticket).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", nil, errTicketInvalid()
	}
	if err != nil {
		return "", nil, asUnavailable(ctx, err)
	}
	if !bytes.Equal(ticket.TicketHash, hashes[0]) {
		secret = pair.previous
	}
	spent := int64(0)
	err = s.retry(ctx, func(tx *gorm.DB) error {
		result := tx.Exec("DELETE FROM stream_tickets WHERE app_id = ? AND ticket_hash = ?", app.ID, ticket.TicketHash)
		spent = result.RowsAffected
		return result.Error
	})
	if err == nil && spent == 0 {
		err = errTicketInvalid()
	}
	return ticket.SessionID, secret, err
}

// sweepTickets deletes an app's tickets that have expired unused.
func (s *Store) sweepTickets(ctx context.Context, app uint32) error {
	for {
		var hashes [][]byte
		db := s.read.WithContext(ctx)
		err := db.Raw("SELECT ticket_hash FROM stream_tickets WHERE app_id = ? AND expires_at <= "+databaseNow(db)+" LIMIT ?", app, s.pace.limit()).Find(&hashes).Error
		if err != nil || len(hashes) == 0 {
			return err
		}
		err = s.sweepBatch(ctx, func(tx *gorm.DB) *gorm.DB {
			return tx.Exec("DELETE FROM stream_tickets WHERE app_id = ? AND ticket_hash IN ?", app, hashes)
		})
		if err != nil {
			return err
		}
	}
}

// hashTicket is what is kept of a ticket. It takes the signing secret of the token that the ticket was asked for with: a ticket
// dies with that, as the token does.
func hashTicket(secret, raw []byte) []byte {
	mac := hmac.New(sha256.New, derivedKey(secret, "parley stream ticket"))
	mac.Write(raw)
	return mac.Sum(nil)
}

func errTicketInvalid() *Error {
	return &Error{Kind: Unauthorized, Code: "ticket_invalid", Detail: "the ticket has been used, has expired or never was; ask for another one"}
}
