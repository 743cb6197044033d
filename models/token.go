package models

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/xid"
)

// clockLeeway is how far ahead the clock of whoever signed a token may be: one that says nbf "now" is good at once.
const clockLeeway = 30 * time.Second

// sessionClaims are the claims of a session token.
type sessionClaims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
}

func (s *Store) signSessionToken(app *App, session *Session) (string, error) {
	claims := sessionClaims{SessionID: session.ID, RegisteredClaims: jwt.RegisteredClaims{
		Audience:  jwt.ClaimStrings{app.PublicID},
		Subject:   session.ClientID,
		IssuedAt:  jwt.NewNumericDate(s.options.Clock()),
		ExpiresAt: jwt.NewNumericDate(session.ExpiresAt.Time()),
		ID:        xid.New().String(), // two tokens of one session differ
	}}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(sessionTokenKey([]byte(app.SigningSecret)))
}

// sessionTokenKey is derived from a signing secret and not the same: a token of one kind never passes for the other.
func sessionTokenKey(secret []byte) []byte { return derivedKey(secret, "parley session token") }

func derivedKey(secret []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// Authenticate finds who holds a bearer token: a session token, or a token signed by the app's own server, whose first
// use opens a session (API.md, "Who may call"). The session's own row is looked at every time.
func (s *Store) Authenticate(ctx context.Context, token string) (Actor, error) {
	checked, err := s.checkToken(ctx, token)
	if err != nil {
		return Actor{}, err
	}
	if checked.claims.sessionID == "" {
		if err := s.openSignedSession(ctx, checked); err != nil {
			return Actor{}, err
		}
	}
	session, err := s.liveSession(ctx, checked.app.ID, checked.sessionID)
	if err == nil && session.ExpiresAt.Time().Unix() < checked.claims.expires { // refreshed on another node
		s.sessions.forget(checked.app.ID, checked.sessionID)
		session, err = s.liveSession(ctx, checked.app.ID, checked.sessionID)
	}
	if err != nil {
		return Actor{}, err
	}
	return Actor{App: checked.app, ClientID: session.ClientID, SessionID: session.ID, credential: checked.signer}, nil
}

// checkToken checks a token, or remembers that it has.
func (s *Store) checkToken(ctx context.Context, token string) (*checkedToken, error) {
	if len(token) > maxToken {
		return nil, errTokenInvalid()
	}
	key := keyOfToken(token)
	if known := s.tokens.get(key); known != nil && s.stillGood(known) {
		if known.until != 0 {
			s.countUse(known.app, known.signer)
		}
		return known, nil
	}
	verified, err := s.verifyToken(ctx, token)
	if err != nil {
		return nil, err
	}
	checked := &checkedToken{app: verified.app, claims: verified.claims, signer: verified.signer, sessionID: verified.claims.sessionID}
	if checked.sessionID == "" {
		checked.sessionID = verified.signedSessionID()
	}
	var stands bool
	if checked.until, stands = verified.app.takes(verified.signer, s.now()); !stands { // its time has come this very moment
		return nil, errTokenInvalid()
	}
	s.tokens.put(key, checked)
	return checked, nil
}

// SignedToken checks a token with which somebody wants to log in: one that the app's own server has signed.
func (s *Store) SignedToken(ctx context.Context, token string) (*SignedToken, error) {
	signed, err := s.verifyToken(ctx, token)
	if err == nil {
		err = s.checkNotEnded(ctx, signed)
	}
	if err == nil && signed.claims.sessionID != "" {
		err = &Error{Kind: Forbidden, Code: "signed_token_required", Detail: "a session token logs nobody in; refresh it instead"}
	}
	return signed, err
}

// checkNotEnded refuses a token whose session has been ended: one that was logged out or kicked is dead to the end of its
// life, and must not come back as another session. A signed token that has not been used directly has none yet.
func (s *Store) checkNotEnded(ctx context.Context, signed *SignedToken) error {
	id := cmp.Or(signed.claims.sessionID, signed.signedSessionID())
	known, err := s.findSession(ctx, signed.app.ID, id)
	if err == nil && known != nil {
		_, err = s.liveSession(ctx, signed.app.ID, id)
	}
	return err
}

// SignedLogin opens an ordinary session for the holder of a token signed by the app's own server. clientID may repeat
// the token's sub, and tag override its claim.
func (s *Store) SignedLogin(ctx context.Context, signed *SignedToken, clientID string, tag *string) (*Session, string, error) {
	claims := signed.claims
	if clientID != "" && clientID != claims.subject {
		return nil, "", &Error{Kind: Forbidden, Code: "client_mismatch", Detail: "the token is for another clientId",
			Fields: []FieldError{{Field: "clientId", Detail: "must be the token's sub, or be left out"}}}
	}
	if tag == nil {
		tag = claims.tag
	}
	return s.Login(ctx, signed.app, claims.subject, tag)
}

// Standing tells until when somebody who was let in may stay, or why no longer: 0 where no end is known. The app may have
// been disabled since, the key replaced and the session ended.
func (s *Store) Standing(ctx context.Context, by Actor) (Timestamp, error) {
	app, err := s.appByNumber(ctx, by.App.ID)
	if err != nil {
		return 0, err
	}
	if app == nil {
		return 0, errTokenInvalid()
	}
	if err := app.admit(); err != nil {
		return 0, err
	}
	until, ok := app.takes(by.credential, s.now())
	switch {
	case ok:
	case by.credential.kind == SigningSecret:
		return 0, errTokenInvalid()
	default:
		return 0, ErrCredentials()
	}
	if by.SessionID == "" {
		return until, nil
	}
	session, err := s.Session(ctx, by)
	if err != nil {
		return 0, err
	}
	if until == 0 {
		return session.ExpiresAt, nil
	}
	return min(until, session.ExpiresAt), nil
}

// SignedToken is a token that the secret of an app, or the key derived from it, has signed.
type SignedToken struct {
	*parsedToken
	app    *App
	signer credential
}

// verifyToken checks a token: its form, its signature (HS256 and nothing else), and its times. Every token that is refused
// gets one answer, after the same work, whether there is such an app or not; only whoever holds one that the app has
// signed is told that it has expired, or that the app is disabled.
func (s *Store) verifyToken(ctx context.Context, token string) (*SignedToken, error) {
	parsed, ok := parseToken(token)
	if !ok {
		return nil, errTokenInvalid()
	}
	claims := &parsed.claims
	app, err := s.appByID(ctx, claims.audience)
	if err != nil {
		return nil, err
	}
	secret := s.signer(app, func(secret []byte) bool {
		if claims.sessionID != "" {
			secret = sessionTokenKey(secret)
		}
		return jwt.SigningMethodHS256.Verify(parsed.signed, parsed.signature, secret) == nil // in constant time
	})
	now := s.options.Clock()
	switch {
	case secret == nil, now.Add(clockLeeway).Unix() < claims.notBefore:
		return nil, errTokenInvalid()
	case now.Unix() >= claims.expires: // the leeway is not for the end
		return nil, errTokenExpired()
	}
	signer := credential{SigningSecret, secret}
	s.countUse(app, signer)
	return &SignedToken{parsed, app, signer}, app.admit()
}

// signer finds by which of an app's signing secrets something is signed; nil: by none. Two are tried every time, and where
// there is no app, or it has only one, one that nobody knows.
func (s *Store) signer(app *App, signs func(secret []byte) bool) []byte {
	nobody := s.nobody.keys(SigningSecret).current
	pair := keyPair{current: nobody}
	if app != nil {
		pair = app.keys(SigningSecret)
	}
	if !pair.hasPrevious(s.now()) {
		pair.previous = nobody
	}
	byCurrent, byPrevious := signs(pair.current), signs(pair.previous)
	switch {
	case app == nil:
	case byCurrent:
		return pair.current
	case byPrevious:
		return pair.previous
	}
	return nil
}

// signedSessionID names the session of a signed token by the hash of its signature, which stands for the whole token.
func (t *SignedToken) signedSessionID() string {
	sum := sha256.Sum256(t.signature)
	return "sig-" + hex.EncodeToString(sum[:16])
}

// openSignedSession makes the session of a signed token at its first use.
func (s *Store) openSignedSession(ctx context.Context, token *checkedToken) error {
	known, err := s.findSession(ctx, token.app.ID, token.sessionID)
	if err != nil || known != nil {
		return err
	}
	return s.openSession(ctx, &Session{AppID: token.app.ID, ID: token.sessionID, ClientID: token.claims.subject, Tag: token.claims.tag,
		CreatedAt: s.now(), ExpiresAt: TimestampOf(time.Unix(token.claims.expires, 0))})
}

func errTokenInvalid() *Error {
	return &Error{Kind: Unauthorized, Code: "token_invalid", Detail: "the token is not one that this server accepts"}
}

func errTokenExpired() *Error {
	return &Error{Kind: Unauthorized, Code: "token_expired", Detail: "the token has expired; log in again"}
}
