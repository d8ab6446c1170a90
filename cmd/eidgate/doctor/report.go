package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Report is the outcome of a run, as monitoring reads it.
type Report struct {
	Status   Status    `json:"status"` // the worst of the findings
	At       time.Time `json:"at"`     // this machine's clock
	Issuer   string    `json:"issuer,omitempty"`
	Version  string    `json:"version,omitempty"` // of the configuration that was read
	Findings []Finding `json:"findings"`
}

// NewReport makes a report of findings.
func NewReport(findings []Finding, at time.Time) Report {
	return Report{Status: Worst(findings), At: at.UTC(), Findings: findings}
}

// JSON writes the report as one document.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

const (
	statusWidth = 9
	lineWidth   = 110
	mendWord    = "mend: "
)

// Text writes the report for people: a line for each finding, its mend below.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	width := 0
	for _, f := range r.Findings {
		width = max(width, len([]rune(f.Check))+2)
	}
	for _, f := range r.Findings {
		b.WriteString(pad(string(f.Status), statusWidth) + pad(f.Check, width))
		wrap(&b, f.Found, statusWidth+width)
		if f.Mend != "" {
			b.WriteString(strings.Repeat(" ", statusWidth+width) + mendWord)
			wrap(&b, f.Mend, statusWidth+width+len(mendWord))
		}
	}
	fmt.Fprintf(&b, "\n%s, %s, %d fine\n", counted(Count(r.Findings, Fault), "fault"), counted(Count(r.Findings, Warning), "warning"), Count(r.Findings, OK))
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap writes text whose first line is begun at a column, and breaks it there.
func wrap(b *strings.Builder, text string, column int) {
	at := column
	for i, word := range strings.Fields(text) {
		length := len([]rune(word))
		if i > 0 && at+1+length > lineWidth {
			b.WriteString("\n" + strings.Repeat(" ", column))
			at = column
		} else if i > 0 {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(printable(word))
		at += length
	}
	b.WriteByte('\n')
}

// printable keeps what a server said from steering the terminal.
func printable(word string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, word)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-len([]rune(text)), 1))
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
