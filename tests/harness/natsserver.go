package harness

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// natsPath is where the package of Debian and Ubuntu puts the server, which is not on every user's PATH.
const natsPath = "/usr/sbin/nats-server"

// NATSServer is a nats-server of the test's own, so that it can be killed and come back on the same port. It keeps
// nothing (NATS core), so it always comes back empty.
type NATSServer struct {
	URL     string
	path    string
	address string
	process *Process
}

// StartNATS starts a nats-server. CI has the program; elsewhere the test is skipped, and says so.
func StartNATS(t testing.TB) *NATSServer {
	t.Helper()
	path, err := exec.LookPath("nats-server")
	if err != nil {
		path, err = exec.LookPath(natsPath)
	}
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal("no nats-server on PATH or at " + natsPath + ", and CI must run this test")
	case err != nil:
		t.Skip("needs the program nats-server on PATH or at " + natsPath)
	}
	s := &NATSServer{path: path, address: FixedPort(t)}
	s.URL = "nats://" + s.address
	s.Start(t)
	return s
}

// Start starts the server again after a Kill, and waits until it takes connections.
func (s *NATSServer) Start(t testing.TB) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.process = StartProcess(t, exec.Command(s.path, "--addr", host, "--port", port))
	s.process.Stderr.Wait(t, s.process, "Server is ready")
}

// Kill ends the server as a power cut would.
func (s *NATSServer) Kill(t testing.TB) {
	t.Helper()
	s.process.Kill(t)
}

// Freeze stops the server without ending it or its connections, as an overloaded machine would; Thaw lets it go on.
func (s *NATSServer) Freeze(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (s *NATSServer) Thaw(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *NATSServer) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.process.Cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
