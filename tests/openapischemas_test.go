package tests

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// What generators of clients make something useless or nameless of does not get into the document (docs/clients.md).
func TestSchemasSuitGenerators(t *testing.T) {
	doc := document(t)
	for name, schema := range doc.Components.Schemas {
		if strings.Contains(" Error Exception File Function List Map Object Promise Record Set String ", " "+name+" ") {
			t.Errorf("%s is a type of some language", name)
		}
		for property, value := range schema.Value.Properties {
			wantPlain(t, name+"."+property, value)
		}
	}
	for o, described := range operationsOf(doc) {
		// Of several bodies most generators offer one, and their clients could not upload beside JSON.
		if described.RequestBody != nil && len(described.RequestBody.Value.Content) != 1 {
			t.Errorf("%v takes several media types", o)
		}
		for place, schema := range schemasIn(described) {
			if strings.HasSuffix(place, " as multipart/form-data") || strings.HasSuffix(place, " as application/x-ndjson") || strings.HasPrefix(place, "the parameter ") {
				continue // a form is no type of its own, a line is one of two, and a parameter's words are the operation's own
			}
			wantPlain(t, o.String()+": "+place, schema)
		}
		for status, response := range described.Responses.Map() {
			problem := response.Value.Content["application/problem+json"]
			if status >= "400" && strings.HasPrefix(o.path, "/v1/") && (problem == nil || problem.Schema.Ref != "#/components/schemas/Problem") {
				t.Errorf("%v: %s is no Problem", o, status)
			}
		}
	}
}

// wantPlain fails the test unless a schema has one type, or is any JSON, and its structure a name.
func wantPlain(t *testing.T, place string, ref *openapi3.SchemaRef) {
	t.Helper()
	schema := ref.Value
	switch {
	case ref.Ref != "":
	case len(schema.AllOf) == 1:
		wantPlain(t, place, schema.AllOf[0])
	case len(schema.AllOf) > 1 || len(schema.OneOf) > 0 || len(schema.AnyOf) > 0:
		t.Errorf("%s is several things at once", place)
	case len(schema.Enum) > 0:
		t.Errorf("the enumeration of %s has no name", place)
	case len(schema.Properties) > 0:
		t.Errorf("the object %s has no name", place)
	case schema.Type.Is("object") && (schema.AdditionalProperties.Has == nil || !*schema.AdditionalProperties.Has):
		t.Errorf("the object %s takes nothing", place)
	case schema.Type.Is("number") && schema.Format != "double":
		t.Errorf("%s has the format %q, and is a double", place, schema.Format)
	case schema.Type.Is("array"):
		wantPlain(t, place+"[]", schema.Items)
	}
}
