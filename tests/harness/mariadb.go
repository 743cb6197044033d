package harness

import (
	"database/sql"
	"net"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"
)

// MariaDB is a database server of the test's own, which may be killed and started again on the same port and data.
type MariaDB struct {
	// URL is its one database, for a user that has all rights on it and none beyond, as the README says.
	URL     string
	address string
	folder  string
	root    *sql.DB
	process *Process
}

// StartMariaDB makes and starts a server.
func StartMariaDB(t testing.TB) *MariaDB {
	t.Helper()
	server, install := FindProgram(t, "mariadbd"), FindProgram(t, "mariadb-install-db")
	m := &MariaDB{address: FixedPort(t), folder: PublicFolder(t)}
	m.URL = "mysql://parley:parley@" + m.address + "/parley"
	making := exec.Command(install, append(m.arguments(t), "--auth-root-authentication-method=normal", "--skip-test-db")...)
	if output, err := making.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	m.start(t, server)
	m.root = OpenSQL(t, "mysql://root:@"+m.address+"/mysql")
	m.AsRoot(t, "CREATE DATABASE parley")
	m.AsRoot(t, "CREATE USER 'parley'@'127.0.0.1' IDENTIFIED BY 'parley'")
	m.AsRoot(t, "GRANT ALL ON parley.* TO 'parley'@'127.0.0.1'")
	return m
}

// arguments are for the making and for every start.
func (m *MariaDB) arguments(t testing.TB) []string {
	t.Helper()
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--no-defaults", "--user=" + self.Username, "--datadir=" + filepath.Join(m.folder, "data"),
		"--innodb-log-file-size=16M", "--innodb-buffer-pool-size=32M"} // small, so that a start takes no time
}

func (m *MariaDB) start(t testing.TB, path string) {
	t.Helper()
	host, port, err := net.SplitHostPort(m.address)
	if err != nil {
		t.Fatal(err)
	}
	m.process = StartProcess(t, exec.Command(path, append(m.arguments(t), "--bind-address="+host, "--port="+port,
		"--socket="+filepath.Join(m.folder, "socket"), "--pid-file="+filepath.Join(m.folder, "pid"), "--skip-name-resolve",
		// Nothing that was committed is lost with the process; the default, and what docs/guarantees.md asks for.
		"--innodb-flush-log-at-trx-commit=1")...))
	m.process.Stderr.Wait(t, m.process, "ready for connections")
}

// Kill ends the server as a power cut would.
func (m *MariaDB) Kill(t testing.TB) {
	t.Helper()
	m.process.Kill(t)
}

// Start starts the server again after a Kill, and waits until it takes connections.
func (m *MariaDB) Start(t testing.TB) {
	t.Helper()
	m.start(t, m.process.Cmd.Path)
}

// AsRoot runs a statement with all rights.
func (m *MariaDB) AsRoot(t testing.TB, statement string) {
	t.Helper()
	if _, err := m.root.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
