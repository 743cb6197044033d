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
	"strings"
	"time"
)

const (
	syncConversations = 500
	syncRows          = 1000  // of one INSERT, and of one page
	syncCommit        = 50    // INSERTs in a transaction
	syncPages         = 30    // at each end of the log
	syncSpan          = 1_000 // rows between two of these pages, so that none is read twice from the same place
)

// sync: the app's own server reads the whole log, as lines and by pages at both ends of it.
func (b *bench) sync() *workload {
	w := &workload{
		title: fmt.Sprintf("sync: %d messages in %d conversations, texts of %d bytes, read in the log's order: all of them, then pages of %d, %d at each end by turns",
			b.messages, syncConversations, b.bytes, syncRows, syncPages),
		columns: []column{{name: "rows/s"}, {name: "server CPU µs/row", decimals: 2}, {name: "database CPU µs/row", decimals: 2}, {name: "rows/s, gzip"},
			{name: "first pages, p50 ms", decimals: 2}, {name: "last pages, p50 ms", decimals: 2}, {name: "last ÷ first", decimals: 2, noRatio: true}},
	}
	w.subjects = []subject{
		{"server", func(ctx context.Context, _ int) ([]float64, error) {
			return b.overFilled(ctx, func(t *target) ([]float64, error) { return b.measureSync(ctx, t) })
		}},
		{"bare SELECT", func(ctx context.Context, _ int) ([]float64, error) {
			return b.overFilled(ctx, func(t *target) ([]float64, error) { return b.measureSelect(ctx, t.database) })
		}},
	}
	return w
}

// overFilled measures on a database full of messages. The server makes the tables and the conversations, and is stopped
// while the messages are put in: it would read them all as news.
func (b *bench) overFilled(ctx context.Context, measure func(*target) ([]float64, error)) (values []float64, err error) {
	t, err := b.startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	conversations, err := t.converse(ctx, slices.Repeat([][]string{{"Tom", "Jerry"}}, syncConversations))
	if err != nil {
		return nil, err
	}
	if err := t.process.stop(); err != nil {
		return nil, err
	}
	if err := b.fill(ctx, t.database, conversations); err != nil {
		return nil, err
	}
	p, err := startProcess(ctx, "the server", b.dir, b.environ(t.database.url), b.server)
	if err != nil {
		return nil, err
	}
	t.process, t.api = p, newAPI(p.addr)
	return measure(t)
}

// fill puts messages in behind the server's back, as it would have stored them.
func (b *bench) fill(ctx context.Context, d *database, conversations []string) error {
	var app, last int64
	if err := d.db.QueryRowContext(ctx, "SELECT app_id, seq FROM counters").Scan(&app, &last); err != nil {
		return err
	}
	text := strings.Repeat("x", b.bytes)
	for stored := 0; stored < b.messages; {
		tx, err := d.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for range syncCommit {
			n := min(syncRows, b.messages-stored)
			if n == 0 {
				break
			}
			var values strings.Builder
			for range n {
				stored, last = stored+1, last+1
				fmt.Fprintf(&values, ",(%d,'%s',%d,'Tom','sig-0123456789abcdef0123456789abcdef','s:%020d','text','%s','{}',NULL,%d)",
					app, conversations[stored*7%syncConversations], last, last, text, 1_700_000_000_000+last)
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO messages (app_id, conversation_id, seq, sender, session_id, idempotency_key, type, text, attributes, payload, created_at) VALUES "+values.String()[1:])
			if err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE counters SET seq = ?", last)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	_, err := d.db.ExecContext(ctx, "UPDATE conversations SET last_seq = ?", last)
	return err
}

func (b *bench) measureSync(ctx context.Context, t *target) ([]float64, error) {
	before, err := syncCost(t)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := b.readLines(ctx, t, false); err != nil {
		return nil, err
	}
	rows, took := float64(b.messages), time.Since(begun)
	after, err := syncCost(t)
	if err != nil {
		return nil, err
	}
	begun = time.Now()
	if err := b.readLines(ctx, t, true); err != nil {
		return nil, err
	}
	packed := time.Since(begun)
	first, last, err := b.pages(ctx, t.database, func(after int64) error { return b.readPage(ctx, t, after) })
	if err != nil {
		return nil, err
	}
	return []float64{rows / took.Seconds(), (after[0] - before[0]) / rows, (after[1] - before[1]) / rows, rows / packed.Seconds(), first, last, last / first}, nil
}

// syncCost gives the CPU time in microseconds that server and database have had; NaN for a database within the server.
func syncCost(t *target) (cost [2]float64, err error) {
	server, err := cpuOf(t.pid())
	if err != nil {
		return cost, err
	}
	cost = [2]float64{micros(server), math.NaN()}
	if t.database.pid != 0 {
		database, err := cpuOf(t.database.pid)
		if err != nil {
			return cost, err
		}
		cost[1] = micros(database)
	}
	return cost, nil
}

// pages reads pages at both ends of the log, by turns, and gives the median time of each end's in milliseconds.
func (b *bench) pages(ctx context.Context, d *database, read func(after int64) error) (first, last float64, err error) {
	var head int64
	if err := d.db.QueryRowContext(ctx, "SELECT seq FROM counters").Scan(&head); err != nil {
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
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/v1/messages?after=%d", t.addr, after), nil)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(appID, masterKey)
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

func (b *bench) measureSelect(ctx context.Context, d *database) ([]float64, error) {
	read := func(after int64, limit int) (n int, last int64, err error) {
		rows, err := d.db.QueryContext(ctx, "SELECT "+bareColumns+" FROM messages WHERE app_id = 1 AND seq > ? ORDER BY seq LIMIT ?", after, limit)
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
	begun := time.Now()
	if n, _, err := read(0, math.MaxInt32); err != nil || n != b.messages {
		return nil, fmt.Errorf("%d of %d rows: %w", n, b.messages, err)
	}
	took := time.Since(begun)
	first, last, err := b.pages(ctx, d, func(after int64) error {
		_, _, err := read(after, syncRows)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []float64{float64(b.messages) / took.Seconds(), math.NaN(), math.NaN(), math.NaN(), first, last, last / first}, nil
}
