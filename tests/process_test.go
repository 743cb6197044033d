package tests

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/tests/harness"
)

// program is the server as users have it: an executable, configured by its environment.
type program struct{ path string }

// buildProgram builds the server, with the race detector when the tests have it.
func buildProgram(t *testing.T) program {
	t.Helper()
	path := filepath.Join(publicFolder(t), "parley")
	arguments := []string{"build", "-o", path}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, ".")...)
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return program{path: path}
}

// publicFolder makes a folder that every user of the machine may read, unlike t.TempDir.
func publicFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "parley")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// process is a started program.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *output
	exited         chan struct{}
}

// start runs the program in a folder of its own, on a free port, with these variables and no others of the server's.
func (p program) start(t *testing.T, variables ...string) *process {
	t.Helper()
	return p.startIn(t, t.TempDir(), variables...)
}

func (p program) startIn(t *testing.T, folder string, variables ...string) *process {
	t.Helper()
	return startProcess(t, p.command(folder, variables...))
}

func (p program) command(folder string, variables ...string) *exec.Cmd {
	cmd := exec.Command(p.path)
	cmd.Dir = folder
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PARLEY_ADDR=127.0.0.1:0"}, variables...)
	return cmd
}

// startProcess starts a command; what is left of it after the test is killed.
func startProcess(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdout: newOutput(), stderr: newOutput(), exited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	read.Go(func() { p.stdout.readFrom(stdout) })
	read.Go(func() { p.stderr.readFrom(stderr) })
	go func() {
		defer close(p.exited)
		read.Wait()
		_ = cmd.Wait() // the exit code tells
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended, as it should have
		<-p.exited
		if t.Failed() {
			t.Logf("%s\nstdout:\n%s\nstderr:\n%s", cmd.Path, p.stdout, p.stderr)
		}
	})
	return p
}

// url waits for the greeting and gives the address in it.
func (p *process) url(t *testing.T) string {
	t.Helper()
	line := p.stdout.wait(t, p, "Parley listens on ")
	_, after, _ := strings.Cut(line, "Parley listens on ")
	url, _, _ := strings.Cut(after, " ")
	return url
}

// server is the process for the harness's clients.
func (p *process) server(t *testing.T) *harness.Server {
	t.Helper()
	return &harness.Server{URL: p.url(t)}
}

// wait waits for the end and gives the exit code; -1 after a signal that the program did not catch.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	timer := time.NewTimer(3 * harness.Deadline)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		t.Fatalf("%s has not ended", p.cmd.Path)
	}
	return p.cmd.ProcessState.ExitCode()
}

// terminate asks the process to stop, as service managers do.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// stop asks the process to stop and fails the test unless it does so in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.terminate(t)
	if code := p.wait(t); code != 0 {
		t.Fatalf("stopped with exit code %d: %s", code, p.stderr)
	}
}

// stopAfterGreeting is a short life.
func (p *process) stopAfterGreeting(t *testing.T) {
	t.Helper()
	p.greeting(t)
	p.stop(t)
}

// output is what a process has written so far.
type output struct {
	mu    sync.Mutex
	text  strings.Builder
	lines []string
	more  chan struct{} // closed when a line comes, and made anew
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) readFrom(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		o.mu.Lock()
		o.text.WriteString(line)
		if line != "" {
			o.lines = append(o.lines, strings.TrimSuffix(line, "\n"))
			close(o.more)
			o.more = make(chan struct{})
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait waits for a line with this text in it.
func (o *output) wait(t *testing.T, p *process, text string) string {
	t.Helper()
	timer := time.NewTimer(harness.Deadline)
	defer timer.Stop()
	ended := false
	for {
		o.mu.Lock()
		at := slices.IndexFunc(o.lines, func(line string) bool { return strings.Contains(line, text) })
		if at >= 0 {
			defer o.mu.Unlock()
			return o.lines[at]
		}
		more := o.more
		o.mu.Unlock()
		if ended {
			t.Fatalf("%s ended without writing %q", p.cmd.Path, text)
		}
		select {
		case <-more:
		case <-p.exited:
			ended = true
		case <-timer.C:
			t.Fatalf("%s has not written %q", p.cmd.Path, text)
		}
	}
}
