package tests

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	. "parley/tests/harness"
)

// span is one that was exported, by which node.
type span struct {
	*spans.Span
	node string
}

func (s *span) attribute(name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			if text := a.Value.GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return ""
}

// collectorServer takes spans as an OpenTelemetry collector does (OTLP over HTTP, protobuf).
type collectorServer struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*span
	raw   bytes.Buffer
}

func startCollector(t *testing.T) *collectorServer {
	t.Helper()
	c := &collectorServer{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collectorServer) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s %s of type %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	reader := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		reader = unzipped
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	request := &collector.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(body)
	for _, resource := range request.ResourceSpans {
		node := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.instance.id" {
				node = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, &span{s, node})
			}
		}
	}
	return nil
}

// trace gives what has come of a trace.
func (c *collectorServer) trace(id string) (found []*span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == id {
			found = append(found, s)
		}
	}
	return found
}

// traceWay is the way of a message in a trace: by which span, on which node, under which other one.
func traceWay(found []*span, caller string) (way []string) {
	names := map[string]string{caller: "the caller"}
	for _, s := range found {
		names[string(s.SpanId)] = s.Name + " at " + s.node
	}
	for _, s := range found {
		way = append(way, names[string(s.SpanId)]+" < "+names[string(s.ParentSpanId)])
	}
	slices.Sort(way)
	return way
}

// One trace goes from the POST on one node, which the caller has begun, to the write on a stream of another one.
func TestTraceFromPostToStreamOverTwoNodes(t *testing.T) {
	nats, program := NATS(t), BuildProgram(t)
	Databases(t, func(t *testing.T, db string) {
		receiver := startCollector(t)
		nodes := map[string]*Server{}
		processes := map[string]*Process{}
		for _, name := range []string{"a", "b"} {
			processes[name] = program.Start(t, append(FixedKeys(), "PARLEY_DATABASE_URL="+db, "PARLEY_BROKER_URL="+nats,
				"OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.URL, "OTEL_RESOURCE_ATTRIBUTES=service.instance.id="+name, "OTEL_BSP_SCHEDULE_DELAY=50",
				// What the caller has not begun is not traced.
				"OTEL_TRACES_SAMPLER=parentbased_always_off")...)
			nodes[name] = processes[name].Server(t)
		}
		tom, jerry, mary := nodes["a"].Login(t, "Tom", ""), nodes["b"].Login(t, "Jerry", ""), nodes["a"].Login(t, "Mary", "")
		conversation := tom.Create(t, "Jerry", "Mary")
		stream, near := jerry.Listen(t, ""), mary.Listen(t, "")
		stream.Want("online")
		near.Want("online")
		path := "/v1/conversations/" + conversation + "/messages"
		want := []string{
			"POST /v1/conversations/:id/messages at a < the caller",
			"commit at a < POST /v1/conversations/:id/messages at a",
			"fan out at a < POST /v1/conversations/:id/messages at a",
			"fan out at b < process parley.log.{log} at b",
			"process parley.log.{log} at b < send parley.log.{log} at a",
			"send parley.log.{log} at a < POST /v1/conversations/:id/messages at a",
			"write event at a < fan out at a",
			"write event at b < fan out at b",
		}
		caller, sent := "callersp", 0
		var found []*span
		var message, trace string
		say := func(body JSON) {
			sent++
			trace = fmt.Sprintf("%032x", sent)
			answer := tom.Do(t, "POST", path, body, "Traceparent", "00-"+trace+"-"+hex.EncodeToString([]byte(caller))+"-01")
			message, _ = answer.Object()["id"].(string)
			stream.Want("message")
			near.Want("message")
		}
		whole := func(way []string) bool {
			found = receiver.trace(trace)
			return slices.Equal(traceWay(found, caller), way)
		}
		// Now and then a node finds a message by its look at the database before the broker has brought it, and then there is no
		// trace of it there. So the next one is tried.
		Eventually(t, "a trace is whole", func() bool {
			say(JSON{"type": "text", "text": "the secret plans"})
			for range 100 {
				if whole(want) {
					return true
				}
				<-time.After(20 * time.Millisecond) // the exporter's pause is 50 ms
			}
			t.Logf("of message %s there is %q", message, traceWay(found, caller))
			return false
		})
		wantSpans(t, found, caller, message, conversation)

		say(JSON{"type": "typing", "transient": true})
		Eventually(t, "the trace of a transient message is whole", func() bool {
			return whole(slices.DeleteFunc(slices.Clone(want), func(s string) bool { return strings.HasPrefix(s, "commit") }))
		})
		for _, process := range processes {
			process.Stop(t)
		}
		for _, secret := range []string{"the secret plans", tom.Token, AppKey, MasterKey} {
			if bytes.Contains(receiver.raw.Bytes(), []byte(secret)) {
				t.Errorf("the spans have %q", secret)
			}
		}
		for _, s := range receiver.spans {
			if string(s.TraceId) == "" || len(receiver.trace(hex.EncodeToString(s.TraceId))) == 0 || hex.EncodeToString(s.TraceId) > fmt.Sprintf("%032x", sent) {
				t.Errorf("%s has a trace of its own", s.Name)
			}
		}
	})
}

// wantSpans looks at the spans of a whole trace.
func wantSpans(t *testing.T, found []*span, caller, message, conversation string) {
	t.Helper()
	for _, s := range found {
		switch s.Name {
		case "POST /v1/conversations/:id/messages":
			for name, want := range map[string]string{"http.request.method": "POST", "http.route": "/v1/conversations/:id/messages",
				"http.response.status_code": "201", "client.address": "127.0.0.1", "network.protocol.version": "1.1", "parley.app": AppID} {
				if got := s.attribute(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			if s.Kind != spans.Span_SPAN_KIND_SERVER || string(s.ParentSpanId) != caller {
				t.Errorf("the call's span is %v", s)
			}
		case "commit":
			if len(s.Links) != 1 || string(s.Links[0].SpanId) != string(s.ParentSpanId) || s.attribute("db.operation.batch.size") == "" {
				t.Errorf("the commit's span is %v", s)
			}
		case "fan out", "write event":
			if s.attribute("messaging.message.id") != message {
				t.Errorf("%s is of another message: %v", s.Name, s)
			}
			if s.Name == "fan out" && (s.attribute("messaging.message.conversation_id") != conversation || s.attribute("parley.streams") == "0") {
				t.Errorf("the fan-out's span is %v", s)
			}
		}
		if s.EndTimeUnixNano < s.StartTimeUnixNano || s.Status.GetCode() == spans.Status_STATUS_CODE_ERROR {
			t.Errorf("%s ends before it begins, or has failed: %v", s.Name, s)
		}
	}
}
