//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/tests/harness"
	"parley/tests/rig"
)

// TestMain lets the test binary be the bare hub too, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == hubCommand {
		os.Exit(runHub(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestWorkloadsRun runs every workload with small numbers against the built server, so that the tool keeps working.
func TestWorkloadsRun(t *testing.T) {
	small := []string{"-rounds", "1", "-warmup", "50ms", "-time", "300ms", "-streams", "20", "-crowd", "20", "-clients", "20", "-outstanding", "8",
		"-window", "4", "-idle", "30", "-settle", "100ms", "-sends", "20", "-slow", "50", "-messages", "5000",
		"-gap", "2000", "-calls", "20", "-own", "20", "-rate", "500", "-roomrate", "50"}
	servers := map[string][]string{"sqlite": nil}
	if server := os.Getenv(harness.MySQLVariable); server != "" {
		servers["mysql"] = []string{"-mysql", server}
		if broker := os.Getenv(harness.NATSVariable); broker != "" {
			servers["mysql"] = append(servers["mysql"], "-nats", broker, "-nodesrate", "200")
		}
	}
	for name, flags := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if code := run(slices.Concat(small, flags), &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d: %s", code, stderr.String())
			}
			wanted := []string{"| bare hub, coalesced writes", "| bare hub, nothing stored", "| bare hub ", "| bare INSERT", "| bare SELECT", "| server ÷ bare INSERT", "| server ÷ no slow connections",
				"| bare INSERTs", "replay:", "list:", "- aim, server: "}
			if slices.Contains(flags, "-nats") {
				wanted = append(wanted, "| 3 nodes, NATS")
			}
			for _, row := range wanted {
				if !strings.Contains(stdout.String(), row) {
					t.Errorf("the tables have no row %q:\n%s", row, stdout.String())
				}
			}
		})
	}
}

// TestGrowthIsMeasuredAndDrawn measures the smallest sizes. On SQLite alone: to it, the databases differ in their URL.
func TestGrowthIsMeasuredAndDrawn(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	args := []string{growthCommand, "-most", "4", "-sample", "100ms", "-clients", "20", "-out", out}
	var stdout, stderr bytes.Buffer
	if code := run(args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	plots, err := filepath.Glob(filepath.Join(out, "growth-*.svg"))
	if err != nil || len(plots) != 14 {
		t.Fatalf("plots %v, error %v", plots, err)
	}
	for _, path := range plots {
		svg, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, points := range polylines(t, string(svg)) {
			if len(points) == 0 {
				t.Errorf("%s has an empty curve:\n%s", path, stdout.String())
			}
		}
	}
}

func TestOpenLoopSendsAtTheRateAskedFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	args := []string{"-rounds", "1", "-warmup", "0s", "-time", "500ms", "-clients", "20", "-rate", "100", "pairs"}
	if code := run(args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	at := -1
	for line := range strings.Lines(stdout.String()) {
		cells := strings.Split(line, "|")
		for i, cell := range cells {
			if strings.TrimSpace(cell) == "messages/s at the rate" {
				at = i
			}
		}
		if at < 0 || len(cells) <= at || strings.Contains(line, "÷") {
			continue
		}
		// A bound and no wish: the schedule has no more than this, however fast the server is.
		if sent, err := strconv.ParseFloat(strings.TrimSpace(cells[at]), 64); err == nil && sent > 110 {
			t.Errorf("%v messages/s where 100 were asked for:\n%s", sent, stdout.String())
		}
	}
	if at < 0 || !strings.Contains(stdout.String(), "100 messages/s") {
		t.Errorf("the table does not say the rate:\n%s", stdout.String())
	}
}

func TestWrongCallsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"-rounds", "0"}, {"-streams", "20001"}, {"-bytes", "18"}, {"-bytes", "1501"},
		{"-clients", "1"}, {growthCommand, "nonsense"}, {"-nats", "nats://127.0.0.1:4222", nodesName}, {growthCommand, "-sample", "0s"}, {"-nonsense"}, {"-time", "0s"}, {"-messages", "100"}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 2 || stderr.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, stderr.String())
		}
	}
}

func TestAServerThatDoesNotStartIsAnError(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-mysql", "mysql://root:@127.0.0.1:1/", "send"}, &stdout, &stderr); code != 1 || stderr.Len() == 0 {
		t.Errorf("exit %d, %q", code, stderr.String())
	}
}

