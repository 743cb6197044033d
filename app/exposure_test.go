package app

import (
	"net"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
)

// TestOnlyInside: who may see /metrics on the main address, by where a request comes from and what a proxy says of it.
func TestOnlyInside(t *testing.T) {
	direct := echo.ExtractIPDirect()
	_, proxies, err := net.ParseCIDR("10.0.0.0/8")
	if err != nil {
		t.Fatal(err)
	}
	trusting := echo.ExtractIPFromXFFHeader(echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false), echo.TrustIPRange(proxies))
	for name, c := range map[string]struct {
		extract   echo.IPExtractor
		peer      string
		forwarded string
		inside    bool
	}{
		"this machine":                               {direct, "127.0.0.1:5000", "", true},
		"this machine, IPv6":                         {direct, "[::1]:5000", "", true},
		"a private network":                          {direct, "192.168.7.7:5000", "", true},
		"a private network, IPv4 in IPv6":            {direct, "[::ffff:10.1.1.1]:5000", "", true},
		"unique local":                               {direct, "[fd00::7]:5000", "", true},
		"the internet":                               {direct, "203.0.113.7:5000", "", false},
		"the internet, IPv6":                         {direct, "[2001:db8::7]:5000", "", false},
		"the internet, that says it is here":         {direct, "203.0.113.7:5000", "127.0.0.1", false},
		"a proxy that nobody trusts":                 {direct, "10.0.0.1:5000", "203.0.113.7", false},
		"a proxy that nobody trusts, for somebody":   {direct, "10.0.0.1:5000", "10.0.0.2", false},
		"a trusted proxy, for the internet":          {trusting, "10.0.0.1:5000", "203.0.113.7", false},
		"a trusted proxy, for a private network":     {trusting, "10.0.0.1:5000", "192.168.7.7", true},
		"a trusted proxy, for who says it is inside": {trusting, "10.0.0.1:5000", "192.168.7.7, 203.0.113.7", false},
	} {
		e := echo.New()
		e.IPExtractor = c.extract
		request := httptest.NewRequest("GET", "/metrics", nil)
		request.RemoteAddr = c.peer
		if c.forwarded != "" {
			request.Header.Set(echo.HeaderXForwardedFor, c.forwarded)
		}
		err := onlyInside(func(echo.Context) error { return nil })(e.NewContext(request, httptest.NewRecorder()))
		if (err == nil) != c.inside {
			t.Errorf("%s: %v", name, err)
		}
	}
}
