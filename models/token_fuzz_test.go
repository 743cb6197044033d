package models

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzToken: what is read of a token that the app has signed is what the library reads of it, in one spelling alone; and no
// text that it has not signed lets anybody in.
func FuzzToken(f *testing.F) {
	const now = 1_800_000_000
	secret := strings.Repeat("s", 32)
	s, err := Open(f.Context(), "sqlite://"+f.TempDir()+"/p.db", Options{Clock: func() time.Time { return time.Unix(now, 0) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	if _, _, err := s.Bootstrap(f.Context(), Credentials{AppID: "app", SigningSecret: secret}); err != nil {
		f.Fatal(err)
	}
	if _, err := s.Heads(f.Context()); err != nil { // the apps are known from here on, without a query each
		f.Fatal(err)
	}
	s.apps.table.Load().looked = time.Now().Add(24 * time.Hour)
	for _, header := range []string{`{"alg":"HS256","typ":"JWT"}`, `{"alg":"none"}`, `{"alg":"HS256","crit":["exp"]}`, `{"alg":"HS256","alg":"none"}`, `{"alg":"hs256","kid":"../x"}`, `null`, `{"alg":"RS256"}`} {
		f.Add(header, `{"aud":"app","sub":"Tom","exp":1800000001}`, "")
	}
	for _, claims := range []string{
		`{"aud":["app"],"sub":"Tom","exp":1800000001,"nbf":1800000000,"tag":"Mobile","jti":"1","iat":1.5}`, `{"aud":["app","b"],"sub":"Tom","exp":1800000001}`, `{"aud":"app","sub":"Tom","exp":"1800000001"}`,
		`{"aud":"app","sub":"Tom","exp":1800000001.5}`, `{"aud":"app","sub":"Tom","exp":1e300}`, `{"aud":"app","sub":"Tom","exp":-1}`, `{"aud":"app","sub":"Tom","exp":1800000001,"exp":1}`,
		`{"aud":"app","sub":"T\u0000m","exp":1800000001}`, `{"aud":"app","sub":"\ud800","exp":1800000001}`, "{\"aud\":\"app\",\"sub\":\"\xff\",\"exp\":1800000001}", `{"aud":"app","sub":null,"exp":1800000001}`,
		`{"aud":"app","SUB":"Tom","exp":1800000001}`, `{"aud":"app","sub":"Tom","exp":1800000001,"sid":"x"}`, `{"aud":"app","sub":"Tom","exp":1799999999}`, `[]`, `{} `,
	} {
		f.Add(`{"alg":"HS256"}`, claims, "x")
	}
	f.Fuzz(func(t *testing.T, header, claims, more string) {
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		signature, err := jwt.SigningMethodHS256.Sign(signed, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		token := signed + "." + base64.RawURLEncoding.EncodeToString(signature)
		if verified, err := s.verifyToken(t.Context(), token); err == nil {
			wantReadAlike(t, token, []byte(secret), verified.claims)
		}
		for _, unsigned := range []string{header, more, token + more, more + token, token[:len(token)-1] + more, signed + "." + more, header + "." + claims + "." + more} {
			if unsigned == token {
				continue
			}
			if _, err := s.verifyToken(t.Context(), unsigned); !HasCode(err, "token_invalid") {
				t.Fatalf("%q: %v", unsigned, err)
			}
		}
	})
}

// wantReadAlike fails the test unless the library takes the token too and reads the same.
func wantReadAlike(t *testing.T, token string, secret []byte, claims tokenClaims) {
	t.Helper()
	library := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithAudience("app"), jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(), jwt.WithTimeFunc(func() time.Time { return time.Unix(1_800_000_000, 0) }), jwt.WithLeeway(clockLeeway))
	if _, err := parser.ParseWithClaims(token, library, func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
		t.Fatalf("%s: the library says %v", token, err)
	}
	exp, err := library["exp"].(json.Number).Int64()
	if err != nil || exp != claims.expires || library["sub"] != claims.subject || claims.sessionID != "" || claims.audience != "app" {
		t.Fatalf("%s: read as %+v, and by the library as %v", token, claims, library)
	}
	if tag, has := library["tag"]; has && tag != nil != (claims.tag != nil) || claims.tag != nil && tag != *claims.tag {
		t.Fatalf("%s: the tag was read as %v, and by the library as %v", token, claims.tag, tag)
	}
}
