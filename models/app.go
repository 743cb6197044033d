package models

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"

	"github.com/rs/xid"
	"gorm.io/gorm"
)

// App is one application with its own clients, conversations and log. One that a lookup has given is never changed, and
// shared by many.
type App struct {
	ID                 uint32 `gorm:"primaryKey;autoIncrement:false"`
	PublicID           string
	AppKeyHash         []byte
	MasterKeyHash      []byte
	SigningSecret      string // in plain: tokens are checked with it
	RequireSignedLogin bool
	CreatedAt          Timestamp `gorm:"autoCreateTime:false"`

	Version    int64      // grows with every change
	Managed    bool       // made, or given keys, by CreateApp, RotateKeys or ChangeApp: the environment of a node changes nothing
	DisabledAt *Timestamp // nil: it is not

	// The keys that have been replaced, each good until the time beside it.
	PreviousAppKeyHash         []byte
	PreviousAppKeyUntil        Timestamp
	PreviousMasterKeyHash      []byte
	PreviousMasterKeyUntil     Timestamp
	PreviousSigningSecret      *string
	PreviousSigningSecretUntil Timestamp
}

// Credentials are an app's secrets in plain text. An empty one is made up when the app is made, and otherwise left as it is.
type Credentials struct {
	AppID, AppKey, MasterKey, SigningSecret string
	RequireSignedLogin                      bool
}

// bootstrapAppID is the number of the app that a first start without PARLEY_APP_ID makes; with a fixed number, two nodes
// that start at once on an empty database make one app.
const bootstrapAppID = 1

// Bootstrap makes the app of these credentials, or brings it up to them unless it is managed. When this call made the app,
// made holds what it made up, in plain text and this once: of the keys only hashes are kept. It is nil otherwise.
func (s *Store) Bootstrap(ctx context.Context, want Credentials) (app *App, made *Credentials, err error) {
	query := s.write.WithContext(ctx).Where("id = ?", bootstrapAppID)
	if want.AppID != "" {
		query = s.write.WithContext(ctx).Where("public_id = ?", want.AppID)
	}
	app = &App{}
	switch err = query.Take(app).Error; {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return s.makeApp(ctx, want)
	case err != nil:
		return nil, nil, err
	}
	asked := *app
	want.applyTo(&asked)
	if app.Managed || reflect.DeepEqual(asked, *app) { // a database that takes no writes now is no reason not to start
		return app, nil, nil
	}
	for _, kind := range app.Lacks(want) {
		s.options.Logger.Warn("the environment has changed a key of the app; the one before is dead on every node", "app", app.PublicID, "key", kind.String())
	}
	app, err = s.updateApp(ctx, app.ID, func(app *App) error {
		if !app.Managed { // nor become so meanwhile
			want.applyTo(app)
		}
		return nil
	})
	return app, nil, err
}

// CreateApp makes another app, under an id that no app has; what is empty in want is made up and comes back in made, in
// plain text and this once.
func (s *Store) CreateApp(ctx context.Context, want Credentials) (app *App, made *Credentials, err error) {
	if want.AppID == "" {
		want.AppID = rand.Text()
	}
	for {
		var known int64
		if err := s.write.WithContext(ctx).Model(&App{}).Where("public_id = ?", want.AppID).Count(&known).Error; err != nil {
			return nil, nil, err
		}
		if known > 0 {
			return nil, nil, &Error{Kind: Conflict, Code: "app_exists", Detail: "there is an app with this id already"}
		}
		app, made, err = s.insertApp(ctx, want, true)
		if faultOf(err) != faultDuplicate { // otherwise somebody took the id, or the number, meanwhile
			return app, made, err
		}
	}
}

func (s *Store) makeApp(ctx context.Context, want Credentials) (*App, *Credentials, error) {
	app, made, err := s.insertApp(ctx, want, false)
	if faultOf(err) == faultDuplicate { // another node made it meanwhile
		return s.Bootstrap(ctx, want)
	}
	return app, made, err
}

func (s *Store) insertApp(ctx context.Context, want Credentials, managed bool) (*App, *Credentials, error) {
	named := want.AppID != ""
	want, made := want.completed(AppKey, MasterKey, SigningSecret)
	if !named {
		want.AppID = rand.Text()
		made.AppID = want.AppID
	}
	app := &App{CreatedAt: s.now(), Managed: managed}
	want.applyTo(app)
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		app.ID = bootstrapAppID
		if named {
			if err := tx.Raw("SELECT COALESCE(MAX(id), 0) + 1 FROM apps").Find(&app.ID).Error; err != nil {
				return err
			}
		}
		if err := tx.Create(app).Error; err != nil {
			return err
		}
		return tx.Exec("INSERT INTO counters (app_id, seq, newest_at, floor, log_id) VALUES (?, 0, 0, 0, ?)",
			app.ID, xid.New().String()).Error
	})
	return app, made, err
}

