package models

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// appTrust is how long after a look at the database the apps that it found are believed to be all, and as they are: as
// long as sessions are (TrustSessions). It bounds how long a node goes by an old key.
const appTrust = time.Second

// mostApps are read by their numbers; of more than these changed ones, all are read.
const mostApps = 500

// appCache knows all apps, as the latest look has found them. So a request asks the database for none, and one that
// names an app that does not exist costs what every other costs.
type appCache struct {
	looking sync.Mutex // one look at a time
	table   atomic.Pointer[appTable]
}

// appTable is what a look has found; it is replaced and never changed.
type appTable struct {
	byID     map[string]*App
	byNumber map[uint32]*App
	looked   time.Time // when the look began
}

func newAppCache() *appCache {
	c := &appCache{}
	c.table.Store(&appTable{})
	return c
}

// lookAtApps brings the cache up to what a look at the heads, begun at a moment, has found.
func (s *Store) lookAtApps(ctx context.Context, heads []Head, moment time.Time) error {
	s.apps.looking.Lock()
	defer s.apps.looking.Unlock()
	old := s.apps.table.Load()
	if moment.Before(old.looked) { // another look has overtaken this one
		return nil
	}
	var changed []uint32
	for _, head := range heads {
		if known := old.byNumber[head.AppID]; known == nil || known.Version != head.AppVersion {
			changed = append(changed, head.AppID)
		}
	}
	next := &appTable{byID: old.byID, byNumber: old.byNumber, looked: moment}
	if len(changed) > 0 || len(heads) != len(old.byNumber) {
		var err error
		if next.byID, next.byNumber, err = s.reloadApps(ctx, old, heads, changed); err != nil {
			return err
		}
	}
	s.apps.table.Store(next)
	return nil
}

func (s *Store) reloadApps(ctx context.Context, old *appTable, heads []Head, changed []uint32) (map[string]*App, map[uint32]*App, error) {
	query := s.read.WithContext(ctx)
	if len(changed) <= mostApps {
		query = query.Where("id IN ?", changed)
	}
	var apps []*App
	if len(changed) > 0 {
		if err := query.Find(&apps).Error; err != nil {
			return nil, nil, err
		}
	}
	byID, byNumber := make(map[string]*App, len(heads)), make(map[uint32]*App, len(heads))
	for _, head := range heads {
		if known := old.byNumber[head.AppID]; known != nil {
			byID[known.PublicID], byNumber[known.ID] = known, known
		}
	}
	for _, app := range apps {
		byID[app.PublicID], byNumber[app.ID] = app, app
	}
	return byID, byNumber, nil
}

// trustedApps gives what the latest look has found, nil when that was too long ago.
func (c *appCache) trustedApps() *appTable {
	if table := c.table.Load(); time.Since(table.looked) < appTrust {
		return table
	}
	return nil
}

// appByID finds an app by its public id; nil when there is none.
func (s *Store) appByID(ctx context.Context, publicID string) (*App, error) {
	if table := s.apps.trustedApps(); table != nil {
		return table.byID[publicID], nil
	}
	return s.readApp(ctx, "public_id = ?", publicID)
}

// appByNumber finds an app by the number that its rows have; nil when there is none.
func (s *Store) appByNumber(ctx context.Context, number uint32) (*App, error) {
	if table := s.apps.trustedApps(); table != nil {
		return table.byNumber[number], nil
	}
	return s.readApp(ctx, "id = ?", number)
}

func (s *Store) readApp(ctx context.Context, condition string, value any) (*App, error) {
	app := &App{}
	err := s.read.WithContext(ctx).Where(condition, value).Take(app).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return app, asUnavailable(ctx, err)
}
