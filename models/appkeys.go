package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"
)

// KeyKind is one of the three secrets of an app.
type KeyKind int

// The secrets of an app: the first logs clients in, the second is for the app's own server, and the third signs tokens.
const (
	AppKey KeyKind = iota + 1
	MasterKey
	SigningSecret
)

// KeyKinds are all of them.
func KeyKinds() []KeyKind { return []KeyKind{AppKey, MasterKey, SigningSecret} }

func (k KeyKind) String() string {
	switch k {
	case AppKey:
		return "app key"
	case MasterKey:
		return "master key"
	}
	return "signing secret"
}

// name is what the kind is called where no blank may be.
func (k KeyKind) name() string { return strings.ReplaceAll(k.String(), " ", "_") }

// makeUp makes a new key: letters and digits, which fit a URL, a header and a shell. 128 bits or more; of the signing
// secret twice as much, because HS256 asks for 32 bytes (RFC 7518, section 3.2) and some libraries take no shorter one.
func (k KeyKind) makeUp() string {
	if k == SigningSecret {
		return rand.Text() + rand.Text()
	}
	return rand.Text()
}

// stored is what is kept of a key. The app key and the master key are long and random, so a plain hash cannot be searched
// for them; the signing secret is needed as it is.
func (k KeyKind) stored(value string) []byte {
	if k == SigningSecret {
		return []byte(value)
	}
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

// keyPair is a key, as it is stored, and the one that it has replaced, which is good until a time.
type keyPair struct {
	current, previous []byte
	until             Timestamp
}

func (p keyPair) hasPrevious(now Timestamp) bool { return len(p.previous) > 0 && now < p.until }

func (a *App) keys(kind KeyKind) keyPair {
	switch kind {
	case AppKey:
		return keyPair{a.AppKeyHash, a.PreviousAppKeyHash, a.PreviousAppKeyUntil}
	case MasterKey:
		return keyPair{a.MasterKeyHash, a.PreviousMasterKeyHash, a.PreviousMasterKeyUntil}
	}
	pair := keyPair{current: []byte(a.SigningSecret), until: a.PreviousSigningSecretUntil}
	if a.PreviousSigningSecret != nil {
		pair.previous = []byte(*a.PreviousSigningSecret)
	}
	return pair
}

func (a *App) setKey(kind KeyKind, stored []byte) {
	switch kind {
	case AppKey:
		a.AppKeyHash = stored
	case MasterKey:
		a.MasterKeyHash = stored
	case SigningSecret:
		a.SigningSecret = string(stored)
	}
}

// setPrevious keeps a key that has been replaced; nil: none.
func (a *App) setPrevious(kind KeyKind, stored []byte, until Timestamp) {
	switch kind {
	case AppKey:
		a.PreviousAppKeyHash, a.PreviousAppKeyUntil = stored, until
	case MasterKey:
		a.PreviousMasterKeyHash, a.PreviousMasterKeyUntil = stored, until
	case SigningSecret:
		a.PreviousSigningSecret, a.PreviousSigningSecretUntil = nil, until
		if stored != nil {
			secret := string(stored)
			a.PreviousSigningSecret = &secret
		}
	}
}

// PreviousUntil tells until when the key is good that this kind's has replaced; 0: there is none that is.
func (a *App) PreviousUntil(kind KeyKind, now Timestamp) Timestamp {
	if pair := a.keys(kind); pair.hasPrevious(now) {
		return pair.until
	}
	return 0
}

// Lacks tells which of these keys are given and not the app's current ones.
func (a *App) Lacks(given Credentials) []KeyKind {
	var lacking []KeyKind
	for _, kind := range KeyKinds() {
		value := *given.key(kind)
		if value != "" && subtle.ConstantTimeCompare(a.keys(kind).current, kind.stored(value)) == 0 {
			lacking = append(lacking, kind)
		}
	}
	return lacking
}

// RotateKeys replaces keys of an app by those given, or by made-up ones, which come back in made. What they replace is
// good for as long as keep says. Every node goes by it within a second.
func (s *Store) RotateKeys(ctx context.Context, publicID string, kinds []KeyKind, given Credentials, keep time.Duration) (app *App, made *Credentials, err error) {
	known, err := s.existingApp(ctx, publicID)
	if err != nil {
		return nil, nil, err
	}
	given, made = given.completed(kinds...)
	written := 0
	app, err = s.updateApp(ctx, known.ID, func(app *App) error {
		if written++; written > 1 && len(app.Lacks(given)) == 0 {
			return nil // the first run took effect, though its answer was lost
		}
		for _, kind := range kinds {
			if err := app.rotate(kind, *given.key(kind), s.now(), keep); err != nil {
				return err
			}
		}
		if subtle.ConstantTimeCompare(app.AppKeyHash, app.MasterKeyHash) == 1 {
			return &Error{Kind: Conflict, Code: "keys_equal", Detail: "the app key and the master key must differ"}
		}
		app.Managed = true
		return nil
	})
	return app, made, err
}

func (a *App) rotate(kind KeyKind, value string, now Timestamp, keep time.Duration) error {
	pair, next := a.keys(kind), kind.stored(value)
	if subtle.ConstantTimeCompare(pair.current, next) == 1 {
		return &Error{Kind: Conflict, Code: "key_unchanged", Detail: fmt.Sprintf("the %s that is given is the app's already", kind)}
	}
	if keep <= 0 {
		a.setPrevious(kind, nil, 0)
	} else if pair.hasPrevious(now) { // there is room for two
		until, _ := pair.until.MarshalText()
		return &Error{Kind: Conflict, Code: "rotation_unfinished",
			Detail: fmt.Sprintf("the %s before this one is good until %s: finish that rotation first, or keep none", kind, until)}
	} else {
		a.setPrevious(kind, pair.current, now+Timestamp(keep.Milliseconds()))
	}
	a.setKey(kind, next)
	return nil
}

// FinishRotation ends what is still good of replaced keys.
func (s *Store) FinishRotation(ctx context.Context, publicID string, kinds []KeyKind) (*App, error) {
	known, err := s.existingApp(ctx, publicID)
	if err != nil {
		return nil, err
	}
	return s.updateApp(ctx, known.ID, func(app *App) error {
		for _, kind := range kinds {
			app.setPrevious(kind, nil, 0)
		}
		return nil
	})
}

// credential is the key by which somebody was let in, as it is stored.
type credential struct {
	kind  KeyKind
	value []byte
}

// takes tells whether a key is good now, and until when: 0 where no end is known.
func (a *App) takes(c credential, now Timestamp) (until Timestamp, ok bool) {
	pair := a.keys(c.kind)
	if subtle.ConstantTimeCompare(pair.current, c.value) == 1 {
		return 0, true
	}
	if pair.hasPrevious(now) && subtle.ConstantTimeCompare(pair.previous, c.value) == 1 {
		return pair.until, true
	}
	return 0, false
}

// admit refuses everybody while the app is disabled. It has to follow the check of who it is, so that nobody else learns
// of the app.
func (a *App) admit() error {
	if a.DisabledAt == nil {
		return nil
	}
	return &Error{Kind: Forbidden, Code: "app_disabled", Detail: "the app has been disabled by whoever runs this server"}
}
