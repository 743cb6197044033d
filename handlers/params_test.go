package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// contextOf is a request with this query.
func contextOf(query string) echo.Context {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.URL.RawQuery = query
	return echo.New().NewContext(request, httptest.NewRecorder())
}

var querySeeds = []string{
	"", "p=", "p", "p=1", "p=0", "p=-1", "p=+1", "p=%2B1", "p=01", "p=1001", "p=x", "p=1&p=2", "q=1", "p=1;q=2", "p=%zz", "p=%ff", "p=%00", "p=1%20",
	"p=9223372036854775807", "p=9223372036854775808", "p=18446744073709551615", "p=1e3", "p=0x1f", "p=1_000", "p=%EF%BC%91",
	"p=2026-11-23T08:33:00.123Z", "p=2026-11-23T08:33:00Z", "p=2026-11-23T10:33:00.123456789%2B02:00", "p=2026-11-23T10:33:00+02:00", "p=2026-11-23",
	"p=0000-01-01T00:00:00Z", "p=9999-12-31T23:59:59.999999999Z", "p=9999-12-31T23:59:59-23:59", "p=2026-02-29T00:00:00Z", "p=2026-11-23T08:33:60Z",
	"=", "=1", "\x9e", "%9e=1", "p=1&%9e", "p=1&", "&",
}

// What the readers of query parameters accept is within what they promise; what they refuse is named.
func FuzzQueryParameters(f *testing.F) {
	for _, seed := range querySeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		c := contextOf(query)
		values, broken := url.ParseQuery(query)
		if err := checkQuery(c, "p"); err != nil {
			wantFieldNamed(t, err, "")
			return
		}
		if broken != nil || len(values) > 1 || len(values["p"]) > 1 || !utf8.ValidString(values.Get("p")) {
			t.Fatalf("%q was let through", query)
		}
		wantNumber(t, c)
		wantPosition(t, c)
		wantTime(t, c)
	})
}

func wantNumber(t *testing.T, c echo.Context) {
	t.Helper()
	const fallback, least, most = 20, 1, 1000
	text := c.QueryParam("p")
	n, err := intParam(c, "p", fallback, least, most)
	switch {
	case err != nil:
		wantFieldNamed(t, err, "p")
		if exact, err := strconv.Atoi(text); err == nil && exact >= least && exact <= most {
			t.Fatalf("%q was refused", text)
		}
	case !c.QueryParams().Has("p"):
		if n != fallback {
			t.Fatalf("without the parameter: %d", n)
		}
	case n < least || n > most:
		t.Fatalf("%q was accepted as %d", text, n)
	}
}

// wantPosition: every message id has one spelling.
func wantPosition(t *testing.T, c echo.Context) {
	t.Helper()
	text := c.QueryParam("p")
	position, err := positionParam(c, "p")
	switch {
	case err != nil:
		wantFieldNamed(t, err, "p")
		if exact, err := strconv.ParseInt(text, 10, 64); err == nil && exact >= 0 && strconv.FormatInt(exact, 10) == text {
			t.Fatalf("%q was refused", text)
		}
	case position == nil:
		if c.QueryParams().Has("p") {
			t.Fatalf("%q was overlooked", text)
		}
	case strconv.FormatInt(*position, 10) != text:
		t.Fatalf("%q was accepted as %d", text, *position)
	}
}

func wantTime(t *testing.T, c echo.Context) {
	t.Helper()
	text := c.QueryParam("p")
	stamp, err := timeParam(c, "p")
	if err != nil {
		wantFieldNamed(t, err, "p")
		return
	}
	if stamp == nil {
		if c.QueryParams().Has("p") {
			t.Fatalf("%q was overlooked", text)
		}
		return
	}
	meant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatalf("%q was accepted, and is no RFC 3339 time: %v", text, err)
	}
	if off := meant.Sub(stamp.Time()); off < 0 || off >= time.Millisecond {
		t.Fatalf("%q was accepted as %v", text, stamp.Time())
	}
}

func TestQueryParametersNameWhatIsWrong(t *testing.T) {
	for _, value := range []string{"", "0", "1001", "-1", "x", "1.5", "99999999999999999999"} {
		_, err := intParam(contextOf(url.Values{"limit": {value}}.Encode()), "limit", 20, 1, 1000)
		wantFieldNamed(t, err, "limit")
	}
	for _, value := range []string{"", "-1", "x", "01", "+1", "1.5", "9223372036854775808"} {
		_, err := positionParam(contextOf(url.Values{"after": {value}}.Encode()), "after")
		wantFieldNamed(t, err, "after")
	}
	for _, value := range []string{"", "yesterday", "2026-11-23", "1700000000"} {
		_, err := timeParam(contextOf(url.Values{"since": {value}}.Encode()), "since")
		wantFieldNamed(t, err, "since")
	}
	wantFieldNamed(t, checkQuery(contextOf("limit=1&limit=2"), "limit"), "limit")
	wantFieldNamed(t, checkQuery(contextOf("limits=1"), "limit"), "limits")
	wantFieldNamed(t, checkQuery(contextOf("type=%ff"), "type"), "type")
	wantFieldNamed(t, checkQuery(contextOf("%ff=1"), "type"), "query")
	wantFieldNamed(t, checkQuery(contextOf("type=%zz"), "type"), "query")
	if err := checkQuery(contextOf("clientId=Tom&clientId=Jerry"), "clientId"); err != nil {
		t.Error(err)
	}
}
