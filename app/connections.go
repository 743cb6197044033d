package app

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"parley/handlers"
	"parley/handlers/limits"
)

const (
	// A connection beyond the limit is there for one answer, and cut after this, so that the few there are go round.
	spareLife = 5 * time.Second
	// The files that a node has open beside its connections: 32 connections of the database, its files, uploads. Where there
	// are few at all, a quarter.
	otherFiles = 256
)

// gate is a listener that counts connections, and closes those for which there is no room.
type gate struct {
	net.Listener
	connections *limits.Connections
	proxies     Networks
}

// connection is a counted one. It is a TCPConn, with which the system sends files by itself.
type connection struct {
	*net.TCPConn
	left  func()
	spare *time.Timer // cuts it; nil: it is within the limit
}

// Accept waits for a connection for which there is room.
func (g *gate) Accept() (net.Conn, error) {
	for {
		accepted, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := accepted.(*net.TCPConn)                             // it listens on "tcp"
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String()) // the system's, so it has a port
		address, isProxy := limits.AddressOf(host), g.proxies.contain(host)
		spare, ok := g.connections.Enter(address, isProxy)
		if !ok {
			_ = conn.Close() // there is nobody to tell
			continue
		}
		noticeVanished(conn)
		c := &connection{TCPConn: conn, left: sync.OnceFunc(func() { g.connections.Leave(address, isProxy) })}
		if spare {
			c.spare = time.AfterFunc(spareLife, func() { _ = c.Close() }) // it may have ended by itself
		}
		return c, nil
	}
}

// Close closes the connection, and makes room for another one.
func (c *connection) Close() error {
	if c.spare != nil {
		c.spare.Stop()
	}
	err := c.TCPConn.Close()
	c.left()
	return err
}

// markSpare tells the calls of a connection that it is beyond the limit.
func markSpare(ctx context.Context, conn net.Conn) context.Context {
	if wrapped, ok := conn.(*tls.Conn); ok {
		conn = wrapped.NetConn()
	}
	if c, ok := conn.(*connection); ok && c.spare != nil {
		return handlers.OnSpareConnection(ctx)
	}
	return ctx
}

// refuseSpare answers what came on a connection beyond the limit, but health checks, which must not take a full node for a
// dead one, and streams, which are refused in a way of their own.
func refuseSpare(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !handlers.IsOnSpareConnection(c) {
			return next(c)
		}
		c.Response().Header().Set(echo.HeaderConnection, "close")
		switch c.Path() {
		case "/healthz", "/readyz", "/metrics", streamPath:
			return next(c)
		}
		return handlers.ErrTooManyConnections()
	}
}

// roomFor is how many connections may be open: as many as are wanted, and as the system lets this process have files.
func roomFor(wanted, files int) int {
	room := max(files-min(otherFiles, files/4)-limits.SpareConnections, 1)
	if wanted == 0 || wanted > room {
		return room
	}
	return wanted
}
