package models

import (
	"sync"
	"time"
)

// maxCachedSessions bounds the memory: about 300 bytes each. Past it the cache starts over, which costs a read a session.
const maxCachedSessions = 100_000

type sessionKey struct {
	appID uint32
	id    string
}

// sessionCache spares the read of a session's row on every call. An entry is removed when the log says that the
// session has ended, and none is believed while the log has not been looked at for a second.
type sessionCache struct {
	mu         sync.RWMutex
	sessions   map[sessionKey]*Session
	trusted    map[uint32]time.Time
	generation uint64 // counts removals, so that a row read before one is not put back after it
}

func newSessionCache() *sessionCache {
	return &sessionCache{sessions: map[sessionKey]*Session{}, trusted: map[uint32]time.Time{}}
}

// get gives a remembered session, or nil and what put wants to know.
func (c *sessionCache) get(appID uint32, id string) (*Session, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if time.Now().After(c.trusted[appID]) {
		return nil, c.generation
	}
	return c.sessions[sessionKey{appID, id}], c.generation
}

func (c *sessionCache) put(session *Session, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if len(c.sessions) >= maxCachedSessions {
		clear(c.sessions)
	}
	c.sessions[sessionKey{session.AppID, session.ID}] = session
}

func (c *sessionCache) forget(appID uint32, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.sessions, sessionKey{appID, id})
}

func (c *sessionCache) trust(appID uint32, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trusted[appID] = until
}
