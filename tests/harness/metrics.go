package harness

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Metrics reads /metrics: the value of each series, by its name with labels, and under the bare name the sum of all that
// have it.
func Metrics(t testing.TB, base string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, line := range regexp.MustCompile(`(?m)^([a-z]\w*)(\{.*\})? (\S+)$`).FindAllStringSubmatch(MetricsText(t, base), -1) {
		value, err := strconv.ParseFloat(line[3], 64)
		if err != nil {
			t.Fatalf("%s: %v", line[0], err)
		}
		values[line[1]] += value
		if line[2] != "" {
			values[line[1]+line[2]] = value
		}
	}
	return values
}

// MetricsText reads /metrics as it is.
func MetricsText(t testing.TB, base string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), "GET", base+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("/metrics answered %d as %s, %v", response.StatusCode, response.Header.Get("Content-Type"), err)
	}
	return string(body)
}
