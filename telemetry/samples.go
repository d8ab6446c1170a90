package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Key is a key as far as its age goes.
type Key struct {
	Purpose, Algorithm, Status string
	Since                      time.Time // in this status
	Next                       time.Time // of the next planned change; zero when none is
	Overdue                    time.Time // since when its change waits for somebody; zero when it does not
}

// Backlog is what durable data holds that is still to be done, and how much it
// has grown.
type Backlog struct {
	Notices   int64     // of ended sessions, not yet delivered
	Oldest    time.Time // of these; zero when there is none
	AuditRows int64
	Unsealed  time.Time // of the oldest audit row without a checkpoint; zero when there is none
	Sealed    time.Time // when the last checkpoint was made; zero when there is none
	Holders   int64     // notices to holders, not yet taken by a server
	Waits     time.Time // since when the oldest of these does; zero when there is none
	Codes     time.Time // since when the oldest of these that brings a code does; zero when there is none
	LocksLate int64     // requests for locks that wait after their term
	Dropped   int64     // SMS of this day of Viet Nam that the hour's bound was in the way of
}

// Probes look at what changes by itself. They are asked at each scrape, each
// within a second; one that is nil is left out.
type Probes struct {
	Keys        func() []Key           // without I/O
	Custodies   func() map[string]bool // whether each keeper of private keys failed when last asked; without I/O
	ClockDoubt  func() bool            // whether keys are not rotated here since the clock is not trusted; without I/O
	MasterKey   func() time.Time
	Certificate func() (notAfter time.Time, ok bool)
	Backlog     func(ctx context.Context) (Backlog, error)
	// Unshipped says for each receiver of checkpoints when the oldest was made that it has
	// not got; zero where it has all.
	Unshipped  func(ctx context.Context) (map[string]time.Time, error)
	Transition func(ctx context.Context) (Transition, error)
	Stores     map[string]func(ctx context.Context) error
}

// samples are the metrics that probes fill.
type samples struct {
	mu   sync.Mutex
	last time.Time

	keyAge, keyNext, masterKey, certificate *prometheus.GaugeVec
	keyOverdue, custodyFailing, clockDoubt  *prometheus.GaugeVec
	notices, oldest, auditRows, storeUp     *prometheus.GaugeVec
	unsealed, checkpoint, unshipped         *prometheus.GaugeVec
	holders, holderWaits                    *prometheus.GaugeVec
	codes, dropped, locksLate               *prometheus.GaugeVec
	transition                              transition
}

func newSamples(f factory) samples {
	return samples{
		keyAge:         f.gauges("key_age_seconds", "How long the oldest key of a status has been in it.", "purpose", "algorithm", "status"),
		keyNext:        f.gauges("key_next_change_seconds", "Time until the next planned change of a key; negative once it is overdue.", "purpose", "algorithm", "status"),
		keyOverdue:     f.gauges("key_rotation_overdue_seconds", "How long a rotation waits beyond its date for a party to fetch, or an operator to activate, the key.", "purpose", "algorithm"),
		custodyFailing: f.gauges("key_custody_failing", "1 while a keeper of private keys fails.", "custody"),
		clockDoubt:     f.gauges("key_clock_doubted", "1 while this process does not rotate keys since it cannot tell the time."),
		masterKey:      f.gauges("master_key_age_seconds", "Time since the file of the master key was written."),
		certificate:    f.gauges("certificate_expiry_timestamp_seconds", "When the server's certificate ends, since 1970."),
		notices:        f.gauges("logout_outbox_waiting", "Notices of ended sessions that wait to be delivered."),
		oldest:         f.gauges("logout_outbox_oldest_age_seconds", "Age of the oldest notice that waits; 0 when none does."),
		holders:        f.gauges("notice_outbox_waiting", "Notices to holders that wait for the mail server or the gateway of SMS."),
		holderWaits:    f.gauges("notice_outbox_oldest_age_seconds", "Age of the oldest notice to a holder that waits; 0 when none does."),
		codes:          f.gauges("code_outbox_oldest_age_seconds", "Age of the oldest code that waits to be sent; 0 when none does."),
		locksLate:      f.gauges("lock_requests_overdue", "Requests for locks that wait after their term."),
		dropped:        f.gauges("sms_dropped_today", "SMS of this day, in Viet Nam, that the bound of an hour was in the way of."),
		auditRows:      f.gauges("audit_rows", "Rows that the audit was given."),
		unsealed:       f.gauges("audit_unsealed_age_seconds", "Age of the oldest audit row without a checkpoint; 0 when none waits."),
		checkpoint:     f.gauges("audit_checkpoint_timestamp_seconds", "When the last checkpoint of the audit was made, since 1970; none is made while nothing is written."),
		unshipped:      f.gauges("audit_unshipped_age_seconds", "Age of the oldest checkpoint that a receiver has not got; 0 when it has all.", "receiver"),
		transition:     newTransition(f),
		storeUp:        f.gauges("store_up", "1 where a store answers within a second, else 0.", "store"),
	}
}

