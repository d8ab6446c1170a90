package main_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// private matches members of a private JWK (RFC 7518 §6) and PEM, in JSON or YAML.
var private = regexp.MustCompile(`(?m)"(d|p|q|dp|dq|qi|oth)"\s*:|^\s*(- )?(d|p|q|dp|dq|qi|oth):|PRIVATE KEY`)

// keysVerbs runs `eidgate keys` on some data and looks at all that it prints.
type keysVerbs struct {
	where []string // --config or --data, with its value
	said  *syncBuffer
}

// verb runs one verb, with a text on standard input.
func (k keysVerbs) verb(t *testing.T, stdin string, words ...string) (exit int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, binary, slices.Concat([]string{"keys"}, words[:1], k.where, words[1:])...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	_ = c.Run() // the code says
	if found := private.FindString(out.String() + errs.String()); found != "" {
		t.Errorf("keys %v prints %q, which is private", words, found)
	}
	_, _ = k.said.Write(slices.Concat(out.Bytes(), errs.Bytes()))
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// wants runs a verb that has to end with an exit code and say something.
func (k keysVerbs) wants(t *testing.T, exit int, says string, words ...string) string {
	t.Helper()
	got, out, errs := k.verb(t, "", words...)
	if got != exit || !strings.Contains(out+errs, says) {
		t.Errorf("keys %v = %d\n%s%swant %d and %q", words, got, out, errs, exit, says)
	}
	return out
}

// asked runs a verb in each format, which have to agree, and returns what it says.
func (k keysVerbs) asked(t *testing.T, value any, words ...string) {
	t.Helper()
	asJSON := func() string { return k.wants(t, 0, "", append(words, "--output", "json")...) }
	text := asJSON()
	for {
		var a, b any
		must(t, json.Unmarshal([]byte(text), &a))
		must(t, yaml.Unmarshal([]byte(k.wants(t, 0, "", append(words, "-o", "yaml")...)), &b))
		if reflect.DeepEqual(numbers(a), numbers(b)) {
			break
		}
		later := asJSON()
		if later == text { // so the clock did not come between them
			t.Errorf("keys %v in YAML = %v, want what JSON says: %v", words, b, a)
			break
		}
		text = later
	}
	must(t, json.Unmarshal([]byte(text), value))
	if table := k.wants(t, 0, "", words...); strings.HasPrefix(table, "{") || strings.HasPrefix(table, "[") || table == "" {
		t.Errorf("keys %v without --output = %q, want a table", words, table)
	}
}

// numbers makes every number a float: YAML tells whole ones apart.
func numbers(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return v
}

type listedKey struct {
	ID          string    `json:"kid"`
	Purpose     string    `json:"purpose"`
	Algorithm   string    `json:"alg"`
	State       string    `json:"state"`
	Custody     string    `json:"custody"`
	PublishedAt time.Time `json:"published_at"`
	Waits       string    `json:"waits_for"`
	Lacking     []string  `json:"lacking"`
}

// key is the kid of a line in a state.
func (k keysVerbs) key(t *testing.T, purpose, alg, state string) string {
	t.Helper()
	var list []listedKey
	must(t, json.Unmarshal([]byte(k.wants(t, 0, "", "list", "--all", "-o", "json")), &list))
	i := slices.IndexFunc(list, func(l listedKey) bool { return l.Purpose == purpose && l.Algorithm == alg && l.State == state })
	if i < 0 {
		t.Fatalf("no %s %s key is %s: %v", purpose, alg, state, list)
	}
	return list[i].ID
}

// rows counts what tables hold.
func rows(t *testing.T, data string, tables ...string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "eidgate.db"))
	must(t, err)
	defer db.Close()
	n := map[string]int{}
	for _, table := range tables {
		var count int
		must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&count))
		n[table] = count
	}
	return n
}

