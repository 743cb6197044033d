//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"
)

// hubCommand makes this program be the floor: a process of its own, so that its CPU time can be told from the load's.
const hubCommand = "bare-hub"

// How the hub writes: all that waits for a stream in one write, or each message with a flush of its own.
const (
	flushCoalesced = "coalesced"
	flushEach      = "each"
)

// hub is the least that hands a POST to event streams over net/http: no log-in, no check, no JSON, no database, nothing
// to resume from, no bound on a slow reader. What the server costs beyond it is what its promises cost.
type hub struct {
	coalesce bool

	mu    sync.Mutex
	seq   int64
	rooms map[string][]*listener
}

type listener struct {
	mu     sync.Mutex
	blocks [][]byte
	wake   chan struct{}
}

// runHub serves until it is told to end.
func runHub(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || args[0] != flushCoalesced && args[0] != flushEach {
		fmt.Fprintln(stderr, "the bare hub is started by the load tool only")
		return 2
	}
	h := &hub{coalesce: args[0] == flushCoalesced, rooms: map[string][]*listener{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stream", h.stream)
	mux.HandleFunc("POST /rooms/{room}/messages", h.send)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stdout, "the bare hub listens on http://%s\n\n", l.Addr()) // two lines, like the server
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(l, mux) }()
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	select {
	case <-end:
		return 0
	case err := <-failed:
		fmt.Fprintln(stderr, err)
		return 1
	}
}

func (h *hub) send(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) == 0 {
		http.Error(w, "no body", http.StatusBadRequest)
		return
	}
	room := r.PathValue("room")
	from, at := r.URL.Query().Get("from"), time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	h.mu.Lock()
	h.seq++
	block := fmt.Appendf(make([]byte, 0, len(body)+256), "id: %d\nevent: message\ndata: ", h.seq)
	data := len(block)
	block = fmt.Appendf(block, `{"id":"%d","conversationId":"%s","from":"%s","attributes":{},"timestamp":"%s",`, h.seq, room, from, at)
	block = append(append(block, body[1:]...), "\n\n"...)
	for _, l := range h.rooms[room] {
		l.push(block)
	}
	h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(block[data : len(block)-len("\n\n")]) // the sender may have gone
}

func (l *listener) push(block []byte) {
	l.mu.Lock()
	l.blocks = append(l.blocks, block)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *listener) take(into [][]byte) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	into = append(into[:0], l.blocks...)
	clear(l.blocks)
	l.blocks = l.blocks[:0]
	return into
}

func (h *hub) stream(w http.ResponseWriter, r *http.Request) {
	room := r.URL.Query().Get("room")
	l := &listener{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	h.rooms[room] = append(h.rooms[room], l)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.rooms[room] = slices.DeleteFunc(h.rooms[room], func(other *listener) bool { return other == l })
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	write := func(data []byte) bool {
		_, err := w.Write(data)
		return err == nil && out.Flush() == nil
	}
	var blocks [][]byte
	var buffer []byte
	for ok := write([]byte("event: online\ndata: {}\n\n")); ok; {
		select {
		case <-r.Context().Done():
			return
		case <-l.wake:
		}
		if blocks = l.take(blocks); len(blocks) == 0 {
			continue // taken with the ones before
		}
		if h.coalesce {
			buffer = buffer[:0]
			for _, b := range blocks {
				buffer = append(buffer, b...)
			}
			ok = write(buffer)
			continue
		}
		for i := 0; ok && i < len(blocks); i++ {
			ok = write(blocks[i])
		}
	}
}
