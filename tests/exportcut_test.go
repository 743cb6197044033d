package tests

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/models"
	. "parley/tests/harness"
)

// TestExportThatWasCutOffGoesOn: at whatever byte.
func TestExportThatWasCutOffGoesOn(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		files := Folder(t)
		e := settle(t, db, files)
		file := export(t, db)
		e.goOn(t, db, files)
		transfer(t, exportOf, db, 0, file)
		whole := readAll(t, file)
		header := strings.Index(whole, "\n") + 1
		middle := strings.Index(whole, `{"end"`) // the end of the first section: cut before it, one section comes of it
		one := content(t, export(t, db))
		for at := header; at < len(whole); at += 1 + at%499 {
			if err := os.WriteFile(file, []byte(whole[:at]), 0o600); err != nil {
				t.Fatal(err)
			}
			transfer(t, exportOf, db, 0, file)
			got := readAll(t, file)
			switch {
			case at > middle+strings.Index(whole[middle:], "\n"):
				wantSame(t, got, whole)
			default:
				wantSame(t, got[header:], one)
			}
		}
	})
}

var errStop = errors.New("stopped by the test")

// TestImportThatWasCutOffGoesOn: after whatever line.
func TestImportThatWasCutOffGoesOn(t *testing.T) {
	from, files := SQLite(t), Folder(t)
	e := settle(t, from, files)
	file := export(t, from)
	e.goOn(t, from, files)
	transfer(t, exportOf, from, 0, file)
	lines := strings.Count(readAll(t, file), "\n")
	once := EmptySQLite(t)
	transfer(t, importOf, once, 0, file)
	want := content(t, export(t, once))
	EmptyDatabases(t, func(t *testing.T, db string) {
		cuts := 0
		for cut := 1; cut < lines; cut += 1 + lines/8 {
			to := db
			if cut > 1 {
				to = sameKind(t, db)
			}
			for again := 0; again < 2; again++ {
				if importUpTo(t, to, file, cut+again) {
					cuts++
				}
			}
			transfer(t, importOf, to, 0, file)
			wantSame(t, content(t, export(t, to)), want)
		}
		if cuts < 6 {
			t.Errorf("cut off %d times", cuts)
		}
	})
}

func sameKind(t testing.TB, db string) string {
	if strings.HasPrefix(db, "sqlite") {
		return SQLite(t)
	}
	return MySQL(t)
}

