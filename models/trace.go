package models

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// This file is the store's part in traces. Where nobody traces (Options.Tracer is nil) it costs a comparison a send.

// traceOf gives the span of a call if it is sampled; nil: it is not to be traced any further.
func (s *Store) traceOf(ctx context.Context) *trace.SpanContext {
	if s.options.Tracer == nil {
		return nil
	}
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() {
		return nil
	}
	sampled := span // only this one is kept
	return &sampled
}

// traceCommit begins the span of a transaction: a child of the first call in it that is traced, and linked to all of them, since
// it is theirs together. nil: none is traced.
func (s *Store) traceCommit(batch []*work) trace.Span {
	if s.options.Tracer == nil {
		return nil
	}
	var links []trace.Link
	for _, w := range batch {
		if w.trace != nil {
			links = append(links, trace.Link{SpanContext: *w.trace})
		}
	}
	if len(links) == 0 {
		return nil
	}
	parent := trace.ContextWithSpanContext(context.Background(), links[0].SpanContext)
	_, span := s.options.Tracer.Start(parent, "commit", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String(string(semconv.DBSystemNameKey), s.write.Name()), semconv.DBOperationBatchSize(len(batch))))
	return span
}

// endSpan ends a span that may be nil. Its error's text is not told: it may quote what was stored.
func endSpan(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// traceEntries says of the entries of a batch of sends by which calls they came.
func traceEntries(batch []*work, entries []Entry) {
	for _, w := range batch {
		if w.trace == nil || w.send.message == nil {
			continue
		}
		for i := range entries {
			if entries[i].Message == w.send.message {
				entries[i].Trace = w.trace
			}
		}
	}
}
