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
	// Messages of a round with or without stalled readers: more than the server queues for one.
	roundMessages = 100
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
// as fast as without the three; the three cost little memory and are cut.
func TestReadersThatNeverRead(t *testing.T) {
	program := BuildFastProgram(t)
	DatabasesAlone(t, func(t *testing.T, database string) {
		h := openHall(t, program, database)
		rounds := pick(5, 20)
		var ratios []float64
		var costBehind, costLive int // the largest
		var alone, beside []time.Duration
		for round := range rounds { // with and without them in turn, so that what else the machine does meets both
			without, heap := h.run()
			h.stallBehind()
			one := h.heap()
			h.stallLive()
			with, three := h.run()
			costBehind, costLive = max(costBehind, one-heap), max(costLive, (three-one)/(stalledReaders-1))
			if round == rounds-1 {
				h.wantCut()
			} else {
				h.letGo()
			}
			ratios = append(ratios, float64(p99(with))/float64(max(p99(without), latencyNoise)))
			alone, beside = append(alone, without...), append(beside, with...)
		}
		t.Logf("a reader that stalls while it catches up costs %d KB, a live one %d KB", costBehind>>10, costLive>>10)
		if max(costBehind, costLive) > stalledCost {
			t.Errorf("that is more than %d KB", stalledCost>>10)
		}
		slices.Sort(ratios)
		t.Logf("p99 of all rounds %v without and %v with stalled readers, of %d deliveries each; the rounds' ratios are %.2f",
			p99(alone), p99(beside), len(alone), ratios)
		// A moment in which the machine did something else spoils one round, or all rounds taken together, but not both.
		ratio := min(ratios[rounds/2], float64(p99(beside))/float64(max(p99(alone), latencyNoise)))
		if limit := float64(Promise(2*time.Second)) / float64(time.Second); ratio > limit {
			t.Errorf("the p99 is %.1f times as long with stalled readers", ratio)
		}
	})
}

// p99 sorts them.
func p99(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)*99/100]
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
	stalling     []*Client
	stalled      []*RawStream // of a round
	sent         []time.Time  // by the number of the message
	overflows    float64      // of queues, before the readers stalled
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
	h.conversation, h.stalling = h.speaker.Create(t, names...), clients[healthyReaders:]
	longest := strings.Repeat("x", 31<<10) // the default of PARLEY_MAX_MESSAGE_BYTES is 32 KB
	attic := h.speaker.Create(t, h.stalling[0].ID)
	for range 150 { // more than one read brings
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

// run sends messages one after the other, and waits until every healthy reader has them. It gives the time from the begin
// of the send to the arrival, for each reader and message, and the memory of the server when all had come.
func (h *hall) run() (latencies []time.Duration, heap int) {
	h.t.Helper()
	streams := h.metrics()[openStreams]
	first, padding := len(h.sent), strings.Repeat("x", largeText)
	for range roundMessages {
		text := fmt.Sprint(len(h.sent), " ", padding)
		h.sent = append(h.sent, time.Now())
		h.speaker.Say(h.t, h.conversation, text)
	}
	for i, reader := range h.readers {
		Eventually(h.t, fmt.Sprintf("reader %d has all", i), func() bool { return int(reader.count.Load()) >= len(h.sent) })
	}
	heap = h.heap()
	if now := h.metrics()[openStreams]; now != streams {
		h.t.Fatalf("%v of %v streams are left, %v after the first message", now, streams, time.Since(h.sent[first]))
	}
	for _, reader := range h.readers {
		for n, sent := range h.sent[first:] {
			latencies = append(latencies, reader.came[first+n].Sub(sent))
		}
	}
	return latencies, heap
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
	h.openStalled(h.stalling[0], "0")
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
	for _, client := range h.stalling[1:] {
		h.openStalled(client, "")
	}
}

func (h *hall) openStalled(client *Client, position string) {
	h.t.Helper()
	stream := openBare(h.t, client, position, tinyBuffer)
	h.t.Cleanup(func() { _ = stream.Conn.Close() }) // whatever it has come to
	h.stalled = append(h.stalled, stream)
}

// letGo closes the streams that nobody reads, and waits until the server knows.
func (h *hall) letGo() {
	h.t.Helper()
	for _, stream := range h.stalled {
		if err := stream.Conn.Close(); err != nil {
			h.t.Fatal(err)
		}
	}
	h.stalled = nil
	Eventually(h.t, "the stalled streams are gone", func() bool { return h.metrics()[openStreams] == healthyReaders })
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
