package tests

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// password stands in many of the wrong values below and must never be shown.
const password = "hunter2-hunter2-hunter2-hunter2-hunter2"

// wrongValues are values that no server can mean, for every variable of the table in API.md, "Configuration".
func wrongValues() [][2]string {
	return [][2]string{
		{"PARLEY_ADDR", "nonsense"},
		{"PARLEY_ADDR", "127.0.0.1:99999"},
		{"PARLEY_ADDR", "127.0.0.1:1\n2"},
		{"PARLEY_ADDR", "192.0.2.1:0"}, // RFC 5737: nobody has this address
		{"PARLEY_DATABASE_URL", "parley.db"},
		{"PARLEY_DATABASE_URL", "sqlite://"},
		{"PARLEY_DATABASE_URL", "sqlite://data/parley.db?mode=ro"},
		{"PARLEY_DATABASE_URL", "postgres://tom:" + password + "@127.0.0.1/parley"},
		{"PARLEY_DATABASE_URL", "mysql://tom:" + password + "@127.0.0.1:3306"},
		{"PARLEY_DATABASE_URL", "mysql://tom:" + password + "@%zz/parley"},
		{"PARLEY_DATABASE_URL", "mysql://tom:" + password + "@127.0.0.1:3306/parley?parseTime=" + password},
		{"PARLEY_DATABASE_URL", "mysql://tom:" + password + "@127.0.0.1:3306/parley?tls=perhaps"},
		{"PARLEY_BROKER_URL", "redis://tom:" + password + "@127.0.0.1"},
		{"PARLEY_FILES_URL", "data/" + password},
		{"PARLEY_FILES_URL", "ftp://tom:" + password + "@host/files"},
		{"PARLEY_FILES_URL", "s3://tom:" + password + "@bucket?regoin=eu-central-1"},
		{"PARLEY_FILES_URL", "file:///dev/null/files"},
		{"PARLEY_APP_ID", "an app"},
		{"PARLEY_APP_ID", strings.Repeat("a", 37)},
		{"PARLEY_SIGNING_SECRET", strings.Repeat(password, 8)},
		{"PARLEY_REQUIRE_SIGNED_LOGIN", "perhaps"},
		{"PARLEY_SESSION_TTL", "1 day"},
		{"PARLEY_SESSION_TTL", "0"},
		{"PARLEY_SESSION_TTL", "-1h"},
		{"PARLEY_PUBLIC_URL", "ftp://example.org"},
		{"PARLEY_PUBLIC_URL", "example.org"},
		{"PARLEY_RETENTION", "180d"},
		{"PARLEY_RETENTION", "-1h"},
		{"PARLEY_ALLOWED_ORIGINS", "example.org"},
		{"PARLEY_ALLOWED_ORIGINS", "https://example.org,ftp://example.org"},
		{"PARLEY_MAX_MEMBERS", "many"},
		{"PARLEY_MAX_MEMBERS", "0"},
		{"PARLEY_MAX_MEMBERS", "99999999999999999999"},
		{"PARLEY_MAX_MESSAGE_BYTES", "32 KB"},
		{"PARLEY_MAX_MESSAGE_BYTES", "0"},
		{"PARLEY_MAX_FILE_BYTES", "1e6"},
		{"PARLEY_MAX_FILE_BYTES", "-1"},
		{"PARLEY_FILE_URL_TTL", "7"},
		{"PARLEY_FILE_URL_TTL", "59s"},
		{"PARLEY_MAX_STREAMS_PER_CLIENT", "ten"},
		{"PARLEY_MAX_STREAMS_PER_CLIENT", "-1"},
		{"PARLEY_MAX_STREAMS_PER_ADDRESS", "1.5"},
		{"PARLEY_MAX_STREAMS_PER_ADDRESS", "-1"},
		{"PARLEY_SENDS_PER_MINUTE", "10/s"},
		{"PARLEY_SENDS_PER_MINUTE", "-1"},
		{"PARLEY_REQUESTS_PER_MINUTE", "x"},
		{"PARLEY_REQUESTS_PER_MINUTE", "-1"},
		{"PARLEY_SESSION_REQUESTS_PER_MINUTE", "-1"},
		{"PARLEY_ADDRESS_REQUESTS_PER_MINUTE", "1e3"},
		{"PARLEY_APP_REQUESTS_PER_MINUTE", "none"},
		{"PARLEY_LOGINS_PER_MINUTE", "-1"},
		{"PARLEY_WRONG_CREDENTIALS_PER_MINUTE", "few"},
		{"PARLEY_MAX_CONNECTIONS", "-1"},
		{"PARLEY_MAX_CONNECTIONS_PER_ADDRESS", "2k"},
		{"PARLEY_CONSOLE", "on"},
		{"PARLEY_HIDE_MEMBERS", "2"},
		{"PARLEY_TLS_CERT", "cert.pem"}, // without its key
		{"PARLEY_TLS_KEY", "key.pem"},
		{"PARLEY_TRUSTED_PROXIES", "loadbalancer"},
		{"PARLEY_TRUSTED_PROXIES", "10.0.0.0/99"},
		{"PARLEY_ADMIN_ADDR", "9090"},
		{"PARLEY_ADMIN_ADDR", "127.0.0.1:99999"},
		{"PARLEY_LOG_LEVEL", "loud"},
		{"PARLEY_LOG_FORMAT", "xml"},
	}
}

