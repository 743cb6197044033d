//go:build linux

package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Loop is one thread that reads all connections of the load: epoll and raw sockets. A goroutine and a JSON decoder a
// stream would cost more than the server's side of the work, and measure themselves.
type Loop struct {
	epoll  int
	conns  map[int32]Conn
	events []syscall.EpollEvent
	buffer []byte
	now    time.Time // of the last read
}

// Conn is one connection in the loop.
type Conn interface {
	// Received takes what has been read; the bytes are the loop's and are overwritten by the next read.
	Received(data []byte, now time.Time) error
	// String names the connection in errors.
	String() string
}

// Mortal is a connection whose end does not end the load.
type Mortal interface {
	Conn
	// Ended says that the other side has closed the connection, or that it broke. It is still to be hung up.
	Ended(err error) error
}

const (
	eventsAtOnce = 256
	// A read takes what has come meanwhile: some hundred messages, less than a socket's buffer.
	readBytes = 128 << 10
	// TurnTime is the longest wait of one turn: how late a deadline or an interrupt is seen.
	TurnTime = 5 * time.Millisecond
)

// NewLoop gives one without connections.
func NewLoop() (*Loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Loop{epoll: epoll, conns: map[int32]Conn{}, events: make([]syscall.EpollEvent, eventsAtOnce),
		buffer: make([]byte, readBytes)}, nil
}

// Dial connects; make gives the connection its place in the loop.
func (l *Loop) Dial(addr string, make func(fd int) Conn) error {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	// Blocking: on the loopback address it takes microseconds.
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	err = errors.Join(err, syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1), syscall.SetNonblock(fd, true),
		syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}))
	if err != nil {
		return errors.Join(fmt.Errorf("connecting to %s: %w", addr, err), syscall.Close(fd))
	}
	l.conns[int32(fd)] = make(fd)
	return nil
}

// Turn waits for data, at most until a moment, and hands it on.
func (l *Loop) Turn(ctx context.Context, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := l.wait(min(max(time.Until(until), 0), TurnTime))
	if err != nil {
		return err
	}
	for i := range n {
		if err := l.read(l.events[i].Fd); err != nil {
			return err
		}
	}
	return nil
}

// sysEpollPwait2 is the same on every architecture that Go runs on.
const sysEpollPwait2 = 441

// wait waits for data. Not by epoll_wait, which knows milliseconds only: a load that is due every 200 µs would spin, and
// take a core from the server.
func (l *Loop) wait(atMost time.Duration) (int, error) {
	timeout := syscall.NsecToTimespec(atMost.Nanoseconds())
	n, _, failure := syscall.Syscall6(sysEpollPwait2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)),
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch failure {
	case 0:
		return int(n), nil
	case syscall.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("epoll_pwait2", failure)
}

func (l *Loop) read(fd int32) error {
	c := l.conns[fd]
	if c == nil {
		return nil // hung up since, by another's turn
	}
	n, err := syscall.Read(int(fd), l.buffer)
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return nil
	case err == nil && n == 0:
		err = errors.New("the server closed the connection")
	}
	if err != nil {
		if m, ok := c.(Mortal); ok {
			return m.Ended(err)
		}
		return fmt.Errorf("%v: %w", c, err)
	}
	l.now = time.Now()
	if err := c.Received(l.buffer[:n], l.now); err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	return nil
}

// Listen has a connection read, or left unread until further notice, as a slow reader leaves it.
func (l *Loop) Listen(fd int, listen bool) error {
	event := syscall.EpollEvent{Fd: int32(fd)}
	if listen {
		event.Events = syscall.EPOLLIN
	}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, fd, &event))
}

// Until turns until something holds; false when the time was up before.
func (l *Loop) Until(ctx context.Context, deadline time.Time, holds func() bool) (bool, error) {
	for !holds() {
		if !time.Now().Before(deadline) {
			return false, nil
		}
		if err := l.Turn(ctx, deadline); err != nil {
			return false, err
		}
	}
	return true, nil
}

// HangUp closes a connection; epoll forgets it by itself.
func (l *Loop) HangUp(fd int) error {
	delete(l.conns, int32(fd))
	return os.NewSyscallError("close", syscall.Close(fd))
}

// Close closes every connection.
func (l *Loop) Close() error {
	var err error
	for fd := range l.conns {
		err = errors.Join(err, syscall.Close(int(fd)))
	}
	return errors.Join(err, syscall.Close(l.epoll))
}

// WriteAll writes a request. It goes into an empty socket buffer, so it goes at once and whole or something is wrong.
func WriteAll(fd int, request []byte) error {
	for {
		n, err := syscall.Write(fd, request)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return os.NewSyscallError("write", err)
		case n < len(request):
			return fmt.Errorf("only %d of a request's %d bytes could be written: %w", n, len(request), io.ErrShortWrite)
		}
		return nil
	}
}
