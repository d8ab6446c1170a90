package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// printNumbers writes one line for each cell.
func printNumbers(out io.Writer, r *rig) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "operation\tsign\tstate\tops\tCPU ms/op (quartiles)\tserver\tRedis\tbench\tcmds\tper s\tp50\tp95\tp99 ms\t× floor\t")
	for _, c := range r.cells {
		row := rowOf(c)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", row.Operation, row.Alg, row.Subject, row.Ops,
			row.Total, row.Server, row.Redis, row.Own, row.Commands, row.Rate, row.P50, row.P95, row.P99, row.Ratio)
	}
	_ = w.Flush() // a terminal that is gone reads nothing
	fmt.Fprintln(out)
	for _, g := range goals(r) {
		fmt.Fprintf(out, "%-8s %s: %s\n", g.Verdict, g.Text, g.Measured)
	}
}