func TestEveryVariableHasWrongValues(t *testing.T) {
	anyText := []string{"PARLEY_APP_KEY", "PARLEY_MASTER_KEY"} // wrong only when they are the same
	for _, field := range reflect.VisibleFields(reflect.TypeFor[app.Config]()) {
		name := field.Tag.Get("env")
		if name != "-" && !slices.Contains(anyText, name) && !slices.ContainsFunc(wrongValues(), func(v [2]string) bool { return v[0] == name }) {
			t.Errorf("no wrong value of %s is tried", name)
		}
	}
}

func TestWrongConfigurationStopsTheStart(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	for _, v := range wrongValues() {
		t.Run(v[0]+"="+v[1], func(t *testing.T) {
			t.Parallel()
			wantNoStart(t, p.Start(t, v[0]+"="+v[1]), v[0])
		})
	}
	for name, variables := range map[string][]string{
		"unknown":  {"PARLEY_DATABASE_PASSWORD=" + password},
		"mistyped": {"PARLEY_ADRR=127.0.0.1:0"},
		"empty":    {"PARLEY_ADRR="},
		"several":  {"PARLEY_A=1", "PARLEY_B=2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var names []string
			for _, v := range variables {
				name, _, _ := strings.Cut(v, "=")
				names = append(names, name)
			}
			wantNoStart(t, p.Start(t, variables...), names...)
		})
	}
	t.Run("the same key twice", func(t *testing.T) {
		t.Parallel()
		wantNoStart(t, p.Start(t, "PARLEY_APP_KEY="+password, "PARLEY_MASTER_KEY="+password), "PARLEY_APP_KEY", "PARLEY_MASTER_KEY")
	})
	t.Run("TLS files that are not there", func(t *testing.T) {
		t.Parallel()
		wantNoStart(t, p.Start(t, "PARLEY_TLS_CERT=cert.pem", "PARLEY_TLS_KEY=key.pem"), "PARLEY_TLS_CERT")
	})
}

// wantNoStart fails the test unless the server stops with exit code 1, a single line on standard error that names
// these variables, and no password.
func wantNoStart(t *testing.T, p *Process, variables ...string) {
	t.Helper()
	if code := p.Wait(t); code != 1 {
		t.Errorf("the exit code is %d, not 1", code)
	}
	text := p.Stderr.String()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("standard error is not one line: %q", text)
	}
	for _, name := range variables {
		if !strings.Contains(text, name) {
			t.Errorf("%s is not named: %q", name, text)
		}
	}
	if strings.Contains(text, password[:15]) {
		t.Errorf("a password is shown: %q", text)
	}
	if got := p.Stdout.String(); got != "" {
		t.Errorf("standard output has %q", got)
	}
}

func TestPortInUseStopsTheStart(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"PARLEY_ADDR", "PARLEY_ADMIN_ADDR"} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			// Nor does it warn before it fails: PARLEY_RETENTION has no effect yet.
			wantNoStart(t, p.StartIn(t, folder, name+"="+taken.Addr().String(), "PARLEY_RETENTION=1h"), name)
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestUnreachableDatabaseStopsTheStart(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		wantNoStart(t, p.Start(t, "PARLEY_DATABASE_URL=mysql://tom:"+password+"@127.0.0.1:1/parley"), "PARLEY_DATABASE_URL")
	})
	t.Run("no such host", func(t *testing.T) {
		t.Parallel()
		wantNoStart(t, p.Start(t, "PARLEY_DATABASE_URL=mysql://tom:"+password+"@nowhere.invalid/parley"), "PARLEY_DATABASE_URL")
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		silent, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in its queue, and nobody answers
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		wantNoStart(t, p.Start(t, "PARLEY_DATABASE_URL=mysql://tom:"+password+"@"+silent.Addr().String()+"/parley"), "PARLEY_DATABASE_URL")
	})
	for name, change := range map[string]func(*url.URL){
		"wrong password": func(u *url.URL) { u.User, u.Path = url.UserPassword("nobody", password), "/mysql" },
		"no database":    func(u *url.URL) { u.Path = "/parley_test_is_not_there" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := mysqlServer(t)
			if u == nil {
				return
			}
			change(u)
			wantNoStart(t, p.Start(t, "PARLEY_DATABASE_URL="+u.String()), "PARLEY_DATABASE_URL")
		})
	}
}

