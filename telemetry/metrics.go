// Package telemetry owns what operators see of a running gateway: its metrics
// and its traces, without anything personal or secret.
package telemetry

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
)

// namespace begins the name of every metric of ours.
const namespace = "eidgate"

// Config is what the metrics are told once.
type Config struct {
	// Now is the gateway's clock.
	Now func() time.Time
	// Tracer makes the spans; nil makes none.
	Tracer trace.Tracer
}

// Metrics counts and times what the gateway does, and makes a span of it where
// traces are on. It fills the small interfaces that the other packages declare,
// and is safe for concurrent use.
//
// Label values are constants of the program, or ids that are registered; what a
// stranger typed never becomes one.
type Metrics struct {
	now      func() time.Time
	tracer   trace.Tracer // nil where traces are off
	registry *prometheus.Registry

	requests  requests
	logins    logins
	sources   sources
	outbound  outbound
	passwords passwords
	signing   signing
	state     stateTimers
	sql       sqlTimers
	config    configGauges
	notices   notices
	samples   samples
}

// New makes the metrics on a registry of their own.
func New(cfg Config) (*Metrics, error) {
	if cfg.Now == nil {
		return nil, errors.New("metrics: a clock is needed")
	}
	m := &Metrics{now: cfg.Now, tracer: cfg.Tracer, registry: prometheus.NewRegistry()}
	f := factory{m.registry}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	build := f.gauges("build_info", "Which build runs: always 1.", "version", "goversion")
	build.WithLabelValues(versions()).Set(1)
	m.requests = newRequests(f)
	m.logins = newLogins(f)
	m.sources = newSources(f)
	m.outbound = newOutbound(f)
	m.passwords = newPasswords(f)
	m.signing = newSigning(f)
	m.state = newStateTimers(f)
	m.sql = newSQLTimers(f)
	m.config = newConfigGauges(f)
	m.notices = newNotices(f)
	m.samples = newSamples(f)
	return m, nil
}

// versions are those of the module and of Go.
func versions() (module, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	return label(info.Main.Version), label(info.GoVersion)
}

// factory makes registered metrics.
type factory struct{ registry *prometheus.Registry }

func (f factory) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.registry.MustRegister(v)
	return v
}

func (f factory) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.registry.MustRegister(v)
	return v
}

func (f factory) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	f.registry.MustRegister(v)
	return v
}

// Buckets, in seconds.
var (
	// quick is for what runs on this machine or beside it.
	quick = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 2.5}
	// answers is for what a browser or a portal waits for.
	answers = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	// people is for what waits for a person.
	people = []float64{.01, .05, .25, 1, 5, 15, 30, 60, 120, 300, 600, 1800}
)