// Who only looks makes no keys, takes no lease and leaves nothing in the audit.
func TestKeysReadVerbsMakeNothing(t *testing.T) {
	dir, file := initial(t)
	k := keysVerbs{where: []string{"--config", file}, said: &syncBuffer{}}
	k.wants(t, 1, "there is no gateway's data at", "list")
	if exit, _, errs := run(t, "accounts", "add", "--config", file, "--file", filepath.Join(dir, "person.json"), "--new-secrets"); exit != 0 {
		t.Fatalf("accounts add = %d %q", exit, errs)
	}
	tables := []string{"signing_keys", "purpose_keys", "leases", "audit"}
	before := rows(t, filepath.Join(dir, "data"), tables...)
	k.wants(t, 0, "the first start of the gateway makes them", "list")
	k.wants(t, 0, "no client awaits keys", "fetches", "--check")
	k.wants(t, 0, "[]", "archive")
	k.wants(t, 1, "see eidgate keys list", "show", "abcdefgh")
	k.wants(t, 1, "see eidgate keys list", "rotate", "--alg", "ES256", "--reason", "drill")
	k.wants(t, 1, "see eidgate keys list", "activate", "abcdefgh", "--force", "--reason", "drill", "--dry-run")
	k.wants(t, 1, "see eidgate keys list", "revoke", "abcdefgh", "--reason", "drill", "--yes")
	k.wants(t, 1, "see eidgate keys list", "revoke", "--all", "--purpose", "tokens", "--alg", "ES256", "--reason", "drill", "--yes")
	if after := rows(t, filepath.Join(dir, "data"), tables...); !reflect.DeepEqual(before, after) || after["signing_keys"]+after["purpose_keys"] != 0 {
		t.Errorf("looking left %v, want %v and no keys", after, before)
	}
}

// algorithmsPlanned plans more than a gateway needs.
const algorithmsPlanned = "keys: {algorithms: [ES256, RS256, PS256]}\n"

// A rotation waits for the party that registered it, which the verbs name until it has
// fetched; an emergency then ends the key everywhere.
func TestKeysVerbs(t *testing.T) {
	t.Parallel()
	s := startServed(t, "consent: {purpose: Thử}", "consent: {purpose: Thử}\n    await_key_fetch: true", "clients:\n", algorithmsPlanned+"clients:\n")
	k := keysVerbs{where: []string{"--config", s.file}, said: &syncBuffer{}}
	var list []listedKey
	k.asked(t, &list, "list")
	if len(list) != 13 || list[0].State != "signing" || list[0].Purpose != "tokens" || list[0].Custody != "store" || list[0].PublishedAt.IsZero() {
		t.Errorf("keys list = %+v, want 13 keys, that which signs tokens first", list)
	}
	portal, a := s.party(t, "portal-1"), s.browser(t)
	token := portal.signIn(a, s.account("001")).raw
	signing, standby := k.key(t, "tokens", "ES256", "signing"), k.key(t, "tokens", "ES256", "published")
	if got := kidOf(t, token); got != signing {
		t.Fatalf("the token is signed by %s, the verb says %s", got, signing)
	}
	t.Run("show", func(t *testing.T) { k.shows(t, signing) })
	t.Run("refusals", func(t *testing.T) { k.refuses(t, signing, standby, token) })
	t.Run("fetches", func(t *testing.T) { k.waits(t, s, standby) })
	archive := filepath.Join(t.TempDir(), "keys.json")
	t.Run("verify", func(t *testing.T) { k.verifies(t, token, archive) })
	t.Run("revoke", func(t *testing.T) { k.revokes(t, s, signing, standby) })
	k.wants(t, 1, "its key was revoked", "verify", writeToken(t, token))
	k.wants(t, 0, "good: signed", "verify", writeToken(t, token), "--archive", archive) // as it was known then
	after := portal.signIn(s.browser(t), s.account("002")).raw
	if got := kidOf(t, after); got != standby {
		t.Errorf("the next token is signed by %s, want the key that stood by, %s", got, standby)
	}
	k.wants(t, 0, "good: signed", "verify", writeToken(t, after))
	t.Run("revoke at once", func(t *testing.T) { k.revokesAtOnce(t, s) })
	t.Run("revoke all", func(t *testing.T) { k.revokesAll(t) })
	t.Run("activate", func(t *testing.T) { k.activates(t, s) })
	t.Run("not planned", func(t *testing.T) { k.plannedNoMore(t, s) })
	t.Run("completion", func(t *testing.T) { k.completes(t) })
	t.Run("a row that does not open", func(t *testing.T) { k.revokesAnyway(t, s) })
	if strings.Contains(k.said.String(), token) {
		t.Errorf("a verb repeats the token")
	}
}

