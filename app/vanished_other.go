//go:build !linux

package app

import "net"

// noticeVanished is left to the system.
func noticeVanished(*net.TCPConn) {}
