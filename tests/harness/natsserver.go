package harness

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
)

// NATSServer is a nats-server of the test's own, so that it can be killed and come back on the same port. It keeps
// nothing (NATS core), so it always comes back empty.
type NATSServer struct {
	URL     string
	path    string
	address string
	process *Process
}

// StartNATS starts a nats-server.
func StartNATS(t testing.TB) *NATSServer {
	t.Helper()
	s := &NATSServer{path: FindProgram(t, "nats-server"), address: FixedPort(t)}
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
