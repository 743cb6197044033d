package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/models"
)

// FuzzHeaders: what is taken out of a request's own headers keeps to what is said of it, and what is refused is named. A client id
// comes through its extended form as it was.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{"", "Tom", " Tom", "Tóm", "UTF-8''T%C3%B3m", "UTF-8''%", "UTF-8''%ff", "UTF-8''%0d%0aX:%20y", "UTF-8''", "utf-8''Tom", "UTF-8''a/b?c", "\x00", "a\nb", "\xff", "🐭",
		"\u202egnp", "5b0f7c1e-8f6b-4d0e-9a52-0f6a3c1f7d11", strings.Repeat("x", 64), strings.Repeat("🐭", 65), strings.Repeat("k", 201), "1042", "-1", "1e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header[clientHeader], request.Header["Idempotency-Key"], request.Header["Last-Event-Id"] = []string{value}, []string{value}, []string{value}
		c := echo.New().NewContext(request, httptest.NewRecorder())
		server := models.Actor{Master: true}
		if actor, err := asNamed(c, server); err != nil {
			wantFieldNamed(t, err, clientHeader)
		} else if id := actor.ClientID; !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) || id == "" || utf8.RuneCountInString(id) > 64 {
			t.Fatalf("%q was taken as %q", value, id)
		}
		if models.CheckClientID("x", value) == nil {
			request.Header[clientHeader] = []string{extendedValue + extended(value)}
			if actor, err := asNamed(c, server); err != nil || actor.ClientID != value {
				t.Fatalf("%q came through as %q, %v", value, actor.ClientID, err)
			}
		}
		if key, err := idempotencyKey(c); err != nil {
			wantFieldNamed(t, err, "Idempotency-Key")
		} else if key != value || key == "" { // its characters are the store's to check
			t.Fatalf("%q was taken as the key %q", value, key)
		}
		if id := lastEventID(c); id == nil != (value == "") || id != nil && *id != value {
			t.Fatalf("%q was taken as the position %v", value, id)
		}
	})
}

// FuzzSort: the order of a query is a list of words, however it is written, or is refused by name.
func FuzzSort(f *testing.F) {
	for _, seed := range []string{`"-lastMessageAt,name"`, `["-lastMessageAt","name"]`, `null`, `""`, `[]`, `[1]`, `{}`, `"\ud800"`, `[["name"]]`, `"a`, `1`, `["a",null]`, `[,]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sort string) {
		var request QueryConversationsRequest
		if err := Unmarshal([]byte(`{"sort":`+sort+`}`), &request); err != nil {
			wantFieldNamed(t, err, "")
			return
		}
		fields, err := sortFields(absentIfNull(request.Sort))
		if err != nil {
			wantFieldNamed(t, err, "")
			return
		}
		for _, field := range fields {
			if !utf8.ValidString(field) {
				t.Fatalf("%s is by %q", sort, field)
			}
		}
	})
}
