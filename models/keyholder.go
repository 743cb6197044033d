package models

import (
	"context"
	"crypto/subtle"
)

// KeyHolder is who has shown an app key or a master key.
type KeyHolder struct {
	App *App
	key credential
}

// IsMaster tells whether it was the master key: the holder is the app's own server.
func (h KeyHolder) IsMaster() bool { return h.key.kind == MasterKey }

// Caller is the holder in the account of a call, and to Standing. What the holder of an app key may do beside logging in, Actor says.
func (h KeyHolder) Caller() Actor { return Actor{App: h.App, Master: h.IsMaster(), credential: h.key} }

// Actor is the holder of a master key, as itself.
func (h KeyHolder) Actor() (Actor, error) {
	if !h.IsMaster() {
		return Actor{}, &Error{Kind: Forbidden, Code: "session_required", Detail: "the app key only logs clients in (POST /v1/sessions); go on with the session token"}
	}
	return h.Caller(), nil
}

// HolderOfKey finds whose key it is. An app that does not exist and a wrong key are told apart neither by the answer nor
// by the work: all that an app's holder could show is compared every time.
func (s *Store) HolderOfKey(ctx context.Context, appID, key string) (KeyHolder, error) {
	app, err := s.appByID(ctx, appID)
	if err != nil {
		return KeyHolder{}, err
	}
	asked := app
	if app == nil {
		asked = s.nobody
	}
	held := credential{value: AppKey.stored(key)}
	now := s.now()
	for _, kind := range []KeyKind{AppKey, MasterKey} { // the master key counts where both are the same
		pair := asked.keys(kind)
		if !pair.hasPrevious(now) {
			pair.previous = s.nobody.keys(kind).current
		}
		if subtle.ConstantTimeCompare(pair.current, held.value)|subtle.ConstantTimeCompare(pair.previous, held.value) == 1 {
			held.kind = kind
		}
	}
	if app == nil || held.kind == 0 {
		return KeyHolder{}, ErrCredentials()
	}
	s.countUse(app, held)
	return KeyHolder{App: app, key: held}, app.admit()
}

// countUse counts the use of a key that is not the newest: while there is any, a rotation is not to be finished.
func (s *Store) countUse(app *App, used credential) {
	if until, _ := app.takes(used, s.now()); until != 0 {
		s.metrics.previousKeys.WithLabelValues(s.AppLabel(app), used.kind.name()).Inc()
	}
}

// newNobody makes an app that nobody has a key of.
func newNobody() *App {
	nobody := &App{}
	complete, _ := Credentials{}.completed(KeyKinds()...)
	complete.applyTo(nobody)
	return nobody
}

// ErrCredentials is the failure of a key that is none of the app's, and of an app that does not exist.
func ErrCredentials() *Error {
	return &Error{Kind: Unauthorized, Code: "credentials_invalid", Detail: "the app id or the key is wrong"}
}