func (k keysVerbs) shows(t *testing.T, kid string) {
	var shown struct {
		listedKey
		Authentic bool              `json:"authentic"`
		Public    map[string]string `json:"jwk"`
		Fetches   []struct {
			Client    string    `json:"client"`
			FetchedAt time.Time `json:"fetched_at"`
		} `json:"fetches"`
	}
	k.asked(t, &shown, "show", kid)
	if shown.ID != kid || !shown.Authentic || shown.Public["kid"] != kid || shown.Public["kty"] != "EC" || len(shown.Fetches) != 1 || shown.Fetches[0].Client != "portal-1" {
		t.Errorf("keys show = %+v, want the key, its public part and who awaits it", shown)
	}
	k.wants(t, 0, kid, "show", "--", kid[:12])
}

func (k keysVerbs) refuses(t *testing.T, signing, standby, token string) {
	for _, tt := range []struct {
		words []string
		exit  int
		says  string
	}{
		{[]string{"list", "--purpose", "nonsense"}, 2, "--purpose"},
		{[]string{"list", "--alg", "HS256"}, 2, "--alg"},
		{[]string{"list", "-o", "xml"}, 2, "want table, json or yaml"},
		{[]string{"list", "extra"}, 2, "--help"},
		{[]string{"show"}, 2, "KID"},
		{[]string{"show", "nonsense-that-is-no-key"}, 1, "see eidgate keys list"},
		{[]string{"show", token}, 1, "no key"},
		{[]string{"show", "-6X_vvyIrhRhjGyTHuE0hds2RHC8VYXhZpvFtCpFuTc"}, 1, "no key"}, // a kid may begin so
		{[]string{"revoke", "--reason", "drill", "--yes", "-6X_vvyIrhRhjGyTHuE0hds2RHC8VYXhZpvFtCpFuTc"}, 1, "no key"},
		{[]string{"revoke", "--yes", "--reason", "-6X_vvyIrhRhjGyTHuE0hds2RHC8VYXhZpvFtCpFuTc"}, 2, "name one KID"},
		{[]string{"show", "-6X_vvyI"}, 2, "after --"},
		{[]string{"rotate", "--reason", "drill"}, 2, "say which of ES256, PS256, RS256"},
		{[]string{"rotate", "--alg", "ES256"}, 2, "--reason"},
		{[]string{"rotate", "--alg", "ES256", "--reason", "two\nlines"}, 2, "--reason"},
		{[]string{"rotate", "--alg", "ES256", "--reason", "asked by 001088000001"}, 2, "--reason"},
		{[]string{"rotate", "--alg", "RSA", "--reason", "drill"}, 1, "see eidgate keys list"},
		{[]string{"activate", signing, "--force", "--reason", "drill", "--yes"}, 1, "not the key that stands by"},
		{[]string{"activate", standby, "--reason", "drill", "--yes"}, 1, "it was not fetched by portal-1"},
		{[]string{"activate", standby, "--force", "--yes"}, 2, "--reason"},
		{[]string{"activate", standby, "--force", "--reason", "drill"}, 2, "eidgate keys activate --yes "},
		{[]string{"revoke", "--reason", "drill", "--yes"}, 2, "name one KID"},
		{[]string{"revoke", signing, "--all", "--reason", "drill", "--yes"}, 2, "name one KID"},
		{[]string{"revoke", signing, "--alg", "ES256", "--reason", "drill", "--yes"}, 2, "only with --all"},
		{[]string{"revoke", signing, "--yes"}, 2, "--reason"},
		{[]string{"revoke", "--all", "--reason", "drill", "--yes"}, 2, "--purpose"},
		{[]string{"fetches", "--client", "nobody"}, 1, "no client"},
		{[]string{"verify", token}, 2, "others see arguments"},
		{[]string{"verify"}, 2, "there is no token"},
		{[]string{"verify", filepath.Join(t.TempDir(), "none")}, 1, "no such file"},
		{[]string{"verify", "--archive", os.DevNull, os.DevNull}, 2, "there is no token"},
	} {
		exit, out, errs := k.verb(t, "", tt.words...)
		if exit != tt.exit || !strings.Contains(errs, tt.says) || out != "" || !strings.Contains(errs, "eidgate: ") {
			t.Errorf("keys %v = %d %q %q, want %d and %q", tt.words, exit, out, errs, tt.exit, tt.says)
		}
	}
	if got := k.key(t, "tokens", "ES256", "signing"); got != signing {
		t.Errorf("%s signs after refusals alone, want %s", got, signing)
	}
}

