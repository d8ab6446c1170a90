package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing sends spans to a collector over OTLP/HTTP, in the background and never
// in the way of a request: what it cannot send in time it drops.
type Tracing struct{ provider *sdktrace.TracerProvider }

// Variables of the environment that switch traces on (OpenTelemetry Environment
// Variable Specification). The SDK reads the others itself: OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, and
// OTEL_EXPORTER_OTLP_* for headers, timeout and certificates.
const (
	envDisabled       = "OTEL_SDK_DISABLED"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// Bounds of a span, so that nothing grows with what a request does.
const (
	maxSpanAttributes = 32
	maxAttributeValue = 256 // characters
	maxSpanLinks      = 1
	maxSpanEvents     = 0
)

// OpenTracing switches traces on where the environment asks for them, and else
// returns nil. An exporter or a protocol that is not built in is an error.
func OpenTracing(ctx context.Context, getenv func(string) string) (*Tracing, error) {
	wanted, err := wanted(getenv)
	if err != nil || !wanted {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing the OTLP exporter: %w", err)
	}
	// The default service's name would be the program's; the environment's wins.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", namespace)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("reading the resource of traces: %w", err)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit, limits.AttributeValueLengthLimit = maxSpanAttributes, maxAttributeValue
	limits.LinkCountLimit, limits.EventCountLimit = maxSpanLinks, maxSpanEvents
	return &Tracing{provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter), sdktrace.WithResource(about), sdktrace.WithRawSpanLimits(limits),
	)}, nil
}

func wanted(getenv func(string) string) (bool, error) {
	if strings.EqualFold(getenv(envDisabled), "true") {
		return false, nil
	}
	switch exporter := getenv(envExporter); exporter {
	case "otlp":
	case none:
		return false, nil
	case "":
		if getenv(envEndpoint) == "" && getenv(envTracesEndpoint) == "" {
			return false, nil
		}
	default:
		return false, fmt.Errorf("%s: %q is not built in: otlp or none", envExporter, exporter)
	}
	for _, name := range []string{envProtocol, envTracesProtocol} {
		if protocol := getenv(name); protocol != "" && protocol != "http/protobuf" {
			return false, fmt.Errorf("%s: %q is not built in: http/protobuf", name, protocol)
		}
	}
	return true, nil
}

// Tracer makes the gateway's spans; nil where traces are off.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(namespace)
}

// Close sends what is left, until ctx ends at the latest.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}

// exportComplaints is the least time between two log lines about a collector that
// takes nothing.
const exportComplaints = time.Minute

// ExportErrors makes the handler of what goes wrong with sending: a line now and
// then, and no error's text, which may repeat what the collector answered.
func ExportErrors(log *slog.Logger, now func() time.Time) func(error) {
	return newComplaints(log, now).take
}

// traced adds the trace id to log lines of requests.
type traced struct{ slog.Handler }

// TracedLog makes a handler whose lines name the trace that they belong to.
func TracedLog(next slog.Handler) slog.Handler { return traced{next} }

// Handle fills slog.Handler.
func (h traced) Handle(ctx context.Context, line slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs fills slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup fills slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
