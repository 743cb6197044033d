package tests

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/app"
	. "parley/tests/harness"
)

// from is a client whose calls come by a trusted proxy from an address.
func from(c *Client, address string) *Client {
	moved := *c
	moved.Headers = map[string]string{"X-Forwarded-For": address}
	for name, value := range c.Headers {
		moved.Headers[name] = value
	}
	return &moved
}

// behindProxy has the addresses count that the test's own calls say they come from.
func behindProxy(limit func(*app.Config)) func(*app.Config) {
	return func(c *app.Config) {
		if err := c.TrustedProxies.UnmarshalText([]byte("127.0.0.1")); err != nil {
			panic(err) // the text is a constant
		}
		limit(c)
	}
}

// claims are those of a token that the app's own server signs.
func claims(clientID string, until time.Time) jwt.MapClaims {
	return jwt.MapClaims{"aud": AppID, "sub": clientID, "exp": until.Unix()}
}

const home, office = "192.0.2.1", "198.51.100.7"

func TestAnAddressMakesAsManyCallsAsItMay(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), behindProxy(func(c *app.Config) { c.AddressRequestsPerMinute = 5 }))
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "") // by the proxy's own address
	from(tom, home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	from(jerry, home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	from(s.Nobody(t), home).Do(t, "GET", aList, nil).Want(http.StatusUnauthorized)
	from(s.AppKeyHolder(t), home).Do(t, "GET", aList, nil).Want(http.StatusForbidden)
	from(s.AppKeyHolder(t), home).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Mary"}).Want(http.StatusCreated)
	for _, c := range []*Client{tom, jerry, s.Nobody(t), s.AppKeyHolder(t), s.Bearer(t, "Tom", "nonsense", "")} {
		wantLimited(t, from(c, home).Do(t, "GET", aList, nil), "too_many_requests", "address-requests", 5, 12)
	}
	wantLimited(t, from(s.AppKeyHolder(t), home).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Mary"}), "too_many_requests", "address-requests", 5, 12)
	from(s.Nobody(t), home).Do(t, "GET", "/healthz", nil).Want(http.StatusOK)
	from(tom, office).Do(t, "GET", aList, nil).Want(http.StatusOK)
	for range 10 { // the app's own server has no limit of this kind
		from(s.Master(t, "Tom"), home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	}
	clock.Pass(12 * time.Second)
	from(jerry, home).Do(t, "GET", aList, nil).Want(http.StatusOK)
}

// TestWrongCredentialsCountAsCallsOfTheirAddress: whatever they are, and none at all; each wrong ticket is looked for in the database.
func TestWrongCredentialsCountAsCallsOfTheirAddress(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(*Client) *Answer{
		"a ticket": func(c *Client) *Answer {
			return c.Do(t, "GET", "/v1/stream?ticket=AAAAAaVb2Jw1x3kq0T4mZ9yNfQ4", nil)
		},
		"a token": func(c *Client) *Answer { return c.Do(t, "GET", "/v1/stream?access_token=nonsense", nil) },
		"a key": func(c *Client) *Answer {
			return c.Do(t, "GET", aList, nil, "Authorization", Basic(AppID, "wrong"))
		},
		"a key to log in": func(c *Client) *Answer {
			return c.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, "Authorization", Basic(AppID, "wrong"))
		},
		"none to log in":   func(c *Client) *Answer { return c.Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}) },
		"no Authorization": func(c *Client) *Answer { return c.Do(t, "GET", aList, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := startLimited(t, SQLite(t), behindProxy(func(c *app.Config) { c.AddressRequestsPerMinute = 3 }))
			for range 3 {
				try(from(s.Nobody(t), home)).Want(http.StatusUnauthorized)
			}
			wantLimited(t, from(s.Nobody(t), home).Do(t, "GET", aList, nil), "too_many_requests", "address-requests", 3, 20)
			from(s.Nobody(t), office).Do(t, "GET", aList, nil).Want(http.StatusUnauthorized)
		})
	}
}