// completed makes up the keys of these kinds that are empty; made holds those.
func (c Credentials) completed(kinds ...KeyKind) (complete Credentials, made *Credentials) {
	made = &Credentials{}
	for _, kind := range kinds {
		if value := c.key(kind); *value == "" {
			*made.key(kind) = kind.makeUp()
			*value = *made.key(kind)
		}
	}
	return c, made
}

// Missing tells which of these keys are empty.
func (c Credentials) Missing(kinds []KeyKind) []KeyKind {
	return slices.DeleteFunc(slices.Clone(kinds), func(kind KeyKind) bool { return *c.key(kind) != "" })
}

func (c *Credentials) key(kind KeyKind) *string {
	switch kind {
	case AppKey:
		return &c.AppKey
	case MasterKey:
		return &c.MasterKey
	}
	return &c.SigningSecret
}

func (c Credentials) applyTo(app *App) {
	if c.AppID != "" {
		app.PublicID = c.AppID
	}
	for _, kind := range KeyKinds() {
		if value := *c.key(kind); value != "" {
			app.setKey(kind, kind.stored(value))
		}
	}
	app.RequireSignedLogin = c.RequireSignedLogin
}

// OnlyApp finds the app with a public id or, when that is empty, the one that there is; nil when there is none.
func (s *Store) OnlyApp(ctx context.Context, publicID string) (*App, error) {
	var apps []*App
	query := s.read.WithContext(ctx).Order("id").Limit(2)
	if publicID != "" {
		query = query.Where("public_id = ?", publicID)
	}
	if err := query.Find(&apps).Error; err != nil || len(apps) == 0 {
		return nil, err
	}
	if len(apps) > 1 {
		return nil, errors.New("there are several apps in this database: say which one")
	}
	return apps[0], nil
}

// Apps reads all apps, in the order in which they were made.
func (s *Store) Apps(ctx context.Context) ([]*App, error) {
	var apps []*App
	err := s.read.WithContext(ctx).Order("id").Find(&apps).Error
	return apps, asUnavailable(ctx, err)
}

// ChangeApp changes what is no key of an app: whether it is disabled, and whether it requires signed log-ins; nil leaves
// it as it is. Every node goes by it within a second.
func (s *Store) ChangeApp(ctx context.Context, publicID string, disabled, requireSignedLogin *bool) (*App, error) {
	known, err := s.existingApp(ctx, publicID)
	if err != nil {
		return nil, err
	}
	return s.updateApp(ctx, known.ID, func(app *App) error {
		switch {
		case disabled == nil:
		case !*disabled:
			app.DisabledAt = nil
		case app.DisabledAt == nil:
			now := s.now()
			app.DisabledAt = &now
		}
		if requireSignedLogin != nil {
			app.RequireSignedLogin, app.Managed = *requireSignedLogin, true
		}
		return nil
	})
}

func (s *Store) existingApp(ctx context.Context, publicID string) (*App, error) {
	app := &App{}
	err := s.write.WithContext(ctx).Where("public_id = ?", publicID).Take(app).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, &Error{Kind: NotFound, Code: "app_not_found", Detail: "there is no such app in this database"}
	}
	return app, err
}

// errUnchanged rolls back a change that changes nothing.
var errUnchanged = errors.New("nothing to change")

// updateApp changes an app's row, whose new version tells the nodes of it. change may run more than once.
func (s *Store) updateApp(ctx context.Context, number uint32, change func(*App) error) (app *App, err error) {
	err = s.retry(ctx, func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			// The row is locked first, so that of two changes at once none is lost.
			if err := tx.Exec("UPDATE apps SET version = version + 1 WHERE id = ?", number).Error; err != nil {
				return err
			}
			app = &App{}
			if err := tx.Where("id = ?", number).Take(app).Error; err != nil {
				return err
			}
			before := *app
			if err := change(app); err != nil {
				return err
			}
			if reflect.DeepEqual(before, *app) {
				return errUnchanged
			}
			return tx.Save(app).Error
		})
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return app, err
}
