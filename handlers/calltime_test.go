package handlers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
)

// slowReader takes its time before its text comes.
type slowReader struct {
	takes time.Duration
	io.Reader
}

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.takes)
	r.takes = 0
	return r.Reader.Read(p)
}

// TestASlowBodyTookTheTimeOfItsCall: one that came within its minute, but after 20 s, was answered 503, because the time of the
// call was over before it had begun.
func TestASlowBodyTookTheTimeOfItsCall(t *testing.T) {
	for name, takes := range map[string]time.Duration{"at once": 0, "slowly": 50 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				whole, end := context.WithCancel(t.Context())
				request := httptest.NewRequestWithContext(whole, http.MethodPost, "/", &slowReader{takes, strings.NewReader("{}")})
				request.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
				c := echo.New().NewContext(request, httptest.NewRecorder())
				done, err := LimitCall(c)
				if err == nil {
					t.Fatal("a recorder has deadlines now: look at them too")
				}
				if err := (&API{MaxBody: 100}).decode(c, &struct{}{}); err != nil {
					t.Fatal(err)
				}
				ctx := c.Request().Context()
				if ends, ok := ctx.Deadline(); !ok || time.Until(ends) != callTimeout || ctx.Err() != nil {
					t.Errorf("the call has %v, %v", time.Until(ends), ctx.Err())
				}
				done()
				end()
				synctest.Wait()
				if ctx.Err() == nil {
					t.Error("the call goes on after its request")
				}
			})
		})
	}
}
