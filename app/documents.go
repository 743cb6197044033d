package app

import (
	"embed"
	"io/fs"
	"net/http"
	"path"

	"github.com/labstack/echo/v4"
	swaggerui "github.com/swaggo/files/v2"

	"parley/docs"
)

//go:embed swagger.html swagger.js
var pages embed.FS

// documentPolicy is the Content-Security-Policy of the page to try the API on. Keys are typed into it, so it runs scripts of
// this server alone and calls nobody else. Swagger UI sets styles of its own, and its icons are data.
const documentPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; " +
	"media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// documentRoutes serves the API's description and a page to try it on.
func documentRoutes(e *echo.Echo) {
	e.GET("/docs/swagger.json", swaggerDocument)
	e.GET("/docs/openapi.json", openAPIDocument)
	e.GET("/docs", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs/") })
	e.GET("/docs/", documentPage("swagger.html", echo.MIMETextHTMLCharsetUTF8))
	script, ui := documentPage("swagger.js", echo.MIMEApplicationJavaScriptCharsetUTF8), http.StripPrefix("/docs/", http.FileServerFS(swaggerui.FS))
	e.GET("/docs/*", func(c echo.Context) error {
		name := c.Param("*")
		if name == "swagger.js" {
			return script(c)
		}
		// As a problem, which the file server does not know. The bundle's own pages are of no use here, and have scripts inline.
		if info, err := fs.Stat(swaggerui.FS, name); err != nil || info.IsDir() || path.Ext(name) == ".html" {
			return echo.ErrNotFound
		}
		ui.ServeHTTP(c.Response(), c.Request())
		return nil
	})
}

func documentPage(name, mediaType string) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, err := pages.ReadFile(name)
		if err != nil {
			return err
		}
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, documentPolicy)
		return c.Blob(http.StatusOK, mediaType, body)
	}
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
