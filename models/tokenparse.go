package models

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxToken bounds the work on a token; ours are about 300 characters.
const maxToken = 4096

// lastSecond is the last that the API can write: the end of the year 9999.
const lastSecond = 253402300799

// parsedToken is a token in the compact form of RFC 7515, read but not believed: its signature is still to be checked.
type parsedToken struct {
	signed    string // what the signature is over
	signature []byte
	claims    tokenClaims
}

// tokenClaims are what is used of the claims of both kinds of token: a session token of this server has sid, one that the
// app's own server signed has not. Times are whole seconds since 1970.
type tokenClaims struct {
	audience  string
	subject   string
	sessionID string
	tag       *string
	expires   int64
	notBefore int64
}

// tokenHeader is all that is looked at of a header: what it says of keys and where to find them is ignored, since every
// app has one secret.
type tokenHeader struct {
	Algorithm string         `json:"alg"`
	Critical  jsontext.Value `json:"crit"` // what a reader has to understand (RFC 7515, section 4.1.11); we understand nothing
}

// parseToken reads a token strictly, so that it has one meaning and one spelling: one algorithm, canonical base64, no name
// twice in the JSON, and the claims that this server uses of the right type. False: it is refused, whoever signed it.
func parseToken(token string) (*parsedToken, bool) {
	if len(token) > maxToken {
		return nil, false
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	headerJSON, ok := decodePart(header)
	if !ok || !goodHeader(headerJSON) {
		return nil, false
	}
	payloadJSON, ok := decodePart(payload)
	if !ok {
		return nil, false
	}
	claims, ok := parseClaims(payloadJSON)
	if !ok {
		return nil, false
	}
	mac, ok := decodePart(signature)
	return &parsedToken{signed: token[:len(header)+1+len(payload)], signature: mac, claims: claims}, ok
}

// decodePart decodes base64url in its one canonical spelling: without padding, without line breaks, which Go's decoder
// skips, and with nothing in the unused bits.
func decodePart(part string) ([]byte, bool) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, false
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return decoded, err == nil
}

func goodHeader(text []byte) bool {
	var header tokenHeader
	return isObject(text) && json.Unmarshal(text, &header) == nil && header.Algorithm == "HS256" && header.Critical == nil
}

// isObject tells whether a value is an object, if it is JSON at all: null would otherwise pass for an empty one.
func isObject(text []byte) bool { return jsontext.Value(text).Kind() == '{' }

func parseClaims(text []byte) (claims tokenClaims, ok bool) {
	var raw struct {
		Audience  jsontext.Value `json:"aud"`
		Subject   string         `json:"sub"`
		Expires   *int64         `json:"exp"`
		NotBefore int64          `json:"nbf"`
		SessionID string         `json:"sid"`
		Tag       *string        `json:"tag"`
	}
	if !isObject(text) || json.Unmarshal(text, &raw) != nil { // names twice and invalid UTF-8 are errors
		return claims, false
	}
	claims = tokenClaims{subject: raw.Subject, sessionID: raw.SessionID, tag: raw.Tag, notBefore: raw.NotBefore}
	if raw.Expires == nil || *raw.Expires < 0 || *raw.Expires > lastSecond {
		return claims, false
	}
	claims.expires = *raw.Expires
	if claims.audience, ok = oneAudience(raw.Audience); !ok {
		return claims, false
	}
	return claims, CheckClientID("sub", claims.subject) == nil && (claims.tag == nil || checkName("tag", *claims.tag, maxTag) == nil)
}

// oneAudience reads an aud that names one app: a string or, as many libraries write it, an array of one.
func oneAudience(aud jsontext.Value) (string, bool) {
	var list []string
	if aud.Kind() == '"' {
		list = []string{""}
		return list[0], json.Unmarshal(aud, &list[0]) == nil
	}
	if aud.Kind() != '[' || json.Unmarshal(aud, &list) != nil || len(list) != 1 {
		return "", false
	}
	return list[0], true
}
