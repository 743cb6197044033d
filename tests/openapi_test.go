package tests

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"

	"parley/docs"
	. "parley/tests/harness"
)

// operation is a method and a path with its parameters in braces: GET /v1/conversations/{id}.
type operation struct{ method, path string }

func (o operation) String() string { return o.method + " " + o.path }

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func operationsOf(doc *openapi3.T) map[operation]*openapi3.Operation {
	operations := map[operation]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			operations[operation{method, path}] = o
		}
	}
	return operations
}

// pages are for people, and no operations of the API.
var pages = []operation{{"GET", "/"}, {"GET", "/docs"}, {"GET", "/docs/"}, {"GET", "/docs/*"}}

func TestEveryRouteIsInTheDocument(t *testing.T) {
	documented := operationsOf(document(t))
	routes := routesOf(t, "../app")
	if len(routes) < len(documented) {
		t.Errorf("only %d routes were found, the document has %d operations", len(routes), len(documented))
	}
	for _, route := range routes {
		if documented[route] == nil && !slices.Contains(pages, route) {
			t.Errorf("%v is a route and not in the document", route)
		}
	}
}

// routesOf reads the routes out of the code of a package: the calls of GET, POST … on an Echo or one of its groups.
func routesOf(t *testing.T, folder string) (routes []operation) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), folder+"/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		prefixes := map[string]string{} // of groups, by variable; ast.Inspect meets their making before their use
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if name, prefix, ok := groupOf(n, prefixes); ok {
					prefixes[name] = prefix
				}
			case *ast.CallExpr:
				if method, on, path, ok := callOf(n); ok && strings.ToUpper(method) == method && method != "" {
					routes = append(routes, operation{method, inBraces(prefixes[on] + path)})
				} else if slices.Contains([]string{"Any", "Match", "Add", "Static", "StaticFS", "File", "FileFS"}, method) && (on == "e" || prefixes[on] != "") {
					t.Errorf("%s: a route made by %s is not understood here", entry.Name(), method)
				}
			}
			return true
		})
	}
	return routes
}

// groupOf understands: v1 := e.Group("/v1").
func groupOf(n *ast.AssignStmt, prefixes map[string]string) (name, prefix string, ok bool) {
	if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
		return "", "", false
	}
	call, isCall := n.Rhs[0].(*ast.CallExpr)
	variable, isName := n.Lhs[0].(*ast.Ident)
	if !isCall || !isName {
		return "", "", false
	}
	method, on, path, ok := callOf(call)
	return variable.Name, prefixes[on] + path, ok && method == "Group"
}

// callOf understands: on.method("path", …).
func callOf(call *ast.CallExpr) (method, on, path string, ok bool) {
	selector, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector {
		return "", "", "", false
	}
	variable, isName := selector.X.(*ast.Ident)
	if !isName || len(call.Args) == 0 {
		return "", "", "", false
	}
	literal, isLiteral := call.Args[0].(*ast.BasicLit)
	if !isLiteral || literal.Kind != token.STRING {
		return selector.Sel.Name, variable.Name, "", false
	}
	path, err := strconv.Unquote(literal.Value)
	return selector.Sel.Name, variable.Name, path, err == nil && strings.HasPrefix(path, "/")
}

// inBraces turns Echo's :id into OpenAPI's {id}.
func inBraces(path string) string { return regexp.MustCompile(`:(\w+)`).ReplaceAllString(path, "{$1}") }

func TestEveryOperationIsARoute(t *testing.T) {
	t.Parallel()
	nobody := Start(t, SQLite(t)).Nobody(t)
	for o := range operationsOf(document(t)) {
		t.Run(o.String(), func(t *testing.T) {
			path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(o.path, "1")
			answer := nobody.Do(t, o.method, path, nil)
			if answer.Status == http.StatusNotFound || answer.Status == http.StatusMethodNotAllowed {
				t.Errorf("answered %d %s", answer.Status, answer.Body)
			}
			if o.method == "HEAD" {
				answer.Want(http.StatusUnauthorized) // a HEAD has no body to say more
			} else if strings.HasPrefix(path, "/v1/") {
				answer.WantProblem(http.StatusUnauthorized, "credentials_missing", "")
			}
		})
	}
}

