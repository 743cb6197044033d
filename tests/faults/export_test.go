package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestExportAndImportAreKilled: again and again, by kill -9, at any moment and just after a commit; run again they go on,
// and in the end nothing is lost or there twice.
func TestExportAndImportAreKilled(t *testing.T) {
	const messages, talkers = 4000, 16
	program := BuildProgram(t, "failpoint")
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		var talking sync.WaitGroup
		for i := range talkers {
			talking.Go(func() {
				tom := s.Login(t, fmt.Sprint("Tom", i), "")
				conversation := tom.Create(t, "Jerry")
				for j := range messages / talkers {
					tom.Say(t, conversation, fmt.Sprint(i, " ", j, strings.Repeat(" x", 200)))
				}
			})
		}
		talking.Wait()
		s.Stop(t)
		file, failfile := filepath.Join(t.TempDir(), "app.ndjson"), filepath.Join(t.TempDir(), "failpoint")
		start := func(db, name, file string) *Process {
			variables := append(FixedKeys(), "PARLEY_DATABASE_URL="+db, "PARLEY_TEST_FAILPOINT_FILE="+failfile)
			return StartProcess(t, program.SubCommand(t.TempDir(), []string{name, file}, variables...))
		}
		finish := func(db, name, file string) string {
			t.Helper()
			if running := start(db, name, file); running.Wait(t) != 0 {
				t.Fatalf("%s: %s", name, running.Stderr)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(text), "\n")
			return rest
		}
		begun := time.Now()
		want := finish(db, "export", filepath.Join(t.TempDir(), "whole"))
		took := time.Since(begun)
		kill := func(db, name string) {
			running := start(db, name, file)
			select {
			case <-running.Exited():
			case <-time.After(rand.N(took)):
				running.Kill(t)
			}
		}
		for range 6 {
			kill(db, "export")
		}
		if got := finish(db, "export", file); got != want {
			t.Fatalf("the export that was killed has %d bytes, and not the %d of another", len(got), len(want))
		}

		to := EmptySQLite(t)
		if strings.HasPrefix(db, "sqlite") {
			to = NeedEmptyMySQL(t)
		}
		if err := os.WriteFile(failfile, []byte("import committed"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if code := start(to, "import", file).Wait(t); code != -1 {
				t.Fatalf("it ended with exit code %d, and not by the failpoint", code)
			}
		}
		if err := os.Remove(failfile); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			kill(to, "import")
		}
		finish(to, "import", file)
		if got := finish(to, "export", filepath.Join(t.TempDir(), "copied")); got != want {
			t.Fatalf("the copy has %d bytes, and not the %d of the original", len(got), len(want))
		}
	})
}
