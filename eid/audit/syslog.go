package audit

import (
	"strconv"
	"strings"
	"unicode"
)

// enterprise is the private enterprise number of our structured data: that of examples
// (RFC 5612), since eidgate has none of its own.
const enterprise = "32473"

// Syslog writes a row as a message of RFC 5424: facility log audit (13), severity
// informational (6). Its structured data has every column, its text the detail.
func (r Row) Syslog(host string) string {
	var b strings.Builder
	b.WriteString("<110>1 " + r.Time().Format(microseconds) + " " + token(host, 255) + " eidgate - " + token(r.Action, 32) + " [audit@" + enterprise)
	for _, p := range [...][2]string{
		{"id", strconv.FormatInt(r.ID, 10)},
		{"actor", r.Actor},
		{"action", r.Action},
		{"account", r.Account},
		{"client", r.Client},
		{"ref", r.Ref},
	} {
		b.WriteString(" " + p[0] + `="` + escaped(p[1]) + `"`)
	}
	b.WriteString("] \ufeff" + oneLine(r.Detail)) // UTF-8 begins with its mark (§6.4)
	return b.String()
}

// token is text as a header field: printable ASCII without spaces, - where there is none.
func token(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}

// escaped is text as the value of a parameter (RFC 5424 §6.3.3).
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(oneLine(text))
}

// oneLine is text without what would end or change a line of a log, or turn the
// direction in which it is read.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
