package rights

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	. "parley/tests/harness"
)

// ownFields are the server's to set, wherever they are not a request's own: those that the issue names, beside what each
// operation answers with.
func ownFields() map[string]any {
	return map[string]any{"id": "c0000000000000000000", "from": jerry, "creator": jerry, "timestamp": "2026-11-23T08:33:00.123Z", "memberCount": 1,
		"createdAt": "2026-11-23T08:33:00.123Z", "updatedAt": "2026-11-23T08:33:00.123Z", "lastMessageAt": "2026-11-23T08:33:00.123Z", "lastMessage": nil,
		"uploadedBy": jerry, "uploader": jerry, "sessionId": "c0000000000000000000", "conversationId": "c0000000000000000000", "appId": 1, "seq": 1,
		"invitedBy": jerry, "updatedBy": jerry, "position": "1", "role": "owner"}
}

// tryOwnFields sends every property of an operation's answers that is not one of its request's, in each object of its
// body: 400, with the field named.
func (w *world) tryOwnFields(t *testing.T, calls map[string]act) {
	tried := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(calls)) {
		a := calls[key]
		described := operations(t)[a.operation]
		if a.body == nil || tried[a.operation] {
			continue
		}
		tried[a.operation] = true
		t.Run(a.operation, func(t *testing.T) {
			c := call{TB: t, w: w, as: master, c: w.server.Master(t, jerry), to: w.shared["normal"], name: "Refused"}
			schema := bodyOf(described)
			names := ownFields()
			for status, response := range described.Responses.Map() {
				if strings.HasPrefix(status, "2") {
					for _, media := range response.Value.Content {
						addProperties(names, media.Schema.Value)
					}
				}
			}
			n := 0
			forEachObject("", schema, func(place string, object *openapi3.Schema) {
				for name, value := range names {
					if object.Properties[name] == nil {
						n++
						wantRefused(t, c, a, schema, place, name, value)
					}
				}
			})
			if n < len(ownFields())/2 {
				t.Errorf("only %d fields were tried", n)
			}
		})
	}
	for operation, described := range operations(t) {
		if described.RequestBody != nil && !tried[operation] {
			t.Errorf("%s has a body, and the tests send none", operation)
		}
	}
	w.tryOwnFormFields(t)
}

// bodyOf is the schema of an operation's JSON; that of its form where the document says that alone, because JSON may have the same fields.
func bodyOf(described *openapi3.Operation) *openapi3.Schema {
	content := described.RequestBody.Value.Content
	if body := content["application/json"]; body != nil {
		return body.Schema.Value
	}
	return content["multipart/form-data"].Schema.Value
}

// addProperties collects the properties of a schema, and of what it holds, with examples.
func addProperties(into map[string]any, schema *openapi3.Schema) {
	for name, property := range schema.Properties {
		if _, known := into[name]; !known {
			into[name] = property.Value.Example
		}
		addProperties(into, property.Value)
	}
	if schema.Items != nil {
		addProperties(into, schema.Items.Value)
	}
	for _, part := range schema.AllOf {
		addProperties(into, part.Value)
	}
}

// forEachObject visits a schema of an object and those in it whose properties are given; place is as in a problem.
func forEachObject(place string, schema *openapi3.Schema, visit func(place string, object *openapi3.Schema)) {
	for _, part := range schema.AllOf {
		forEachObject(place, part.Value, visit)
	}
	if len(schema.Properties) == 0 {
		return
	}
	visit(place, schema)
	for name, property := range schema.Properties {
		forEachObject(strings.TrimPrefix(place+"."+name, "."), property.Value, visit)
	}
}

// wantRefused sends a good body with one more field.
func wantRefused(t *testing.T, c call, a act, schema *openapi3.Schema, place, name string, value any) {
	t.Helper()
	sent := a.body(c).(JSON)
	object, field := sent, name
	if place != "" {
		field = place + "." + name
		for part := range strings.SplitSeq(place, ".") {
			inner, _ := object[part].(JSON)
			inner = maps.Clone(inner)
			if inner == nil {
				inner = JSON{}
			}
			object[part], object = inner, inner
		}
	}
	object[name] = value
	with := a
	with.body, with.do = func(call) any { return sent }, nil
	answer := with.make(c)
	problem := problem(t, answer)
	named, _ := problem["errors"].([]any)
	if answer.Status != http.StatusBadRequest || problem["code"] != "validation_failed" || len(named) != 1 || named[0].(JSON)["field"] != field {
		t.Errorf("%s is answered %d %s", field, answer.Status, answer.Body)
	}
}

// tryOwnFormFields does so with the fields of a form, before and after its file.
func (w *world) tryOwnFormFields(t *testing.T) {
	names := ownFields()
	addProperties(names, operations(t)["POST /v1/files"].Responses.Value("201").Value.Content.Get("application/json").Schema.Value)
	schema := operations(t)["POST /v1/files"].RequestBody.Value.Content.Get("multipart/form-data").Schema.Value
	for name := range names {
		if schema.Properties[name] != nil {
			continue
		}
		w.as(member).Upload(t, "cheese.txt", []byte(content), name, "1").WantProblem(http.StatusBadRequest, "validation_failed", name)
		w.as(member).Upload(t, "", nil, name, "1", "url", "https://example.org/").WantProblem(http.StatusBadRequest, "validation_failed", name)
	}
	Eventually(t, "nothing is left of the files that came in before the field", func() bool {
		return !slices.ContainsFunc(w.rowsOf(t, "files"), func(file string) bool { return strings.Contains(file, "uploading") })
	})
}
