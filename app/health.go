package app

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// readyTimeout: a load balancer asks every few seconds and waits about this long.
const readyTimeout = 2 * time.Second

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status string `json:"status" example:"ok"`
}

// healthz tells that the process is alive.
//
//	@Summary		Is the process alive
//	@Description	Answers as long as the process does anything at all.
//	@Tags			operations
//	@ID				getHealth
//	@Produce		json
//	@Success		200	{object}	Health	"alive"
//	@Router			/healthz [get]
func (a *App) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, Health{Status: "ok"})
}

// readyz tells whether to send requests here.
//
//	@Summary		Is the server ready
//	@Description	200 while the database answers; 503 while it does not, and from the beginning of a stop.
//	@Tags			operations
//	@ID				getReadiness
//	@Produce		json
//	@Success		200	{object}	Health	"ready"
//	@Failure		503	{object}	Health	"stopping, or the database does not answer"
//	@Router			/readyz [get]
func (a *App) readyz(c echo.Context) error {
	if !a.ready.Load() {
		return c.JSON(http.StatusServiceUnavailable, Health{Status: "stopping"})
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		return c.JSON(http.StatusServiceUnavailable, Health{Status: "the database does not answer"})
	}
	return c.JSON(http.StatusOK, Health{Status: "ok"})
}
