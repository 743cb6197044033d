package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/models"
)

// keepByDefault is how long a replaced key stays good: as long as a session token lives by default, so that every client
// has been given a new one by then.
const keepByDefault = 24 * time.Hour

func rotateFlags(flags *flag.FlagSet, o *appOrder) {
	for name, kind := range map[string]models.KeyKind{"app-key": models.AppKey, "master-key": models.MasterKey, "signing-secret": models.SigningSecret} {
		flags.BoolFunc(name, "", func(string) error {
			if !slices.Contains(o.kinds, kind) {
				o.kinds = append(o.kinds, kind)
			}
			return nil
		})
	}
	flags.DurationVar(&o.keep, "keep", keepByDefault, "")
	flags.BoolVar(&o.given, "given", false, "")
	flags.BoolVar(&o.finish, "finish", false, "")
}

func checkRotate(o *appOrder) error {
	if len(o.kinds) == 0 {
		o.kinds = models.KeyKinds()
	}
	switch missing := o.givenKeys().Missing(o.kinds); {
	case o.keep < 0:
		return errors.New("--keep must not be negative")
	case o.finish && (o.given || o.keep != keepByDefault):
		return errors.New("--finish replaces no key, so --given and --keep make no sense with it")
	case o.given && len(missing) > 0:
		return fmt.Errorf("with --given, name the keys to replace; not in the environment: %s", strings.Join(variablesOf(missing), ", "))
	}
	return nil
}

func rotateKeys(ctx context.Context, store *models.Store, o *appOrder) error {
	if o.finish {
		return finishRotation(ctx, store, o)
	}
	app, made, err := store.RotateKeys(ctx, o.id, o.kinds, o.givenKeys(), o.keep)
	if err != nil {
		return err
	}
	keys, ends := shownKeys(app, made), "what they replace is dead on every node within a second\n"
	if o.keep > 0 {
		until := app.PreviousUntil(o.kinds[0], store.Now())
		keys.PreviousUntil = &until
		ends = fmt.Sprintf("what they replace is good until %s; parley app rotate-keys --finish %s ends it sooner\n", written(until), app.PublicID)
	}
	return o.answer(keys, fmt.Sprintf("app %s has new keys: %s\n%s%s", app.PublicID, list(o.kinds), keys.lines("new "), ends))
}

func finishRotation(ctx context.Context, store *models.Store, o *appOrder) error {
	app, err := store.FinishRotation(ctx, o.id, o.kinds)
	if err != nil {
		return err
	}
	return o.answer(shownApp(app, store.Now()), fmt.Sprintf("app %s: only the newest is good now of: %s\n", app.PublicID, list(o.kinds)))
}

// givenKeys are the keys in the environment, where the caller wants those.
func (o *appOrder) givenKeys() models.Credentials {
	if !o.given {
		return models.Credentials{}
	}
	return models.Credentials{AppKey: o.config.AppKey, MasterKey: o.config.MasterKey, SigningSecret: o.config.SigningSecret}
}

// variablesOf names the variables that keys of these kinds come from.
func variablesOf(kinds []models.KeyKind) []string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = map[models.KeyKind]string{models.AppKey: "PARLEY_APP_KEY", models.MasterKey: "PARLEY_MASTER_KEY", models.SigningSecret: "PARLEY_SIGNING_SECRET"}[kind]
	}
	return names
}

func list(kinds []models.KeyKind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = kind.String()
	}
	return strings.Join(names, ", ")
}

// appKeysShown are keys that were made up: shown this once, since of most of them only a hash is kept.
type appKeysShown struct {
	ID            string            `json:"id"`
	AppKey        string            `json:"appKey,omitempty"`
	MasterKey     string            `json:"masterKey,omitempty"`
	SigningSecret string            `json:"signingSecret,omitempty"`
	PreviousUntil *models.Timestamp `json:"previousUntil,omitempty"`
}

func shownKeys(app *models.App, made *models.Credentials) appKeysShown {
	return appKeysShown{ID: app.PublicID, AppKey: made.AppKey, MasterKey: made.MasterKey, SigningSecret: made.SigningSecret}
}

func (k appKeysShown) lines(what string) string {
	lines := ""
	for _, key := range []struct {
		kind  models.KeyKind
		value string
	}{{models.AppKey, k.AppKey}, {models.MasterKey, k.MasterKey}, {models.SigningSecret, k.SigningSecret}} {
		if key.value != "" {
			lines += fmt.Sprintf("its %s%s, shown this once: %s\n", what, key.kind, key.value)
		}
	}
	return lines
}
