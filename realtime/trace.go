package realtime

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"parley/models"
)

// This file is the live side's part in traces: of an entry, from its commit by way of the broker to the writes on the streams. An
// entry has the span of its call with it as long as it comes from memory; what is read from the database has none. Where
// nobody traces it costs a comparison a step.

// tracedWrites bounds the spans of one entry on one node: the writes of a message to ten thousand streams are alike.
const tracedWrites = 16

// messagingSystem is what the messages are of, in the words of the semantic conventions.
const messagingSystem = "parley"

// frameTrace is the trace of a frame.
type frameTrace struct {
	parent trace.SpanContext
	queued int          // streams that it was given to, while the hub's lock is held
	writes atomic.Int32 // that have had a span
}

// startSpan begins a span under another one.
func startSpan(tracer trace.Tracer, parent trace.SpanContext, name string, options ...trace.SpanStartOption) trace.Span {
	_, span := tracer.Start(trace.ContextWithSpanContext(context.Background(), parent), name, options...)
	return span
}

// traceFanout begins the span of handing an entry to the streams; nil: it is not traced.
func (h *Hub) traceFanout(f *fanout) trace.Span {
	if h.tracer == nil || f.entry.Trace == nil {
		return nil
	}
	span := startSpan(h.tracer, *f.entry.Trace, "fan out", trace.WithAttributes(entryAttributes(f.entry)...))
	f.trace = &frameTrace{parent: span.SpanContext()}
	return span
}

func endFanout(span trace.Span, t *frameTrace) {
	if span != nil {
		span.SetAttributes(attribute.Int("parley.streams", t.queued))
		span.End()
	}
}

func entryAttributes(e models.Entry) []attribute.KeyValue {
	attributes := []attribute.KeyValue{semconv.MessagingSystemKey.String(messagingSystem), semconv.MessagingMessageID(strconv.FormatInt(e.Seq(), 10))}
	if conversation := e.ConversationID(); conversation != "" {
		attributes = append(attributes, semconv.MessagingMessageConversationID(conversation))
	}
	return attributes
}

// writeLive puts frames on the wire; those that are traced get a span of it each.
func (s *Stream) writeLive(frames []*frame) error {
	tracer := s.node.options.Tracer
	if tracer == nil {
		return s.out.writeFrames(frames)
	}
	begun := time.Now()
	err := s.out.writeFrames(frames)
	for _, f := range frames {
		if f.trace == nil || f.trace.writes.Add(1) > tracedWrites {
			continue
		}
		span := startSpan(tracer, f.trace.parent, "write event", trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(begun),
			trace.WithAttributes(semconv.MessagingSystemKey.String(messagingSystem), semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("write"),
				semconv.MessagingMessageID(strconv.FormatInt(f.seq, 10)), semconv.MessagingMessageBodySize(len(f.data)), semconv.SessionID(s.sessionID)))
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
	return err
}

// traces gives the spans that an announcement goes back to.
func (a Announcement) traces() (parents []trace.SpanContext) {
	if a.Trace != nil {
		parents = append(parents, *a.Trace)
	}
	for _, e := range a.Entries {
		if e.Trace != nil {
			parents = append(parents, *e.Trace)
		}
	}
	return parents
}

// tracePublish begins the span of giving an announcement to the broker: a child of the first call that is traced in it, and linked to
// all. On its way the announcement has this span with it.
func (b *NATS) tracePublish(a *Announcement) trace.Span {
	if b.tracer == nil {
		return nil
	}
	parents := a.traces()
	if len(parents) == 0 {
		return nil
	}
	links := make([]trace.Link, len(parents))
	for i, parent := range parents {
		links[i].SpanContext = parent
	}
	span := startSpan(b.tracer, parents[0], "send "+natsSubject+"{log}", trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(links...),
		trace.WithAttributes(append(natsAttributes(a), semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("publish"))...))
	sent := span.SpanContext()
	a.Trace = &sent
	return span
}

// traceHeard begins the span of taking an announcement in; nil: it is not traced. What goes back to the same call as the
// announcement continues from here.
func (b *NATS) traceHeard(a *Announcement) trace.Span {
	if b.tracer == nil || a.Trace == nil {
		return nil
	}
	span := startSpan(b.tracer, *a.Trace, "process "+natsSubject+"{log}", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(append(natsAttributes(a), semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process"))...))
	here := span.SpanContext()
	a.Trace = &here
	for i, e := range a.Entries {
		if e.Trace != nil && e.Trace.TraceID() == here.TraceID() {
			a.Entries[i].Trace = &here
		}
	}
	return span
}

func natsAttributes(a *Announcement) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.MessagingSystemKey.String("nats"), semconv.MessagingDestinationName(natsSubject + a.Log),
		semconv.MessagingDestinationTemplate(natsSubject + "{log}"), semconv.MessagingBatchMessageCount(len(a.Entries))}
}

// carried is a span on its way to another node: the headers of W3C Trace Context.
type carried map[string]string

func carry(span *trace.SpanContext) carried {
	if span == nil {
		return nil
	}
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), *span), headers)
	return carried(headers)
}

// span is nil when there is none, or one that cannot be read.
func (c carried) span() *trace.SpanContext {
	if c == nil {
		return nil
	}
	span := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier(c)))
	if !span.IsSampled() {
		return nil
	}
	return &span
}
