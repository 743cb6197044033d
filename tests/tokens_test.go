package tests

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	. "parley/tests/harness"
)

// forge writes a token by hand: header and claims as they stand, signed with HMAC.
func forge(header, claims, key string, hashes ...func() hash.Hash) string {
	signed := encoded(header) + "." + encoded(claims)
	mac := hmac.New(append(hashes, sha256.New)[0], []byte(key))
	mac.Write([]byte(signed))
	return signed + "." + encoded(string(mac.Sum(nil)))
}

func encoded(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// claimsWith are good claims of Tom's, with these members instead of the usual ones of the same name; an empty one is left out.
func claimsWith(changes ...string) string {
	members := map[string]string{"aud": `"` + AppID + `"`, "sub": `"Tom"`, "exp": fmt.Sprint(time.Now().Add(time.Hour).Unix())}
	for i := 0; i < len(changes); i += 2 {
		members[changes[i]] = changes[i+1]
	}
	var parts []string
	for name, value := range members {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// forgedHeaders are tokens whose header is wrong, over good claims.
func forgedHeaders(t *testing.T) map[string]string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := encoded(`{"alg":"RS256"}`) + "." + encoded(claimsWith())
	digest := sha256.Sum256([]byte(rs256))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{
		"RS256, signed so":      rs256 + "." + encoded(string(signature)),
		"RS256, signed by HMAC": forge(`{"alg":"RS256"}`, claimsWith(), SigningSecret),
		"HS256, signed by RSA":  encoded(hs256) + "." + encoded(claimsWith()) + "." + encoded(string(signature)),
		"HS384":                 forge(`{"alg":"HS384"}`, claimsWith(), SigningSecret, sha512.New384),
		"HS512":                 forge(`{"alg":"HS512"}`, claimsWith(), SigningSecret, sha512.New),
		"none, unsigned":        encoded(`{"alg":"none"}`) + "." + encoded(claimsWith()) + ".",
		"the empty key":         forge(hs256, claimsWith(), ""),
		"the key of kid":        forge(`{"alg":"HS256","kid":"my-own-key"}`, claimsWith(), "my-own-key"),
		"the file of kid":       forge(`{"alg":"HS256","kid":"../../../../dev/null"}`, claimsWith(), ""),
		"the key of jwk":        forge(`{"alg":"HS256","jwk":{"kty":"oct","k":"bXktb3duLWtleQ"}}`, claimsWith(), "my-own-key"),
	}
	for name, header := range map[string]string{
		"none": `{"alg":"none"}`, "None": `{"alg":"None"}`, "no alg": `{"typ":"JWT"}`, "small letters": `{"alg":"hs256"}`,
		"a list of algs": `{"alg":["HS256"]}`, "null": `{"alg":null}`, "alg twice": `{"alg":"none","alg":"HS256"}`,
		"crit": `{"alg":"HS256","crit":["exp"]}`, "crit of nothing": `{"alg":"HS256","crit":[]}`, "crit null": `{"alg":"HS256","crit":null}`,
		"b64": `{"alg":"HS256","b64":false,"crit":["b64"]}`, "kid twice": `{"alg":"HS256","kid":"a","kid":"b"}`, "twice inside": `{"alg":"HS256","jwk":{"k":1,"k":2}}`,
		"no object": `["HS256"]`, "null for an object": `null`, "a string": `"HS256"`, "no JSON": `{alg:HS256}`, "something behind": hs256 + "{}", "bad UTF-8": "{\"alg\":\"HS256\",\"kid\":\"\xff\"}",
		"nothing": ` `,
	} {
		tokens["header: "+name] = forge(header, claimsWith(), SigningSecret)
	}
	return tokens
}

// forgedClaims are tokens whose claims are wrong, properly signed.
func forgedClaims(other Keys) map[string]string {
	tokens := map[string]string{
		"another app's, signed by this one": forge(hs256, claimsWith("aud", `"`+other.AppID+`"`), SigningSecret),
		"this app's, signed by another":     forge(hs256, claimsWith(), other.SigningSecret),
		"expired, signed by another":        forge(hs256, claimsWith("exp", "1000000000"), other.SigningSecret),
		"no app's, and expired":             forge(hs256, claimsWith("aud", `"no-app"`, "exp", "1000000000"), SigningSecret),
		"a session token by the secret":     forge(hs256, claimsWith("sid", `"a-session"`), SigningSecret),
	}
	long := strings.Repeat("é", 65)
	for name, claims := range map[string]string{
		"unknown app": claimsWith("aud", `"no-app"`), "aud in capitals": claimsWith("aud", `"`+strings.ToUpper(AppID)+`"`), "aud with a blank": claimsWith("aud", `"`+AppID+` "`),
		"two auds": claimsWith("aud", `["`+AppID+`","another"]`), "no aud in the list": claimsWith("aud", `[]`), "a list in the list": claimsWith("aud", `[["`+AppID+`"]]`),
		"the same aud twice in a list": claimsWith("aud", `["`+AppID+`","`+AppID+`"]`),
		"aud a number":                 claimsWith("aud", `1`), "aud null": claimsWith("aud", `null`), "aud an object": claimsWith("aud", `{"`+AppID+`":1}`), "no aud": claimsWith("aud", ""), "aud empty": claimsWith("aud", `""`),
		"no exp": claimsWith("exp", ""), "exp null": claimsWith("exp", "null"), "exp a string": claimsWith("exp", `"4000000000"`), "exp with a fraction": claimsWith("exp", "4000000000.5"), "exp 1e300": claimsWith("exp", "1e300"),
		"exp with an exponent": claimsWith("exp", "4e9"), "exp negative": claimsWith("exp", "-1"), "exp beyond 64 bits": claimsWith("exp", "18446744073709551615"), "exp in 60,000 years": claimsWith("exp", "1900000000000"), "exp a list": claimsWith("exp", "[4000000000]"), "exp true": claimsWith("exp", "true"),
		"nbf later": claimsWith("nbf", fmt.Sprint(time.Now().Add(5*time.Minute).Unix())), "nbf a string": claimsWith("nbf", `"0"`), "nbf 1e300": claimsWith("nbf", "1e300"),
		"no sub": claimsWith("sub", ""), "sub null": claimsWith("sub", "null"), "sub a number": claimsWith("sub", "1"), "sub a list": claimsWith("sub", `["Tom"]`), "sub empty": claimsWith("sub", `""`), "sub too long": claimsWith("sub", `"`+long+`"`), "sub with a line break": claimsWith("sub", `"T\nm"`),
		"sub in capitals": claimsWith("sub", "", "SUB", `"Tom"`), "half a pair in sub": claimsWith("sub", `"\ud800"`), "bad UTF-8 in sub": claimsWith("sub", "\"T\xff\""),
		"tag a number": claimsWith("tag", "1"), "tag too long": claimsWith("tag", `"`+long+`"`), "tag empty": claimsWith("tag", `""`), "sid a number": claimsWith("sid", "1"),
		"sub twice": `{"sub":"Tom",` + claimsWith("sub", `"Jerry"`)[1:], "exp twice": `{"exp":1,` + claimsWith()[1:], "a claim of its own twice": `{"role":1,"role":2,` + claimsWith()[1:], "twice inside": claimsWith("role", `{"a":1,"\u0061":2}`),
		"a list": "[" + claimsWith() + "]", "null": "null", "something behind": claimsWith() + "x", "cut off": strings.TrimSuffix(claimsWith(), "}"), "nothing": " ",
		"too long": claimsWith("role", `"`+strings.Repeat("a", 4000)+`"`), "12 KB": claimsWith("role", `"`+strings.Repeat("a", 9000)+`"`),
	} {
		tokens["claims: "+name] = forge(hs256, claims, SigningSecret)
	}
	return tokens
}

// misspelled are good tokens in other spellings.
func misspelled(session string) map[string]string {
	tokens := map[string]string{"a word": "nonsense", "a dot": ".", "two dots": "..", "blanks": "a b c"}
	marys := forge(hs256, claimsWith("sub", `"Mary"`), SigningSecret)
	for kind, good := range map[string]string{"signed": forge(hs256, claimsWith("jti", `"another spelling"`), SigningSecret), "session": session} {
		parts := strings.Split(good, ".")
		header, claims, signature := parts[0], parts[1], parts[2]
		maps.Copy(tokens, map[string]string{
			kind + " without a header": "." + claims + "." + signature, kind + " without claims": header + ".." + signature, kind + " without a signature": header + "." + claims + ".",
			kind + " in two parts": header + "." + claims, kind + " in four parts": good + ".", kind + " in five parts": good + "." + header + "." + claims,
			kind + " padded": good + "=", kind + " with padding inside": header + "=." + claims + "." + signature, kind + " in other letters": header + "." + claims + "." + strings.Repeat("+", len(signature)),
			kind + " cut": good[:len(good)-6], kind + " with more": good + "AAAA", kind + " with a line break": good + "\n", kind + " with one inside": header + ".\r\n" + claims + "." + signature,
			kind + " with a signature of zeros": header + "." + claims + "." + strings.Repeat("A", 43), kind + " with another's signature": header + "." + claims + "." + strings.Split(marys, ".")[2],
			kind + " with a bit more": good[:len(good)-1] + nextLetter(good[len(good)-1]), kind + " in capitals": strings.ToUpper(good),
		})
	}
	return tokens
}

// nextLetter spells the same bytes with another last character: of a signature's, two bits are unused.
func nextLetter(letter byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(letters, letter)
	return string(letters[at&^3|(at+1)&3])
}

// showEverywhere shows a token wherever one is taken, and gives the answers but for what each has of its own.
func showEverywhere(t *testing.T, client *http.Client, s *Server, token, file string) map[string]string {
	t.Helper()
	answers := map[string]string{}
	show := func(place, method, path string, inHeader bool) {
		request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if inHeader {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer := response.Status + "\n"
		if response.StatusCode != http.StatusOK { // a stream would not end
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			answer += strings.Replace(string(body), response.Header.Get("X-Request-Id"), "", 1)
		}
		response.Header.Del("X-Request-Id")
		response.Header.Del("Date")
		answers[place] = answer + fmt.Sprint(response.Header)
	}
	if !strings.ContainsAny(token, "\r\n") { // which a header cannot hold
		show("GET /v1/sessions/current", "GET", "/v1/sessions/current", true)
		show("POST /v1/sessions", "POST", "/v1/sessions", true)
		show("DELETE /v1/conversations/x", "DELETE", "/v1/conversations/x", true)
	}
	query := url.Values{"access_token": {token}}.Encode()
	show("GET /v1/stream", "GET", "/v1/stream?"+query, false)
	show("the bytes of a file", "GET", "/v1/files/"+file+"/content?"+query, false)
	return answers
}

// TestEveryForgedTokenIsRefusedAlike: wherever a token is taken, with the same status, headers and body, but for the id of the
// request.
func TestEveryForgedTokenIsRefusedAlike(t *testing.T) {
	s := Start(t, SQLite(t))
	other := s.NewApp(t)
	tom := s.Login(t, "Tom", "")
	file := tom.Keep(t, "a", []byte("a"))["id"].(string)
	tokens := forgedHeaders(t)
	maps.Copy(tokens, forgedClaims(other.Keys))
	maps.Copy(tokens, misspelled(tom.Token))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	want := showEverywhere(t, client, s, "nonsense", file)
	for name, token := range tokens {
		for place, answer := range showEverywhere(t, client, s, token, file) {
			if answer != want[place] || !strings.HasPrefix(answer, "401 ") || !strings.Contains(answer, `"token_invalid"`) {
				t.Errorf("%s: %s is answered\n%s\nand others\n%s", name, place, answer, want[place])
			}
		}
	}
	for place, answer := range showEverywhere(t, client, s, forge(hs256, claimsWith(), SigningSecret), file) {
		if strings.HasPrefix(answer, "401 ") {
			t.Errorf("a good token: %s is answered %s", place, answer)
		}
	}
}

// TestTokensThatAreTaken: what a header says of keys is ignored, and so are claims that this server does not use; aud may be a
// list of one, as many libraries write it.
func TestTokensThatAreTaken(t *testing.T) {
	s := Start(t, SQLite(t))
	for name, token := range map[string]string{
		"kid a path":      forge(`{"alg":"HS256","kid":"../../../../dev/null"}`, claimsWith(), SigningSecret),
		"kid SQL":         forge(`{"alg":"HS256","kid":"x' UNION SELECT 'y"}`, claimsWith(), SigningSecret),
		"kid a number":    forge(`{"alg":"HS256","kid":1}`, claimsWith(), SigningSecret),
		"other addresses": forge(`{"alg":"HS256","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/","jwk":{"kty":"oct","k":"AA"},"typ":"at+jwt"}`, claimsWith(), SigningSecret),
		"a list of one":   forge(hs256, claimsWith("aud", `["`+AppID+`"]`), SigningSecret),
		"its own claims":  forge(hs256, claimsWith("iss", `"shop"`, "iat", "1.5", "role", `{"a":[1]}`), SigningSecret),
		"deep claims":     forge(hs256, claimsWith("role", strings.Repeat("[", 1200)+strings.Repeat("]", 1200)), SigningSecret),
		"white space":     forge(" { \"alg\" : \"HS256\" } ", " "+claimsWith("sub", ` "\u0054om" `)+"\n", SigningSecret),
		"nbf a bit ahead": forge(hs256, claimsWith("nbf", fmt.Sprint(time.Now().Add(5*time.Second).Unix())), SigningSecret),
		"nbf before 1970": forge(hs256, claimsWith("nbf", "-1"), SigningSecret),
	} {
		answer := s.Bearer(t, "Tom", token, "").Do(t, "GET", "/v1/sessions/current", nil)
		if answer.Status != http.StatusOK || answer.Object()["clientId"] != "Tom" {
			t.Errorf("%s is answered %d: %s", name, answer.Status, answer.Body)
		}
	}
}

// TestOnlyTheHolderOfAnExpiredTokenIsToldSo: a token that the app has signed says when it ends, and nothing else does.
func TestOnlyTheHolderOfAnExpiredTokenIsToldSo(t *testing.T) {
	s := Start(t, SQLite(t))
	for token, code := range map[string]string{
		forge(hs256, claimsWith("exp", "1000000000"), SigningSecret):                               "token_expired",
		forge(hs256, claimsWith("exp", "0"), SigningSecret):                                        "token_expired",
		forge(hs256, claimsWith("exp", "1000000000"), SigningSecret+"x"):                           "token_invalid",
		forge(hs256, claimsWith("exp", "1000000000", "aud", `"no-app"`), SigningSecret):            "token_invalid",
		forge(hs256, claimsWith("exp", "1000000000", "nbf", "4000000000"), SigningSecret):          "token_invalid",
		forge(hs256, claimsWith("exp", "-1"), SigningSecret):                                       "token_invalid",
		forge(hs256, `{"exp":1,`+claimsWith("exp", "1000000000")[1:], SigningSecret):               "token_invalid",
		forge(hs256, claimsWith("exp", "1000000000", "sid", `"a-session"`), SigningSecret):         "token_invalid",
		forge(`{"alg":"none"}`, claimsWith("exp", "1000000000"), SigningSecret):                    "token_invalid",
		forge(hs256, claimsWith("exp", "1000000000", "sub", `"`+strings.Repeat("x", 65)+`"`), "x"): "token_invalid",
	} {
		c := s.Bearer(t, "Tom", token, "")
		c.Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, code, "")
		c.Do(t, "POST", "/v1/sessions", JSON{}).WantProblem(401, code, "")
	}
}

// TestForgedUrlsOfFilesAreRefusedAlike: they are tokens too, each of one file.
func TestForgedUrlsOfFilesAreRefusedAlike(t *testing.T) {
	s := Start(t, SQLite(t))
	other := s.NewApp(t)
	tom, stranger := s.Login(t, "Tom", ""), other.Login(t, "Tom", "")
	record := tom.Keep(t, "a", []byte("a"))
	path, token, _ := strings.Cut(strings.TrimPrefix(record["url"].(string), s.URL), "?token=")
	tokenOf := func(record JSON) string {
		_, token, _ := strings.Cut(record["url"].(string), "?token=")
		return token
	}
	bytesOf := func(change func(raw []byte)) string {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		change(raw)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	s.Nobody(t).Do(t, "GET", path+"?token="+token, nil).Want(200)
	want := s.Nobody(t).Do(t, "GET", path+"?token=x", nil).Want(401)
	for name, forged := range map[string]string{
		"of another file": tokenOf(tom.Keep(t, "b", []byte("b"))), "of another app": tokenOf(stranger.Keep(t, "a", []byte("a"))),
		"for another app": bytesOf(func(raw []byte) { raw[3] = 2 }), "for an app that does not exist": bytesOf(func(raw []byte) { raw[0] = 0xff }),
		"that ends later": bytesOf(func(raw []byte) { raw[4]++ }), "that has ended": bytesOf(func(raw []byte) { raw[4] = 0 }), "with another signature": bytesOf(func(raw []byte) { raw[23]++ }),
		"of nothing but zeros": strings.Repeat("A", 32), "cut off": token[:31], "with more": token + "A", "padded": token + "=", "with a line break": token[:31] + "\n" + token[31:],
		"a session token": tom.Token, "of 12 KB": strings.Repeat("A", 12<<10), "signed by the secret": forge(hs256, claimsWith(), SigningSecret),
	} {
		answer := s.Nobody(t).Do(t, "GET", path+"?token="+url.QueryEscape(forged), nil)
		one, other := answer.Object(), want.Object()
		delete(one, "requestId")
		delete(other, "requestId")
		if answer.Status != 401 || fmt.Sprint(one) != fmt.Sprint(other) {
			t.Errorf("one %s is answered %d: %s", name, answer.Status, answer.Body)
		}
	}
	// One of a file that is not there is not told from one that is.
	s.Nobody(t).Do(t, "GET", "/v1/files/x/content?token="+token, nil).WantProblem(401, "token_invalid", "")
}

// TestWrongKeysAreRefusedAlike: whether there is such an app or not, and whatever key of whomever it is.
func TestWrongKeysAreRefusedAlike(t *testing.T) {
	s := Start(t, SQLite(t))
	other := s.NewApp(t, "--require-signed-login")
	for _, call := range []operation{{"POST", "/v1/sessions"}, {"GET", "/v1/conversations"}, {"GET", "/v1/stream"}, {"GET", "/v1/messages"}} {
		want := ""
		for name, credentials := range map[string]string{
			"a wrong key": Basic(AppID, "wrong"), "no key": Basic(AppID, ""), "an unknown app": Basic("no-app", MasterKey), "no app": Basic("", MasterKey), "nothing": Basic("", ""),
			"another app's app key": Basic(AppID, other.Keys.AppKey), "another app's master key": Basic(AppID, other.Keys.MasterKey), "for another app": Basic(other.Keys.AppID, MasterKey),
			"the signing secret": Basic(AppID, SigningSecret), "the key's hash": Basic(AppID, fmt.Sprintf("%x", sha256.Sum256([]byte(MasterKey)))), "more than the key": Basic(AppID, MasterKey+"\x00"),
			"the key in capitals": Basic(AppID, strings.ToUpper(MasterKey)), "the app in capitals": Basic(strings.ToUpper(AppID), MasterKey), "a number": Basic("1", MasterKey), "a long key": Basic(AppID, strings.Repeat("x", 8<<10)),
		} {
			answer := s.Nobody(t).Do(t, call.method, call.path, JSON{"clientId": "Tom"}, "Authorization", credentials)
			if want == "" {
				want = alike(answer)
			}
			if answer.Status != 401 || alike(answer) != want || answer.Object()["code"] != "credentials_invalid" {
				t.Errorf("%v with %s is answered %d: %s", call, name, answer.Status, answer.Body)
			}
		}
	}
}

// TestTokenOf1MB: what is over the bound of a header ends at the door, before any of it is understood, and costs no memory.
func TestTokenOf1MB(t *testing.T) {
	s := Start(t, SQLite(t))
	huge := strings.Repeat("a", 1<<20)
	for range 20 {
		for _, path := range []string{"/v1/sessions/current", "/v1/stream?access_token=" + huge} {
			request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+huge)
			transport := &http.Transport{DisableKeepAlives: true}
			response, err := transport.RoundTrip(request)
			if err != nil {
				continue // cut while it was still sending
			}
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge && response.StatusCode != http.StatusUnauthorized {
				t.Errorf("it is answered %s", response.Status)
			}
			_ = response.Body.Close()
		}
	}
	s.Login(t, "Tom", "").Do(t, "GET", "/v1/sessions/current", nil).Want(200)
}