const (
	probeTime = time.Second
	// sampleEvery is the least time between two looks: many scrapers cost no more
	// than one.
	sampleEvery = time.Second
)

// sample asks the probes.
func (m *Metrics) sample(ctx context.Context, p Probes) {
	s, now := &m.samples, m.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.last); since >= 0 && since < sampleEvery {
		return
	}
	s.last = now
	if p.Keys != nil {
		s.keys(p.Keys(), now)
	}
	if p.Custodies != nil {
		s.custodyFailing.Reset()
		for name, failing := range p.Custodies() {
			s.custodyFailing.WithLabelValues(label(name)).Set(number(failing))
		}
	}
	if p.ClockDoubt != nil {
		s.clockDoubt.WithLabelValues().Set(number(p.ClockDoubt()))
	}
	if p.MasterKey != nil {
		if made := p.MasterKey(); !made.IsZero() {
			s.masterKey.WithLabelValues().Set(now.Sub(made).Seconds())
		}
	}
	if p.Certificate != nil {
		if notAfter, ok := p.Certificate(); ok {
			s.certificate.WithLabelValues().Set(unix(notAfter))
		}
	}
	if p.Backlog != nil {
		s.backlog(ctx, p.Backlog, now)
	}
	if p.Unshipped != nil {
		s.shipping(ctx, p.Unshipped, now)
	}
	if p.Transition != nil {
		s.transition.look(ctx, p.Transition, now)
	}
	for name, ping := range p.Stores {
		s.storeUp.WithLabelValues(label(name)).Set(number(within(ctx, ping) == nil))
	}
}

// keys keeps, of several keys in one status, the oldest and the change that is
// due first.
func (s *samples) keys(list []Key, now time.Time) {
	s.keyAge.Reset()
	s.keyNext.Reset()
	s.keyOverdue.Reset()
	oldest, next := map[[3]string]time.Time{}, map[[3]string]time.Time{}
	overdue := map[[2]string]time.Time{}
	for _, k := range list {
		labels := [3]string{label(k.Purpose), label(k.Algorithm), label(k.Status)}
		if since, ok := oldest[labels]; !ok || k.Since.Before(since) {
			oldest[labels] = k.Since
		}
		if at, ok := next[labels]; !k.Next.IsZero() && (!ok || k.Next.Before(at)) {
			next[labels] = k.Next
		}
		line := [2]string{labels[0], labels[1]}
		if since, ok := overdue[line]; !k.Overdue.IsZero() && (!ok || k.Overdue.Before(since)) {
			overdue[line] = k.Overdue
		}
	}
	for line, since := range overdue {
		s.keyOverdue.WithLabelValues(line[:]...).Set(now.Sub(since).Seconds())
	}
	for labels, since := range oldest {
		s.keyAge.WithLabelValues(labels[:]...).Set(now.Sub(since).Seconds())
	}
	for labels, at := range next {
		s.keyNext.WithLabelValues(labels[:]...).Set(at.Sub(now).Seconds())
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// backlog leaves the gauges as they were where nothing can be known: store_up
// tells why.
func (s *samples) backlog(ctx context.Context, look func(context.Context) (Backlog, error), now time.Time) {
	var b Backlog
	err := within(ctx, func(ctx context.Context) (err error) {
		b, err = look(ctx)
		return err
	})
	if err != nil {
		return
	}
	age := func(since time.Time) float64 {
		if since.IsZero() {
			return 0
		}
		return max(0, now.Sub(since).Seconds())
	}
	s.notices.WithLabelValues().Set(float64(b.Notices))
	s.oldest.WithLabelValues().Set(age(b.Oldest))
	s.auditRows.WithLabelValues().Set(float64(b.AuditRows))
	s.holders.WithLabelValues().Set(float64(b.Holders))
	s.holderWaits.WithLabelValues().Set(age(b.Waits))
	s.codes.WithLabelValues().Set(age(b.Codes))
	s.locksLate.WithLabelValues().Set(float64(b.LocksLate))
	s.dropped.WithLabelValues().Set(float64(b.Dropped))
	s.unsealed.WithLabelValues().Set(age(b.Unsealed))
	if !b.Sealed.IsZero() {
		s.checkpoint.WithLabelValues().Set(unix(b.Sealed))
	}
}

// shipping leaves the gauges as they were where nothing can be known.
func (s *samples) shipping(ctx context.Context, look func(context.Context) (map[string]time.Time, error), now time.Time) {
	var oldest map[string]time.Time
	err := within(ctx, func(ctx context.Context) (err error) {
		oldest, err = look(ctx)
		return err
	})
	if err != nil {
		return
	}
	for receiver, at := range oldest {
		age := 0.0
		if !at.IsZero() {
			age = max(0, now.Sub(at).Seconds())
		}
		s.unshipped.WithLabelValues(label(receiver)).Set(age)
	}
}

func within(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	return probe(ctx)
}