func (k keysVerbs) waits(t *testing.T, s *servedRun, standby string) {
	k.wants(t, 1, "portal-1", "fetches", "--check")
	k.wants(t, 0, "until these have fetched it: portal-1", "rotate", "--alg", "ES256", "--dry-run")
	k.wants(t, 0, "have not fetched it, and may refuse every new token until they do: portal-1", "activate", standby, "--force", "--dry-run")
	var rot struct {
		Done, Scheduled bool
		To              string
		Lacking         []string
	}
	must(t, json.Unmarshal([]byte(k.wants(t, 0, "", "rotate", "--alg", "ES256", "--reason", "drill", "-o", "json")), &rot))
	if !rot.Done || !rot.Scheduled || rot.To != standby || !slices.Equal(rot.Lacking, []string{"portal-1"}) {
		t.Errorf("keys rotate = %+v, want it scheduled and waiting for portal-1", rot)
	}
	res, err := http.Get(s.Issuer + "/keys/portal-1")
	must(t, err)
	must(t, res.Body.Close())
	waitUntil(t, "the fetch to be on record", func() bool {
		exit, _, _ := k.verb(t, "", "fetches", "--client", "portal-1", "--check")
		return exit == 0
	})
	var fetches []struct {
		Client    string    `json:"client"`
		ID        string    `json:"kid"`
		FetchedAt time.Time `json:"fetched_at"`
	}
	k.asked(t, &fetches, "fetches")
	if len(fetches) != 4 || fetches[0].Client != "portal-1" || fetches[0].FetchedAt.IsZero() {
		t.Errorf("keys fetches = %+v, want portal-1 with the four keys of its algorithm", fetches)
	}
	if table := k.wants(t, 1, "caches may lack it until", "activate", standby, "--reason", "drill", "--yes"); strings.Contains(table, "portal-1") {
		t.Errorf("%s is still waited for", table)
	}
}

func writeToken(t *testing.T, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	return file
}