func TestLogInsOfAnAddressAreBounded(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), behindProxy(func(c *app.Config) { c.LoginsPerMinute = 3 }))
	login := func(c *Client, address string) *Answer {
		return from(c, address).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"})
	}
	signed := s.Bearer(t, "Tom", SignedToken(t, claims("Tom", clock.Now().Add(time.Hour))), "")
	first := login(s.AppKeyHolder(t), home).Want(http.StatusCreated).Object()
	login(signed, home).Want(http.StatusCreated)
	from(s.AppKeyHolder(t), home).Do(t, "POST", "/v1/sessions", JSON{}).Want(http.StatusBadRequest)
	wantLimited(t, login(s.AppKeyHolder(t), home), "too_many_logins", "address-logins", 3, 20)
	wantLimited(t, login(signed, home), "too_many_logins", "address-logins", 3, 20)
	login(s.AppKeyHolder(t), office).Want(http.StatusCreated)
	login(s.Master(t, ""), home).Want(http.StatusCreated)
	tom := s.Bearer(t, "Tom", first["token"].(string), "")
	from(tom, home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	from(tom, home).Do(t, "POST", "/v1/sessions/current/refresh", nil).Want(http.StatusOK)
	clock.Pass(20 * time.Second)
	login(s.AppKeyHolder(t), home).Want(http.StatusCreated)
}

// TestGuessingKeysIsBounded: after some wrong keys none from the address is looked at, so that a right one does not tell
// itself apart; sessions there, and other addresses, notice nothing.
func TestGuessingKeysIsBounded(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), behindProxy(func(c *app.Config) { c.WrongCredentialsPerMinute = 4 }))
	tom := s.Login(t, "Tom", "")
	try := func(address, user, key, method, path string) *Answer {
		return from(s.Nobody(t), address).Do(t, method, path, JSON{"clientId": "Tom"}, "Authorization", Basic(user, key))
	}
	try(home, AppID, "wrong", "POST", "/v1/sessions").Want(http.StatusUnauthorized)
	try(home, "no-app", AppKey, "POST", "/v1/sessions").Want(http.StatusUnauthorized)
	try(home, AppID, "wrong", "POST", "/v1/conversations/query").Want(http.StatusUnauthorized)
	from(s.Nobody(t), home).Do(t, "GET", aList, nil, "Authorization", "Basic nonsense").Want(http.StatusUnauthorized)
	for _, key := range []string{"wrong", AppKey, MasterKey} {
		wantLimited(t, try(home, AppID, key, "POST", "/v1/sessions"), "too_many_wrong_credentials", "address-wrong-keys", 4, 15)
		wantLimited(t, try(home, AppID, key, "POST", "/v1/conversations/query"), "too_many_wrong_credentials", "address-wrong-keys", 4, 15)
	}
	from(tom, home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	from(s.Bearer(t, "Jerry", SignedToken(t, claims("Jerry", clock.Now().Add(time.Hour))), ""), home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	try(office, AppID, AppKey, "POST", "/v1/sessions").Want(http.StatusCreated)
	from(s.Master(t, ""), office).Do(t, "GET", aList, nil).Want(http.StatusOK)
	clock.Pass(15 * time.Second)
	try(home, AppID, AppKey, "POST", "/v1/sessions").Want(http.StatusCreated) // a right one takes none
	try(home, AppID, AppKey, "POST", "/v1/sessions").Want(http.StatusCreated)
	try(home, AppID, "wrong", "POST", "/v1/sessions").Want(http.StatusUnauthorized)
	try(home, AppID, AppKey, "POST", "/v1/sessions").Want(http.StatusTooManyRequests)
}

// TestWrongTokensAreBounded, and right ones are taken all the while.
func TestWrongTokensAreBounded(t *testing.T) {
	t.Parallel()
	s, clock := startLimited(t, SQLite(t), behindProxy(func(c *app.Config) { c.WrongCredentialsPerMinute = 4 }))
	tom := s.Login(t, "Tom", "")
	forged := tom.Token[:strings.LastIndex(tom.Token, ".")+1] + strings.Repeat("A", 43)
	wrong := func(address, path string) *Answer {
		return from(s.Nobody(t), address).Do(t, "GET", path, nil, "Authorization", "Bearer "+forged)
	}
	file := tom.Keep(t, "note.txt", []byte("get up"))["id"].(string)
	wrong(home, aList).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	from(s.Nobody(t), home).Do(t, "GET", "/v1/stream?access_token=nonsense", nil).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	from(s.Nobody(t), home).Do(t, "GET", "/v1/files/"+file+"/content?token=nonsense", nil).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	from(s.Nobody(t), home).Do(t, "POST", "/v1/sessions", JSON{}, "Authorization", "Bearer "+forged).WantProblem(http.StatusUnauthorized, "token_invalid", "")
	wantLimited(t, wrong(home, aList), "too_many_wrong_credentials", "address-wrong-tokens", 4, 15)
	wantLimited(t, from(s.Nobody(t), home).Do(t, "GET", "/v1/stream?access_token=nonsense", nil), "too_many_wrong_credentials", "address-wrong-tokens", 4, 15)
	wantLimited(t, from(s.Nobody(t), home).Do(t, "GET", "/v1/files/"+file+"/content?token=nonsense", nil), "too_many_wrong_credentials", "address-wrong-tokens", 4, 15)
	from(tom, home).Do(t, "GET", aList, nil).Want(http.StatusOK)
	from(s.AppKeyHolder(t), home).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}).Want(http.StatusCreated) // keys are counted apart
	wrong(office, aList).Want(http.StatusUnauthorized)

	// What has only become old is no guess.
	clock.Pass(25 * time.Hour)
	for range 6 {
		from(tom, home).Do(t, "GET", aList, nil).WantProblem(http.StatusUnauthorized, "token_expired", "")
	}
	wrong(home, aList).Want(http.StatusUnauthorized)
}

