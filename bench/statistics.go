package main

import (
	"slices"
	"time"
)

// spread is a median with the quartiles beside it.
type spread struct{ low, median, high float64 }

// spreadOf sums up some numbers, one at least.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	at := func(quarter int) float64 {
		place := quarter * (len(sorted) - 1) // in quarters of a step
		i, rest := place/4, float64(place%4)/4
		if rest == 0 {
			return sorted[i]
		}
		return sorted[i] + rest*(sorted[i+1]-sorted[i])
	}
	return spread{low: at(1), median: at(2), high: at(3)}
}

// percentile is the least value that p of 100 values do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}

// cost is the cell's processor time for one operation, server and store, in
// milliseconds.
func (c *cell) cost() spread {
	values := make([]float64, len(c.rounds))
	for i := range c.rounds {
		values[i] = c.rounds[i].cost()
	}
	return spreadOf(values)
}

// ratio compares a cell with its floor, round by round: what slows the machine
// down slows down both.
func (c *cell) ratio() spread {
	values := make([]float64, len(c.rounds))
	for i := range c.rounds {
		values[i] = c.rounds[i].cost() / c.floor.rounds[i].cost()
	}
	return spreadOf(values)
}

// total adds up all rounds.
func (c *cell) total() sample {
	var t sample
	for i := range c.rounds {
		s := &c.rounds[i]
		t.elapsed += s.elapsed
		t.subject += s.subject
		t.redis += s.redis
		t.own += s.own
		t.commands += s.commands
		t.latencies = append(t.latencies, s.latencies...)
	}
	slices.Sort(t.latencies)
	return t
}

// ops is how many operations a sample has.
func (s *sample) ops() float64 { return float64(len(s.latencies)) }

// cost is the processor time of one operation, server and store, in milliseconds.
func (s *sample) cost() float64 { return s.each(s.subject + s.redis) }

// each is a part of the sample's processor time for one operation, in
// milliseconds.
func (s *sample) each(part time.Duration) float64 { return ms(part) / s.ops() }

// rate is operations per second.
func (s *sample) rate() float64 { return s.ops() / s.elapsed.Seconds() }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
