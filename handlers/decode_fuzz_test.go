package handlers

import (
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"parley/models"
)

// requests makes an empty one of each body that the API takes.
func requests() []any {
	return []any{&LoginRequest{}, &CreateConversationRequest{}, &UpdateConversationRequest{}, &MembersRequest{}, &SendMessageRequest{},
		&QueryConversationsRequest{}, &OnlineRequest{}, &CreateLinkRequest{}, &BroadcastRequest{}}
}

// A body that is refused says which field is wrong; one that is accepted is JSON, and says the same when written and
// read once more.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `{}`, `[]`, `"x"`, `1`, `{"clientId":"Tom","tag":"Mobile"}`, `{"clientId":1}`, `{"clientId":null}`, `{"CLIENTID":"Tom"}`,
		`{"clientId":"Tom","clientId":"Jerry"}`, `{"members":["Jerry"],"name":"Tom & Jerry","attributes":{},"unique":true,"type":"normal"}`,
		`{"members":"Jerry"}`, `{"members":[1]}`, `{"members":["Jerry",null]}`, `{"members":null}`, `{"unique":"yes"}`, `{"name":{"a":1}}`,
		`{"type":"text","text":"Jerry, get up!","attributes":{"a":[1,{"b":null}]},"transient":false}`, `{"type":"move","payload":"e2e4"}`,
		`{"type":"text","text":"` + "\xff" + `"}`, `{"type":"text","text":"\ud800"}`, `{"type":"text","text":"\u0000"}`, `{"attributes":{"a":1,"a":2}}`,
		`{"attributes":{"0":{"` + "\xff" + `":1}}}`, `{"unknown":1}`, `{"":1}`, `{"a.b":1}`, `{"type":"text"`, `{"type":"text"}}`, `{"type":"text",}`, `{'type':1}`,
		`{"type":1e999}`, `{"transient":0}`, `{"text":tru}`, "\ufeff{}",
		`{"member":"Tom","where":{"attributes.v":{"$in":[1,"a"]}},"sort":["name"],"limit":1,"skip":0}`, `{"limit":1.0}`, `{"limit":1e2}`, `{"limit":9223372036854775808}`, `{"clientIds":["Tom"]}`,
		`{"url":"https://example.org/a","name":"a","metadata":{"width":-0,"x":1e400}}`, `{"to":["Tom"],"message":{"type":"location","location":{"latitude":1e400,"longitude":0}},"validUntil":"x"}`,
		`{"attributes":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, `{"payload":` + strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65) + `}`, `{"attributes":{"a":1,"\u0061":2}}`, `{"TEXT":"x","meſſage":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, request := range requests() {
			if err := Unmarshal(body, request); err != nil {
				wantFieldNamed(t, err, "")
				continue
			}
			if !stdjson.Valid(body) || !utf8.Valid(body) {
				t.Fatalf("%q was accepted as %T", body, request)
			}
			wantRoundTrip(t, request)
		}
	})
}

func wantRoundTrip(t *testing.T, request any) {
	t.Helper()
	written, err := json.Marshal(request)
	if err != nil {
		t.Fatalf("%+v: %v", request, err)
	}
	again := reflect.New(reflect.TypeOf(request).Elem()).Interface()
	if err := Unmarshal(written, again); err != nil {
		t.Fatalf("%s, written for %+v, is refused: %v", written, request, err)
	}
	if rewritten, err := json.Marshal(again); err != nil || string(rewritten) != string(written) {
		t.Fatalf("%s became %s, %v", written, rewritten, err)
	}
}

// wantFieldNamed fails the test unless err is a validation failure that names a field (this one, when not empty) and can
// be sent to the caller.
func wantFieldNamed(t *testing.T, err error, field string) {
	t.Helper()
	e, ok := errors.AsType[*models.Error](err)
	if !ok || e.Kind != models.Invalid || e.Code != "validation_failed" || len(e.Fields) != 1 {
		t.Fatalf("the error is %#v", err)
	}
	if e.Fields[0].Field == "" || e.Fields[0].Detail == "" || field != "" && e.Fields[0].Field != field {
		t.Fatalf("the error names %+v, not %q", e.Fields[0], field)
	}
	if _, err := json.Marshal(newProblem(statusOf(e.Kind), e.Code, e.Detail, e.Fields)); err != nil {
		t.Fatalf("the problem cannot be written: %v", err)
	}
}

func TestUnmarshalNamesTheField(t *testing.T) {
	for body, field := range map[string]string{
		`{"type":1}`:                              "type",
		`{"type":"text","unknown":1}`:             "unknown",
		`{"type":"text","type":"text"}`:           "type",
		`{"type":"text","transient":"no"}`:        "transient",
		`{"type":"text","text":"` + "\xff" + `"}`: "text",
		`{"attributes":{"a":{"b":1,"b":2}}}`:      "attributes.a.b",
		`[]`:                                      "body",
		``:                                        "body",
		`{"type":"text"}}`:                        "body",
	} {
		wantFieldNamed(t, Unmarshal([]byte(body), &SendMessageRequest{}), field)
	}
	wantFieldNamed(t, Unmarshal([]byte(`{"members":["Jerry",1]}`), &MembersRequest{}), "members[1]")
}
