package faults

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "parley/tests/harness"
)

const (
	healthyReaders = 20
	stalledReaders = 3
	largeText      = 16 << 10
	// What the server may keep in memory for a reader that does not read; what the kernel buffers is not counted.
	stalledCost = 2 << 20
	// From the last byte that a reader has taken to its end.
	stalledLife = 10 * time.Second
	// Receive buffers of this size fill with the first message.
	tinyBuffer = 4 << 10
	// Latencies below this are the machine's own noise, and no reader's.
	latencyNoise = 5 * time.Millisecond
)

// TestReadersThatNeverRead: three readers take nothing while large messages flow to twenty others. Those get all, about
// as fast as without the three; the three cost little memory and are cut. Messages with and without them alternate, so
// that what else the machine does meets both.
func TestReadersThatNeverRead(t *testing.T) {
	program := BuildFastProgram(t)
	Databases(t, func(t *testing.T, database string) {
		h := openHall(t, program, database)
		alone := h.run(pick(160, 500))
		var beside run
		for range pick(1, 4) {
			h.stallBehind()
			one := h.heap()
			h.stallLive()
			beside.add(h.run(pick(320, 500))) // more than the kernel buffers for a reader, and the server queues for it
			h.wantCost(one-alone.heap, "catching up")
			h.wantCost((beside.heap-one)/(stalledReaders-1), "live")
			h.wantCut()
			alone.add(h.run(pick(160, 500)))
		}
		t.Logf("p99 %v without and %v with stalled readers, of %d and %d deliveries",
			alone.p99(), beside.p99(), len(alone.latencies), len(beside.latencies))
		if beside.p99() > Promise(2*max(alone.p99(), latencyNoise)) {
			t.Errorf("the p99 is %v with stalled readers and %v without", beside.p99(), alone.p99())
		}
	})
}

// run is what was measured over some messages.
type run struct {
	latencies []time.Duration // from the begin of the send to the arrival at a reader
	heap      int             // of the server, when all had come; the mean of the runs added
	runs      int
}

func (r *run) add(more run) {
	r.latencies = append(r.latencies, more.latencies...)
	r.heap = (r.heap*r.runs + more.heap*more.runs) / (r.runs + more.runs)
	r.runs += more.runs
}

func (r *run) p99() time.Duration {
	slices.Sort(r.latencies)
	return r.latencies[len(r.latencies)*99/100]
}

// The server's own numbers that the test goes by.
const (
	openStreams  = "parley_streams"
	slowReaders  = "parley_slow_readers_total" // streams whose queue has overflowed
	catchUpReads = "parley_catch_up_reads_total"
)

func (h *hall) metrics() map[string]float64 { return Metrics(h.t, "http://"+h.admin) }

// hall is a server with a sender and its readers.
type hall struct {
	t            *testing.T
	server       *Server
	admin        string
	speaker      *Client
	conversation string
	readers      []*listener
	stalled      []*Client
	sent         []time.Time // by the number of the message
	overflows    float64     // of queues, before the readers stalled
}

func openHall(t *testing.T, program Program, database string) *hall {
	h := &hall{t: t, admin: FixedPort(t)}
	process := program.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+database, "PARLEY_ADMIN_ADDR="+h.admin)...)
	h.server = process.Server(t)
	h.speaker = h.server.Login(t, "speaker", "")
	var clients []*Client
	var names []string
	for i := range healthyReaders + stalledReaders {
		clients = append(clients, h.server.Login(t, fmt.Sprint("reader", i), ""))
		names = append(names, clients[i].ID)
	}
	h.conversation, h.stalled = h.speaker.Create(t, names...), clients[healthyReaders:]
	longest := strings.Repeat("x", 31<<10) // the default of PARLEY_MAX_MESSAGE_BYTES is 32 KB
	attic := h.speaker.Create(t, h.stalled[0].ID)
	for range 200 { // more than the kernel buffers for a reader
		h.speaker.Say(t, attic, longest)
	}
	for _, client := range clients[:healthyReaders] {
		h.readers = append(h.readers, listen(t, client))
	}
	return h
}

// listener reads a stream on a bare connection, and when which message came.
type listener struct {
	came  []time.Time // by the number of the message
	count atomic.Int64
}

func listen(t *testing.T, client *Client) *listener {
	stream := openBare(t, client, "", 0)
	l := &listener{}
	var reading sync.WaitGroup
	reading.Go(func() { l.read(t, stream) })
	t.Cleanup(func() {
		_ = stream.Conn.Close() // the reading may have found it closed
		reading.Wait()
	})
	return l
}

