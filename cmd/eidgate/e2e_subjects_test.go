package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told asks /subjects as a portal and verifies the answer as the guide's sample does.
func (p *party) told(t *testing.T, form url.Values) map[string]string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.d.Issuer+"/subjects", strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret))
	res, err := (&http.Client{Transport: p.d}).Do(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	var raw strings.Builder
	_, err = io.Copy(&raw, io.LimitReader(res.Body, 1<<20))
	must(t, err)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("POST /subjects = %d %s", res.StatusCode, raw.String())
	}
	verified, err := p.verifier.Verify(p.ctx, raw.String()) // issuer, audience, expiry, signature
	must(t, err)
	var claims struct{ Subjects []struct{ Old, New string } }
	must(t, verified.Claims(&claims))
	pairs := map[string]string{}
	for _, pair := range claims.Subjects {
		pairs[pair.Old] = pair.New
	}
	return pairs
}

// A portal brings its old subjects while the gateway runs: whoever came before keeps the
// new one and the portal is told, whoever comes after is known as before.
func TestSubjectsOnTheBinary(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal := d.party(t, "portal-1")
	early, late := d.user(t, "nguoi-dung-cu"), d.at(t, sourceCAS, "buu-dien-1")
	signIn := func(source string, who signInReport) tokens {
		a, r := d.browser(t), portal.request()
		return portal.redeem(r, a.through(a.get(r.address), source, who))
	}
	before := signIn(sourceLegacy, early)
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	bring := func(source, path string, flags ...string) (int, string) {
		exit, out, errs := run(t, append([]string{"subjects", "import", "--data", d.Dir, "--portal", "portal-1", "--source", source, "--file", path}, flags...)...)
		return exit, out + errs
	}
	file := write("subjects.csv", "source_subject,subject\nlegacy-0012,DVC.481\n"+"x,001188000950\n")
	if exit, out := bring(sourceLegacy, file, "--dry-run"); exit != 0 || !strings.Contains(out, "nothing was written: 2 rows, 1 would be added, 0 are there, 1 are wrong") {
		t.Fatalf("dry run: %d %s", exit, out)
	}
	if exit, out := bring(sourceLegacy, file); exit != 0 || !strings.Contains(out, "1 added") || !strings.Contains(out, "1 are wrong; 1 are of people linked already") {
		t.Fatalf("import: %d %s", exit, out)
	}
	if exit, out := bring(sourceLegacy, file); exit != 0 || !strings.Contains(out, "0 added, 1 were there") {
		t.Errorf("again: %d %s", exit, out)
	}
	if exit, out := bring(sourceCAS, write("late.csv", "subject;source_subject\nDVC.500;post-0002\n")); exit != 0 {
		t.Fatalf("import: %d %s", exit, out)
	}
	if exit, out := bring("nowhere", file); exit != 1 || !strings.Contains(out, "no source of this id") {
		t.Errorf("unknown source: %d %s", exit, out)
	}
	if again := signIn(sourceLegacy, early); again.Subject != before.Subject {
		t.Errorf("sub = %s, before the import %s", again.Subject, before.Subject)
	}
	if pairs := portal.told(t, url.Values{"subject": {before.Subject}}); len(pairs) != 1 || pairs["DVC.481"] != before.Subject {
		t.Errorf("told %v, want DVC.481 to %s", pairs, before.Subject)
	}
	if got := signIn(sourceCAS, late); got.Subject != "DVC.500" {
		t.Errorf("sub = %s, want the old one", got.Subject)
	}
	if pairs := portal.told(t, nil); len(pairs) != 1 {
		t.Errorf("told %v, want the one that differs", pairs)
	}
	_, out, _ := run(t, "subjects", "status", "--data", d.Dir, "--json")
	var rows []struct {
		Sector                        string
		Subjects, Taken, Kept, Mapped int
	}
	must(t, json.Unmarshal([]byte(out), &rows))
	kept, mapped := 0, 0
	for _, r := range rows {
		kept, mapped = kept+r.Kept, mapped+r.Mapped
	}
	if len(rows) < 2 || kept != 1 || mapped != 1 { // the demo has old ones of its own
		t.Errorf("status = %s, want one kept and one mapped", out)
	}
}
