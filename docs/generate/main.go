// Generate writes the API's description from the comments beside the handlers: swagger.json (Swagger 2.0, by swag) and
// openapi.json (OpenAPI 3, converted from it). Run it by `go generate ./docs`, in the folder docs.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/swaggo/swag"
	"github.com/swaggo/swag/gen"
)

func main() {
	if err := generate(); err != nil {
		log.Fatal(err)
	}
}

func generate() error {
	err := gen.New().Build(&gen.Config{
		SearchDir: "..", Excludes: "../tests,../docs/generate", MainAPIFile: "main.go", OutputDir: ".", OutputTypes: []string{"json"},
		UseStructNames: true, RequiredByDefault: true, ParseDepth: 10, Strict: true, PropNamingStrategy: swag.CamelCase,
		Debugger: log.New(os.Stderr, "", 0),
	})
	if err != nil {
		return err
	}
	swagger, err := os.ReadFile("swagger.json")
	if err != nil {
		return err
	}
	var two openapi2.T
	if err := json.Unmarshal(swagger, &two); err != nil {
		return err
	}
	for _, name := range []string{"Message", "SendMessageRequest"} {
		two.Definitions[name].Value.Properties["payload"].Value.Type = nil // any JSON value, which swag has no word for
	}
	if err := write("swagger.json", two); err != nil {
		return err
	}
	three, err := openapi2conv.ToV3(&two)
	if err != nil {
		return err
	}
	say(three)
	return write("openapi.json", three)
}

func write(file string, document any) error {
	text, err := json.MarshalIndent(document, "", "    ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// say adds what Swagger 2.0 cannot: that errors are problem+json and nothing else is, that a bearer token is one, and
// that the server is wherever the document came from.
func say(doc *openapi3.T) {
	doc.Servers = openapi3.Servers{{URL: "/", Description: "the server that this document came from"}}
	doc.Components.SecuritySchemes["BearerToken"] = &openapi3.SecuritySchemeRef{Value: openapi3.NewSecurityScheme().
		WithType("http").WithScheme("bearer").WithBearerFormat("JWT").
		WithDescription(doc.Components.SecuritySchemes["BearerToken"].Value.Description)}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				if response.Value.Content = contentOf(response.Value.Content); response.Value.Content == nil && status != "204" {
					log.Printf("%s %s answers %s without a content", method, path, status)
				}
			}
		}
	}
}

// contentOf leaves the media type that the schema is really sent as.
func contentOf(content openapi3.Content) openapi3.Content {
	const problem = "application/problem+json"
	for name, media := range content {
		isProblem := media.Schema != nil && strings.HasSuffix(media.Schema.Ref, "/Problem")
		if isProblem == (name == problem) {
			return openapi3.Content{name: media}
		}
	}
	if len(content) > 0 {
		log.Fatal(fmt.Sprintf("a response has none of the media types it should: %v", content))
	}
	return nil
}
