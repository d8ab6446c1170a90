package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"text/template"
)

//go:embed performance.md.tmpl
var performance string

// report is what the document is made from. Its texts are ready to be printed.
type report struct {
	Machine      string
	RedisVersion string
	Goals        []goal
	Cells        []cellRow
	Held         []heldRow
	Ours         []oursRow
	Rounds       int
	Workers      int
	People       int
	Grants       string
	Slice        string
	Starts       int
	First, Idle  string
	Size         string
	VerifyEvery  int
	Verified     int64
	Codes        int64
	Scaled       []scaleRow
	Made         []string
	Known        int // people whose userinfo was asked for
}

type cellRow struct {
	Operation, Alg, Subject                    string
	Total, Server, Redis, Own, Commands, Ratio string
	Ops, Rate, P50, P95, P99                   string
}

type heldRow struct{ Name, Now, Most string }

type oursRow struct{ Name, ES256, RS256 string }

// newReport puts the numbers of a run that was checked into words.
func newReport(r *rig, machine string, size float64) report {
	doc := report{
		Machine: machine, RedisVersion: r.floorRedis.version, Goals: goals(r), Rounds: r.rounds, Workers: r.workers, People: r.people,
		Slice: r.slice.String(), Starts: len(r.starts.first), First: text(spreadOf(r.starts.first), 0), Idle: text(spreadOf(r.starts.idle), 1),
		Size: fmt.Sprintf("%.1f", size), VerifyEvery: verifyEvery,
	}
	for _, c := range r.cells {
		doc.Cells = append(doc.Cells, rowOf(c))
	}
	doc.Scaled, doc.Known = scaleRows(r), knownPeople
	for _, c := range r.crowds {
		doc.Made = append(doc.Made, c.made())
	}
	for _, h := range r.held {
		doc.Held = append(doc.Held, heldRow{h.name, fmt.Sprintf("%.1f", mib(h.now)), fmt.Sprintf("%.1f", mib(h.most))})
	}
	doc.Ours = append(doc.Ours, oursOf(r, "the floor with three", ofFloor))
	var most float64
	for _, g := range r.gateways {
		doc.Ours = append(doc.Ours, oursOf(r, "eidgate on "+g.store, g.store))
		doc.Codes += g.counts.codes.Load()
		doc.Verified += g.counts.verified.Load()
		var flows int64
		for _, alg := range algorithms {
			flows += g.direct[alg].next.Load()
		}
		most = max(most, float64(flows)/float64(r.people)+2) // and two of its sign-in
	}
	for _, f := range r.floors {
		doc.Verified += f.counts.verified.Load()
	}
	for _, c := range r.crowds {
		doc.Codes += c.counts.codes.Load()
		doc.Verified += c.counts.verified.Load()
	}
	doc.Grants = fmt.Sprintf("%.0f", most)
	return doc
}

// write renders the document into a file.
func (doc report) write(path string) error {
	t, err := template.New("performance.md").Option("missingkey=error").Parse(performance)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, doc); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644) //nolint:gosec // a document for everybody
}

func rowOf(c *cell) cellRow {
	t := c.total()
	row := cellRow{
		Operation: c.operation, Alg: c.alg, Subject: c.subject,
		Total: text(c.cost(), 3), Server: fmt.Sprintf("%.3f", t.each(t.subject)), Own: fmt.Sprintf("%.3f", t.each(t.own)),
		Redis: "–", Commands: "–", Ratio: "–",
		Ops: fmt.Sprintf("%.0f", t.ops()), Rate: fmt.Sprintf("%.0f", t.rate()),
		P50: fmt.Sprintf("%.2f", ms(percentile(t.latencies, 50))), P95: fmt.Sprintf("%.2f", ms(percentile(t.latencies, 95))),
		P99: fmt.Sprintf("%.2f", ms(percentile(t.latencies, 99))),
	}
	if c.redis != nil {
		row.Redis, row.Commands = fmt.Sprintf("%.3f", t.each(t.redis)), fmt.Sprintf("%.1f", float64(t.commands)/t.ops())
	}
	if c.floor != nil {
		row.Ratio = text(c.ratio(), 2)
	}
	if row.Alg == "" {
		row.Alg = "–"
	}
	return row
}

func oursOf(r *rig, name, subject string) oursRow {
	row := oursRow{Name: name}
	for _, c := range r.cells {
		switch {
		case c.operation != "flow" || c.subject != subject:
		case c.alg == "ES256":
			row.ES256 = fmt.Sprintf("%.2f", c.cost().median)
		case c.alg == "RS256":
			row.RS256 = fmt.Sprintf("%.2f", c.cost().median)
		}
	}
	return row
}

// text is a median with its quartiles.
func text(s spread, digits int) string {
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, s.median, digits, s.low, digits, s.high)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
