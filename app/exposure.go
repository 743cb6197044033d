package app

import (
	"net"
	"net/netip"
	"slices"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// This file is what keeps /metrics to the inside where PARLEY_ADMIN_ADDR gives it no address of its own: it is served on
// the main address then, but not to callers from the internet.

// forwardHeaders are what a proxy adds to a request that it passes on.
func forwardHeaders() []string {
	return []string{echo.HeaderXForwardedFor, echo.HeaderXRealIP, "Forwarded", "Via"}
}

// onlyInside refuses whoever is not on this machine or on a private network. A request that a proxy has passed on comes from
// where the proxy says, if PARLEY_TRUSTED_PROXIES trusts it, and otherwise from anywhere.
func onlyInside(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		peer, _, err := net.SplitHostPort(c.Request().RemoteAddr)
		passedOn := slices.ContainsFunc(forwardHeaders(), func(name string) bool { return len(c.Request().Header.Values(name)) > 0 })
		if err != nil || !isInside(c.RealIP()) || passedOn && c.RealIP() == peer {
			return &models.Error{Kind: models.Forbidden, Code: "inside_only", Detail: "metrics are for the server's own network; PARLEY_ADMIN_ADDR gives them an address of their own"}
		}
		return next(c)
	}
}

// isInside tells whether an address is this machine's or of a private network (RFC 1918, RFC 4193, link-local).
func isInside(text string) bool {
	address, err := netip.ParseAddr(text)
	address = address.Unmap()
	return err == nil && (address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast())
}

// warnOfExposure says at the start that the metrics share an address with strangers.
func (a *App) warnOfExposure() {
	if a.config.AdminAddr == "" && !a.isLocal() {
		a.logger.Warn("PARLEY_ADMIN_ADDR is not set, so /metrics is on the main address, for callers from private networks; a public server sets it",
			"address", a.listener.Addr().String())
	}
}
