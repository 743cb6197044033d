package tests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/models"
	. "parley/tests/harness"
)

// TestImportIntoAnotherLogIsRefused: with a line that says so, and nothing is changed.
func TestImportIntoAnotherLogIsRefused(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		from := SQLite(t)
		s := Start(t, from)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		tom.Say(t, conversation, "one")
		file := export(t, from)
		tom.Say(t, conversation, "two")
		longer := export(t, from)

		own := Start(t, db)
		mine := own.Login(t, "Tom", "")
		mine.Say(t, mine.Create(t, "Jerry"), "mine")
		own.Stop(t)
		before := content(t, export(t, db))
		if said := transfer(t, importOf, db, 1, longer); !strings.Contains(said, "entry 1 (line 2) is another one there; nothing has been changed") || strings.Count(said, "\n") != 1 {
			t.Errorf("it says %q", said)
		}
		wantSame(t, content(t, export(t, db)), before)

		to := SQLite(t)
		transfer(t, importOf, to, 0, longer)
		if said := transfer(t, importOf, to, 1, file); !strings.Contains(said, "it has come to 3, and the export ends at 2") {
			t.Errorf("a shorter one is answered %q", said)
		}
		// It has gone on by itself.
		grown := Start(t, to)
		hers := grown.Login(t, "Tom", "")
		hers.Say(t, conversation, "its own")
		grown.Stop(t)
		before = content(t, export(t, to))
		tom.Say(t, conversation, "three")
		tom.Say(t, conversation, "four")
		longest := export(t, from)
		if said := transfer(t, importOf, to, 1, longest); !strings.Contains(said, "entry 4 (line 5) is another one there") {
			t.Errorf("one that has gone on is answered %q", said)
		}
		wantSame(t, content(t, export(t, to)), before)
		if said := transfer(t, exportOf, db, 1, longest); !strings.Contains(said, "it is not an export of this log") {
			t.Errorf("an export of another log is gone on with: %q", said)
		}
	})
}

// TestDamagedExportIsRefused: with the number of the line, and nothing is imported.
func TestDamagedExportIsRefused(t *testing.T) {
	t.Parallel()
	from := SQLite(t)
	s := Start(t, from)
	tom := s.Login(t, "Tom", "")
	conversation := tom.Create(t, "Jerry")
	for _, text := range []string{"one", "two", "three"} {
		tom.Say(t, conversation, text)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(readAll(t, export(t, from)), ""), "\n")
	lines = lines[:len(lines)-1]
	changed := func(line int, text string) []string {
		return append(append(slices.Clone(lines[:line-1]), text), lines[line:]...)
	}
	for name, test := range map[string]struct {
		lines []string
		says  string
	}{
		"empty":            {nil, "the file is empty"},
		"no header":        {lines[1:], "line 1: this is no export"},
		"cut in a line":    {append(slices.Clone(lines[:3]), lines[3][:20]), "line 4: the line is cut off"},
		"cut after a line": {lines[:4], "the export is not complete: after line 4"},
		"a changed text":   {changed(4, strings.Replace(lines[3], "two", "2.0", 1)), "the checksum is not that of the lines before"},
		"a missing line":   {append(slices.Clone(lines[:3]), lines[4:]...), "the checksum is not that of the lines before"},
		"a swapped line":   {append(append(slices.Clone(lines[:2]), lines[3], lines[2]), lines[4:]...), "line 4: entry 2 comes after entry 3"},
		"a doubled line":   {append(append(slices.Clone(lines[:3]), lines[2]), lines[3:]...), "line 4: entry 2 comes after entry 2"},
		"not JSON":         {changed(3, "{\"message\":\n"), "line 3: "},
		"unknown":          {changed(3, "{\"massage\":{}}\n"), "line 3: "},
		"a later version":  {changed(1, strings.Replace(lines[0], `"version":1`, `"version":2`, 1)), "line 1: version"},
	} {
		t.Run(name, func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				file := filepath.Join(t.TempDir(), "damaged")
				if err := os.WriteFile(file, []byte(strings.Join(test.lines, "")), 0o600); err != nil {
					t.Fatal(err)
				}
				if said := transfer(t, importOf, db, 1, file); !strings.Contains(said, test.says) || strings.Count(said, "\n") != 1 {
					t.Errorf("it says %q", said)
				}
				var rows int
				for _, table := range []string{"apps", "messages", "events", "conversations"} {
					if err := OpenSQL(t, db).QueryRow("SELECT COUNT(*) FROM " + table).Scan(&rows); err != nil || rows != 0 {
						t.Errorf("%d rows in %s, %v", rows, table, err)
					}
				}
			})
		})
	}
}

func readAll(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestImportBesideANodeIsNoticed: a node that writes into the log meanwhile ends the import, and nothing is mixed.
func TestImportBesideANodeIsNoticed(t *testing.T) {
	from := SQLite(t)
	file := export(t, func() string { settle(t, from, Folder(t)); return from }())
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		opened, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		store, err := models.Open(t.Context(), db, models.Options{Still: true})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		known, err := store.OnlyApp(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		conversation := ""
		load, err := store.OpenImport(t.Context(), known, opened, func(what string, _, _ int64) {
			if what == "importing" && conversation == "" {
				conversation = tom.Create(t, "Jerry")
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := load.Run(t.Context(), known); err == nil || !strings.Contains(err.Error(), "something else writes into the app's log") {
			t.Errorf("it says %v", err)
		}
		tom.Say(t, conversation, "still here")
		if got := removals(t, s); len(got) != 0 || len(s.Master(t, "").Do(t, "GET", "/v1/messages?after=0", nil).Want(200).Object()["messages"].([]any)) != 1 {
			t.Errorf("something was imported, %v", got)
		}
	})
}
