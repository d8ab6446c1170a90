package main

import (
	"slices"
	"time"
)

// spread is a median with the least and the greatest of what was seen.
type spread struct{ median, least, most float64 }

// spreadOf sums up some numbers, one at least.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, least: sorted[0], most: sorted[n-1]}
}

// percentile is the least value that p of 100 values do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}

// each applies a measure to every round of a cell.
func each(c *cell, of func(*sample) float64) []float64 {
	values := make([]float64, len(c.rounds))
	for i := range c.rounds {
		values[i] = of(&c.rounds[i])
	}
	return values
}

// cost is the cell's processor time for one operation, in milliseconds.
func cost(c *cell) spread {
	return spreadOf(each(c, func(s *sample) float64 { return float64(s.cost()) / float64(time.Millisecond) }))
}

// part is one clock's processor time for one operation, in milliseconds, over
// all rounds.
func part(c *cell, clock func(*sample) time.Duration) float64 {
	var sum time.Duration
	for i := range c.rounds {
		sum += clock(&c.rounds[i])
	}
	return float64(sum) / float64(time.Millisecond) / operations(c)
}

func operations(c *cell) (n float64) {
	for i := range c.rounds {
		n += c.rounds[i].ops()
	}
	return n
}

// rate is operations per second over all rounds.
func rate(c *cell) float64 {
	var elapsed time.Duration
	for i := range c.rounds {
		elapsed += c.rounds[i].elapsed
	}
	return operations(c) / elapsed.Seconds()
}

// latencies are those of all rounds, sorted.
func latencies(c *cell) []time.Duration {
	var all []time.Duration
	for i := range c.rounds {
		all = append(all, c.rounds[i].latencies...)
	}
	slices.Sort(all)
	return all
}

// ratio compares a cell with its floor, round by round: what slows the machine
// down slows down both.
func ratio(c *cell) spread {
	values := make([]float64, len(c.rounds))
	for i := range c.rounds {
		values[i] = float64(c.rounds[i].cost()) / float64(c.floor.rounds[i].cost())
	}
	return spreadOf(values)
}
