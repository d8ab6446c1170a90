//go:build interop

package interop_test

import (
	"fmt"
	"strings"
	"testing"
)

// sourceRow is a line of the report: what one source did.
type sourceRow struct{ signIn, level, refusal, logout, told string }

var sourceRows = map[string]*sourceRow{}

func sourceRowOf(id string) *sourceRow {
	if sourceRows[id] == nil {
		sourceRows[id] = &sourceRow{told: "–"}
	}
	return sourceRows[id]
}

// step runs one step as a test of its own and notes how it ended.
func (r *sourceRow) step(t *testing.T, cell *string, run func(*testing.T)) {
	t.Helper()
	name := map[*string]string{&r.signIn: "sign-in", &r.level: "level", &r.refusal: "refusal", &r.logout: "logout", &r.told: "told"}[cell]
	switch {
	case t.Failed():
		*cell = "not reached"
	case t.Run(name, run):
		*cell = "yes"
	default:
		*cell = "**failed**"
	}
}

// writeSources writes the second table: what the sources did.
func writeSources(out *strings.Builder) error {
	out.WriteString(`
# Sources that were tried

Each of these programs runs beside the gateway and signs synthetic people in to a relying party (openid-client) that uses no other source.
Its pages are answered as a browser answers them. What it says of who somebody is agrees with the account and with a population registry.

| software | protocol | level from | sign-in | level | refusal | logout | told |
| --- | --- | --- | --- | --- | --- | --- | --- |
`)
	for _, u := range upstreams() {
		r := sourceRows[u.id]
		if r == nil {
			return fmt.Errorf("%s was not run", u.id)
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", u.software, u.protocol, u.level, r.signIn, r.level, r.refusal, r.logout, r.told)
	}
	out.WriteString(`
- **sign-in**: the relying party asks for Level 2; the source says Level 2 of the person; ` + "`acr`" + ` of the verified ID token is Level 2.
- **level**: somebody of whom the source says Level 1 signs in with ` + "`acr`" + ` Level 1 where that is enough, and never where Level 2 is asked for.
- **refusal**: somebody of whom the source says no level is not signed in, nor is a wrong, empty or another's password, or a name that is a filter.
- **logout**: a logout at the relying party goes on at the source and comes back; the source then asks for the password again.
- **told**: the person signs out at the source; the gateway's session ends too.

`)
	for _, u := range upstreams() {
		fmt.Fprintf(out, "- %s, %s: %s.\n", u.software, u.protocol, u.notes)
	}
	return nil
}
