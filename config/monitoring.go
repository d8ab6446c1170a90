package config

import (
	"log/slog"
	"net"
)

// Metrics says where operators read what the gateway does.
type Metrics struct {
	// Host and port of /metrics, apart from the public one: it asks nobody who they
	// are. The word off switches it off.
	Listen string `koanf:"listen"`
	// Serves profiles of the running process there too.
	PProf bool `koanf:"pprof"`
}

// metricsOff switches the listener off.
const metricsOff = "off"

// On reports whether metrics are served.
func (m Metrics) On() bool { return m.Listen != metricsOff }

// Log says what is logged.
type Log struct {
	// The least that is logged.
	Level string `koanf:"level"`
	// One JSON object a line, or text.
	Format string `koanf:"format"`
}

// Formats of the log.
const (
	FormatJSON = "json"
	FormatText = "text"
)

// Severity is the level as the log wants it.
func (l Log) Severity() slog.Level {
	switch l.Level {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (c *Config) checkMonitoring(f *faults) {
	if c.Metrics.On() {
		checkHostPort(f, "metrics.listen", c.Metrics.Listen)
		if sharesPort(c.Metrics.Listen, c.Listen) {
			f.add("metrics.listen", "the same port as listen: strangers would read it", "another port, or off")
		}
	}
	checkChoice(f, "log.level", c.Log.Level, true)
	checkChoice(f, "log.format", c.Log.Format, true)
}

// sharesPort reports whether two addresses may be one socket. Port 0 is another
// one each time.
func sharesPort(a, b string) bool {
	_, portA, errA := net.SplitHostPort(a)
	_, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && portA != "0"
}
