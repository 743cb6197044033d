// Vulns reads what govulncheck has found, as JSON on standard input, and fails when the server calls into a known vulnerability
// that nobody has looked at: `make vulns`. govulncheck itself has no list of those that somebody has.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
)

// accepted are vulnerabilities in what the server calls, with the reason why they do not concern it. One that is not found any
// more has to go from here.
var accepted = map[string]string{
	"GO-2026-6872": "Context.RealIP believes anybody's X-Forwarded-For only where Echo has no IPExtractor, and app/routes.go sets one; there is no fix in v4",
	"GO-2026-6875": "about the proxy middleware, which is not used; there is no fix in v4",
}

func main() {
	log.SetFlags(0)
	if err := judge(os.Stdin, os.Stdout, accepted); err != nil {
		log.Fatal(err)
	}
}

// message is one of govulncheck's, of which it writes one after the other.
type message struct {
	Config *struct {
		GoVersion string `json:"go_version"`
	} `json:"config"`
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"osv"`
	Finding *finding `json:"finding"`
}

// finding is a vulnerability in a module; in a package that is imported, or in a function that is called, where its trace says so.
type finding struct {
	OSV   string `json:"osv"`
	Fixed string `json:"fixed_version"`
	Trace []struct {
		Module, Version, Package, Function, Receiver string
	} `json:"trace"`
}

func (f *finding) called() bool { return f.Trace[0].Function != "" }

// path is the way from a function of the server to what is vulnerable.
func (f *finding) path() string {
	var functions []string
	for _, frame := range slices.Backward(f.Trace) {
		name := frame.Function
		if frame.Receiver != "" {
			name = strings.TrimPrefix(frame.Receiver, "*") + "." + name
		}
		functions = append(functions, frame.Package+"."+name)
	}
	return strings.Join(functions, " → ")
}

// judge says what was found and fails when something is called that is not accepted, or accepted and not called.
func judge(r io.Reader, w io.Writer, accepted map[string]string) error {
	summaries, found, goVersion, err := read(r)
	if err != nil {
		return err
	}
	var called, wrong []string
	for _, id := range slices.Sorted(maps.Keys(found)) {
		f := found[id]
		if !f.called() {
			continue
		}
		called = append(called, id)
		fix := "no fix"
		if f.Fixed != "" {
			fix = "fixed in " + f.Fixed
		}
		fmt.Fprintf(w, "%s in %s %s, %s: %s\n  %s\n", id, f.Trace[0].Module, f.Trace[0].Version, fix, summaries[id], f.path())
		if reason, ok := accepted[id]; ok {
			fmt.Fprintf(w, "  accepted: %s\n", reason)
		} else {
			wrong = append(wrong, id)
		}
	}
	fmt.Fprintf(w, "%d vulnerabilities in what is called, %d more in what is there and not called; with %s\n", len(called), len(found)-len(called), goVersion)
	if len(wrong) > 0 {
		return fmt.Errorf("not accepted: %s", strings.Join(wrong, ", "))
	}
	for id := range accepted {
		if !slices.Contains(called, id) {
			return fmt.Errorf("%s is accepted and not found: take it from the list", id)
		}
	}
	return nil
}

// read gives the summaries and, of each vulnerability, the finding that says the most in the shortest way.
func read(r io.Reader) (summaries map[string]string, found map[string]*finding, goVersion string, err error) {
	summaries, found = map[string]string{}, map[string]*finding{}
	for decoder := json.NewDecoder(r); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, nil, "", err
		}
		switch {
		case m.Config != nil:
			goVersion = m.Config.GoVersion
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case m.Finding != nil && len(m.Finding.Trace) > 0:
			if known := found[m.Finding.OSV]; known == nil || m.Finding.called() && (!known.called() || len(m.Finding.Trace) < len(known.Trace)) {
				found[m.Finding.OSV] = m.Finding
			}
		}
	}
	if goVersion == "" || len(summaries) == 0 { // a database without a word on any module is none
		return nil, nil, "", errors.New("this is not what govulncheck writes")
	}
	return summaries, found, goVersion, nil
}
