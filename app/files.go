package app

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"parley/models/blobs"
)

// openFiles opens the store of the files. One that is elsewhere and does not answer now is a warning: messages go on
// without it, and uploads are answered 503 until it is back.
func (a *App) openFiles(ctx context.Context) (err error) {
	a.files, err = blobs.Open(ctx, a.config.FilesURL)
	if err != nil {
		return fmt.Errorf("PARLEY_FILES_URL: %w", err)
	}
	if err := a.files.Look(ctx); err != nil {
		a.logger.Warn("the store of the files cannot be reached; uploads and files are answered 503 until it can", "error", err)
	}
	if a.config.PublicURL == "" && !a.isLocal() {
		a.logger.Warn("PARLEY_PUBLIC_URL is not set, so the urls of files lead to this machine alone", "base", a.publicURL())
	}
	return nil
}

// publicURL is the base of the urls of files, without a slash at its end.
func (a *App) publicURL() string {
	if a.config.PublicURL != "" {
		return strings.TrimRight(a.config.PublicURL, "/")
	}
	// An address that stands for all of the machine's is none to connect to.
	host, port, err := net.SplitHostPort(a.listener.Addr().String())
	if address, parseErr := netip.ParseAddr(host); err == nil && parseErr == nil && address.IsUnspecified() {
		scheme, _, _ := strings.Cut(a.URL(), "://")
		return scheme + "://" + net.JoinHostPort("localhost", port)
	}
	return a.URL()
}

// isLocal tells whether only this machine can reach the server.
func (a *App) isLocal() bool {
	address, ok := a.listener.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

func (a *App) fileURL(id, token string) string {
	return a.publicURL() + "/v1/files/" + id + "/content?token=" + token
}
