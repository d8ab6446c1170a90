package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rigOf is a rig that has run, with costs in microseconds.
func rigOf(onStore string, flow, read, public time.Duration) *rig {
	r := &rig{
		settings: settings{rounds: 1, workers: 4, people: 10, slice: time.Second}, floorRedis: &redisServer{version: "7.0.0"},
		starts: starts{first: []float64{100}, idle: []float64{41}},
	}
	server := &redisServer{}
	g := &gateway{store: onStore, direct: map[string]*party{}}
	for _, alg := range algorithms {
		g.direct[alg] = &party{}
		floor := &cell{operation: "flow", alg: alg, subject: ofFloor, redis: server, rounds: []sample{sampleOf(100, 150*time.Microsecond, 50*time.Microsecond)}}
		r.cells = append(r.cells, floor,
			&cell{operation: "flow", alg: alg, subject: onStore, redis: server, floor: floor, rounds: []sample{sampleOf(100, flow, 0)}})
	}
	for op, cost := range map[string]time.Duration{"userinfo": read, "introspection": read, "discovery": public, "JWKS": public} {
		subject := onStore
		if cost == public {
			subject = onSQLite
		}
		r.cells = append(r.cells, &cell{operation: op, subject: subject, rounds: []sample{sampleOf(100, cost, 0)}})
	}
	r.gateways = []*gateway{g}
	return r
}

func TestGoals(t *testing.T) {
	const us = time.Microsecond
	for _, tt := range []struct {
		name string
		rig  *rig
		want string // verdicts in the order of the table: RS256, ES256, userinfo, introspection, discovery, JWKS, idle, first answer
	}{
		{"all at their bounds", rigOf(onRedis, 300*us, 120*us, 50*us), "yes yes yes yes yes yes **no** yes"},
		{"all just above", rigOf(onRedis, 303*us, 121*us, 51*us), "**no** **no** **no** **no** **no** **no** **no** yes"},
		{"no Redis", rigOf(onSQLite, 100*us, 100*us, 10*us), "– – yes yes yes yes **no** yes"},
	} {
		var got []string
		for _, g := range goals(tt.rig) {
			got = append(got, g.Verdict)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: goals() = %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := newReport(rigOf(onRedis, 300*time.Microsecond, time.Millisecond, time.Millisecond), "A machine.", 30).write(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| a flow on Redis, RS256: at most 1.5 × the floor | 1.50 (1.50–1.50) | yes |\n",
		"| flow | ES256 | Redis | 0.300 (0.300–0.300) | 0.300 | 0.000 | 0.000 | 3.0 | 1.50 (1.50–1.50) |\n",
		"| the floor with three, here | 0.20 | 0.20 |\n", "| eidgate on Redis, here | 0.30 | 0.30 |\n",
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the report has no line %q:\n%s", want, raw)
		}
	}
	if strings.Contains(string(raw), "<no value>") {
		t.Error("the report lacks a value")
	}
}