// TestLossIsSeen puts the traffic before a hub that is wrong about one message.
func TestLossIsSeen(t *testing.T) {
	const wrongOne = 5
	for name, wrong := range map[string]func(h *hub, w http.ResponseWriter, r *http.Request){
		"lost":    func(_ *hub, w http.ResponseWriter, _ *http.Request) { accept(w) },
		"doubled": func(h *hub, w http.ResponseWriter, r *http.Request) { sendTwice(h, w, r, 1) },
		"the same id twice": func(h *hub, w http.ResponseWriter, r *http.Request) {
			sendTwice(h, w, r, 0)
		},
		"refused": func(_ *hub, w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no", http.StatusServiceUnavailable)
		},
		"right": func(h *hub, w http.ResponseWriter, r *http.Request) { h.send(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			h := &hub{rooms: map[string][]*listener{}}
			var sends atomic.Int64
			mux := http.NewServeMux()
			mux.HandleFunc("GET /stream", h.stream)
			mux.HandleFunc("POST /rooms/{room}/messages", func(w http.ResponseWriter, r *http.Request) {
				if sends.Add(1) == wrongOne {
					wrong(h, w, r)
					return
				}
				h.send(w, r)
			})
			err := trafficAgainst(t, mux)
			if (name == "right") != (err == nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func accept(w http.ResponseWriter) {
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte("{}"))
}

// sendTwice sends a message and then hands the listeners another, whose id is this much higher.
func sendTwice(h *hub, w http.ResponseWriter, r *http.Request, higher int64) {
	h.send(w, r)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq += higher
	for _, l := range h.rooms[r.PathValue("room")] {
		l.push(fmt.Appendf(nil, "id: %d\nevent: message\ndata: {\"text\":\"%019d\"}\n\n", h.seq, 1))
	}
}

// trafficAgainst sends a little to a handler and checks what came.
func trafficAgainst(t *testing.T, handler http.Handler) error {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	at := &target{Process: &rig.Process{Addr: server.Listener.Addr().String(), Cmd: &exec.Cmd{Process: self}}, api: hubAPI{}}
	l, err := rig.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the server's: it waits for its connections
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &room{id: "room", streams: newStreams([]string{"Tom", "Jerry"})}
	if err := openStreams(t.Context(), l, at.addrOf, r.streams, func(int) ([]byte, error) { return at.stream("Tom", r.id) }); err != nil {
		t.Fatal(err)
	}
	p, err := newPost(at, r, "Tom", 100)
	if err != nil {
		t.Fatal(err)
	}
	traffic := &traffic{target: at, loop: l, rooms: []*room{r}, posts: []*post{p}, window: 2}
	if err := traffic.start(2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	_, err = l.Until(ctx, time.Now().Add(time.Second), func() bool { return traffic.sent >= 10 || traffic.dispatch() != nil })
	if err != nil {
		return err
	}
	return traffic.drain(ctx, 500*time.Millisecond)
}

// TestStreamIsReadHoweverItIsCut hands a response to the reader in two parts, cut at every byte.
func TestStreamIsReadHoweverItIsCut(t *testing.T) {
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	whole := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
		chunk("retry: 1500\nid: 7\nevent: online\ndata: {}\n\n") +
		chunk("id: 8\nevent: message\ndata: {\"text\":\"1795422780123456789\"}\n\nid: 9\nevent: mess") +
		chunk("age\ndata: {\"text\":\"1795422780123456790\"}\n\n") + chunk("id: 9\n\n")
	for cut := range len(whole) {
		var times []int64
		s := &stream{name: "Tom", message: func(block []byte, _ time.Time) {
			if at, ok := sentAt(block); ok {
				times = append(times, at.UnixNano())
			}
		}}
		for _, part := range []string{whole[:cut], whole[cut:]} {
			if part == "" {
				continue
			}
			if err := s.Received([]byte(part), time.Time{}); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
		if s.blocks != 4 || s.messages != 2 || s.heartbeats != 1 || s.lastID != 9 ||
			!slices.Equal(times, []int64{1795422780123456789, 1795422780123456790}) {
			t.Fatalf("cut at %d: %+v, times %v", cut, s, times)
		}
	}
}

func TestFigures(t *testing.T) {
	c := column{decimals: 1}
	for value, want := range map[float64]string{0: "0.0", 999.94: "999.9", 1234.56: "1,234.6", 1234567: "1,234,567.0", -1234: "-1,234.0"} {
		if got := c.number(value); got != want {
			t.Errorf("%v is written %s, not %s", value, got, want)
		}
	}
	if m := median([]float64{3, 1, 2}); m != 2 {
		t.Errorf("the median of 3, 1, 2 is %v", m)
	}
	if m := median([]float64{4, 1}); m != 2.5 {
		t.Errorf("the median of 4, 1 is %v", m)
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i)*time.Millisecond)
	}
	if p := percentiles(took); p(50) != 50 || p(99) != 99 || p(100) != 100 {
		t.Errorf("percentiles %v %v %v", p(50), p(99), p(100))
	}
}
