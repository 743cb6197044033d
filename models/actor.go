package models

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxClientID = 64  // Unicode code points (guide, "clientId")
	maxTag      = 64  // as long as a client id
	maxName     = 255 // of a conversation (API.md, "Conventions")
	maxCall     = 500 // client ids in one call (API.md, "Conventions")
	maxAsked    = 100 // by a client who asks who is online
)

// Actor is who does something: a client in a session, or the app's own server with the master key, as itself or as a
// client.
type Actor struct {
	App       *App
	ClientID  string // empty: the app's own server as itself, "nobody"
	SessionID string // empty for the app's own server
	Master    bool

	credential credential // what let it in; none where it was not a request
}

// Client is the acting client's id, nil for nobody; the API's creator, invitedBy, kickedBy and updatedBy.
func (a Actor) Client() *string {
	if a.ClientID == "" {
		return nil
	}
	return &a.ClientID
}

// MayAskFor checks a list of clients of whom the actor asks whether they are online, and drops doubles.
func (a Actor) MayAskFor(clients []string) ([]string, error) {
	if !a.Master && len(clients) > maxAsked {
		return nil, Invalidf("clientIds", "must name at most %d clients", maxAsked)
	}
	return checkClientIDs("clientIds", clients, 1)
}

// CheckClientID tells what is wrong with a client id (guide: a string of at most 64 characters); field is its place in the input.
func CheckClientID(field, id string) error {
	return checkName(field, id, maxClientID)
}

func checkName(field, value string, limit int) error {
	n := utf8.RuneCountInString(value)
	switch {
	case !utf8.ValidString(value):
		return Invalidf(field, "must be valid UTF-8")
	case n < 1 || n > limit:
		return Invalidf(field, "must be 1 to %d characters long", limit)
	case strings.ContainsFunc(value, unicode.IsControl):
		return Invalidf(field, "must not contain control characters")
	}
	return nil
}

// checkClientIDs checks a list of client ids and drops doubles, keeping the order.
func checkClientIDs(field string, ids []string, least int) ([]string, error) {
	if len(ids) < least {
		return nil, Invalidf(field, "must name at least %d client", least)
	}
	if len(ids) > maxCall {
		return nil, Invalidf(field, "must name at most %d clients", maxCall)
	}
	seen := make(map[string]bool, len(ids))
	unique := make([]string, 0, len(ids))
	for i, id := range ids {
		if err := CheckClientID(fmt.Sprintf("%s[%d]", field, i), id); err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			unique = append(unique, id)
		}
	}
	return unique, nil
}