func (k keysVerbs) verifies(t *testing.T, token, archive string) {
	written := k.wants(t, 0, "written: ", "archive", "--out", archive)
	k.wants(t, 1, "exists", "archive", "--out", archive)
	raw, err := os.ReadFile(archive)
	must(t, err)
	// Without the gateway's data: neither a configuration nor a directory.
	away := keysVerbs{said: k.said}
	var verdict struct {
		Good bool
		Why  string
		Sum  string `json:"archive_sha256"`
		Key  struct{ Kid, Purpose, State string }
	}
	away.asked(t, &verdict, "verify", writeToken(t, token), "--archive", archive)
	if !verdict.Good || verdict.Sum == "" || !strings.Contains(written, verdict.Sum) || verdict.Key.Kid != kidOf(t, token) || verdict.Key.Purpose != "tokens" {
		t.Errorf("keys verify = %+v, want good, with the sum of %q", verdict, written)
	}
	parts := strings.Split(token, ".")
	header := `{"alg":"none","kid":"` + kidOf(t, token) + `"}`
	later := bytes.Replace(raw, []byte(`"signed_from": "20`), []byte(`"signed_from": "21`), -1)
	early := filepath.Join(t.TempDir(), "early.json")
	must(t, os.WriteFile(early, later, 0o600))
	another := filepath.Join(t.TempDir(), "another.json") // each key under the kid of another
	must(t, os.WriteFile(another, regexp.MustCompile(`"x": "[^"]{10}`).ReplaceAll(raw, []byte(`"x": "AAAAAAAAAA`)), 0o600))
	for _, tt := range []struct {
		name, stdin string
		words       []string
		exit        int
		says        string
	}{
		{"standard input", token, []string{"verify"}, 0, "good: signed"},
		{"with a dash", "  " + token + "\n", []string{"verify", "-"}, 0, "good: signed"},
		{"offline", token, []string{"verify", "--archive", archive}, 0, "good: signed"},
		{"another signature", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), []string{"verify"}, 1, "no key on record signed it"},
		{"other claims", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iat":1}`)) + "." + parts[2], []string{"verify"}, 1, "no key on record signed it"},
		{"alg none", base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1] + ".", []string{"verify"}, 1, "no key on record signed it"},
		{"nonsense", "nonsense", []string{"verify"}, 1, "no key on record signed it"},
		{"too long", strings.Repeat("a", 70<<10), []string{"verify"}, 1, "longer than 65536 bytes"},
		{"before its key signed", token, []string{"verify", "--archive", early}, 1, "issued before its key signed"},
		{"keys exchanged", token, []string{"verify", "--archive", another}, 1, "no key on record signed it"},
		{"no archive", token, []string{"verify", "--archive", writeToken(t, token)}, 1, "is no archive"},
		{"archive of nothing", token, []string{"verify", "--archive", "/dev/zero"}, 1, "is no archive"},
	} {
		exit, out, errs := k.verb(t, tt.stdin, tt.words...)
		if exit != tt.exit || !strings.Contains(out+errs, tt.says) {
			t.Errorf("%s: keys %v = %d %q %q, want %d and %q", tt.name, tt.words, exit, out, errs, tt.exit, tt.says)
		}
	}
}

func (k keysVerbs) completes(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if exit, out, errs := run(t, "completion", shell); exit != 0 || !strings.Contains(out, "eidgate") {
			t.Errorf("completion %s = %d %q", shell, exit, errs)
		}
	}
	signing, standby := k.key(t, "tokens", "ES256", "signing"), k.key(t, "tokens", "ES256", "published")
	for _, tt := range []struct {
		words       []string
		wants, lack string
	}{
		{[]string{"show", ""}, signing, "private"},
		{[]string{"activate", ""}, standby, signing},
		{[]string{"revoke", ""}, signing, "retired"},
		{[]string{"revoke", "--", signing, ""}, ":4", standby},
		{[]string{"rotate", "--purpose", ""}, "logout", signing},
		{[]string{"rotate", "--alg", ""}, "ES256", signing},
		{[]string{"fetches", "--client", ""}, "portal-1", signing},
		{[]string{"list", "--output", ""}, "yaml", signing},
	} {
		words := slices.Concat([]string{"__complete", "keys"}, tt.words[:1], k.where, tt.words[1:])
		exit, out, errs := run(t, words...)
		if exit != 0 || !strings.Contains(out, tt.wants) || strings.Contains(out, tt.lack) {
			t.Errorf("completing %v = %d %q %q, want %q and not %q", tt.words, exit, out, errs, tt.wants, tt.lack)
		}
	}
	if _, out, _ := run(t, "__complete", "keys", "show", "--config", "nowhere.yaml", ""); strings.TrimSpace(out) != ":4" {
		t.Errorf("completing without a configuration offers %q, want nothing", out)
	}
}
