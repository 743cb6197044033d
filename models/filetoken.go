package models

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"time"
)

// A file's url carries a token, so that <img src> works without a header, and so that one that leaks dies: whoever holds
// it may read this file's bytes until it expires, and nothing else. It is base64url of
//
//	4 bytes   the app's number
//	4 bytes   the expiry, in seconds since 1970
//	16 bytes  the beginning of HMAC-SHA-256 over these 8 bytes and the file's id, with a key of the app
//
// 128 bits are as many as an attacker has to guess of a session token's key.
const (
	fileTokenSigned = 8
	fileTokenBytes  = fileTokenSigned + 16
)

// Urls made within a step of time are the same, so that a browser that is given a file again finds it in its cache. A
// step is an eighth of a url's life, and an hour at most.
const (
	fileURLSteps   = 8
	fileURLStepMax = time.Hour
)

// fileTokenKey is derived from a signing secret, as sessionTokenKey is.
func fileTokenKey(secret []byte) []byte { return derivedKey(secret, "parley file token") }

// fileToken makes the token of a file that expires at the end of its life, or up to a step before.
func (s *Store) fileToken(app *App, fileID string) string {
	step := max(min(s.options.FileURLTTL/fileURLSteps, fileURLStepMax), time.Second)
	expires := s.options.Clock().Add(s.options.FileURLTTL).Truncate(step).Unix()
	token := make([]byte, 0, fileTokenBytes+sha256.Size)
	token = binary.BigEndian.AppendUint32(token, app.ID)
	token = binary.BigEndian.AppendUint32(token, uint32(min(max(expires, 0), math.MaxUint32)))
	token = append(token, fileTokenMAC([]byte(app.SigningSecret), token, fileID)...)
	return base64.RawURLEncoding.EncodeToString(token)
}

func fileTokenMAC(secret, signed []byte, fileID string) []byte {
	mac := hmac.New(sha256.New, fileTokenKey(secret))
	mac.Write(signed)
	mac.Write([]byte(fileID))
	return mac.Sum(nil)[:fileTokenBytes-fileTokenSigned]
}

// FileByToken finds the file whose bytes the holder of a url may read, and for how long still.
func (s *Store) FileByToken(ctx context.Context, id, token string) (*File, time.Duration, error) {
	app, expires, err := s.verifyFileToken(ctx, id, token)
	if err != nil {
		return nil, 0, err
	}
	f, err := findFile(s.read.WithContext(ctx), app.ID, id)
	if err == nil && f == nil {
		err = errFileNotFound()
	}
	return f, expires.Sub(s.options.Clock()), asUnavailable(ctx, err)
}

func (s *Store) verifyFileToken(ctx context.Context, id, token string) (app *App, expires time.Time, err error) {
	raw, ok := decodeExactly(token, fileTokenBytes)
	if !ok {
		return nil, expires, errFileTokenInvalid()
	}
	if app, err = s.appByNumber(ctx, binary.BigEndian.Uint32(raw)); err != nil {
		return nil, expires, err
	}
	signed, mac := raw[:fileTokenSigned:fileTokenSigned], raw[fileTokenSigned:]
	if s.signer(app, func(secret []byte) bool { return hmac.Equal(mac, fileTokenMAC(secret, signed, id)) }) == nil {
		return nil, expires, errFileTokenInvalid()
	}
	if err := app.admit(); err != nil {
		return nil, expires, err
	}
	expires = time.Unix(int64(binary.BigEndian.Uint32(raw[4:])), 0)
	if !s.options.Clock().Before(expires) {
		return nil, expires, &Error{Kind: Unauthorized, Code: "token_expired", Detail: "this url has expired; fetch the message or the file's record anew"}
	}
	return app, expires, nil
}

// decodeExactly reads so many bytes of base64url. They have one spelling: Go's decoder, strict too, passes over line ends.
func decodeExactly(text string, n int) ([]byte, bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(n) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && len(raw) == n
}

func errFileTokenInvalid() *Error {
	return &Error{Kind: Unauthorized, Code: "token_invalid", Detail: "the token is not one of this file's"}
}

// linkFile gives a record its url: the link, or a fresh one to the bytes here.
func (s *Store) linkFile(ctx context.Context, f *File) error {
	if f.Link != nil {
		f.URL = *f.Link
		return nil
	}
	app, err := s.appByNumber(ctx, f.AppID)
	if err != nil {
		return err
	}
	f.URL = s.options.FileURL(f.ID, s.fileToken(app, f.ID))
	return nil
}

// linkMessages gives the stored files that messages name fresh urls. Every message has to pass it on its way out: one
// that did not cannot be encoded.
func (s *Store) linkMessages(ctx context.Context, messages ...*Message) (err error) {
	var app *App // of all of them, as a rule
	for _, m := range messages {
		m.Unmark()
		if m.File == nil || !m.File.stored() {
			continue
		}
		if app == nil || app.ID != m.AppID {
			if app, err = s.appByNumber(ctx, m.AppID); err != nil {
				return err
			}
		}
		s.linkMessage(app, m)
	}
	return nil
}

func (s *Store) linkMessage(app *App, m *Message) {
	if m.File != nil && m.File.stored() {
		m.File.URL = s.options.FileURL(m.File.ID, s.fileToken(app, m.File.ID))
	}
}
