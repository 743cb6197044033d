//go:build linux

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"parley/tests/rig"
)

const (
	syncConversations = 500
	syncRows          = 1000  // of one page
	syncPages         = 30    // at each end of the log
	syncSpan          = 1_000 // rows between two of these pages, so that none is read twice from the same place
)

// sync: the app's own server reads the whole log, as lines and by pages at both ends of it.
func (b *bench) sync() *workload {
	w := &workload{
		title: fmt.Sprintf("sync: %d messages in %d conversations, texts of %d bytes, read in the log's order: all of them, then pages of %d, %d at each end by turns",
			b.messages, syncConversations, b.bytes, syncRows, syncPages),
		columns: slices.Concat([]column{{name: "rows/s"}}, costColumns("row", 2), []column{{name: "rows/s, gzip"}, {name: "first pages, p50 ms", decimals: 2},
			{name: "last pages, p50 ms", decimals: 2}, {name: "last ÷ first", decimals: 2, noRatio: true}, residentColumn}),
		aims: []aim{{columns: []string{"rows/s"}, least: 100_000}, {columns: []string{"rows/s"}, floor: "bare SELECT", least: 0.5}},
	}
	w.stock = b.newStock(syncConversations, b.messages)
	w.subjects = []subject{
		{"server", func(ctx context.Context, round int) ([]float64, error) {
			return b.overStock(ctx, w.stock, func(ctx context.Context, t *target, _ *rig.Loop) ([]float64, error) {
				return b.measureSync(ctx, t, round)
			})
		}},
		{"bare SELECT", func(ctx context.Context, _ int) ([]float64, error) { return b.measureSelect(ctx, w.stock.database) }},
	}
	return w
}

func (b *bench) measureSync(ctx context.Context, t *target, round int) ([]float64, error) {
	profiled := t.profileDuring(ctx, time.Second, b.profilePath(t, "sync", "cpu", round))
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	if err := b.readLines(ctx, t, false); err != nil {
		return nil, err
	}
	after, err := t.usage()
	if err = errors.Join(err, profiled()); err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := b.readLines(ctx, t, true); err != nil {
		return nil, err
	}
	packed := time.Since(begun)
	first, last, err := b.pages(ctx, t.database, func(after int64) error { return b.readPage(ctx, t, after) })
	if err != nil {
		return nil, err
	}
	rows := float64(b.messages)
	memory, err := t.resident()
	return slices.Concat([]float64{rows / after.at.Sub(before.at).Seconds()}, t.costOf(before, after, rows),
		[]float64{rows / packed.Seconds(), first, last, last / first, memory}), err
}

// pages reads pages at both ends of the log, by turns, and gives the median time of each end's in milliseconds.
func (b *bench) pages(ctx context.Context, d *rig.Database, read func(after int64) error) (first, last float64, err error) {
	var head int64
	if err := d.DB.QueryRowContext(ctx, "SELECT seq FROM counters").Scan(&head); err != nil {
		return 0, 0, err
	}
	took := make([][]float64, 2)
	for i := range int64(syncPages) {
		span := min(syncSpan, int64(b.messages)/(2*syncPages))
		ends := []int64{syncConversations + i*span, head - syncRows - i*span}
		for end, after := range ends {
			begun := time.Now()
			if err := read(max(after, 0)); err != nil {
				return 0, 0, err
			}
			took[end] = append(took[end], time.Since(begun).Seconds()*1000)
		}
	}
	return median(took[0]), median(took[1]), nil
}

// get begins a call of history sync.
func (b *bench) get(ctx context.Context, t *target, after int64, header map[string]string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/v1/messages?after=%d", t.Addr, after), nil)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(rig.AppID, rig.MasterKey)
	r.Header.Set("Accept-Encoding", "identity")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("GET /v1/messages: %s", response.Status), response.Body.Close())
	}
	return response.Body, nil
}

// readPage reads a page and counts what is on it.
func (b *bench) readPage(ctx context.Context, t *target, after int64) error {
	body, err := b.get(ctx, t, after, nil)
	if err != nil {
		return err
	}
	page, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	if n := bytes.Count(page, []byte(`{"id":"`)); n != min(syncRows, b.messages) {
		return fmt.Errorf("a page has %d messages: %.200s", n, page)
	}
	return nil
}

// readLines reads the whole log, and checks that every message came once and in order.
func (b *bench) readLines(ctx context.Context, t *target, packed bool) (err error) {
	header := map[string]string{"Accept": "application/x-ndjson"}
	if packed {
		header["Accept-Encoding"] = "gzip"
	}
	body, err := b.get(ctx, t, 0, header)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	var from io.Reader = body
	if packed {
		if from, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(from)
	var last int64
	n := 0
	for ; lines.Scan(); n++ {
		rest, ok := bytes.CutPrefix(lines.Bytes(), []byte(`{"id":"`))
		digits, _, closed := bytes.Cut(rest, []byte(`"`))
		id, err := strconv.ParseInt(string(digits), 10, 64)
		if !ok || !closed || err != nil || id <= last {
			return fmt.Errorf("after message %d came the line %.200s", last, lines.Bytes())
		}
		last = id
	}
	if n != b.messages {
		return fmt.Errorf("%d of %d messages came", n, b.messages)
	}
	return lines.Err()
}

// bareColumns are those that a message is shown with.
const bareColumns = "seq, conversation_id, sender, type, text, attributes, payload, created_at"

func (b *bench) measureSelect(ctx context.Context, d *rig.Database) ([]float64, error) {
	read := func(after int64, limit int) (n int, last int64, err error) {
		rows, err := d.DB.QueryContext(ctx, "SELECT "+bareColumns+" FROM messages WHERE app_id = 1 AND seq > ? ORDER BY seq LIMIT ?", after, limit)
		if err != nil {
			return 0, 0, err
		}
		defer rows.Close()
		var conversation, sender, kind, text, attributes, payload []byte
		var at int64
		for ; rows.Next(); n++ {
			if err := rows.Scan(&last, &conversation, &sender, &kind, &text, &attributes, &payload, &at); err != nil {
				return 0, 0, err
			}
		}
		return n, last, rows.Err()
	}
	bare := &target{database: d}
	before, err := bare.usage()
	if err != nil {
		return nil, err
	}
	if n, _, err := read(0, math.MaxInt32); err != nil || n != b.messages {
		return nil, fmt.Errorf("%d of %d rows: %w", n, b.messages, err)
	}
	usage, err := bare.usage()
	if err != nil {
		return nil, err
	}
	first, last, err := b.pages(ctx, d, func(after int64) error {
		_, _, err := read(after, syncRows)
		return err
	})
	rows := float64(b.messages)
	return slices.Concat([]float64{rows / usage.at.Sub(before.at).Seconds()}, bare.costOf(before, usage, rows),
		[]float64{math.NaN(), first, last, last / first, math.NaN()}), err
}
