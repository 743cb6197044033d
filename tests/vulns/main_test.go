package main

import (
	"strings"
	"testing"
)

const (
	config = `{"config":{"go_version":"go1.26.11"}}`
	osv    = `{"osv":{"id":"GO-1","summary":"it leaks"}}`
	module = `{"finding":{"osv":"GO-1","fixed_version":"v1.1.0","trace":[{"module":"m","version":"v1.0.0"}]}}`
	called = `{"finding":{"osv":"GO-1","fixed_version":"v1.1.0","trace":[{"module":"m","version":"v1.0.0","package":"m/p","function":"Do","receiver":"*T"},{"module":"parley","package":"parley/app","function":"Start"}]}}`
)

func TestJudge(t *testing.T) {
	reason := map[string]string{"GO-1": "never with a T"}
	for name, c := range map[string]struct {
		input    string
		accepted map[string]string
		says     string
		fails    string
	}{
		"nothing found":           {config + osv, nil, "0 vulnerabilities in what is called, 0 more", ""},
		"there, not called":       {config + osv + module, nil, "0 vulnerabilities in what is called, 1 more", ""},
		"called":                  {config + osv + module + called, nil, "GO-1 in m v1.0.0, fixed in v1.1.0: it leaks\n  parley/app.Start → m/p.T.Do\n", "not accepted: GO-1"},
		"accepted":                {config + osv + called + module, reason, "accepted: never with a T\n1 vulnerabilities", ""},
		"accepted and gone":       {config + osv, reason, "", "take it from the list"},
		"accepted and not called": {config + osv + module, reason, "", "take it from the list"},
		"empty":                   {"", nil, "", "not what govulncheck writes"},
		"no database":             {config, nil, "", "not what govulncheck writes"},
		"cut off":                 {config + osv + called[:50], nil, "", "unexpected EOF"},
	} {
		var said strings.Builder
		err := judge(strings.NewReader(c.input), &said, c.accepted)
		if !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: said %q", name, said.String())
		}
		if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
