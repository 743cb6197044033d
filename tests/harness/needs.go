package harness

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// InCI tells whether this is a run of CI, where nothing that a test needs may be missing.
func InCI() bool { return os.Getenv("CI") != "" }

// Promise is a deadline that is part of a promise. CI's machine may take three times as long: it does much else beside.
func Promise(deadline time.Duration) time.Duration {
	if InCI() {
		return 3 * deadline
	}
	return deadline
}

// Missing ends a test that needs something which is not there: it fails in CI and is skipped elsewhere, and says what.
func Missing(t testing.TB, need string) {
	t.Helper()
	if InCI() {
		t.Fatalf("CI must run this test, and it needs %s", need)
	}
	t.Skipf("needs %s", need)
}

// FindProgram finds a program by one of its names, on PATH or in a folder of servers that an ordinary user's PATH may lack.
func FindProgram(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, place := range []string{name, "/usr/sbin/" + name} {
			if path, err := exec.LookPath(place); err == nil {
				return path
			}
		}
	}
	Missing(t, "the program "+strings.Join(names, " or ")+", on PATH or in /usr/sbin")
	return ""
}

// NeedMySQL is MySQL for tests that only make sense with a server: one that can be lost, or that several nodes share.
func NeedMySQL(t testing.TB) string {
	t.Helper()
	needMySQL(t)
	return MySQL(t)
}

// NeedEmptyMySQL is NeedMySQL for tests of the very first start: no table is there.
func NeedEmptyMySQL(t testing.TB) string {
	t.Helper()
	needMySQL(t)
	return EmptyMySQL(t)
}

func needMySQL(t testing.TB) {
	t.Helper()
	if os.Getenv(MySQLVariable) == "" {
		Missing(t, "a MySQL server in "+MySQLVariable)
	}
}

// NATSVariable names a NATS server for tests of several nodes: nats://127.0.0.1:4222.
const NATSVariable = "PARLEY_TEST_NATS_URL"

// NATS gives the URL of a NATS server.
func NATS(t testing.TB) string {
	t.Helper()
	url := os.Getenv(NATSVariable)
	if url == "" {
		Missing(t, "a NATS server in "+NATSVariable)
	}
	return url
}