// importUpTo imports up to a line and tells whether it was stopped there.
func importUpTo(t *testing.T, db, path string, line int) bool {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	store, err := models.Open(t.Context(), db, models.Options{Still: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	taken := 0
	known, err := store.OnlyApp(ctx, AppID)
	if err != nil {
		t.Fatal(err)
	}
	load, err := store.OpenImport(ctx, known, file, func(what string, _, _ int64) {
		if what != "importing" {
			return
		}
		if taken++; taken == line {
			stop(errStop)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := store.Bootstrap(ctx, models.Credentials{AppID: AppID, AppKey: AppKey, MasterKey: MasterKey, SigningSecret: SigningSecret})
	if err != nil {
		t.Fatal(err)
	}
	_, err = load.Run(ctx, made)
	if err != nil && !errors.Is(context.Cause(ctx), errStop) {
		t.Fatal(err)
	}
	return err != nil
}

// TestExportBesideSends: an export made while others write is of one moment.
func TestExportBesideSends(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		tom := s.Login(t, "Tom", "")
		conversation := tom.Create(t, "Jerry")
		stop, said := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(said)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := tom.Try(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": fmt.Sprint(i)})
				if err != nil || answer.Status != 201 {
					t.Errorf("%v, %v", answer, err)
					return
				}
				if i%10 == 0 {
					tom.Try(t, "POST", "/v1/conversations/"+conversation+"/members", JSON{"members": []string{fmt.Sprint("c", i)}})
				}
			}
		}()
		file := filepath.Join(t.TempDir(), "app.ndjson")
		to := sameKind(t, db)
		for range 8 {
			transfer(t, exportOf, db, 0, file)
			transfer(t, importOf, to, 0, file)
			copied := OpenSQL(t, to)
			var head, last, messages, newest int64
			var count, inside int
			for query, into := range map[string][]any{
				"SELECT seq FROM counters":                             {&head},
				"SELECT last_seq, member_count FROM conversations":     {&last, &count},
				"SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM messages": {&messages, &newest},
				"SELECT COUNT(*) FROM members":                         {&inside},
			} {
				if err := copied.QueryRow(query).Scan(into...); err != nil {
					t.Fatal(err)
				}
			}
			if last != head || inside != count || newest > head {
				t.Errorf("at %d: the conversation says %d, and %d members of %d", head, last, inside, count)
			}
		}
		close(stop)
		<-said
		transfer(t, exportOf, db, 0, file)
		transfer(t, importOf, to, 0, file)
		wantSame(t, content(t, export(t, to)), content(t, export(t, db)))
	})
}

// TestExportKnowsEveryColumn: whoever adds one says here what an export does with it.
func TestExportKnowsEveryColumn(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"messages":      "app_id conversation_id seq sender session_id idempotency_key type text attributes payload created_at file location priority audience recipients valid_until",
		"events":        "app_id conversation_id seq kind actor body created_at",
		"files":         "app_id id state uploader name mime_type size link metadata created_at unused_since",
		"message_files": "app_id file_id conversation_id seq",
		"conversations": "app_id id type name is_unique unique_key creator attributes member_count created_at updated_at active_at last_seq last_message_seq last_message_at " +
			"flat_attributes retention_days floor_seq ttl expires_at",
		"members":              "app_id conversation_id client_id joined_seq joined_at ordinal invited_by expires_at kind",
		"delivered_broadcasts": "app_id client_id seq",
		"former_members":       "app_id client_id left_seq conversation_id joined_seq",
		"counters":             "app_id seq newest_at floor log_id own_floor swept_at",
	}
	// What has no part in it: keys, sessions and streams, and what is made anew.
	apart := "apps sessions removed_conversations conversation_attributes unflattened_apps node_leases presences clients room_sessions stream_tickets broadcasts personal_messages goose_db_version"
	db := SQLite(t)
	Start(t, db).Stop(t)
	for table, columns := range columnsOf(t, OpenSQL(t, db)) {
		if slices.Contains(strings.Fields(apart), table) {
			continue
		}
		if wanted := strings.Fields(known[table]); !slices.Equal(slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(wanted))) {
			t.Errorf("%s has %v; the export knows %v", table, columns, wanted)
		}
	}
}

func columnsOf(t testing.TB, db *sql.DB) map[string][]string {
	t.Helper()
	rows, err := db.Query("SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		found[table] = append(found[table], column)
	}
	return found
}

func TestTransferIsCalledWrongly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x")
	for name, c := range map[string]struct {
		run       func(context.Context, []string, []string, *bytes.Buffer, *bytes.Buffer) int
		code      int
		says      string
		arguments []string
	}{
		"export without a file": {exportOf, 2, "Usage: parley export", nil}, "import without a file": {importOf, 2, "Usage: parley import", nil},
		"help": {exportOf, 0, "", []string{"-h"}}, "two files": {importOf, 2, "Usage", []string{file, file}},
		"no such app": {exportOf, 1, "there is no such app in this database", []string{file}},
		"not an id":   {exportOf, 1, "--app must be", []string{"--app", "a b", file}},
		"no file":     {importOf, 1, "no such file", []string{file + "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := c.run(t.Context(), c.arguments, []string{"PARLEY_DATABASE_URL=" + SQLite(t)}, &stdout, &stderr)
			if said := stderr.String(); code != c.code || !strings.Contains(said, c.says) || code == 1 && strings.Count(said, "\n") != 1 {
				t.Errorf("%d, and it says %q", code, said)
			}
		})
	}
}
