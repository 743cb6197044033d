//go:build linux

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestSoakRuns runs the smallest soak against the built server, so that the tool keeps working.
func TestSoakRuns(t *testing.T) {
	databases := []string{"sqlite"}
	if os.Getenv(mysqlVariable) != "" {
		databases = append(databases, "mysql")
	}
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run([]string{"-for", "6s", "-streams", "120", "-rate", "60", "-database", database}, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d: %s\n%s", code, stderr.String(), stdout.String())
			}
			for _, part := range []string{"Sent and answered 201: ", "send: 201 × ", "| goroutines "} {
				if !strings.Contains(stdout.String(), part) {
					t.Errorf("the report does not say %q:\n%s", part, stdout.String())
				}
			}
		})
	}
}

func TestWrongCallsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"-for", "1s"}, {"-streams", "20001"}, {"-streams", "5"}, {"-rate", "0"}, {"-nonsense"}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 2 || stderr.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, stderr.String())
		}
	}
}

func TestAServerThatDoesNotStartIsAnError(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-database", "mysql://root:@127.0.0.1:1/"}, &stdout, &stderr); code != 1 || stderr.Len() == 0 {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}