// mysqlServer is the server of PARLEY_TEST_MYSQL_URL; nil when there is none, which CI does not allow.
func mysqlServer(t *testing.T) *url.URL {
	t.Helper()
	text := os.Getenv(MySQLVariable)
	if text == "" {
		if InCI() {
			t.Fatalf("%s is not set, and CI must run the tests on MySQL too", MySQLVariable)
		}
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFolderThatCannotBeWrittenStopsTheStart(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	for name, make := range map[string]func(folder string) error{
		"no data folder": func(string) error { return nil },
		"data folder":    func(folder string) error { return os.Mkdir(filepath.Join(folder, "data"), 0o755) },
		"data file": func(folder string) error {
			return errorOf(os.Mkdir(filepath.Join(folder, "data"), 0o755), os.WriteFile(filepath.Join(folder, "data", "parley.db"), nil, 0o444))
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := PublicFolder(t)
			if err := make(folder); err != nil {
				t.Fatal(err)
			}
			cmd := p.Command(folder)
			asStranger(t, cmd.Dir, &cmd.SysProcAttr)
			wantNoStart(t, StartProcess(t, cmd), "PARLEY_DATABASE_URL")
		})
	}
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// asStranger makes a process one that cannot write in a folder: root, who can write anywhere, starts it as nobody.
func asStranger(t *testing.T, folder string, attributes **syscall.SysProcAttr) {
	t.Helper()
	const nobody = 65534
	if os.Geteuid() == 0 {
		*attributes = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return
	}
	setMode := func(mode os.FileMode) {
		for _, name := range []string{filepath.Join(folder, "data"), folder} {
			if err := os.Chmod(name, mode); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	setMode(0o555)
	t.Cleanup(func() { setMode(0o755) })
}

func TestMissingFoldersAreMade(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	folder := t.TempDir()
	for path, file := range map[string]string{
		"sqlite://a/b c/d/parley.db":                    filepath.Join(folder, "a", "b c", "d", "parley.db"),
		"sqlite://" + filepath.Join(folder, "e/f/g.db"): filepath.Join(folder, "e", "f", "g.db"),
		"": filepath.Join(folder, "data", "parley.db"),
	} {
		t.Run(path, func(t *testing.T) {
			running := p.StartIn(t, folder, "PARLEY_DATABASE_URL="+path, "PARLEY_TEST_ANYTHING=is not the server's")
			running.Server(t).Nobody(t).Do(t, "GET", "/readyz", nil).Want(http.StatusOK)
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
			running.Stop(t)
		})
	}
}

// Servers that start on one empty database are nodes of one app, whichever comes first.
func TestServersStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	p := BuildProgram(t)
	EmptyDatabases(t, func(t *testing.T, db string) { startTogether(t, p, db, func() {}) })
}

// The same where the tables are there and only the app is not, so that nothing but making the app is raced for.
func TestServersStartAtOnceWithoutAnApp(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	for round := range 3 { // the race has several outcomes
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			Databases(t, func(t *testing.T, db string) {
				p.Start(t, "PARLEY_DATABASE_URL="+db).StopAfterGreeting(t)
				tables := OpenSQL(t, db)
				for _, statement := range []string{"DELETE FROM apps", "DELETE FROM counters"} {
					if _, err := tables.Exec(statement); err != nil {
						t.Fatal(err)
					}
				}
				release := func() {}
				if strings.HasPrefix(db, "mysql") {
					release = holdInserts(t, tables, "apps", servers)
				}
				startTogether(t, p, db, release)
			})
		})
	}
}

const servers = 3

// holdInserts lets everybody read a table but nobody write to it, until release is called, which waits until all of
// writers are waiting.
func holdInserts(t *testing.T, db *sql.DB, table string, writers int) (release func()) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "LOCK TABLES "+table+" READ"); err != nil {
		t.Fatal(err)
	}
	return func() {
		Eventually(t, "all servers wait to make the app", func() bool { return Running(t, db, "INSERT INTO `"+table+"`") == writers })
		if _, err := conn.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func startTogether(t *testing.T, p Program, db string, release func()) {
	var running [servers]*Process
	for i := range running {
		running[i] = p.Start(t, "PARLEY_DATABASE_URL="+db)
	}
	release()
	var made []keys
	var others []string
	for _, r := range running {
		if text := r.Greeting(t); strings.Contains(text, "app key") {
			made = append(made, keysIn(t, text))
		} else {
			others = append(others, text)
		}
	}
	if len(made) != 1 {
		t.Fatalf("%d of %d servers made an app", len(made), servers)
	}
	for _, text := range others {
		if !strings.Contains(text, fmt.Sprintf("for app %s;", made[0].appID)) {
			t.Fatalf("another app: %q", text)
		}
	}
	tom, jerry := made[0].login(t, running[0].Server(t), "Tom"), made[0].login(t, running[1].Server(t), "Jerry")
	stream := jerry.Listen(t, "")
	stream.Want("online")
	tom.Say(t, tom.Create(t, "Jerry"), "Jerry, get up!")
	stream.Want("invited")
	if m := stream.Want("message"); m.Data["text"] != "Jerry, get up!" {
		t.Fatalf("got %s", m.Raw)
	}
	stream.Cut()
	for _, r := range running {
		r.Stop(t)
	}
}
