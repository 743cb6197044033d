package app

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"parley/models"
)

// appShown is what is shown of an app.
type appShown struct {
	ID                 string            `json:"id"`
	Number             uint32            `json:"number"` // of its rows, and of its folder in the store of the files
	CreatedAt          models.Timestamp  `json:"createdAt"`
	DisabledAt         *models.Timestamp `json:"disabledAt"` // null: it is not
	RequireSignedLogin bool              `json:"requireSignedLogin"`
	KeysFrom           string            `json:"keysFrom"`      // environment or database
	PreviousUntil      previousUntil     `json:"previousUntil"` // until when what the keys have replaced is good
}

// previousUntil has only keys whose replaced ones are good.
type previousUntil struct {
	AppKey        *models.Timestamp `json:"appKey,omitempty"`
	MasterKey     *models.Timestamp `json:"masterKey,omitempty"`
	SigningSecret *models.Timestamp `json:"signingSecret,omitempty"`
}

func shownApp(app *models.App, now models.Timestamp) appShown {
	until := func(kind models.KeyKind) *models.Timestamp {
		if t := app.PreviousUntil(kind, now); t != 0 {
			return &t
		}
		return nil
	}
	shown := appShown{ID: app.PublicID, Number: app.ID, CreatedAt: app.CreatedAt, DisabledAt: app.DisabledAt,
		RequireSignedLogin: app.RequireSignedLogin, KeysFrom: "environment",
		PreviousUntil: previousUntil{AppKey: until(models.AppKey), MasterKey: until(models.MasterKey), SigningSecret: until(models.SigningSecret)}}
	if app.Managed {
		shown.KeysFrom = "database"
	}
	return shown
}

func listApps(ctx context.Context, store *models.Store, o *appOrder) error {
	apps, err := store.Apps(ctx)
	if err != nil {
		return err
	}
	shown := struct {
		Apps []appShown `json:"apps"`
	}{Apps: []appShown{}}
	lines := &strings.Builder{}
	table := tabwriter.NewWriter(lines, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNUMBER\tSTATE\tLOG-IN\tKEYS FROM\tREPLACED KEYS THAT ARE GOOD")
	for _, app := range apps {
		shown.Apps = append(shown.Apps, shownApp(app, store.Now()))
		fmt.Fprintln(table, shown.Apps[len(shown.Apps)-1].line())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return o.answer(shown, lines.String())
}

func (a appShown) line() string {
	state, login, good := "enabled", "by app key too", []string{}
	if a.DisabledAt != nil {
		state = "disabled since " + written(*a.DisabledAt)
	}
	if a.RequireSignedLogin {
		login = "signed only"
	}
	for _, previous := range []struct {
		kind  models.KeyKind
		until *models.Timestamp
	}{{models.AppKey, a.PreviousUntil.AppKey}, {models.MasterKey, a.PreviousUntil.MasterKey}, {models.SigningSecret, a.PreviousUntil.SigningSecret}} {
		if previous.until != nil {
			good = append(good, fmt.Sprintf("%s until %s", previous.kind, written(*previous.until)))
		}
	}
	return fmt.Sprintf("%s\t%d\t%s\t%s\t%s\t%s", a.ID, a.Number, state, login, a.KeysFrom, strings.Join(good, ", "))
}

// written is a time as the API writes it.
func written(t models.Timestamp) string {
	text, _ := t.MarshalText() // never fails
	return string(text)
}
