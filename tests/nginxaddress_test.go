package tests

import (
	"net"
	"net/http"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// TestAddressesBehindNginx: with docs/nginx.conf and PARLEY_TRUSTED_PROXIES each client has its own address, whatever it says
// of itself.
func TestAddressesBehindNginx(t *testing.T) {
	FindProgram(t, "nginx")
	node := Start(t, SQLite(t), behindProxy(func(c *app.Config) { c.AddressRequestsPerMinute = 2 }))
	f := &front{folder: PublicFolder(t), nodes: []*Server{node}}
	f.start(t, node.URL, node.URL, false)
	call := func(from, saysToBe string) int {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		transport := &http.Transport{TLSClientConfig: f.TLS.Clone(), DialContext: dialer.DialContext, DisableKeepAlives: true}
		request, err := http.NewRequestWithContext(t.Context(), "GET", f.URL+aList, nil)
		if err != nil {
			t.Fatal(err)
		}
		if saysToBe != "" {
			request.Header.Set("X-Forwarded-For", saysToBe)
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	// 127.0.0.1 is nginx's own address to the node, so of the chain nothing is left but what the client has said. Others are told
	// apart.
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		for i, want := range []int{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusTooManyRequests} {
			if got := call(from, []string{"", home, office}[i]); got != want {
				t.Errorf("call %d from %s was answered %d, not %d", i+1, from, got, want)
			}
		}
	}
}
