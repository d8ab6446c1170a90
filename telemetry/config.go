package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// configGauges are the metrics of the configuration.
type configGauges struct {
	info       *prometheus.GaugeVec
	successful prometheus.Gauge
	loaded     prometheus.Gauge
	refused    *prometheus.GaugeVec
}

func newConfigGauges(f factory) configGauges {
	return configGauges{
		info:       f.gauges("config_info", "Version of the configuration that is live: always 1.", "version"),
		successful: f.gauges("config_last_reload_successful", "1 where the last configuration that was read is live, 0 where it was refused.").WithLabelValues(),
		loaded:     f.gauges("config_last_reload_success_timestamp_seconds", "When the live configuration was taken into use, since 1970.").WithLabelValues(),
		refused:    f.gauges("config_last_reload_failure_timestamp_seconds", "When a configuration was last refused, since 1970."),
	}
}

// ConfigLive tells that a configuration is in use from now on.
func (m *Metrics) ConfigLive(version string, at time.Time) {
	m.config.info.Reset()
	m.config.info.WithLabelValues(label(version)).Set(1)
	m.config.successful.Set(1)
	m.config.loaded.Set(unix(at))
}

// ConfigRefused tells that a new configuration was bad and the old one stays.
func (m *Metrics) ConfigRefused(at time.Time) {
	m.config.successful.Set(0)
	m.config.refused.WithLabelValues().Set(unix(at))
}

// unix is a time as Prometheus wants it, in seconds since 1970.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
