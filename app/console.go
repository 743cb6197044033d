package app

import "github.com/labstack/echo/v4"

// consoleRoutes serves the browser client and, unless it is switched off, the page at / with what belongs to it.
func (a *App) consoleRoutes(e *echo.Echo) {
	for _, file := range a.page {
		if a.config.Console || file.Module {
			e.GET(file.Path, echo.WrapHandler(file))
			e.HEAD(file.Path, echo.WrapHandler(file))
		}
	}
}
