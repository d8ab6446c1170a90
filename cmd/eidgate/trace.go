package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel"

	"eidgate/config"
	"eidgate/telemetry"
)

// newLog makes the log in a format of config.Log. Lines that belong to a trace name
// it. A slog.LevelVar may change the least that is logged later.
func newLog(w io.Writer, format string, least slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: least}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if format == config.FormatText {
		handler = slog.NewTextHandler(w, options)
	}
	return slog.New(telemetry.TracedLog(handler))
}

// openTelemetry makes the metrics, and traces where the environment asks for them.
func openTelemetry(ctx context.Context, log *slog.Logger, now func() time.Time) (*telemetry.Metrics, *telemetry.Tracing, error) {
	tracing, err := telemetry.OpenTracing(ctx, os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	if tracing != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(telemetry.ExportErrors(log, now)))
	}
	metrics, err := telemetry.New(telemetry.Config{Now: now, Tracer: tracing.Tracer()})
	return metrics, tracing, err
}

// flushTime bounds the last sending of traces, within the time that a stop takes.
const flushTime = time.Second

// flushTraces sends what is left. What a collector does not take in time is lost,
// and that is no reason to end with an error.
func flushTraces(ctx context.Context, t *telemetry.Tracing, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Warn("some traces were not sent at the end")
	}
}
