package harness

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a started program.
type Process struct {
	Cmd            *exec.Cmd
	Stdout, Stderr *Output
	exited         chan struct{}
}

// FixedKeys are given to a started server so that the harness's clients can call it; limits are off.
func FixedKeys() []string {
	return append(NoLimits(), "PARLEY_APP_ID="+AppID, "PARLEY_APP_KEY="+AppKey, "PARLEY_MASTER_KEY="+MasterKey,
		"PARLEY_SIGNING_SECRET="+SigningSecret)
}

// Start runs the program in a folder of its own, on a free port, with these variables and no others of the server's.
func (p Program) Start(t testing.TB, variables ...string) *Process {
	t.Helper()
	return p.StartIn(t, t.TempDir(), variables...)
}

// StartIn is Start in a folder that is there already.
func (p Program) StartIn(t testing.TB, folder string, variables ...string) *Process {
	t.Helper()
	return StartProcess(t, p.Command(folder, variables...))
}

// Command is what StartIn starts.
func (p Program) Command(folder string, variables ...string) *exec.Cmd {
	cmd := exec.Command(p.Path)
	cmd.Dir = folder
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PARLEY_ADDR=127.0.0.1:0"}, variables...)
	return cmd
}

// SubCommand is the program with arguments: a sub-command and its own.
func (p Program) SubCommand(folder string, arguments []string, variables ...string) *exec.Cmd {
	cmd := p.Command(folder, variables...)
	cmd.Args = append(cmd.Args, arguments...)
	return cmd
}

// StartProcess starts a command; what is left of it after the test is killed.
func StartProcess(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Cmd: cmd, Stdout: newOutput(), Stderr: newOutput(), exited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	read.Go(func() { p.Stdout.readFrom(stdout) })
	read.Go(func() { p.Stderr.readFrom(stderr) })
	go func() {
		defer close(p.exited)
		read.Wait()
		_ = cmd.Wait() // the exit code tells
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended, as it should have
		<-p.exited
		if strings.Contains(p.Stderr.String(), "WARNING: DATA RACE") { // also in one that was killed, whose exit code does not tell
			t.Error("a data race")
		}
		if t.Failed() {
			t.Logf("%s\nstdout:\n%s\nstderr:\n%s", cmd.Path, p.Stdout, p.Stderr)
		}
	})
	return p
}

// Greeting waits for the whole of what the server prints when it has started.
func (p *Process) Greeting(t testing.TB) string {
	t.Helper()
	if strings.Contains(p.Stdout.Wait(t, p, "Parley listens on "), " for app ") {
		return p.Stdout.String()
	}
	p.Stdout.Wait(t, p, "The API to look at and try")
	return p.Stdout.String()
}

// URL waits for the greeting and gives the address in it.
func (p *Process) URL(t testing.TB) string {
	t.Helper()
	line := p.Stdout.Wait(t, p, "Parley listens on ")
	_, after, _ := strings.Cut(line, "Parley listens on ")
	url, _, _ := strings.Cut(after, " ")
	return url
}

// Server is the process for the harness's clients.
func (p *Process) Server(t testing.TB) *Server {
	t.Helper()
	return &Server{URL: p.URL(t)}
}

// Exited is closed when the process has ended and all that it wrote has been read.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait waits for the end and gives the exit code; -1 after a signal that the program did not catch.
func (p *Process) Wait(t testing.TB) int {
	t.Helper()
	timer := time.NewTimer(3 * Deadline)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		t.Fatalf("%s has not ended", p.Cmd.Path)
	}
	return p.Cmd.ProcessState.ExitCode()
}

// Kill ends the process as a power cut would (SIGKILL), and waits until it is gone.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	_ = p.Cmd.Process.Kill() // fails when it has ended
	p.Wait(t)
}

// Terminate asks the process to stop, as service managers do.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// Stop asks the process to stop and fails the test unless it does so in order.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	p.Terminate(t)
	if code := p.Wait(t); code != 0 {
		t.Fatalf("stopped with exit code %d: %s", code, p.Stderr)
	}
}

// StopAfterGreeting is a short life.
func (p *Process) StopAfterGreeting(t testing.TB) {
	t.Helper()
	p.Greeting(t)
	p.Stop(t)
}

// Output is what a process has written so far.
type Output struct {
	mu    sync.Mutex
	text  strings.Builder
	lines []string
	more  chan struct{} // closed when a line comes, and made anew
}

func newOutput() *Output { return &Output{more: make(chan struct{})} }

func (o *Output) readFrom(r io.Reader) {
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

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Wait waits for a line with this text in it.
func (o *Output) Wait(t testing.TB, p *Process, text string) string {
	t.Helper()
	timer := time.NewTimer(Deadline)
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
			t.Fatalf("%s ended without writing %q", p.Cmd.Path, text)
		}
		select {
		case <-more:
		case <-p.exited:
			ended = true
		case <-timer.C:
			t.Fatalf("%s has not written %q", p.Cmd.Path, text)
		}
	}
}
