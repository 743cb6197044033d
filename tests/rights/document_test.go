package rights

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	. "parley/tests/harness"
)

// operations are those of the document by "METHOD /path".
func operations(t testing.TB) map[string]*openapi3.Operation {
	t.Helper()
	document, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*openapi3.Operation{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			all[method+" "+path] = operation
		}
	}
	return all
}

// conversationTypes are those that the document names.
func conversationTypes(t testing.TB) (types []string) {
	t.Helper()
	document, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range document.Components.Schemas["Conversation"].Value.Properties["type"].Value.Enum {
		types = append(types, value.(string))
	}
	return types
}

// TestEveryOperationHasARow: the table, the document and the calls that the tests make are of the same operations.
func TestEveryOperationHasARow(t *testing.T) {
	rows, described, calls := readTable(t), operations(t), acts()
	inTable, seen := map[string][]string{}, map[string]bool{}
	for _, r := range rows {
		if seen[r.key()] {
			t.Errorf("%s: there are two rows", r.key())
		}
		seen[r.key()] = true
		inTable[r.operation] = append(inTable[r.operation], r.of)
		if described[r.operation] == nil {
			t.Errorf("%s has a row and is not in docs/openapi.json", r.operation)
		}
		if _, ok := calls[r.key()]; !ok {
			t.Errorf("%s: the tests make no such call", r.key())
		}
	}
	for operation := range described {
		if inTable[operation] == nil {
			t.Errorf("%s is in docs/openapi.json and has no row: add it to tests/rights/table.txt", operation)
		}
		if !strings.Contains(operation, "/v1/conversations/{id}") {
			continue
		}
		for _, kind := range conversationTypes(t) {
			if !slices.Contains(inTable[operation], kind) {
				t.Errorf("%s has no row for conversations of type %s", operation, kind)
			}
		}
	}
	for key := range calls {
		if !seen[key] {
			t.Errorf("%s: a call without a row", key)
		}
	}
}

// TestDocumentNamesTheCredentialsThatAreEnough: the security of an operation in the document is what the table says.
func TestDocumentNamesTheCredentialsThatAreEnough(t *testing.T) {
	enough := map[string]map[string]bool{} // by operation: the names of security schemes, "" for none
	for _, r := range readTable(t) {
		if enough[r.operation] == nil {
			enough[r.operation] = map[string]bool{}
		}
		if r.of == "url" { // its token is a parameter
			continue
		}
		for c, cell := range r.cells {
			if cell.allowed() {
				enough[r.operation][schemeOf(c, r.of)] = true
			}
		}
	}
	for operation, described := range operations(t) {
		declared := map[string]bool{}
		if described.Security == nil {
			declared = map[string]bool{"": true, "AppCredentials": true, "BearerToken": true} // whoever calls
		} else {
			for _, requirement := range *described.Security {
				for scheme := range requirement {
					declared[scheme] = true
				}
			}
		}
		if !maps.Equal(declared, enough[operation]) {
			t.Errorf("%s: the document names %v, and by the table %v are enough", operation, declared, enough[operation])
		}
	}
}

// schemeOf is the document's word for a caller's credentials.
func schemeOf(c caller, of string) string {
	switch c {
	case nobody:
		return ""
	case appKey, master, acting, otherMaster:
		return "AppCredentials"
	}
	switch of {
	case "query":
		return "StreamToken"
	case "ticket":
		return "StreamTicket"
	}
	return "BearerToken"
}
