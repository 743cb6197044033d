package tests

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

func TestMetricsCountWhatHappened(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
		first := jerry.Listen(t, "")
		first.Want("online")
		conversation := tom.Create(t, "Jerry")
		messages := "/v1/conversations/" + conversation + "/messages"
		said := JSON{"type": "text", "text": "Jerry, get up!"}
		tom.Do(t, "POST", messages, said, "Idempotency-Key", "one").Want(http.StatusCreated)
		tom.Do(t, "POST", messages, said, "Idempotency-Key", "one").Want(http.StatusOK)
		s.Login(t, "William", "").Do(t, "POST", messages, said).Want(http.StatusForbidden)
		position := first.Want("invited").ID
		first.Want("message")
		first.Cut()
		Eventually(t, "the stream is gone", func() bool { return Metrics(t, s.URL)["parley_streams"] == 0 })
		second := jerry.Listen(t, position)
		second.Want("message")
		second.Want("reconnect")
		third := jerry.Listen(t, "x")
		third.Want("resync")

		got := Metrics(t, s.URL)
		for name, want := range map[string]float64{
			`parley_streams`:                                        2,
			`parley_streams{app="test-app"}`:                        2,
			`parley_sends_total{app="test-app",outcome="stored"}`:   1,
			`parley_sends_total{app="test-app",outcome="replayed"}`: 1,
			`parley_sends_total{app="test-app",outcome="refused"}`:  1,
			`parley_resumes_total{outcome="new"}`:                   1,
			`parley_resumes_total{outcome="resumed"}`:               1,
			`parley_resumes_total{outcome="invalid_position"}`:      1,
			`parley_slow_readers_total`:                             0,
			`parley_commit_messages_sum`:                            1,
		} {
			if value, ok := got[name]; !ok || value != want {
				t.Errorf("%s is %v (there: %t), not %v", name, value, ok, want)
			}
		}
		for _, name := range []string{"parley_deliveries_total", "parley_commit_seconds_count", "parley_catch_up_reads_total", "go_goroutines", "process_open_fds"} {
			if got[name] == 0 {
				t.Errorf("%s is %v", name, got[name])
			}
		}
	})
}

func TestHealthAndReadiness(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		nobody := Start(t, db).Nobody(t)
		for _, path := range []string{"/healthz", "/readyz"} {
			if got := nobody.Do(t, "GET", path, nil).Want(http.StatusOK).Object(); got["status"] != "ok" {
				t.Errorf("%s says %v", path, got)
			}
		}
	})
}

func TestAdminAddressHasTheMetricsAlone(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		address := FixedPort(t)
		s := Start(t, db, func(c *app.Config) { c.AdminAddr = address })
		if _, ok := Metrics(t, "http://"+address)["parley_streams"]; !ok {
			t.Error("the admin address has no metrics")
		}
		admin := (&Server{URL: "http://" + address}).Nobody(t)
		for path, status := range map[string]int{"/debug/pprof/": 200, "/v1/conversations": 404, "/healthz": 404} {
			if answer := get(t, admin, path); answer != status {
				t.Errorf("%s on the admin address answered %d", path, answer)
			}
		}
		for _, path := range []string{"/metrics", "/debug/pprof/"} {
			if answer := get(t, s.Nobody(t), path); answer != http.StatusNotFound {
				t.Errorf("%s on the main address answered %d", path, answer)
			}
		}
		if answer := get(t, Start(t, db).Nobody(t), "/debug/pprof/"); answer != http.StatusNotFound {
			t.Errorf("/debug/pprof/ answered %d without an admin address", answer)
		}
	})
}

// get calls what is in no document and gives the status.
func get(t *testing.T, c *Client, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", c.Server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// Without an address of their own, the metrics are for the inside: a proxy that passes strangers on is none.
func TestMetricsAreNotForStrangers(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	nobody := s.Nobody(t)
	nobody.Do(t, "GET", "/metrics", nil).Want(http.StatusOK)
	for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} {
		for _, value := range []string{"203.0.113.7", "127.0.0.1", "10.0.0.1, 203.0.113.7", ","} {
			nobody.Do(t, "GET", "/metrics", nil, header, value).WantProblem(http.StatusForbidden, "inside_only", "")
		}
	}
}

// A server that others can reach says at its start that its metrics have no address of their own.
func TestExposedMetricsAreWarnedOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		addr, admin string
		warns       string
	}{
		"at home":           {"127.0.0.1:0", "", ""},
		"public":            {"0.0.0.0:0", "", "PARLEY_ADMIN_ADDR is not set"},
		"public, admin not": {"0.0.0.0:0", "127.0.0.1:0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			lines := &logLines{}
			s := StartWith(t, SQLite(t), slog.New(slog.NewJSONHandler(lines, nil)), func(config *app.Config) {
				config.Addr, config.AdminAddr, config.PublicURL = c.addr, c.admin, "https://chat.example.org"
			})
			s.Stop(t)
			found := lines.with(t, func(line JSON) bool { return line["level"] == "WARN" })
			said := ""
			if len(found) > 0 {
				said = found[0]["msg"].(string)
			}
			if len(found) > 1 || !strings.HasPrefix(said, c.warns) || (said == "") != (c.warns == "") {
				t.Errorf("the start says %v", found)
			}
		})
	}
}

// Two apps are told apart on /metrics.
func TestMetricsOfApps(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		other := s.NewApp(t, "--id", "another")
		s.Login(t, "Tom", "").Say(t, s.Login(t, "Tom", "").Create(t, "Jerry"), "hello")
		for range 2 {
			ann := other.Login(t, "Ann", "")
			ann.Say(t, ann.Create(t, "Ben"), "hello")
		}
		other.Login(t, "Ben", "").Listen(t, "").Want("online")
		got := Metrics(t, s.URL)
		for name, want := range map[string]float64{
			`parley_sends_total{app="test-app",outcome="stored"}`: 1, `parley_sends_total{app="another",outcome="stored"}`: 2,
			`parley_streams{app="test-app"}`: 0, `parley_streams{app="another"}`: 1,
			`parley_logins_total{app="another",outcome="stored"}`: 3, `parley_uploads_total{app="another",outcome="stored"}`: 0,
		} {
			if value, ok := got[name]; !ok || value != want {
				t.Errorf("%s is %v (there: %t), not %v", name, value, ok, want)
			}
		}
		if got[`parley_app_requests_total{app="another",class="2xx"}`] == 0 {
			t.Error("no call of the other app is counted")
		}
	})
}
