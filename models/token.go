package models

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/xid"
)

// tokenClaims are those of both kinds of token: a session token of this server has sid, one that the app's own server
// signed has not.
type tokenClaims struct {
	jwt.RegisteredClaims
	SessionID string  `json:"sid,omitempty"`
	Tag       *string `json:"tag,omitempty"`
	signature []byte
}

// clockLeeway is how far ahead the clock of whoever signed a token may be: one that says nbf "now" is good at once.
const clockLeeway = 30 * time.Second

// maxToken bounds the work on a token; ours are about 300 characters.
const maxToken = 4096

func (s *Store) signSessionToken(app *App, session *Session) (string, error) {
	claims := tokenClaims{SessionID: session.ID, RegisteredClaims: jwt.RegisteredClaims{
		Audience:  jwt.ClaimStrings{app.PublicID},
		Subject:   session.ClientID,
		IssuedAt:  jwt.NewNumericDate(s.options.Clock()),
		ExpiresAt: jwt.NewNumericDate(session.ExpiresAt.Time()),
		ID:        xid.New().String(), // two tokens of one session differ
	}}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(app.sessionTokenKey())
}

// sessionTokenKey is derived from the signing secret and not the same: a token of one kind never passes for the other.
func (a *App) sessionTokenKey() []byte {
	mac := hmac.New(sha256.New, []byte(a.SigningSecret))
	mac.Write([]byte("parley session token"))
	return mac.Sum(nil)
}

// Authenticate finds who holds a bearer token: a session token, or a token signed by the app's own server, whose first
// use opens a session (API.md, "Who may call"). The session's own row is looked at every time.
func (s *Store) Authenticate(ctx context.Context, token string) (Actor, error) {
	app, claims, err := s.verifyToken(ctx, token)
	if err != nil {
		return Actor{}, err
	}
	sessionID := claims.SessionID
	if sessionID == "" {
		sessionID = claims.signedSessionID()
		if err := s.openSignedSession(ctx, app, sessionID, claims); err != nil {
			return Actor{}, err
		}
	}
	session, err := s.liveSession(ctx, app.ID, sessionID)
	if err != nil {
		return Actor{}, err
	}
	return Actor{App: app, ClientID: session.ClientID, SessionID: session.ID}, nil
}

// SignedLogin opens an ordinary session for the holder of a token signed by the app's own server. clientID may repeat
// the token's sub, and tag override its claim.
func (s *Store) SignedLogin(ctx context.Context, token, clientID string, tag *string) (*Session, string, error) {
	app, claims, err := s.verifyToken(ctx, token)
	if err != nil {
		return nil, "", err
	}
	if err := s.checkNotEnded(ctx, app, claims); err != nil {
		return nil, "", err
	}
	if claims.SessionID != "" {
		return nil, "", &Error{Kind: Forbidden, Code: "signed_token_required", Detail: "a session token logs nobody in; refresh it instead"}
	}
	if clientID != "" && clientID != claims.Subject {
		return nil, "", &Error{Kind: Forbidden, Code: "client_mismatch", Detail: "the token is for another clientId",
			Fields: []FieldError{{Field: "clientId", Detail: "must be the token's sub, or be left out"}}}
	}
	if tag == nil {
		tag = claims.Tag
	}
	return s.Login(ctx, app, claims.Subject, tag)
}

// checkNotEnded refuses a token whose session has been ended: one that was logged out or kicked is dead to the end of its
// life, and must not come back as another session. A signed token that has not been used directly has none yet.
func (s *Store) checkNotEnded(ctx context.Context, app *App, claims *tokenClaims) error {
	id := cmp.Or(claims.SessionID, claims.signedSessionID())
	known, err := s.findSession(ctx, app.ID, id)
	if err == nil && known != nil {
		_, err = s.liveSession(ctx, app.ID, id)
	}
	return err
}

// verifyToken checks signature (HS256 and nothing else), exp and aud.
func (s *Store) verifyToken(ctx context.Context, token string) (*App, *tokenClaims, error) {
	if len(token) > maxToken {
		return nil, nil, errTokenInvalid()
	}
	var app *App
	claims := &tokenClaims{}
	parsed, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) {
		if len(claims.Audience) != 1 {
			return nil, errors.New("aud must be the app's id")
		}
		var err error
		if app, err = s.App(ctx, claims.Audience[0]); err != nil {
			return nil, err
		}
		if claims.SessionID != "" {
			return app.sessionTokenKey(), nil
		}
		return []byte(app.SigningSecret), nil
	}, jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(s.options.Clock), jwt.WithLeeway(clockLeeway))
	if err == nil && !claims.ExpiresAt.After(s.options.Clock()) { // the leeway is not for the end
		err = jwt.ErrTokenExpired
	}
	switch {
	case err == nil:
		claims.signature = parsed.Signature
		return app, claims, nil
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, nil, errTokenExpired()
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Unavailable {
		return nil, nil, e
	}
	return nil, nil, errTokenInvalid()
}

// signedSessionID names the session of a signed token by the hash of its signature, which stands for the whole token;
// the token's text does not, since base64 has several spellings of the same bytes and a log-out must hold for all.
func (c *tokenClaims) signedSessionID() string {
	sum := sha256.Sum256(c.signature)
	return "sig-" + hex.EncodeToString(sum[:16])
}

// openSignedSession makes the session of a signed token at its first use.
func (s *Store) openSignedSession(ctx context.Context, app *App, id string, claims *tokenClaims) error {
	known, err := s.findSession(ctx, app.ID, id)
	if err != nil || known != nil {
		return err
	}
	if CheckClientID("sub", claims.Subject) != nil || claims.Tag != nil && checkName("tag", *claims.Tag, maxTag) != nil {
		return errTokenInvalid()
	}
	return s.openSession(ctx, &Session{AppID: app.ID, ID: id, ClientID: strings.Clone(claims.Subject), Tag: claims.Tag,
		CreatedAt: s.now(), ExpiresAt: TimestampOf(claims.ExpiresAt.Time)})
}

func errTokenInvalid() *Error {
	return &Error{Kind: Unauthorized, Code: "token_invalid", Detail: "the token is not one that this server accepts"}
}

func errTokenExpired() *Error {
	return &Error{Kind: Unauthorized, Code: "token_expired", Detail: "the token has expired; log in again"}
}
