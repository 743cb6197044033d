package app

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

const (
	// apiPolicy is the Content-Security-Policy of every answer that has none of its own: opened as a page, it loads nothing,
	// runs nothing and stands in no frame.
	apiPolicy = "default-src 'none'; frame-ancestors 'none'"
	// transportPolicy has a browser that has come by TLS never come without it again, for a year. Subdomains are not ours to
	// speak for.
	transportPolicy = "max-age=31536000"
	// preflightAge is how long a browser may remember what it may send; each has a limit of its own below a day.
	preflightAge = 24 * time.Hour
)

// harden sets the headers that keep browsers from guessing, framing, telling and going without TLS. A handler may be more
// generous, as the one of files' bytes is.
func harden(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		hardenHeader(c.Response().Header(), c.Request())
		return next(c)
	}
}

// hardened does so for what Echo does not serve: the pages of profiles.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hardenHeader(w.Header(), r)
		next.ServeHTTP(w, r)
	})
}

func hardenHeader(header http.Header, r *http.Request) {
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	header.Set(echo.HeaderReferrerPolicy, "no-referrer") // an address of ours may carry a token
	header.Set(echo.HeaderXFrameOptions, "DENY")         // for browsers that do not know frame-ancestors
	header.Set(echo.HeaderContentSecurityPolicy, apiPolicy)
	header.Set("Cross-Origin-Resource-Policy", "same-origin") // of what is fetched without CORS
	if r.TLS != nil {
		header.Set(echo.HeaderStrictTransportSecurity, transportPolicy)
	}
}

// crossOrigin lets pages of PARLEY_ALLOWED_ORIGINS call (Fetch, "HTTP-CORS protocol"). Credentials that a browser adds by itself
// are never allowed: there are none here. Others are answered as if they had not come from a page, and their browser keeps
// the answer from them.
func (a *App) crossOrigin() echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins: a.config.AllowedOrigins,
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowHeaders: []string{echo.HeaderAuthorization, echo.HeaderContentType, "Idempotency-Key", "Last-Event-ID", "X-Client-Id",
			"Range", "If-Range", "If-None-Match", echo.HeaderCacheControl, // which EventSources made of fetch send
			"Traceparent", "Tracestate"},
		ExposeHeaders: []string{"Accept-Ranges", echo.HeaderAllow, echo.HeaderContentDisposition, "Content-Range", "ETag", "Idempotency-Replayed",
			echo.HeaderLocation, "RateLimit", "RateLimit-Policy", echo.HeaderRetryAfter, echo.HeaderWWWAuthenticate, echo.HeaderXRequestID},
		MaxAge: int(preflightAge.Seconds()),
	})
}

// checkOrigin refuses what no browser sends as its Origin (RFC 6454, section 6.2), because it would never match: a path, a
// slash at the end, capitals, the default port, and patterns. "*" is every origin.
func checkOrigin(name, origin string) error {
	if origin == "*" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%s must be a list of origins such as https://chat.example.org, or *", name)
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	sent := u.Scheme + "://" + host
	if strings.ContainsAny(host, "*?") || strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		return fmt.Errorf("%s: %q: the host must be a name as browsers send it, in ASCII, not a pattern", name, u.Host)
	}
	if origin != sent {
		return fmt.Errorf("%s: an origin is no more than scheme, host and port: %s", name, sent)
	}
	return nil
}
