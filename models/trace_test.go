package models

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// traced opens a store whose spans a test reads, with an app, and a conversation of Tom's; published is told of what is committed.
func traced(t *testing.T, published func([]Entry)) (s *Store, tom Actor, conversation string, spans *tracetest.SpanRecorder) {
	t.Helper()
	spans = tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	ctx := t.Context()
	s, err := Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "parley.db"), Options{Still: true, Tracer: provider.Tracer("test"),
		PublishCommitted: func(_ uint32, entries []Entry) { published(entries) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	app, _, err := s.Bootstrap(ctx, Credentials{AppID: "traced"})
	if err != nil {
		t.Fatal(err)
	}
	tom = Actor{App: app, ClientID: "Tom", SessionID: "s"}
	c, _, err := s.CreateConversation(ctx, tom, NewConversation{Members: []string{"Jerry"}})
	if err != nil {
		t.Fatal(err)
	}
	return s, tom, c.ID, spans
}

func spanContext(n byte, flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: n}, SpanID: trace.SpanID{7: n}, TraceFlags: flags})
}

// A transaction of many sends is one span: a child of one of those that are traced, with links to all, and each entry keeps the trace
// of its own send. What is not sampled is not traced.
func TestCommitIsLinkedToItsSends(t *testing.T) {
	var mu sync.Mutex
	traces := map[string]trace.TraceID{}
	s, tom, conversation, spans := traced(t, func(entries []Entry) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range entries {
			if e.Message == nil {
				continue
			}
			if traces[*e.Message.Text] = (trace.TraceID{}); e.Trace != nil {
				traces[*e.Message.Text] = e.Trace.TraceID()
			}
		}
	})
	if n := len(spans.Ended()); n != 0 {
		t.Fatalf("%d spans of calls that nobody traces", n)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	var sends sync.WaitGroup
	sends.Go(func() {
		err := s.change(t.Context(), tom.App.ID, func(*logTx) error {
			close(begun)
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun // what follows waits together
	const sampled, not = 5, 2
	for i := range sampled + not {
		flags := trace.FlagsSampled
		if i >= sampled {
			flags = 0
		}
		sends.Go(func() {
			text := string(rune('a' + i))
			ctx := trace.ContextWithSpanContext(context.Background(), spanContext(byte(i+1), flags))
			if _, _, err := s.SendMessage(ctx, tom, conversation, Draft{Type: "text", Text: &text}, ""); err != nil {
				t.Error(err)
			}
		})
	}
	for s.waiting() < sampled+not {
		time.Sleep(time.Millisecond) // until the last of them has queued
	}
	close(release)
	sends.Wait()

	ended := spans.Ended()
	if len(ended) != 1 || ended[0].Name() != "commit" {
		t.Fatalf("there are %d spans", len(ended))
	}
	linked := map[trace.TraceID]bool{}
	for _, link := range ended[0].Links() {
		linked[link.SpanContext.TraceID()] = true
	}
	for i := range sampled + not {
		id := spanContext(byte(i+1), 0).TraceID()
		if linked[id] != (i < sampled) {
			t.Errorf("send %d: linked is %t", i, linked[id])
		}
		if got := traces[string(rune('a'+i))]; (got == id) != (i < sampled) {
			t.Errorf("the entry of send %d has the trace %v", i, got)
		}
	}
	if parent := ended[0].Parent().TraceID(); !linked[parent] {
		t.Errorf("the parent is %v", parent)
	}
}

// A send that nobody traces makes nothing for a trace, neither where there is no tracer nor where it is not sampled.
func TestTracesCostNothingWhereNobodyTraces(t *testing.T) {
	tracer := sdktrace.NewTracerProvider().Tracer("test")
	batch := []*work{{send: &send{}}}
	for name, c := range map[string]struct {
		tracer trace.Tracer
		ctx    context.Context
	}{
		"off":         {nil, trace.ContextWithSpanContext(context.Background(), spanContext(1, trace.FlagsSampled))},
		"not sampled": {tracer, context.Background()},
	} {
		s := &Store{options: Options{Tracer: c.tracer}}
		allocations := testing.AllocsPerRun(100, func() {
			batch[0].trace = s.traceOf(c.ctx)
			endSpan(s.traceCommit(batch), nil)
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}
