package app

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A client that has vanished without a word, as a phone that has left its network, acknowledges nothing, and Linux goes on
// sending it the next heartbeat for 15 minutes. Its stream would be counted for as long. What is not acknowledged within this
// ends the connection; a slow reader that is alive acknowledges.
const unacknowledgedMost = 30 * time.Second

// noticeVanished has the connection end when its client has vanished. Where the system cannot do that (Multipath TCP), it
// ends later.
func noticeVanished(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedMost.Milliseconds()))
	})
}
