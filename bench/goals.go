package main

import "fmt"

// Goals of the project. Times are milliseconds.
const (
	goalFlow    = 1.5 // times the floor, on Redis
	goalRead    = 0.12
	goalScale   = 1.1 // times the same at the fewest people
	goalPublic  = 0.05
	goalIdle    = 40.0 // MiB
	goalFirst   = 150.0
	notMeasured = "not measured: this build has no Redis state"
)

// goal is one line of the table.
type goal struct{ Text, Measured, Verdict string }

// goals compares medians with what was promised.
func goals(r *rig) []goal {
	var list []goal
	for _, alg := range algorithms {
		list = append(list, goalOf(fmt.Sprintf("a flow on Redis, %s: at most %.1f × the floor", alg, goalFlow), find(r, "flow", alg, onRedis), (*cell).ratio, goalFlow, 2))
	}
	for _, op := range []string{"userinfo", "introspection"} {
		for _, g := range r.gateways {
			list = append(list, goalOf(fmt.Sprintf("%s on %s: at most %.2f ms", op, g.store, goalRead), find(r, op, "", g.store), (*cell).cost, goalRead, 3))
		}
	}
	for _, op := range []string{"discovery", "JWKS"} {
		list = append(list, goalOf(fmt.Sprintf("%s: at most %.2f ms", op, goalPublic), find(r, op, "", onSQLite), (*cell).cost, goalPublic, 3))
	}
	for i, c := range r.scaled {
		if size := r.crowds[i%len(r.crowds)].size; c.floor != nil {
			list = append(list, goalOf(fmt.Sprintf("%s at %d people: at most %.1f × at %d", c.operation, size, goalScale, r.crowds[0].size), c, (*cell).ratio, goalScale, 2))
		}
	}
	idle, first := spreadOf(r.starts.idle), spreadOf(r.starts.first)
	return append(list,
		goal{fmt.Sprintf("`serve` idle: at most %.0f MiB", goalIdle), text(idle, 1), verdict(idle.median, goalIdle)},
		goal{fmt.Sprintf("first answer after start with keys present: at most %.0f ms", goalFirst), text(first, 0), verdict(first.median, goalFirst)},
	)
}

func goalOf(what string, c *cell, of func(*cell) spread, most float64, digits int) goal {
	if c == nil {
		return goal{what, notMeasured, "–"}
	}
	got := of(c)
	return goal{what, text(got, digits), verdict(got.median, most)}
}

func verdict(got, most float64) string {
	if got <= most {
		return "yes"
	}
	return "**no**"
}

// find is the cell of an operation at a subject, nil where there is none.
func find(r *rig, operation, alg, subject string) *cell {
	for _, c := range r.cells {
		if c.operation == operation && c.alg == alg && c.subject == subject {
			return c
		}
	}
	return nil
}
