package app

import (
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// callerAddress tells where a call comes from: who has connected or, where that is a proxy of PARLEY_TRUSTED_PROXIES, the
// address nearest to us in X-Forwarded-For that is none of them. What stands before that one may be anybody's invention.
func (a *App) callerAddress() echo.IPExtractor {
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, prefix := range a.config.TrustedProxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: prefix.Masked().Addr().AsSlice(),
			Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}))
	}
	forwarded, connected := echo.ExtractIPFromXFFHeader(trust...), echo.ExtractIPDirect()
	// Whoever likes can send the header, so it is said now and then and not at every call.
	said := rate.Sometimes{Interval: time.Hour}
	return func(r *http.Request) string {
		address := forwarded(r)
		if len(r.Header[echo.HeaderXForwardedFor]) == 0 {
			return address
		}
		if peer := connected(r); peer == address && !a.config.TrustedProxies.contain(peer) {
			said.Do(func() {
				a.logger.Info("X-Forwarded-For does not count, because PARLEY_TRUSTED_PROXIES does not name who has sent it; all who come by a proxy that it does not name have one address", "peer", peer)
			})
		}
		return address
	}
}

// contain tells whether an address is in one of the networks.
func (n Networks) contain(address string) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, prefix := range n {
		if prefix.Contains(ip.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}
