package tests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	. "parley/tests/harness"
)

// machine is what docs/walkthrough.md is followed on: a folder that stands for /, and a service manager of the test's own that goes
// by the unit files which the page puts there.
type machine struct {
	t       *testing.T
	root    string
	other   *strings.Replacer
	mu      sync.Mutex
	running map[string]*Process
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	for _, program := range []string{"bash", "curl", "openssl", "nats-server", "nginx", "mariadb", "mariadb-dump", "prometheus", "promtool", "versitygw"} {
		FindProgram(t, program)
	}
	database := StartMariaDB(t)
	database.AsRoot(t, "DROP DATABASE parley") // the page makes its own
	database.AsRoot(t, "DROP USER 'parley'@'127.0.0.1'")
	_, address, _ := strings.Cut(database.URL, "@")
	address, _, _ = strings.Cut(address, "/")
	m := &machine{t: t, root: PublicFolder(t), running: map[string]*Process{}}
	m.other = otherPlaces(t, m.root, address)
	for _, folder := range []string{"bin", "tmp", "run", "checkout/docs/deploy", "etc/systemd/system", "etc/nginx", "etc/default", "etc/prometheus", "etc/ssl",
		"var/lib/nginx", "var/lib/prometheus", "var/log/nginx", "usr/local/bin"} {
		if err := os.MkdirAll(filepath.Join(m.root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"docs/nginx.conf", "docs/alerts.yml", "docs/deploy/parley.service", "docs/deploy/nodes.conf"} {
		m.write(t, "checkout/"+name, m.other.Replace(readFile(t, "../"+name)), 0o644)
	}
	m.standIns(t, address)
	m.serve(t)
	return m
}

func (m *machine) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// standIns are programs of the page's that would change this machine, or that it does not have.
func (m *machine) standIns(t *testing.T, database string) {
	t.Helper()
	host, port, err := net.SplitHostPort(database)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) string {
		return "exec curl --silent --show-error --fail-with-body --unix-socket " + filepath.Join(m.root, "run/manager") + " --data-binary \"$*\" http://manager/" + path
	}
	for name, script := range map[string]string{
		"apt-get":    "",
		"chown":      "",
		"systemctl":  ask("systemctl"),
		"journalctl": ask("journalctl"),
		"make": fmt.Sprintf("case $1 in\nbuild) mkdir -p dist && cp %s dist/parley ;;\ns3-server) cp %s ${2#GOBIN=}/versitygw ;;\n*) exit 2 ;;\nesac",
			BuildFastProgram(t).Path, FindProgram(t, "versitygw")),
		"systemd-run": `while [[ $1 == --* ]]; do case $1 in --property=EnvironmentFile=*) file=${1##*=} ;; esac; shift; done
mapfile -t variables <"$file"
exec env -i PATH="$PATH" "${variables[@]}" "$@"`,
		// root by the socket, as on Debian, is root by TCP here.
		"mariadb": fmt.Sprintf("case $1 in --defaults-extra-file=*) exec %[1]s \"$@\" ;; esac\nexec %[1]s --no-defaults --protocol=tcp --host=%[2]s --port=%[3]s --user=root \"$@\"",
			FindProgram(t, "mariadb"), host, port),
		"nginx": strings.Join(m.nginx(), " ") + " \"$@\"",
	} {
		m.write(t, "bin/"+name, "#!/bin/bash\n"+script+"\n", 0o755)
	}
	// nginx has folders of its package, which are not in its configuration.
	paths := "http {\n"
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += name + "_temp_path " + filepath.Join(m.root, "var/lib/nginx", name) + ";\n"
	}
	m.write(t, "checkout/docs/nginx.conf", strings.Replace(readFile(t, filepath.Join(m.root, "checkout/docs/nginx.conf")), "http {\n", paths, 1), 0o644)
}

func (m *machine) nginx() []string {
	return []string{FindProgram(m.t, "nginx"), "-e", "stderr", "-p", m.root, "-c", filepath.Join(m.root, "etc/nginx/nginx.conf")}
}

// serve answers systemctl and journalctl.
func (m *machine) serve(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(m.root, "run/manager"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		arguments := strings.Fields(string(body))
		if err == nil && r.URL.Path == "/journalctl" {
			m.journal(w, arguments)
			return
		}
		if err == nil {
			err = m.systemctl(arguments)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) }) // until it is closed
	t.Cleanup(func() {
		_ = server.Close()
		served.Wait()
	})
}

