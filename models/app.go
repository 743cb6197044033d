package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"reflect"
	"sync"

	"github.com/rs/xid"
	"gorm.io/gorm"
)

// App is one application with its own clients, conversations and log.
type App struct {
	ID                 uint32 `gorm:"primaryKey;autoIncrement:false"`
	PublicID           string
	AppKeyHash         []byte
	MasterKeyHash      []byte
	SigningSecret      string
	RequireSignedLogin bool
	CreatedAt          Timestamp `gorm:"autoCreateTime:false"`
}

// Credentials are an app's secrets in plain text. An empty one is made up when the app is made, and otherwise left as it is.
type Credentials struct {
	AppID, AppKey, MasterKey, SigningSecret string
	RequireSignedLogin                      bool
}

// bootstrapAppID is the number of the app that a first start without PARLEY_APP_ID makes; with a fixed number, two nodes
// that start at once on an empty database make one app.
const bootstrapAppID = 1

// appCache remembers the apps by their public ids; there are few and they hardly change.
type appCache struct {
	mu       sync.RWMutex
	byID     map[string]*App
	byNumber map[uint32]*App
}

// Bootstrap makes the app of these credentials, or brings it up to them. When this call made the app, made holds what it
// made up, in plain text and this once: of the keys only hashes are kept. It is nil otherwise.
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
	known := *app
	want.applyTo(app)
	if reflect.DeepEqual(known, *app) { // a database that takes no writes now is no reason not to start
		return app, nil, nil
	}
	return app, nil, s.write.WithContext(ctx).Save(app).Error
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
		app, made, err = s.insertApp(ctx, want)
		if faultOf(err) != faultDuplicate { // otherwise somebody took the id, or the number, meanwhile
			return app, made, err
		}
	}
}

func (s *Store) makeApp(ctx context.Context, want Credentials) (*App, *Credentials, error) {
	app, made, err := s.insertApp(ctx, want)
	if faultOf(err) == faultDuplicate { // another node made it meanwhile
		return s.Bootstrap(ctx, want)
	}
	return app, made, err
}

func (s *Store) insertApp(ctx context.Context, want Credentials) (*App, *Credentials, error) {
	asked, made := want, &Credentials{}
	for wanted, secret := range map[*string]*string{&want.AppID: &made.AppID, &want.AppKey: &made.AppKey,
		&want.MasterKey: &made.MasterKey, &want.SigningSecret: &made.SigningSecret} {
		if *wanted == "" {
			*secret = rand.Text() // 128 bits or more, letters and digits: fits a URL, a header and a shell
			*wanted = *secret
		}
	}
	app := &App{CreatedAt: s.now()}
	want.applyTo(app)
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		app.ID = bootstrapAppID
		if asked.AppID != "" {
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

func (c Credentials) applyTo(app *App) {
	if c.AppID != "" {
		app.PublicID = c.AppID
	}
	if c.AppKey != "" {
		app.AppKeyHash = hashKey(c.AppKey)
	}
	if c.MasterKey != "" {
		app.MasterKeyHash = hashKey(c.MasterKey)
	}
	if c.SigningSecret != "" {
		app.SigningSecret = c.SigningSecret
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

// App finds an app by its public id; NotFound when there is none.
func (s *Store) App(ctx context.Context, publicID string) (*App, error) {
	s.apps.mu.RLock()
	app := s.apps.byID[publicID]
	s.apps.mu.RUnlock()
	if app != nil {
		return app, nil
	}
	app = &App{}
	err := s.read.WithContext(ctx).Where("public_id = ?", publicID).Take(app).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, &Error{Kind: NotFound, Code: "app_not_found", Detail: "there is no such app"}
	}
	if err != nil {
		return nil, asUnavailable(ctx, err)
	}
	return s.apps.remember(app), nil
}

// appByNumber finds an app by the number that its rows have; nil when there is none.
func (s *Store) appByNumber(ctx context.Context, number uint32) (*App, error) {
	s.apps.mu.RLock()
	app := s.apps.byNumber[number]
	s.apps.mu.RUnlock()
	if app != nil {
		return app, nil
	}
	app = &App{}
	err := s.read.WithContext(ctx).Where("id = ?", number).Take(app).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.apps.remember(app), nil
}

func (c *appCache) remember(app *App) *App {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID, c.byNumber = map[string]*App{}, map[uint32]*App{}
	}
	c.byID[app.PublicID], c.byNumber[app.ID] = app, app
	return app
}

// HasAppKey compares in constant time.
func (a *App) HasAppKey(key string) bool {
	return subtle.ConstantTimeCompare(a.AppKeyHash, hashKey(key)) == 1
}

// HasMasterKey compares in constant time.
func (a *App) HasMasterKey(key string) bool {
	return subtle.ConstantTimeCompare(a.MasterKeyHash, hashKey(key)) == 1
}

// hashKey: the keys are long and random, so a plain hash cannot be searched for them.
func hashKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}
