package browser

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"parley/app"
	. "parley/tests/harness"
)

// listenNative opens the browser's own EventSource, with a parameter that says whose. events lists [name, text or data]; missed is what reconnect counts.
func listenNative(t *testing.T, own *pages, server, parameter, value string) *Page {
	t.Helper()
	page := newPage(t, own.URL)
	page.Run(`
		window.events = [];
		window.source = new EventSource(` + quote(server+"/v1/stream?"+url.Values{parameter: {value}}.Encode()) + `);
		for (const name of ["message", "online", "reconnect", "schedule", "disconnect", "resync"]) {
			source.addEventListener(name, (event) => events.push([name, JSON.parse(event.data).text ?? event.data]));
		}
		source.onerror = () => events.push(["error", ["CONNECTING", "OPEN", "CLOSED"][source.readyState]]);`)
	return page
}

// TestNativeEventSourceResumesByItself: by the browser's own Last-Event-ID, without loss and without a double.
func TestNativeEventSourceResumesByItself(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	proxy, through := NewProxy(t, s.URL)
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	page := listenNative(t, own, through, "access_token", jerry.Token)
	page.Allow(cutOff)
	page.Until(`events.some(([name]) => name === "online")`)
	var want []string
	for i := range 5 {
		for j := range 4 {
			text := fmt.Sprintf("%d.%d", i, j)
			want = append(want, text)
			tom.Say(t, conversation, text)
			if j == 1 {
				proxy.CutConnections()
			}
		}
		page.Until(fmt.Sprintf(`events.filter(([name]) => name === "reconnect").length > %d`, i))
	}
	page.Until(fmt.Sprintf(`events.filter(([name]) => name === "message").length >= %d`, len(want)))
	if got := Eval[[]string](page, `events.filter(([name]) => name === "message").map(([, text]) => text)`); !slices.Equal(got, want) {
		t.Errorf("Jerry got %q", got)
	}
	if Eval[bool](page, `events.some(([name]) => name === "resync")`) {
		t.Error("the browser's own position was not taken")
	}
}

// TestNativeEventSourceDiesOnAStatus: what docs/browser.md says of a token that is not good, and of a proxy's own 503.
func TestNativeEventSourceDiesOnAStatus(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	s, own := start(t)
	stranger := listenNative(t, own, s.URL, "access_token", "not-a-token")
	stranger.Allow("status of 401")
	stranger.Until(`events.join() === "error,CLOSED"`)

	f := newFront(t, s)
	f.When(func(w http.ResponseWriter, _ *http.Request) bool {
		return Refuse(w, http.StatusServiceUnavailable, "Retry-After", "1")
	})
	page := listenNative(t, own, f.URL, "access_token", s.Login(t, "Jerry", "").Token)
	page.Allow("status of 503")
	page.Until(`events.join() === "error,CLOSED"`)
}

// TestNativeEventSourceSurvivesAStop: told to come back during the stop, it does, and goes on where it was.
func TestNativeEventSourceSurvivesAStop(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	own, db, address := servePages(t), SQLite(t), FixedPort(t)
	configure := func(c *app.Config) { c.Addr, c.AllowedOrigins, c.Linger = address, []string{own.URL}, 4*time.Second }
	s := Start(t, db, configure)
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	conversation := tom.Create(t, "Jerry")
	page := listenNative(t, own, s.URL, "access_token", jerry.Token)
	page.Allow(cutOff)
	page.Until(`events.some(([name]) => name === "online")`)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop(t)
	}()
	// The stream is ended, and then the one with which the browser comes back 1 to 3 s later.
	page.Until(`events.filter(([name]) => name === "disconnect").length >= 2`)
	page.Run(`
		const refused = events.filter(([name]) => name === "schedule" || name === "disconnect").slice(2, 4).map(([, data]) => JSON.parse(data));
		if (refused[0].reason !== "shutdown" || !(refused[0].delayMs >= 1000) || !refused[1].reconnect) throw new Error(JSON.stringify(refused));
		if (source.readyState === EventSource.CLOSED) throw new Error("it has died");`)
	<-stopped
	s = Start(t, db, configure)
	tom.Server = s
	tom.Say(t, conversation, "welcome back")
	page.Until(`events.some(([name, text]) => name === "message" && text === "welcome back")`)
	page.Until(`events.at(-1)[0] === "reconnect" || events.at(-2)[0] === "reconnect"`)
}

// TestManyStreamsOfOnePageOverHTTP2: HTTP/1.1 stops at six connections; with PARLEY_TLS_CERT and PARLEY_TLS_KEY a page may
// have as many streams as it likes.
func TestManyStreamsOfOnePageOverHTTP2(t *testing.T) {
	t.Parallel()
	theBrowser.start(t)
	certificate, key := selfSigned(t)
	s := Start(t, SQLite(t), func(c *app.Config) { c.TLSCert, c.TLSKey = certificate, key })
	page := loadModule(newPage(t, s.URL+"/parley.d.ts"), s.URL) // a page of its own origin, with its own policy
	page.Allow("favicon.ico")
	page.Run(`
		const realtime = newRealtime();
		const tom = await realtime.createIMClient("Tom");
		const conversation = await tom.createConversation({ members: ["Jerry"] });
		const got = [];
		for (let i = 0; i < 10; i++) {
			const jerry = await realtime.createIMClient("Jerry");
			jerry.on(Event.MESSAGE, (message) => got.push(i));
		}
		await conversation.send(new TextMessage("to all ten"));
		for (let waited = 0; got.length < 10 && waited < 10000; waited += 20) await new Promise((wake) => setTimeout(wake, 20));
		if (got.length !== 10) throw new Error("only " + got + " got it");
		const protocols = new Set(performance.getEntriesByType("resource").map((entry) => entry.nextHopProtocol));
		if (!protocols.has("h2")) throw new Error("spoken over " + [...protocols]);`)
}

// selfSigned writes a certificate for 127.0.0.1 and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certificate, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}
