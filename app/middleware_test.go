package app

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"parley/handlers"
)

// TestPanicTellsNoToken: its value and its stack are logged, and neither has the query or the headers of the request.
func TestPanicTellsNoToken(t *testing.T) {
	const secret = "the-token-of-somebody"
	for _, level := range []slog.Level{slog.LevelDebug - 100, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		var log bytes.Buffer
		a := &App{logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))}
		a.calls = newHTTPMetrics(prometheus.NewRegistry())
		e := echo.New()
		e.HTTPErrorHandler = (&handlers.API{Logger: a.logger}).HandleError
		a.use(e)
		e.GET("/v1/stream", func(c echo.Context) error {
			var values []string
			return c.String(200, values[len(c.QueryParam("access_token"))])
		})
		request := httptest.NewRequest("GET", "/v1/stream?access_token="+secret+"&ticket="+secret, nil)
		request.Header.Set("Authorization", "Bearer "+secret)
		request.Header.Set("Referer", "https://example.org/?"+secret)
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, request)
		if answer.Code != 500 || !strings.Contains(answer.Body.String(), `"code":"internal"`) || answer.Header().Get("Content-Security-Policy") != apiPolicy {
			t.Errorf("answered %d %s, %v", answer.Code, answer.Body, answer.Header())
		}
		if !strings.Contains(log.String(), "index out of range") || !strings.Contains(log.String(), "middleware_test.go") {
			t.Errorf("the log does not tell of the panic: %s", &log)
		}
		if strings.Contains(log.String()+answer.Body.String(), secret) {
			t.Errorf("told: %s, %s", &log, answer.Body)
		}
	}
}
