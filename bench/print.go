package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// printNumbers writes one line for each cell.
func printNumbers(out io.Writer, r *rig) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cell\tops\tcpu ms/op\t(least–most)\tserver\tRedis\tbench\tcmds/op\tper s\tp50\tp95\tp99 ms\t× floor\t")
	for _, c := range r.cells {
		s, all := cost(c), latencies(c)
		fmt.Fprintf(w, "%s\t%.0f\t%.3f\t(%.3f–%.3f)\t%.3f\t%.3f\t%.3f\t%.1f\t%.0f\t%.2f\t%.2f\t%.2f\t%s\t\n", c.name(), operations(c),
			s.median, s.least, s.most,
			part(c, func(s *sample) time.Duration { return s.subject }), part(c, func(s *sample) time.Duration { return s.redis }),
			part(c, func(s *sample) time.Duration { return s.own }), commandsEach(c),
			rate(c), ms(percentile(all, 50)), ms(percentile(all, 95)), ms(percentile(all, 99)), times(c))
	}
	_ = w.Flush() // a terminal that is gone reads nothing
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func commandsEach(c *cell) float64 {
	var n int64
	for i := range c.rounds {
		n += c.rounds[i].commands
	}
	return float64(n) / operations(c)
}

func times(c *cell) string {
	if c.floor == nil {
		return ""
	}
	x := ratio(c)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", x.median, x.least, x.most)
}
