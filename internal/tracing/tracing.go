package tracing

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const scope = "github.com/ledgerboard/ledgerboard"

var none = otel.GetTracerProvider()

// Enabled reports whether a provider is installed. Install it before opening pools and routers,
// which check this only once.
func Enabled() bool { return otel.GetTracerProvider() != none }

// Start starts a span, as a child of the span in ctx if there is one.
func Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	return otel.Tracer(scope).Start(ctx, name, options...) //nolint:spancheck // the caller ends it
}

// StartInTrace starts a span only if ctx is part of a sampled trace, so that periodic background
// work does not start traces.
func StartInTrace(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, noop.Span{}
	}
	return Start(ctx, name, options...)
}

// End ends a span and marks it as failed if err is not nil. It omits the error's text, which may
// quote text written by a person.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

const header = "traceparent"

// Parent returns the trace context of ctx as W3C traceparent, 55 characters; "" outside a trace.
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() { // fast path: every append calls Parent
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// Continue returns ctx with the trace context of a traceparent; ctx itself if traceParent is empty.
func Continue(ctx context.Context, traceParent string) context.Context {
	if traceParent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: traceParent})
}

// LogHandler returns a handler that adds trace_id and span_id to lines logged within a trace.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ slog.Handler }

func (l logHandler) Handle(ctx context.Context, line slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return l.Handler.Handle(ctx, line) //nolint:wrapcheck // the handler's own error
}

func (l logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{l.Handler.WithAttrs(attrs)}
}

func (l logHandler) WithGroup(name string) slog.Handler { return logHandler{l.Handler.WithGroup(name)} }
