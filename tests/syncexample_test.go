package tests

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "parley/tests/harness"
)

// TestSyncExampleInGoIsKilled: docs/examples/sync copies into another MySQL while 200 messages a second are written, and
// is killed 20 times.
func TestSyncExampleInGoIsKilled(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sync")
	if said, err := exec.Command("go", "build", "-o", program, "parley/docs/examples/sync").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	Databases(t, func(t *testing.T, db string) {
		mirror := NeedEmptyMySQL(t)
		dsn := strings.NewReplacer("mysql://", "", "@", "@tcp(").Replace(mirror)
		host, name, _ := strings.Cut(dsn, "/")
		copyUnderFire(t, db, mirror, 20, func() *exec.Cmd { return exec.Command(program) }, "SYNC_MYSQL="+host+")/"+name)
	})
}

func TestSyncExampleInPythonIsKilled(t *testing.T) {
	python := FindProgram(t, "python3")
	script, err := filepath.Abs("../docs/examples/sync/sync.py")
	if err != nil {
		t.Fatal(err)
	}
	Databases(t, func(t *testing.T, db string) {
		file := filepath.Join(t.TempDir(), "mirror.db")
		copyUnderFire(t, db, "sqlite://"+file, 10, func() *exec.Cmd { return exec.Command(python, script) }, "SYNC_SQLITE="+file)
	})
}

// copyUnderFire runs a program that copies messages into a mirror, kills it again and again while messages are written,
// and fails the test unless the mirror has exactly what was written.
func copyUnderFire(t *testing.T, db, mirror string, kills int, program func() *exec.Cmd, variable string) {
	s := Start(t, db)
	written := writeSteadily(t, s)
	start := func() *Process {
		cmd := program()
		cmd.Env = append(cmd.Environ(), "SYNC_URL="+s.URL, "SYNC_APP="+AppID+":"+MasterKey, variable)
		return StartProcess(t, cmd)
	}
	tables := OpenSQL(t, mirror)
	running := start()
	copied := func() (n int) {
		if err := tables.QueryRow("SELECT COUNT(*) FROM messages").Scan(&n); err != nil {
			return 0 // the table is not there yet
		}
		return n
	}
	for range kills {
		before := copied()
		Eventually(t, "it copies", func() bool { return copied() >= before+20 })
		running.Kill(t)
		running = start()
	}
	want := written()
	Eventually(t, "all is copied", func() bool { return copied() >= len(want) })
	running.Kill(t)
	if got := mirrored(t, tables); !maps.Equal(got, want) {
		t.Fatalf("%d messages were written and %d are in the mirror", len(want), len(got))
	}
	t.Logf("%d messages over %d kills", len(want), kills)
}

// mirrored gives the texts of a mirror by id.
func mirrored(t *testing.T, tables *sql.DB) map[string]string {
	t.Helper()
	rows, err := tables.Query("SELECT id, message FROM messages")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	texts := map[string]string{}
	for rows.Next() {
		var id, message string
		if err := rows.Scan(&id, &message); err != nil {
			t.Fatal(err)
		}
		texts[id] = decode(t, message)["text"].(string)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// writeSteadily sends 200 messages a second into several conversations, by eight senders; the returned function stops
// them and gives the texts that were answered with 201, by id.
func writeSteadily(t *testing.T, s *Server) (stop func() map[string]string) {
	const senders, perSecond = 8, 200
	asTom := s.Master(t, "Tom")
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	texts := map[string]string{}
	var running sync.WaitGroup
	for i := range senders {
		conversation := asTom.Create(t)
		running.Go(func() {
			tick := time.NewTicker(senders * time.Second / perSecond)
			defer tick.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				text := fmt.Sprint("sender ", i, " message ", n)
				id := asTom.Say(t, conversation, text)
				mu.Lock()
				texts[id] = text
				mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return func() map[string]string {
		cancel()
		running.Wait()
		return texts
	}
}

// TestSyncStreamIsCutWhileMessagesAreWritten: lines, cut anywhere and resumed after the last whole one, twenty times.
func TestSyncStreamIsCutWhileMessagesAreWritten(t *testing.T) {
	Databases(t, func(t *testing.T, db string) {
		s := Start(t, db)
		master := s.Master(t, "")
		written := writeSteadily(t, s)
		got, position, after := map[string]string{}, "0", int64(0)
		take := func(body string) {
			for line := range strings.Lines(body) {
				if !strings.HasSuffix(line, "\n") {
					return // cut in the middle
				}
				m := decode(t, line)
				position = m["id"].(string)
				if number(t, position) <= after {
					t.Errorf("%s comes after %d", position, after)
				}
				after = number(t, position)
				got[position] = m["text"].(string)
			}
		}
		for cut := range 20 {
			Eventually(t, "there is more", func() bool {
				return len(master.Do(t, "GET", "/v1/messages?limit=20&after="+position, nil).Want(200).Object()["messages"].([]any)) == 20
			})
			take(cutLines(t, master, position, int64(100+cut*97)))
		}
		want := written()
		take(string(master.Do(t, "GET", "/v1/messages?after="+position, nil, "Accept", "application/x-ndjson").Want(200).Body))
		if !maps.Equal(got, want) {
			t.Fatalf("%d messages were written and %d came", len(want), len(got))
		}
		t.Log(strconv.Itoa(len(want)) + " messages")
	})
}

// cutLines reads lines after a position and cuts the connection after some bytes.
func cutLines(t *testing.T, master *Client, after string, bytes int64) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", master.Server.URL+"/v1/messages?after="+after, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", master.Headers["Authorization"])
	request.Header.Set("Accept", "application/x-ndjson")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, bytes))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