// openBare opens a stream that has no end in sight.
func openBare(t *testing.T, client *Client, lastEventID string, receiveBuffer int) *RawStream {
	t.Helper()
	stream, err := client.OpenRaw(t, lastEventID, 0, receiveBuffer)
	if err == nil {
		err = stream.Conn.SetDeadline(time.Time{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func (l *listener) read(t *testing.T, stream *RawStream) {
	for {
		block, err := stream.Block()
		if err != nil {
			return // the end of the test, or less than all comes
		}
		_, name, data := ParseBlock(block)
		if name != "message" {
			continue
		}
		_, text, _ := strings.Cut(data, `"text":"`)
		number, _, _ := strings.Cut(text, " ")
		if n := len(l.came); number != strconv.Itoa(n) {
			t.Errorf("message %s came instead of %d", number, n)
			return
		}
		l.came = append(l.came, time.Now())
		l.count.Add(1)
	}
}

// run sends some messages one after the other, and waits until every healthy reader has them.
func (h *hall) run(messages int) run {
	h.t.Helper()
	streams := h.metrics()[openStreams]
	first, padding := len(h.sent), strings.Repeat("x", largeText)
	for range messages {
		text := fmt.Sprint(len(h.sent), " ", padding)
		h.sent = append(h.sent, time.Now())
		h.speaker.Say(h.t, h.conversation, text)
	}
	result := run{runs: 1}
	for i, reader := range h.readers {
		Eventually(h.t, fmt.Sprintf("reader %d has all", i), func() bool { return int(reader.count.Load()) >= len(h.sent) })
	}
	result.heap = h.heap()
	if now := h.metrics()[openStreams]; now != streams {
		h.t.Fatalf("%v of %v streams are left after %d messages, which took %v", now, streams, messages, time.Since(h.sent[first]))
	}
	for _, reader := range h.readers {
		for n, sent := range h.sent[first:] {
			result.latencies = append(result.latencies, reader.came[first+n].Sub(sent))
		}
	}
	return result
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// heap is what the server's memory holds after a garbage collection.
func (h *hall) heap() (bytes int) {
	h.t.Helper()
	for range 2 { // what is kept for reuse (sync.Pool) goes with the second collection
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(h.request("/debug/pprof/heap?gc=1&debug=1"))
		if err != nil {
			h.t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err := response.Body.Close(); err != nil {
			h.t.Fatal(err)
		}
		found := heapAlloc.FindSubmatch(text)
		if err != nil || found == nil {
			h.t.Fatalf("no HeapAlloc in the profile: %v, %.300s", err, text)
		}
		if bytes, err = strconv.Atoi(string(found[1])); err != nil {
			h.t.Fatal(err)
		}
	}
	return bytes
}

func (h *hall) request(path string) *http.Request {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), "GET", "http://"+h.admin+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return request
}

// stallBehind opens a stream that nobody reads and that has much to catch up with, and waits until it takes no more.
func (h *hall) stallBehind() {
	h.t.Helper()
	before := h.metrics()
	h.openStalled(h.stalled[0], "0")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last := before
	for quiet := 0; quiet < 20; <-tick.C {
		now := h.metrics()
		quiet++
		if now[catchUpReads] == before[catchUpReads] || now[catchUpReads] != last[catchUpReads] {
			quiet = 0
		}
		last = now
	}
}

// stallLive opens the streams that nobody reads and that fall behind by what is sent from now on.
func (h *hall) stallLive() {
	h.t.Helper()
	h.overflows = h.metrics()[slowReaders]
	for _, client := range h.stalled[1:] {
		h.openStalled(client, "")
	}
}

func (h *hall) openStalled(client *Client, position string) {
	h.t.Helper()
	stream := openBare(h.t, client, position, tinyBuffer)
	h.t.Cleanup(func() { _ = stream.Conn.Close() }) // whatever it has come to
}

func (h *hall) wantCost(bytes int, state string) {
	h.t.Helper()
	h.t.Logf("a reader that stalls %s costs %d KB", state, bytes>>10)
	if bytes > stalledCost {
		h.t.Errorf("that is more than %d KB", stalledCost>>10)
	}
}

// wantCut waits until the server has ended the stalled streams. They took no more when all had been sent: the one that
// was behind took nothing for a while before, and the queues of the others have overflowed.
func (h *hall) wantCut() {
	h.t.Helper()
	begun := time.Now()
	now := h.metrics()
	if now[slowReaders] < h.overflows+stalledReaders-1 {
		h.t.Fatal("not all of the readers have stalled")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; now[openStreams] > healthyReaders; now = h.metrics() {
		if time.Since(begun) > Promise(stalledLife) {
			h.t.Fatalf("%v streams are open %v after all was sent", now[openStreams], time.Since(begun))
		}
		<-tick.C
	}
	h.t.Logf("the stalled readers were cut %v after all was sent", time.Since(begun).Round(time.Millisecond))
}
