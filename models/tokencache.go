package models

import (
	"crypto/sha256"
	"sync"
)

// maxCachedTokens bounds the memory: about 400 bytes each. Past it the cache starts over, which costs a check a token. Only
// what an app has signed gets in.
const maxCachedTokens = 50_000

// tokenKey stands for the text of a token, which is nowhere kept.
type tokenKey [sha256.Size]byte

// tokenCache spares the check of the signature of a token that has passed it. It says nothing of the session, which is
// looked at every time.
type tokenCache struct {
	mu     sync.RWMutex
	tokens map[tokenKey]*checkedToken
}

// checkedToken is a token that has passed every check while its app was what app says.
type checkedToken struct {
	app       *App
	claims    tokenClaims
	signer    credential
	until     Timestamp // when the signer's end comes; 0: none is known
	sessionID string
}

func newTokenCache() *tokenCache { return &tokenCache{tokens: map[tokenKey]*checkedToken{}} }

func keyOfToken(token string) tokenKey {
	var short [512]byte // ours are shorter, and cost no memory
	return sha256.Sum256(append(short[:0], token...))
}

func (c *tokenCache) get(key tokenKey) *checkedToken {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tokens[key]
}

func (c *tokenCache) put(key tokenKey, token *checkedToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) >= maxCachedTokens {
		clear(c.tokens)
	}
	c.tokens[key] = token
}

// stillGood tells whether a token would pass every check now. Whatever becomes of an app, a look finds another App than the
// token was checked with.
func (s *Store) stillGood(token *checkedToken) bool {
	apps, now := s.apps.trustedApps(), s.now()
	return apps != nil && apps.byNumber[token.app.ID] == token.app &&
		now.Time().Unix() < token.claims.expires && (token.until == 0 || now < token.until)
}
