package app

import (
	"embed"
	"net/http"

	"github.com/labstack/echo/v4"
	swaggerui "github.com/swaggo/files/v2"

	"parley/docs"
)

//go:embed swagger.html
var pages embed.FS

// documentRoutes serves the API's description and a page to try it on.
func documentRoutes(e *echo.Echo) {
	e.GET("/docs/swagger.json", swaggerDocument)
	e.GET("/docs/openapi.json", openAPIDocument)
	page := func(c echo.Context) error {
		html, err := pages.ReadFile("swagger.html")
		if err != nil {
			return err
		}
		return c.HTMLBlob(http.StatusOK, html)
	}
	e.GET("/docs", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs/") })
	e.GET("/docs/", page)
	e.GET("/docs/*", echo.WrapHandler(http.StripPrefix("/docs/", http.FileServerFS(swaggerui.FS))))
}

// swaggerDocument serves the description for tools that read the older form.
//
//	@Summary		This description as Swagger 2.0
//	@Description	The same operations and schemas as /docs/openapi.json.
//	@Tags			operations
//	@ID				getSwagger
//	@Produce		json
//	@Success		200	{object}	object	"the document"
//	@Router			/docs/swagger.json [get]
func swaggerDocument(c echo.Context) error {
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, docs.Swagger)
}

// openAPIDocument serves the description that clients are generated from.
//
//	@Summary		This description as OpenAPI 3
//	@Description	Generate a client from it.
//	@Tags			operations
//	@ID				getOpenAPI
//	@Produce		json
//	@Success		200	{object}	object	"the document"
//	@Router			/docs/openapi.json [get]
func openAPIDocument(c echo.Context) error {
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, docs.OpenAPI)
}