func (m *machine) systemctl(arguments []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch strings.Join(arguments[:min(2, len(arguments))], " ") {
	case "daemon-reload":
		return nil
	case "enable --now":
		arguments = arguments[1:]
	}
	if len(arguments) < 2 || arguments[0] != "restart" && arguments[0] != "--now" {
		return fmt.Errorf("the stand-in for systemctl does not know %q", arguments)
	}
	for _, name := range arguments[1:] {
		m.stop(name)
	}
	for _, name := range arguments[1:] {
		if err := m.start(name); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) stop(name string) {
	if process := m.running[name]; process != nil {
		_ = process.Cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended
		<-process.Exited()
		delete(m.running, name)
	}
}

// stopAll is before the end of the test: an nginx that is killed leaves its workers behind.
func (m *machine) stopAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range []string{"nginx", "parley@1", "parley@2", "prometheus", "versitygw", "nats-server"} {
		m.stop(name)
	}
}

// start runs a service.
func (m *machine) start(name string) error {
	command, environ, err := m.command(name)
	if err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Dir = append([]string{"PATH=" + os.Getenv("PATH")}, environ...), m.root
	m.running[name] = StartProcess(m.t, cmd)
	return nil
}

// command is what the units of Debian's packages start, or what the page's own say.
func (m *machine) command(name string) (words, environ []string, err error) {
	switch name {
	case "nats-server":
		return []string{FindProgram(m.t, name), "-c", filepath.Join(m.root, "etc/nats-server.conf")}, nil, nil
	case "nginx":
		return append(m.nginx(), "-g", "daemon off;"), nil, nil
	case "prometheus":
		err = readLines(filepath.Join(m.root, "etc/default/prometheus"), func(line string) {
			words = strings.Fields(strings.Trim(strings.TrimPrefix(line, "ARGS="), `"`))
		})
		return append([]string{FindProgram(m.t, name), "--config.file=" + filepath.Join(m.root, "etc/prometheus/prometheus.yml"),
			"--storage.tsdb.path=" + filepath.Join(m.root, "var/lib/prometheus")}, words...), nil, err
	}
	unit, err := m.unit(name)
	if err != nil {
		return nil, nil, err
	}
	if environ, err = unit.environ(); err != nil {
		return nil, nil, err
	}
	for _, folder := range unit["StateDirectory"] {
		if err := os.MkdirAll(filepath.Join(m.root, "var/lib", folder), 0o750); err != nil {
			return nil, nil, err
		}
	}
	for _, before := range unit["ExecStartPre"] {
		words := strings.Fields(before)
		if output, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w: %s", before, err, output)
		}
	}
	return strings.Fields(strings.Join(unit["ExecStart"], " ")), environ, nil
}

// unit is what a unit says of its service.
type unit map[string][]string

// unit reads the file of a service, or of its template, and what lies beside it.
func (m *machine) unit(name string) (unit, error) {
	template, instance, isInstance := strings.Cut(name, "@")
	file := filepath.Join(m.root, "etc/systemd/system", template+".service")
	if isInstance {
		file = filepath.Join(m.root, "etc/systemd/system", template+"@.service")
	}
	besides, err := filepath.Glob(file + ".d/*.conf")
	if err != nil {
		return nil, err
	}
	u := unit{}
	for _, path := range append([]string{file}, besides...) {
		err := readLines(path, func(line string) {
			if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
				u[name] = append(u[name], strings.ReplaceAll(value, "%i", instance))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (u unit) environ() (environ []string, err error) {
	environ = append(environ, u["Environment"]...)
	for _, path := range u["EnvironmentFile"] {
		if err := readLines(path, func(line string) { environ = append(environ, line) }); err != nil {
			return nil, err
		}
	}
	return environ, nil
}

func readLines(path string, do func(line string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		do(lines.Text())
	}
	return lines.Err()
}

// journal prints what the services have written, those that are named.
func (m *machine) journal(w io.Writer, arguments []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, argument := range arguments {
		if i > 0 && arguments[i-1] == "--unit" && m.running[argument] != nil {
			fmt.Fprintf(w, "%s%s", m.running[argument].Stdout, m.running[argument].Stderr)
		}
	}
}
