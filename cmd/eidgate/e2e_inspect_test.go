package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// issued is a token set that a party was given, with the reference of the
// request that led to it: the audit row of its grant has the same.
type issued struct {
	client, ref string
	tokens      tokens
}

func (d *demoRun) keepIssued(i issued) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens = append(d.tokens, i)
}

// keepSecret notes texts of a kind that may be nowhere in the log or on disk.
func (d *demoRun) keepSecret(kind string, texts ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, text := range texts {
		if text != "" && !slices.Contains(d.secrets[kind], text) {
			d.secrets[kind] = append(d.secrets[kind], text)
		}
	}
}

// stopAndInspect ends the process and says what is wrong with its end, with what
// it printed and with what it left on disk.
func (d *demoRun) stopAndInspect() []string {
	problems := d.searchFiles() // while the write-ahead logs are still there
	problems = append(problems, d.searchMetrics()...)
	if code := d.terminate(); code != 0 {
		problems = append(problems, fmt.Sprintf("exit code = %d, want 0\n%s", code, d.stderr))
	}
	problems = append(problems, d.searchFiles()...)
	problems = append(problems, d.searchLog()...)
	problems = append(problems, d.matchLog()...)
	return append(problems, d.auditGrants()...)
}

// secretTexts are the secrets of a run by what they are.
func (d *demoRun) secretTexts() map[string][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	texts := map[string][]string{}
	for kind, list := range d.secrets {
		texts[kind] = slices.Clone(list)
	}
	for _, p := range d.Portals {
		texts["client secret"] = append(texts["client secret"], p.ClientSecret)
	}
	for _, a := range d.Accounts {
		n := a.PersonalNumber
		grouped := strings.Join([]string{n[:3], n[3:6], n[6:9], n[9:]}, " ")
		texts["personal number"] = append(texts["personal number"], n, grouped, strings.ReplaceAll(grouped, " ", "%20"), strings.ReplaceAll(grouped, " ", "+"))
		if a.Password != "" {
			texts["password"] = append(texts["password"], a.Password)
		}
		if a.TOTPSecret != "" {
			texts["TOTP secret"] = append(texts["TOTP secret"], a.TOTPSecret)
		}
	}
	for _, a := range demo.OldAccounts() {
		texts["hash of a portal"] = append(texts["hash of a portal"], a.Hash)
		texts["e-mail of an old account"] = append(texts["e-mail of an old account"], a.Login+"@example.test")
	}
	texts["one-time code"] = append(texts["one-time code"], d.codes...)
	return texts
}

// search names each kind of secret that is in raw, without repeating any.
func (d *demoRun) search(where string, raw []byte) []string {
	var problems []string
	for kind, texts := range d.secretTexts() {
		found, example := 0, 0
		for _, text := range texts {
			at := bytes.Index(raw, []byte(text))
			if kind == "one-time code" { // six digits that stand alone
				at = -1
				if m := regexp.MustCompile(`(?:^|[^0-9])` + text + `(?:[^0-9]|$)`).FindIndex(raw); m != nil {
					at = m[0]
				}
			}
			if at >= 0 {
				found, example = found+1, at
			}
		}
		if found > 0 {
			problems = append(problems, fmt.Sprintf("%s holds %d of %d secrets (%s), one after %q",
				where, found, len(texts), kind, raw[max(0, example-60):example]))
		}
	}
	slices.Sort(problems)
	return problems
}

// searchFiles looks through the raw database files.
func (d *demoRun) searchFiles() []string {
	var problems []string
	for _, pattern := range []string{"eidgate.db*", "state.db*"} {
		files, err := filepath.Glob(filepath.Join(d.Dir, pattern))
		if err != nil || len(files) == 0 {
			problems = append(problems, fmt.Sprintf("no files %s in %s: %v", pattern, d.Dir, err))
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) { // a write-ahead log that ended just now
				continue
			}
			if err != nil {
				problems = append(problems, err.Error())
				continue
			}
			for _, problem := range d.search(filepath.Base(file), raw) {
				// A login under way is passing state in the clear: its csrf and the
				// portal's state. Both are worth nothing without the browser's cookie,
				// of which there is a hash only.
				if pattern == "state.db*" && (strings.Contains(problem, "(csrf)") || strings.Contains(problem, "(state)")) {
					continue
				}
				problems = append(problems, problem)
			}
		}
	}
	return problems
}

