package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"eidgate/eid/notify"
)

// notices are the metrics of messages to holders.
type notices struct{ attempts *prometheus.CounterVec }

var _ notify.Meter = (*Metrics)(nil)

func newNotices(f factory) notices {
	return notices{f.counters("notice_attempts_total",
		"Attempts at notices to holders by channel (email, sms), kind and outcome (sent, later, given_up, down).", "channel", "kind", "outcome")}
}

// Notice counts one attempt at a notice to a holder.
func (m *Metrics) Notice(ch notify.Channel, kind notify.Kind, outcome notify.Outcome) {
	m.notices.attempts.WithLabelValues(label(string(ch)), label(string(kind)), label(string(outcome))).Inc()
}
