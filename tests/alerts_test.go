package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.yaml.in/yaml/v4"

	"parley/app"
	. "parley/tests/harness"
)

// rule is an alert rule of Prometheus.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Annotations map[string]string `yaml:"annotations"`
}

// alertRules reads docs/alerts.yml.
func alertRules(t *testing.T) (rules []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, "../docs/alerts.yml", &file)
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) < 10 {
		t.Fatalf("%d rules", len(rules))
	}
	return rules
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// dashboardQueries reads the expressions of docs/grafana-dashboard.json, each with what Grafana would put into it.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			ID      int
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "../docs/grafana-dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("two panels have the id %d", panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			queries = append(queries, strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$app", ".*").Replace(target.Expr))
		}
	}
	if len(queries) < 40 {
		t.Fatalf("%d queries", len(queries))
	}
	return queries
}

var metricName = regexp.MustCompile(`\b(?:parley|go|process)_[a-z_]+\b`)

// Whatever an alert, the dashboard or a guide names is there on a running server that has something to do, and what is there
// follows Prometheus's conventions.
func TestMetricsThatAreNamedAreThere(t *testing.T) {
	nats := NATS(t)
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db, func(c *app.Config) { c.BrokerURL, c.RequestsPerMinute = nats, 100_000 })
		busy(t, s)
		text := MetricsText(t, s.URL)
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		there := map[string]bool{}
		for _, found := range regexp.MustCompile(`(?m)^(?:# HELP )?([a-z_]+)`).FindAllStringSubmatch(text, -1) {
			there[found[1]] = true
		}
		named := map[string][]string{"the dashboard": dashboardQueries(t)}
		for _, rule := range alertRules(t) {
			named[rule.Alert] = []string{rule.Expr}
		}
		for _, guide := range []string{"operations.md", "runbook.md"} {
			named[guide] = regexp.MustCompile("`[^`\n]*`").FindAllString(readFile(t, "../docs/"+guide), -1)
		}
		for where, texts := range named {
			for _, name := range metricName.FindAllString(strings.Join(texts, "\n"), -1) {
				if !there[name] && name != "parley_previous_key_uses_total" { // there once a replaced key is used
					t.Errorf("%s names %s, which no server has", where, name)
				}
			}
		}
	})
}

// busy does a little of everything that is counted.
func busy(t *testing.T, s *Server) {
	t.Helper()
	tom, jerry := s.Login(t, "Tom", ""), s.Login(t, "Jerry", "")
	s.Nobody(t).Do(t, "POST", "/v1/sessions", JSON{"clientId": "Tom"}, "Authorization", Basic(AppID, "wrong")).Want(http.StatusUnauthorized)
	stream := jerry.Listen(t, "")
	stream.Want("online")
	conversation := tom.Create(t, "Jerry")
	tom.Say(t, conversation, "Jerry, get up!")
	stream.Want("invited")
	position := stream.Want("message").ID
	tom.Keep(t, "cheese.txt", []byte("cheese"))
	stream.Cut()
	again := jerry.Listen(t, position)
	again.Want("reconnect")
	Eventually(t, "the first stream has ended", func() bool { return Metrics(t, s.URL)[`parley_streams_ended_total{reason="gone"}`] == 1 })
}

// A name on /metrics is of an app, of a route or of a word of our own: what callers send can make no series.
func TestCallersMakeNoSeries(t *testing.T) {
	s := Start(t, SQLite(t))
	nobody := s.Nobody(t)
	before := len(Metrics(t, s.URL))
	ask := func(tail string) {
		for _, method := range []string{"GET", "BREW" + tail} {
			request, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/v1/nowhere-"+tail, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
		nobody.Do(t, "GET", "/v1/conversations", nil, "Authorization", Basic("app-"+tail, "key")).Want(http.StatusUnauthorized)
		nobody.Do(t, "POST", "/v1/sessions", JSON{"clientId": tail}, "Authorization", Basic("app-"+tail, "key")).Want(http.StatusUnauthorized)
	}
	ask("A")
	first := Metrics(t, s.URL)
	if len(first) <= before {
		t.Fatal("nothing was counted")
	}
	for i := range 20 {
		ask(fmt.Sprint("B", i))
	}
	for name := range Metrics(t, s.URL) {
		if _, known := first[name]; !known {
			t.Errorf("a caller has made %s", name)
		}
	}
}

// Each alert has its section in the runbook, and a case that makes it fire; promtool runs those (make lint-alerts).
func TestEveryAlertHasItsSectionAndItsTest(t *testing.T) {
	t.Parallel()
	var unit struct {
		Tests []struct {
			Cases []struct {
				Alertname string           `yaml:"alertname"`
				Fires     []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, "alerts.yml", &unit)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range unit.Tests {
		for _, c := range test.Cases {
			fires[c.Alertname] = fires[c.Alertname] || len(c.Fires) > 0
			silent[c.Alertname] = silent[c.Alertname] || len(c.Fires) == 0
		}
	}
	var sections []string
	for _, found := range regexp.MustCompile(`(?m)^## (Parley\w+)$`).FindAllStringSubmatch(readFile(t, "../docs/runbook.md"), -1) {
		sections = append(sections, found[1])
	}
	var names []string
	for _, rule := range alertRules(t) {
		names = append(names, rule.Alert)
		if want := "docs/runbook.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook_url"] != want {
			t.Errorf("%s leads to %q, not to %s", rule.Alert, rule.Annotations["runbook_url"], want)
		}
		if !fires[rule.Alert] || !silent[rule.Alert] {
			t.Errorf("%s has no test in which it fires, or none in which it does not", rule.Alert)
		}
	}
	if slices.Sort(names); !slices.Equal(names, slices.Sorted(slices.Values(sections))) {
		t.Errorf("the runbook has sections for %q, and there are the alerts %q", sections, names)
	}
}

// The dashboard's queries are ones that Prometheus understands.
func TestDashboardQueriesParse(t *testing.T) {
	t.Parallel()
	promtool := FindProgram(t, "promtool")
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, query := range dashboardQueries(t) {
		fmt.Fprintf(&rules, "      - {record: \"query_%d\", expr: %q}\n", i, query)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
