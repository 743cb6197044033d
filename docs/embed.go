// Package docs holds the API's description, generated from the comments beside the handlers and never edited by hand.
package docs

import _ "embed"

//go:generate go run ./generate

// Swagger is the API's description as Swagger 2.0, in JSON.
//
//go:embed swagger.json
var Swagger []byte

// OpenAPI is the same as OpenAPI 3, in JSON.
//
//go:embed openapi.json
var OpenAPI []byte
