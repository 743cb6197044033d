package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	. "parley/tests/harness"
)

// pages serves pages of another origin than the server's: a front end of one's own.
type pages struct {
	*httptest.Server
	mux *http.ServeMux
}

func servePages(t *testing.T) *pages {
	mux := http.NewServeMux()
	p := &pages{httptest.NewServer(mux), mux}
	t.Cleanup(p.Close)
	p.serve("/", "text/html", `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>a front end</title>`)
	return p
}

// serve serves a text.
func (p *pages) serve(path, mediaType, text string) {
	p.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
		_, _ = w.Write([]byte(text)) // a browser that has gone is not told
	})
}

// load opens an empty page with the module's exports, taken from the server, as globals.
func (p *pages) load(w *Window, server string) *Page {
	return loadModule(w.newPage(p.URL), server)
}

func loadModule(page *Page, server string) *Page {
	page.Run(`Object.assign(window, await import(` + quote(server+"/parley.js") + `));`)
	page.Run(`window.newRealtime = (options) => new Realtime({ appId: ` + quote(AppID) + `, appKey: ` + quote(AppKey) + `, ...options });`)
	return page
}

// open is load with a client logged in: realtime and client. Network states are listed in states.
func (p *pages) open(t *testing.T, server, clientID string) *Page {
	t.Helper()
	page := p.load(newWindow(t), server)
	page.Run(`
		window.states = [];
		window.realtime = newRealtime();
		for (const state of ["DISCONNECT", "OFFLINE", "ONLINE", "SCHEDULE", "RETRY", "RECONNECT"]) realtime.on(Event[state], (...args) => states.push([state, ...args]));
		window.client = await realtime.createIMClient(` + quote(clientID) + `);`)
	return page
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(quoted)
}
