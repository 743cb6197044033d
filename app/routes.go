package app

import (
	"compress/gzip"
	"net/http"
	"net/http/pprof"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/handlers"
)

// gzipLeast: a smaller answer fits a packet as it is. History is text, which the fastest level makes five times smaller.
const gzipLeast = 1024

// routes is the route table.
func (a *App) routes(api *handlers.API) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = api.HandleError
	e.IPExtractor = a.callerAddress()
	a.use(e)

	v1 := e.Group("/v1")
	v1.POST("/sessions", api.CreateSession)
	v1.GET("/sessions/current", api.GetSession)
	v1.DELETE("/sessions/current", api.DeleteSession)
	v1.POST("/sessions/current/refresh", api.RefreshSession)
	v1.POST("/sessions/current/stream-ticket", api.CreateStreamTicket)

	v1.POST("/clients/online", api.ListOnlineClients)
	v1.GET("/clients/:clientId", api.GetClient)
	v1.POST("/clients/:clientId/kick", api.KickClient)

	v1.GET("/conversations", api.ListConversations)
	v1.POST("/conversations", api.CreateConversation)
	v1.POST("/conversations/query", api.QueryConversations)
	v1.GET("/conversations/:id", api.GetConversation)
	v1.PATCH("/conversations/:id", api.UpdateConversation)
	v1.DELETE("/conversations/:id", api.DeleteConversation)

	v1.GET("/conversations/:id/members", api.ListMembers)
	v1.POST("/conversations/:id/members", api.AddMembers)
	v1.DELETE("/conversations/:id/members", api.KickMembers)
	v1.GET("/conversations/:id/members/count", api.CountMembers)
	v1.POST("/conversations/:id/join", api.JoinConversation)
	v1.POST("/conversations/:id/quit", api.QuitConversation)
	v1.POST("/conversations/:id/broadcast", api.Broadcast)

	v1.GET("/conversations/:id/messages", api.ListMessages)
	v1.POST("/conversations/:id/messages", api.SendMessage)
	v1.GET("/conversations/:id/messages/:messageId", api.GetMessage)

	v1.POST("/files", api.CreateFile)
	v1.GET("/files/:id", api.GetFile)
	v1.GET("/files/:id/content", api.GetFileContent)
	v1.HEAD("/files/:id/content", api.HeadFileContent)
	v1.GET("/messages", api.SyncLog, middleware.GzipWithConfig(middleware.GzipConfig{Level: gzip.BestSpeed, MinLength: gzipLeast}))

	v1.GET("/stream", api.Stream)

	e.GET("/healthz", a.healthz)
	e.GET("/readyz", a.readyz)
	if a.config.AdminAddr == "" {
		e.GET("/metrics", a.serveMetrics, onlyInside)
	}
	documentRoutes(e)
	a.consoleRoutes(e)
	return e
}

// adminRoutes are served on PARLEY_ADMIN_ADDR, and then only there.
func (a *App) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return hardened(mux)
}

// serveMetrics serves the numbers of this node.
//
//	@Summary		Metrics
//	@Description	Prometheus text format, for callers from this machine and from private networks. With PARLEY_ADMIN_ADDR set, served there and only there.
//	@Tags			operations
//	@ID				getMetrics
//	@Produce		plain,application/problem+json
//	@Success		200	{string}	string				"the metrics"
//	@Failure		403	{object}	handlers.Problem	"from outside, or by way of a proxy that is not trusted"
//	@Router			/metrics [get]
func (a *App) serveMetrics(c echo.Context) error {
	a.metrics().ServeHTTP(c.Response(), c.Request())
	return nil
}

func (a *App) metrics() http.Handler {
	return promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{})
}
