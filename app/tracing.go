package app

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/xid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"parley/handlers"
)

// Tracing is what the standard variables of OpenTelemetry say of whether and how spans are exported. What else they say (the address,
// headers, sampling, batches, names) the libraries read themselves, from the environment of the process.
type Tracing struct {
	On   bool
	GRPC bool // otherwise HTTP with protobuf
}

// The last spans of a stop get this long to go out.
const traceFlush = 2 * time.Second

// parseTracing: off, unless an endpoint is set or OTEL_TRACES_EXPORTER=otlp says that the default one is meant.
func parseTracing(variables map[string]string) (Tracing, error) {
	exporter := variables["OTEL_TRACES_EXPORTER"]
	if exporter != "" && exporter != "otlp" && exporter != "none" {
		return Tracing{}, fmt.Errorf("OTEL_TRACES_EXPORTER must be otlp or none, not %q", exporter)
	}
	named := exporter == "otlp" || variables["OTEL_EXPORTER_OTLP_ENDPOINT"] != "" || variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] != ""
	if !named || exporter == "none" || strings.EqualFold(variables["OTEL_SDK_DISABLED"], "true") {
		return Tracing{}, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch protocol := variables[name]; protocol {
		case "":
		case "grpc":
			return Tracing{On: true, GRPC: true}, nil
		case "http/protobuf":
			return Tracing{On: true}, nil
		default:
			return Tracing{}, fmt.Errorf("%s must be grpc or http/protobuf, not %q", name, protocol)
		}
	}
	return Tracing{On: true}, nil
}

// startTracing makes the tracer, if somebody wants traces. A collector that is not there is none of the server's business: spans
// are dropped, with a line in the log.
func (a *App) startTracing(ctx context.Context) error {
	if !a.config.Tracing.On {
		return nil
	}
	newExporter := func() (sdktrace.SpanExporter, error) { return otlptracehttp.New(ctx) }
	if a.config.Tracing.GRPC {
		newExporter = func() (sdktrace.SpanExporter, error) { return otlptracegrpc.New(ctx) }
	}
	exporter, err := newExporter()
	if err != nil {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("parley"), semconv.ServiceVersion(ThisBuild().Version), semconv.ServiceInstanceID(xid.New().String())), resource.WithFromEnv())
	if err != nil {
		return fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// The library knows one handler a process, and would otherwise print what it has to say as it likes.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { a.logger.Warn("traces", "error", err) }))
	a.tracing = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))
	a.tracer = a.tracing.Tracer("parley", trace.WithSchemaURL(semconv.SchemaURL))
	return nil
}

// stopTracing sends the last spans.
func (a *App) stopTracing() {
	if a.tracing == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), traceFlush)
	defer cancel()
	if err := a.tracing.Shutdown(ctx); err != nil {
		a.logger.Warn("the last spans could not be exported", "error", err)
	}
}

// beginSpan begins the span of a call, under the caller's if it has sent one (W3C Trace Context); nil: nobody traces, or the route is
// none of the API.
func (a *App) beginSpan(c echo.Context) trace.Span {
	if a.tracer == nil || !strings.HasPrefix(c.Path(), "/v1/") {
		return nil
	}
	r := c.Request()
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	method := methodLabel(r.Method)
	ctx, span := a.tracer.Start(ctx, method+" "+c.Path(), trace.WithSpanKind(trace.SpanKindServer),
		// Not the query, which may have a token in it.
		trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(c.Path()), semconv.URLPath(r.URL.Path),
			semconv.URLScheme(c.Scheme()), semconv.ClientAddress(c.RealIP()), semconv.NetworkProtocolVersion(protocolVersion(r)),
			attribute.String("parley.request_id", requestID(c))))
	c.SetRequest(r.WithContext(ctx))
	return span
}

func protocolVersion(r *http.Request) string {
	if r.ProtoMajor > 1 {
		return strconv.Itoa(r.ProtoMajor)
	}
	return fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)
}

// endSpan ends the span of a call that has been answered.
func endSpan(span trace.Span, c echo.Context, trail *handlers.Trail) {
	status := c.Response().Status
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if app := trail.Actor.App; app != nil {
		span.SetAttributes(attribute.String("parley.app", app.PublicID))
	}
	if trail.Code != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(trail.Code))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
