package models

import "sync"

// maxAppLabels bounds the series on /metrics that carry an app's name: each app has some dozens of them on every node, and
// 200 apps are what one Prometheus still keeps without a thought.
const maxAppLabels = 200

// OtherApps is the label of the apps beyond the first maxAppLabels of a node; no app can be called so.
const OtherApps = "(other)"

// appLabels says how apps are called on /metrics.
type appLabels struct {
	mu    sync.RWMutex
	known map[string]bool
	begin func(label string) // is told of each new label once
}

// of gives the label of an app: its public id, while there are not too many.
func (l *appLabels) of(publicID string) string {
	l.mu.RLock()
	known := l.known[publicID]
	l.mu.RUnlock()
	if known {
		return publicID
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.known[publicID]: // another caller was quicker
		return publicID
	case len(l.known) >= maxAppLabels:
		return OtherApps
	}
	if l.known == nil {
		l.known = map[string]bool{}
	}
	l.known[publicID] = true
	l.begin(publicID)
	return publicID
}

// AppLabel gives the name of an app on /metrics: its public id or, past the first 200 apps of a node, OtherApps.
func (s *Store) AppLabel(app *App) string { return s.labels.of(app.PublicID) }