// TestWhoseWordCountsForAnAddress: X-Forwarded-For is believed from the right, as far as the proxies that are named go.
func TestWhoseWordCountsForAnAddress(t *testing.T) {
	t.Parallel()
	const proxies = "127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48, ::ffff:172.16.0.0/108"
	for name, try := range map[string]struct {
		trusted string
		said    []string // lines of the header, of two calls that must come from one address, or from two
		other   []string
		isSame  bool
	}{
		"nobody is trusted":                    {"", []string{home}, []string{office}, true},
		"somebody else is trusted":             {"10.0.0.1", []string{home}, []string{office}, true},
		"the peer is trusted":                  {"127.0.0.1", []string{home}, []string{office}, false},
		"what a client made up is passed over": {"127.0.0.1", []string{"203.0.113.1, " + home}, []string{"203.0.113.2, " + home}, true},
		"in another line too":                  {"127.0.0.1", []string{"203.0.113.1", home}, []string{"203.0.113.2", home}, true},
		"the last of two lines":                {"127.0.0.1", []string{home, office}, []string{office, home}, false},
		"by two proxies":                       {proxies, []string{home + ", 10.1.2.3"}, []string{office + ",10.9.9.9"}, false},
		"by two proxies, made up":              {proxies, []string{"203.0.113.1, " + home + ", 10.1.2.3"}, []string{"203.0.113.2, " + home + " ,10.9.9.9"}, true},
		"a proxy that is named as IPv6":        {proxies, []string{home + ", 172.16.0.1"}, []string{office + ", 172.16.0.1"}, false},
		"by a proxy of IPv6":                   {proxies, []string{home + ", 2001:db8:ffff::1"}, []string{office + ", [2001:db8:ffff::2]"}, false},
		"a network of IPv6":                    {"127.0.0.1", []string{"2001:db8:1:2::1"}, []string{"2001:db8:1:2:ffff::1"}, true},
		"two networks of IPv6":                 {"127.0.0.1", []string{"2001:db8:1:2::1"}, []string{"2001:db8:1:3::1"}, false},
		"one address in two spellings":         {"127.0.0.1", []string{home}, []string{"::ffff:" + home}, true},
		"nonsense is the peer":                 {"127.0.0.1", []string{"nonsense"}, []string{"unknown"}, true},
		"nonsense hides nobody":                {"127.0.0.1", []string{"nonsense, " + home}, []string{"other, " + home}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := startLimited(t, SQLite(t), func(c *app.Config) {
				c.AddressRequestsPerMinute = 1
				if try.trusted != "" {
					if err := c.TrustedProxies.UnmarshalText([]byte(try.trusted)); err != nil {
						t.Fatal(err)
					}
				}
			})
			call := func(said []string) int {
				request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+aList, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header["X-Forwarded-For"] = said
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				return response.StatusCode
			}
			want := http.StatusUnauthorized
			if try.isSame {
				want = http.StatusTooManyRequests
			}
			if first, second := call(try.said), call(try.other); first != http.StatusUnauthorized || second != want {
				t.Errorf("answered %d and %d", first, second)
			}
		})
	}
}