func TestOperationsAreDescribed(t *testing.T) {
	doc := document(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	ids := map[string]operation{}
	tags := map[string]bool{}
	for _, tag := range doc.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	for o, described := range operationsOf(doc) {
		if !regexp.MustCompile(`^[a-z]+([A-Z][a-zA-Z]*)?$`).MatchString(described.OperationID) {
			t.Errorf("%v: the operationId %q is not in camelCase", o, described.OperationID)
		}
		if other, taken := ids[described.OperationID]; taken {
			t.Errorf("%v and %v are both %s", o, other, described.OperationID)
		}
		ids[described.OperationID] = o
		if len(described.Tags) != 1 || !tags[described.Tags[0]] {
			t.Errorf("%v: the tags %v are not one that is described", o, described.Tags)
		}
		if described.Summary == "" || described.Description == "" {
			t.Errorf("%v has no summary or no description", o)
		}
		wantResponses(t, o, described)
		for place, schema := range schemasIn(described) {
			example, err := exampleOf(schema)
			if err == nil {
				err = schema.Value.VisitJSON(example)
			}
			if err != nil {
				t.Errorf("%v: no example of %s: %v", o, place, err)
			}
		}
	}
}

// wantResponses fails the test unless there is a success, what every authenticated call can fail with, and a
// description of each.
func wantResponses(t *testing.T, o operation, described *openapi3.Operation) {
	t.Helper()
	statuses := slices.Sorted(maps.Keys(described.Responses.Map()))
	if len(statuses) == 0 || statuses[0][0] != '2' {
		t.Errorf("%v declares no success: %v", o, statuses)
	}
	var want []string
	if strings.HasPrefix(o.path, "/v1/") {
		want = []string{"400", "401", "403", "429", "503"}
	}
	if described.RequestBody != nil {
		want = append(want, "413", "415")
	}
	if strings.Contains(o.path, "{id}") {
		want = append(want, "404")
	}
	for _, status := range want {
		if !slices.Contains(statuses, status) {
			t.Errorf("%v does not declare %s", o, status)
		}
	}
	for status, response := range described.Responses.Map() {
		if response.Value.Description == nil || *response.Value.Description == "" {
			t.Errorf("%v does not describe %s", o, status)
		}
	}
}

// schemasIn gives the schemas of all that is sent and answered, by place. A parameter's example is put on its schema.
func schemasIn(o *openapi3.Operation) map[string]*openapi3.SchemaRef {
	schemas := map[string]*openapi3.SchemaRef{}
	for _, parameter := range o.Parameters {
		schema := *parameter.Value.Schema.Value
		if parameter.Value.Example != nil {
			schema.Example = parameter.Value.Example
		}
		schemas["the parameter "+parameter.Value.Name] = openapi3.NewSchemaRef("", &schema)
	}
	add := func(place string, content openapi3.Content) {
		for mediaType, media := range content {
			schemas[place+" as "+mediaType] = media.Schema
		}
	}
	if o.RequestBody != nil {
		add("the body", o.RequestBody.Value.Content)
	}
	for status, response := range o.Responses.Map() {
		add("answer "+status, response.Value.Content)
	}
	return schemas
}

// exampleOf puts an example together as documentation pages do, from the examples of the properties. A boolean, an
// enumeration, bytes and a value with a default need none.
func exampleOf(ref *openapi3.SchemaRef) (any, error) {
	schema := ref.Value
	switch {
	case schema.Example != nil:
		return schema.Example, nil
	case schema.Default != nil:
		return schema.Default, nil
	case len(schema.Enum) > 0:
		return schema.Enum[0], nil
	case schema.Type.Is("boolean"):
		return true, nil
	case schema.Format == "binary": // bytes of anything
		return "", nil
	case len(schema.AllOf) == 1:
		return exampleOf(schema.AllOf[0])
	case schema.Type.Is("array"):
		item, err := exampleOf(schema.Items)
		return []any{item}, err
	case schema.Type.Is("object") && len(schema.Properties) > 0:
		object := map[string]any{}
		for name, property := range schema.Properties {
			value, err := exampleOf(property)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			object[name] = value
		}
		return object, nil
	}
	return nil, fmt.Errorf("nothing is given for %v", schema.Type)
}

func TestEventsOfTheStreamAreInTheDocument(t *testing.T) {
	want := []string{"message", "invited", "members_joined", "members_left", "kicked", "conversation_updated", "online", "reconnect",
		"resync", "schedule", "disconnect", "offline"} // API.md, "Live events"
	doc := document(t)
	schema := doc.Paths.Find("/v1/stream").Get.Responses.Value("200").Value.Content["text/event-stream"].Schema
	if schema.Ref != "#/components/schemas/StreamEvent" {
		t.Fatalf("the stream answers with %s", schema.Ref)
	}
	if got := slices.Sorted(maps.Keys(schema.Value.Properties)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("the events are %v", got)
	}
	if len(schema.Value.Required) > 0 {
		t.Errorf("an event has one property, and %v are required", schema.Value.Required)
	}
	for name, property := range schema.Value.Properties {
		if property.Value.Description == "" {
			t.Errorf("%s does not say to whom it goes", name)
		}
	}
}

func TestDocumentsAreServed(t *testing.T) {
	t.Parallel()
	s := Start(t, SQLite(t))
	for path, want := range map[string][]byte{"/docs/swagger.json": docs.Swagger, "/docs/openapi.json": docs.OpenAPI} {
		answer := s.Nobody(t).Do(t, "GET", path, nil).Want(http.StatusOK)
		if !bytes.Equal(answer.Body, want) || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s answers %d bytes as %s", path, len(answer.Body), answer.Header.Get("Content-Type"))
		}
	}
	for path, status := range map[string]int{"/docs/": 200, "/docs": 302, "/docs/swagger-ui.css": 200, "/docs/swagger-ui-bundle.js": 200, "/docs/swagger.js": 200,
		"/": 200, "/parley.js": 200, "/parley.d.ts": 200, "/docs/nothing": 404} {
		if got := get(t, s.Nobody(t), path); got != status {
			t.Errorf("%s answered %d, not %d", path, got, status)
		}
	}
}

// Both documents say the same: one is made from the other.
func TestBothDocumentsHaveTheSameOperations(t *testing.T) {
	t.Parallel()
	var two openapi2.T
	if err := json.Unmarshal(docs.Swagger, &two); err != nil {
		t.Fatal(err)
	}
	operations := map[operation]string{}
	for path, item := range two.Paths {
		for method, o := range item.Operations() {
			operations[operation{method, path}] = o.OperationID
		}
	}
	want := map[operation]string{}
	for o, described := range operationsOf(document(t)) {
		want[o] = described.OperationID
	}
	if !maps.Equal(operations, want) {
		t.Errorf("swagger.json has %v, openapi.json %v", operations, want)
	}
}
