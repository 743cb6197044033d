//go:build linux

package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// A server must be up within the time its own start-up allows a database.
	startTimeout = 20 * time.Second
	// The server promises to be gone 10 s after it was asked to.
	stopTimeout = 12 * time.Second
	// Linux shows CPU time in hundredths of a second (USER_HZ) on everything that Go runs on.
	cpuTick = 10 * time.Millisecond
)

// Process is a server that was started here: it prints its URL on its first line, and on the second where its metrics are.
type Process struct {
	Name   string
	Addr   string // host:port
	Admin  string // host:port of metrics and profiles; empty: none
	Cmd    *exec.Cmd
	stderr tail
	ended  chan struct{}
	err    error // after ended
}

// Start starts a program and waits for its URL. It ends with this program, even when that is killed.
func Start(ctx context.Context, name, dir string, environ []string, path string, args ...string) (*Process, error) {
	p := &Process{Name: name, Cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.Cmd.Dir, p.Cmd.Env, p.Cmd.Stderr = dir, environ, &p.stderr
	// A group of its own: an interrupt ends the load, and the load ends its servers in order.
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.Cmd.Stdout = writer
	err = errors.Join(p.Cmd.Start(), writer.Close())
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	go func() {
		p.err = p.Cmd.Wait()
		close(p.ended)
	}()
	found := make(chan [2]string, 1)
	go watchForURL(reader, found)
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case where := <-found:
		p.Addr, p.Admin = where[0], where[1]
		return p, nil
	case <-p.ended:
		err = errors.New("ended at once")
	case <-timer.C:
		err = fmt.Errorf("printed no URL in %v", startTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(fmt.Errorf("%s: %w", name, err), p.Stop())
}

var listenURL = regexp.MustCompile(`http://([0-9.]+:[0-9]+)`)

// watchForURL finds the URLs of the first two lines, the second of which may have none, and then reads on, so that the process
// never waits for a reader.
func watchForURL(r io.ReadCloser, found chan<- [2]string) {
	defer r.Close()
	lines := bufio.NewReader(r)
	var where [2]string
	for i := range where {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if m := listenURL.FindStringSubmatch(line); m != nil {
			where[i] = m[1]
		}
	}
	found <- where
	_, _ = io.Copy(io.Discard, lines) // ends when the process does
}

// Stop asks the process to end; not ending in time, or ending with an error, is one.
func (p *Process) Stop() error {
	_ = p.Cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended, which is seen below
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		err := p.Cmd.Process.Kill()
		<-p.ended
		return errors.Join(fmt.Errorf("%s did not end in %v and was killed", p.Name, stopTimeout), err)
	}
	if p.err != nil {
		return fmt.Errorf("%s ended with %w: %s", p.Name, p.err, p.stderr.text())
	}
	return nil
}

// PID is that of the process.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// CPUOf gives the CPU time that a process has used, user and system.
func CPUOf(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses, and may itself contain blanks and parentheses.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	const user, system = 14 - 3, 15 - 3 // proc(5) counts from 1, and two fields are gone
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	u, err := strconv.ParseInt(fields[user], 10, 64)
	if err != nil {
		return 0, err
	}
	s, err := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * cpuTick, err
}

// ResidentOf gives the resident memory of a process in KiB.
func ResidentOf(pid int) (float64, error) { return memoryOf(pid, "VmRSS:") }

// OwnMemoryOf gives what of that is the process's own in KiB, and not pages of files, which the system takes back as it likes.
func OwnMemoryOf(pid int) (float64, error) { return memoryOf(pid, "RssAnon:") }

func memoryOf(pid int, kind string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, kind); ok {
			return strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, kind)
}

// tail keeps the beginning of what a process says on standard error.
type tail struct {
	mu   sync.Mutex
	said []byte
}

const maxTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, p[:min(len(p), maxTail-len(t.said))]...)
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.said))
}
