package harness

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"parley/docs"
)

// Document is the OpenAPI document that the server serves.
var Document = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(docs.OpenAPI)
})

// FindOperation finds the operation of a method and a path, nil when the document has none.
func FindOperation(document *openapi3.T, method, path string) *openapi3.Operation {
	for template, item := range document.Paths.Map() {
		if matches(template, path) {
			if operation := item.GetOperation(method); operation != nil {
				return operation
			}
		}
	}
	return nil
}

// matches compares part by part; a part in braces stands for anything. A path with a fixed part where another template
// has braces is told apart by the method or by that part, so the first match will do here.
func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !(strings.HasPrefix(want[i], "{") && got[i] != "current") {
			return false
		}
	}
	return true
}

// checkAgainstDocument fails the test when an answer has a status that the document does not declare, or a body that
// is not of the schema declared for it.
func checkAgainstDocument(t testing.TB, method, path string, answer *Answer) {
	t.Helper()
	if answer.Status == 500 {
		t.Errorf("%s %s failed in the server: %s", method, path, answer.Body)
	}
	if method == "OPTIONS" {
		return // the browser's own question, not an operation
	}
	document, err := Document()
	if err != nil {
		t.Errorf("the OpenAPI document does not load: %v", err)
		return
	}
	operation := FindOperation(document, method, path)
	if operation == nil {
		if answer.Status != 404 && answer.Status != 405 && answer.Status != 302 {
			t.Errorf("%s %s answered %d and is not in the OpenAPI document", method, path, answer.Status)
		}
		return
	}
	declared := operation.Responses.Value(strconv.Itoa(answer.Status))
	if declared == nil {
		t.Errorf("%s %s answered %d, which the OpenAPI document does not declare: %s", method, path, answer.Status, answer.Body)
		return
	}
	if method == "HEAD" {
		return // the headers of GET, and no body
	}
	mediaType, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	media := declared.Value.Content.Get(mediaType)
	if media == nil {
		if len(answer.Body) > 0 {
			t.Errorf("%s %s answered %d as %q, which the OpenAPI document does not declare", method, path, answer.Status, mediaType)
		}
		return
	}
	if !strings.Contains(mediaType, "json") {
		return
	}
	documents := [][]byte{answer.Body}
	if mediaType == "application/x-ndjson" {
		documents = slices.Collect(bytes.Lines(answer.Body))
	}
	for _, text := range documents {
		var body any
		if err := json.Unmarshal(text, &body); err != nil {
			t.Errorf("%s %s: %v in %q", method, path, err, text)
			return
		}
		if err := media.Schema.Value.VisitJSON(body); err != nil {
			t.Errorf("%s %s answered what the OpenAPI document does not describe: %v", method, path, err)
		}
	}
}
