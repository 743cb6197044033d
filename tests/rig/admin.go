//go:build linux

package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Fetch reads a path of the process's admin address.
func (p *Process) Fetch(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}

// Metrics reads the process's own: by name, the sum of all that have it, whatever their labels.
func (p *Process) Metrics(ctx context.Context) (map[string]float64, error) {
	body, err := p.Fetch(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range bytes.Lines(body) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		// A label may have blanks in it, a value has none.
		at := bytes.LastIndexByte(bytes.TrimSpace(line), ' ')
		if at < 0 {
			continue
		}
		family, _, _ := bytes.Cut(line[:at], []byte("{"))
		n, err := strconv.ParseFloat(string(bytes.TrimSpace(line[at:])), 64)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %q: %w", line, err)
		}
		values[string(family)] += n
	}
	return values, nil
}
