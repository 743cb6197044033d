package faults

import (
	"strings"
	"testing"

	. "parley/tests/harness"
)

// TestServerThatLosesCommits: the start names the settings with which a commit is not on the disk when it is answered.
func TestServerThatLosesCommits(t *testing.T) {
	db, p := StartMariaDB(t, "--log-bin", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"), BuildProgram(t)
	running := p.Start(t, "PARLEY_DATABASE_URL="+db.URL)
	line := running.Stderr.Wait(t, running, "can lose what was answered with 201")
	for _, setting := range []string{"innodb_flush_log_at_trx_commit=2", "sync_binlog=0"} {
		if !strings.Contains(line, setting) {
			t.Errorf("%s is not named: %s", setting, line)
		}
	}
	running.StopAfterGreeting(t)
	db.AsRoot(t, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	db.AsRoot(t, "SET GLOBAL sync_binlog = 1")
	running = p.Start(t, "PARLEY_DATABASE_URL="+db.URL)
	running.StopAfterGreeting(t)
	if text := running.Stderr.String(); strings.Contains(text, "can lose") {
		t.Errorf("a server that loses nothing is warned of: %s", text)
	}
}

// TestBinaryLogOfStatements: such a server would take no write at all. The start says so and changes nothing; with ROW
// and MIXED it works.
func TestBinaryLogOfStatements(t *testing.T) {
	db, p := StartMariaDB(t, "--log-bin", "--sync-binlog=1", "--binlog-format=STATEMENT"), BuildProgram(t)
	refused := p.Start(t, "PARLEY_DATABASE_URL="+db.URL)
	if code, text := refused.Wait(t), refused.Stderr.String(); code != 1 || strings.Count(text, "\n") != 1 ||
		!strings.Contains(text, "PARLEY_DATABASE_URL") || !strings.Contains(text, "binlog_format is STATEMENT") {
		t.Errorf("exit code %d: %s", code, text)
	}
	for _, format := range []string{"ROW", "MIXED"} {
		db.AsRoot(t, "SET GLOBAL binlog_format = "+format)
		use(t, db.URL)
	}
}