var (
	anyPhone = regexp.MustCompile(`\+84[0-9]{9}|\b0[35789][0-9]{8}\b`)
	anyEmail = regexp.MustCompile(`[A-Za-z0-9._-]+@[A-Za-z0-9-]+\.[a-z]+`)
	anyJWT   = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.`)
)

// searchLog looks through everything printed but the document, which tells the
// synthetic people's sign-ins on purpose.
func (d *demoRun) searchLog() []string {
	raw := d.stderr.Bytes()
	problems := d.search("the log", raw)
	for kind, pattern := range map[string]*regexp.Regexp{"phone": anyPhone, "e-mail address": anyEmail, "token": anyJWT} {
		if at := pattern.FindIndex(raw); at != nil {
			problems = append(problems, fmt.Sprintf("the log holds a %s after %q", kind, raw[max(0, at[0]-60):at[0]]))
		}
	}
	return problems
}

var loggedRef = regexp.MustCompile(`(?m)^.* msg=request .*\bref=(\S+).*$`)

// requestLines are the references of the log's request lines.
func (d *demoRun) requestLines() []string {
	var refs []string
	for _, m := range loggedRef.FindAllStringSubmatch(d.stderr.String(), -1) {
		refs = append(refs, m[1])
	}
	return refs
}

// matchLog holds the references of all answers against the log: one line each.
func (d *demoRun) matchLog() []string {
	lines := map[string]int{}
	for _, ref := range d.requestLines() {
		lines[ref]++
	}
	var problems []string
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ref := range d.refs {
		if lines[ref] != 1 {
			problems = append(problems, fmt.Sprintf("reference %q has %d lines in the log, want 1", ref, lines[ref]))
		}
	}
	return problems
}

// grantRow is a grant as the audit keeps it.
type grantRow struct {
	ref   string
	grant eid.Grant
}

// grants reads every grant of a data directory.
func grants(dir string) ([]grantRow, error) {
	ctx := context.Background()
	sealer, err := keys.LoadSealer(filepath.Join(dir, "master.key"), false, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	db, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(dir, "eidgate.db")}, sealer, time.Now)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	var list []grantRow
	filter := sqlstore.AuditFilter{Action: eid.ActionGrantIssued}
	for {
		rows, err := db.Audit(ctx, filter)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return list, nil
		}
		for _, row := range rows {
			g := grantRow{ref: row.Ref}
			if err := json.Unmarshal(row.Detail, &g.grant); err != nil {
				return nil, fmt.Errorf("audit row %d: %w", row.ID, err)
			}
			list, filter.After = append(list, g), row.ID
		}
	}
}

// auditGrants re-derives the level of every grant from its stored terms, and
// finds the grant of every token: its acr, methods and time are the grant's.
func (d *demoRun) auditGrants() []string {
	rows, err := grants(d.Dir)
	if err != nil {
		return []string{"reading the audit: " + err.Error()}
	}
	var problems []string
	fail := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	byRef := map[string]eid.Grant{}
	vocabulary := eid.StandardVocabulary()
	for _, row := range rows {
		g := row.grant
		if why := g.Derive(vocabulary); len(why) > 0 {
			fail("grant %s: acr %v of %+v: %q", row.ref, g.ACR, g.Terms, why)
		}
		if _, twice := byRef[row.ref]; twice {
			fail("two grants by request %s", row.ref)
		}
		byRef[row.ref] = g
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := map[string]bool{}
	for _, i := range d.tokens {
		g, ok := byRef[i.ref]
		switch {
		case !ok:
			fail("token of request %s at %s has no grant", i.ref, i.client)
			continue
		case seen[i.ref]:
			fail("two tokens of grant %s", i.ref)
		}
		seen[i.ref] = true
		if i.tokens.ACR != g.ACR.Name || !slices.Equal(i.tokens.AMR, g.AMR) || i.tokens.AuthTime != g.AuthTime.Unix() || i.client != g.Client {
			fail("token of %s has acr %s, amr %v, auth_time %d, its grant %s, %v, %d of %s",
				i.client, i.tokens.ACR, i.tokens.AMR, i.tokens.AuthTime, g.ACR.Name, g.AMR, g.AuthTime.Unix(), g.Client)
		}
		if g.ACR.Level > g.Terms.Achieved() {
			fail("grant %s: level %v above the achieved %v", i.ref, g.ACR.Level, g.Terms.Achieved())
		}
	}
	return problems
}
