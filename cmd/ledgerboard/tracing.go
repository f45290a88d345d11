package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The variables of OpenTelemetry that switch tracing on or off. The SDK and the exporter read all
// others themselves.
const (
	otelDisabled = "OTEL_SDK_DISABLED"
	otelExporter = "OTEL_TRACES_EXPORTER"
)

// traced reports whether the environment asks for traces.
func traced() bool {
	if os.Getenv(otelDisabled) == "true" || os.Getenv(otelExporter) == "none" {
		return false
	}
	return slices.ContainsFunc([]string{otelExporter, "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		func(name string) bool { return os.Getenv(name) != "" })
}

// startTracing installs the provider of traces that the standard OTEL_* variables ask for. The
// returned function sends what is not sent yet.
func startTracing(ctx context.Context, logger *slog.Logger) (stop func(context.Context) error, err error) {
	if !traced() {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, usageError{fmt.Errorf("OTEL_*: %w", err)}
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(semconv.ServiceName("ledgerboard"), semconv.ServiceVersion(thisBuild().Version)),
		resource.WithFromEnv()) // the last one wins: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
	if err != nil {
		return nil, usageError{fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)}
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(described))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("export traces", "error", err) }))
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}
