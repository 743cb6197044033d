// Generate writes the API's description from the comments beside the handlers: swagger.json (Swagger 2.0, by swag) and
// openapi.json (OpenAPI 3, converted from it). Run it by `go generate ./docs`, in the folder docs.
package main

import (
	"encoding/json"
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
	if err := complete(&two); err != nil {
		return err
	}
	if err := write("swagger.json", two); err != nil {
		return err
	}
	three, err := openapi2conv.ToV3(&two)
	if err != nil {
		return err
	}
	say(three)
	sayLines(three)
	return write("openapi.json", three)
}

// complete says what swag has no words for: which values are any JSON, and examples where they are objects of the
// caller's own or whole documents.
func complete(two *openapi2.T) error {
	if err := completeSchemas(two.Definitions); err != nil {
		return err
	}
	// A description beside swag's basic scheme would become the whole document's.
	two.SecurityDefinitions["AppCredentials"].Description = "The app id with the app key (POST /v1/sessions only) or with the master key."
	for path, example := range map[string]any{
		"/docs/swagger.json": map[string]any{"swagger": "2.0"},
		"/docs/openapi.json": map[string]any{"openapi": "3.0.3"},
		"/metrics":           "parley_streams 3\n",
	} {
		schema := two.Paths[path].Get.Responses.Value("200").Schema.Value
		schema.Example = example
		openFreeObject(schema)
	}
	for _, item := range two.Paths {
		for _, operation := range item.Operations() {
			for _, parameter := range operation.Parameters {
				renameExample(parameter)
			}
		}
	}
	return nil
}

// exampleExtension is where a parameter's example stands in Swagger 2.0, which knows none but lets most tools read this.
const exampleExtension = "x-example"

func renameExample(parameter *openapi2.Parameter) {
	example, ok := parameter.Extensions["example"]
	if !ok && parameter.Name == "X-Client-Id" {
		example, ok = "Tom", true // the same in every operation, so said once
	}
	if !ok {
		return
	}
	if parameter.Type.Is("array") {
		example = []any{example}
	}
	parameter.Extensions = map[string]any{exampleExtension: example}
}

func write(file string, document any) error {
	text, err := json.MarshalIndent(document, "", "    ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// say adds what Swagger 2.0 cannot: that errors are problem+json and nothing else is, that a bearer token is one, that
// the server is wherever the document came from, and the examples of parameters.
func say(doc *openapi3.T) {
	doc.Servers = openapi3.Servers{{URL: "/", Description: "the server that this document came from"}}
	doc.Components.SecuritySchemes["BearerToken"] = &openapi3.SecuritySchemeRef{Value: openapi3.NewSecurityScheme().
		WithType("http").WithScheme("bearer").WithBearerFormat("JWT").
		WithDescription(doc.Components.SecuritySchemes["BearerToken"].Value.Description)}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, parameter := range operation.Parameters {
				parameter.Value.Example = parameter.Value.Extensions[exampleExtension]
				delete(parameter.Value.Extensions, exampleExtension)
			}
			if operation.RequestBody != nil {
				operation.RequestBody.Value.Extensions = nil // the name of the body's parameter in Swagger 2.0
				sayForm(operation.RequestBody.Value)
			}
			for status, response := range operation.Responses.Map() {
				if response.Value.Content = contentOf(response.Value.Content); response.Value.Content == nil && hasBody(status) {
					log.Fatalf("%s %s answers %s without a content", method, path, status)
				}
			}
		}
	}
}

// hasBody tells whether an answer with this status can have a body (RFC 9110).
func hasBody(status string) bool { return status != "204" && status != "304" }

// sayForm gives the fields of a form their examples.
func sayForm(body *openapi3.RequestBody) {
	form := body.Content["multipart/form-data"]
	if form == nil {
		return
	}
	for _, field := range form.Schema.Value.Properties {
		field.Value.Example = field.Value.Extensions[exampleExtension]
		field.Value.Extensions = nil
	}
}

// contentOf leaves the media type that the schema is really sent as.
func contentOf(content openapi3.Content) openapi3.Content {
	const problem = "application/problem+json"
	for name, media := range content {
		isProblem := media.Schema != nil && strings.HasSuffix(media.Schema.Ref, "/Problem")
		if isProblem == (name == problem) && name != lines {
			return openapi3.Content{name: media}
		}
	}
	if len(content) > 0 {
		log.Fatalf("a response has none of the media types it should: %v", content)
	}
	return nil
}

const lines = "application/x-ndjson"

// sayLines adds what history sync answers beside JSON: each line is a message or an event.
func sayLines(doc *openapi3.T) {
	line := openapi3.NewAnyOfSchema()
	line.Description = "one line; an event alone has kind"
	for _, name := range []string{"Message", "SyncEvent"} {
		schema := doc.Components.Schemas[name]
		line.AnyOf = append(line.AnyOf, openapi3.NewSchemaRef("#/components/schemas/"+name, schema.Value))
	}
	line.Example = map[string]any{"id": "1042", "conversationId": "cq3v0d8s7k5s73d1g0ag", "from": "Tom", "type": "text",
		"text": "Jerry, get up!", "attributes": map[string]any{}, "timestamp": "2026-11-23T08:33:00.123Z"}
	answer := doc.Paths.Find("/v1/messages").Get.Responses.Value("200").Value
	answer.Content[lines] = openapi3.NewMediaType().WithSchema(line)
	position := openapi3.NewStringSchema()
	position.Example = "1042"
	answer.Headers = openapi3.Headers{"Log-Position": &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
		Description: "of lines: the position that is reached when they end in order before the limit", Schema: position.NewRef()}}}}
}
