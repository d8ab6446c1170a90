package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// signing are the metrics of signatures.
type signing struct {
	made *family[signatureKey, prometheus.Counter]
	took *family[string, prometheus.Observer]
}

type signatureKey struct{ algorithm, purpose, outcome string }

func newSigning(f factory) signing {
	made := f.counters("signatures_total", "Signatures by algorithm, purpose (the token's typ) and outcome.", "algorithm", "purpose", "outcome")
	took := f.histograms("signature_duration_seconds", "Time to make a signature.", quick, "algorithm")
	return signing{
		made: newFamily(maxChildren, signatureKey{other, other, other}, func(k signatureKey) prometheus.Counter {
			return made.WithLabelValues(label(k.algorithm), label(k.purpose), k.outcome)
		}),
		took: newFamily(maxChildren, other, func(alg string) prometheus.Observer {
			return took.WithLabelValues(label(alg))
		}),
	}
}

// Signed counts a signature, or that there was none.
func (m *Metrics) Signed(algorithm, typ string, took time.Duration, err error) {
	outcome := outcomeOK
	if err != nil {
		outcome = "failed"
	}
	m.signing.made.of(signatureKey{algorithm, typ, outcome}).Inc()
	m.signing.took.of(algorithm).Observe(took.Seconds())
}
