package main_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// runWith runs the binary with something to read.
func runWith(t *testing.T, stdin string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	_ = cmd.Run() // the exit code tells
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// verified is what `eidgate audit verify` says.
type verified struct {
	Checkpoints, Rows, Waiting, Findings int
	Sound                                bool
	List                                 []struct {
		Kind string
		Row  int64
		What string
	}
}

func verify(t *testing.T, args ...string) (int, verified) {
	t.Helper()
	exit, stdout, stderr := run(t, append([]string{"audit", "verify", "--output", "json"}, args...)...)
	var v verified
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("audit verify = %d %q %q: %v", exit, stdout, stderr, err)
	}
	return exit, v
}

var personalNumber = regexp.MustCompile(`(^|[^0-9])[0-9]{12}([^0-9]|$)`)

// TestEvidence: a gateway seals what it does; beside it, on its files and on an export,
// anybody can see that nothing was changed, and what was.
func TestEvidence(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	who := d.account("001")
	portal, a := d.party(t, "portal-2"), d.browser(t)
	portal.signIn(a, who)

	// A look-up needs a reason and a role, and the holder reads it.
	for _, words := range [][]string{{}, {"--reason", "vụ 1"}, {"--role", "officer"}, {"--role", "boss", "--reason", "x"}, {"--role", "officer", "--reason", who.PersonalNumber}} {
		if exit, stdout, _ := runWith(t, who.PersonalNumber, append([]string{"audit", "person", "--data", d.Dir}, words...)...); exit != 2 || strings.Contains(stdout, "grant.issued") {
			t.Errorf("audit person %v = %d %q, want 2 and nothing shown", words, exit, stdout)
		}
	}
	exit, stdout, stderr := runWith(t, who.PersonalNumber+"\n", "audit", "person", "--data", d.Dir, "--role", "officer", "--reason", "Khiếu nại 12/2026")
	if exit != 0 || !strings.Contains(stdout, "grant.issued") || !strings.Contains(stdout, "audit.looked_up") {
		t.Errorf("audit person = %d %q %q, want the rows and the look-up itself", exit, stdout, stderr)
	}
	if p := a.get(d.Issuer + "/history"); !strings.Contains(p.body, "Khiếu nại 12/2026") || !strings.Contains(p.body, "cán bộ") {
		t.Errorf("history = %q, want the look-up", p.body)
	}

	// Whoever tries numbers leaves a row as well: which number it was, only its hash tells.
	for range 2 {
		if exit, _, stderr := runWith(t, "001199999998", "audit", "person", "--data", d.Dir, "--role", "officer", "--reason", "vụ 2"); exit != 1 || strings.Contains(stderr, "001199999998") {
			t.Errorf("audit person of nobody = %d %q, want 1", exit, stderr)
		}
	}
	_, stdout, _ = run(t, "audit", "search", "--data", d.Dir, "--action", "audit.looked_up", "--output", "json")
	var tried struct {
		Rows []struct {
			Account string
			Detail  struct{ Number string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &tried); err != nil || len(tried.Rows) != 3 || tried.Rows[1].Account != "" ||
		len(tried.Rows[1].Detail.Number) != 43 || tried.Rows[1].Detail.Number != tried.Rows[2].Detail.Number || personalNumber.MatchString(stdout) {
		t.Errorf("look-ups = %s, %v, want those of nobody with one hash", stdout, err)
	}

	// Beside the gateway that runs.
	if exit, v := verify(t, "--data", d.Dir); exit != 0 || !v.Sound {
		t.Errorf("verify beside the gateway = %d, %+v, want sound", exit, v)
	}
	for _, problem := range d.stop() {
		t.Error(problem)
	}
	exit, v := verify(t, "--data", d.Dir)
	if exit != 0 || !v.Sound || v.Waiting != 0 || v.Rows == 0 {
		t.Errorf("verify after the stop = %d, %+v, want all sealed", exit, v)
	}

	// Search, in each format.
	for _, format := range []string{"json", "yaml"} {
		exit, stdout, stderr := run(t, "audit", "search", "--data", d.Dir, "--client", "portal-2", "--action", "grant.issued", "--output", format)
		var page struct {
			Rows []struct {
				ID                     int64
				Action, Client, Detail any
			}
		}
		parse := json.Unmarshal
		if format == "yaml" {
			parse = yaml.Unmarshal
		}
		if err := parse([]byte(stdout), &page); err != nil || exit != 0 || len(page.Rows) == 0 || page.Rows[0].Client != "portal-2" {
			t.Errorf("search as %s = %d, %+v, %v %q, want grants of portal-2", format, exit, page, err, stderr)
		}
	}
	if exit, stdout, _ := run(t, "audit", "search", "--data", d.Dir, "--client", "nobody"); exit != 0 || strings.Count(stdout, "\n") != 1 {
		t.Errorf("search for nobody = %d %q, want the heading", exit, stdout)
	}
	if exit, _, _ := run(t, "audit", "search", "--data", d.Dir, "--kid", `"' OR 1=1`); exit != 2 {
		t.Errorf("search for no kid = %d, want 2", exit)
	}

	// Export, and the look at it where there is no gateway.
	file := filepath.Join(t.TempDir(), "evidence.jsonl")
	if exit, _, stderr := run(t, "audit", "export", "--data", d.Dir, "--out", file); exit != 0 {
		t.Fatalf("audit export = %d %q", exit, stderr)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("export = %v, %v, want mode 0600", info.Mode(), err)
	}
	if exit, _, _ := run(t, "audit", "export", "--data", d.Dir, "--out", file); exit != 1 {
		t.Errorf("export over a file = %d, want 1", exit)
	}
	if exit, v := verify(t, "--export", file); exit != 0 || !v.Sound {
		t.Errorf("verify --export = %d, %+v, want sound", exit, v)
	}
	raw, err := os.ReadFile(file)
	must(t, err)
	for n, line := range strings.Split(string(raw), "\n") {
		if strings.Contains(line, `"kind":"row"`) && personalNumber.MatchString(line) {
			t.Errorf("line %d holds what looks like a personal number", n+1)
		}
	}
	for name, change := range map[string]func(string) string{
		"edited": func(s string) string { return strings.Replace(s, `"actor":"holder"`, `"actor":"system"`, 1) },
		"cut":    func(s string) string { return s[:strings.LastIndex(strings.TrimSpace(s), "\n")+1] },
		"deleted": func(s string) string {
			i := strings.Index(s, `{"kind":"row"`)
			return s[:i] + s[i+strings.Index(s[i:], "\n")+1:]
		},
	} {
		path := filepath.Join(t.TempDir(), "changed.jsonl")
		must(t, os.WriteFile(path, []byte(change(string(raw))), 0o600))
		if exit, v := verify(t, "--export", path); exit != 1 || v.Findings == 0 {
			t.Errorf("%s: verify --export = %d, %+v, want findings", name, exit, v)
		}
	}
	if _, stdout, _ := run(t, "audit", "export", "--data", d.Dir, "--format", "syslog", "--out", "-"); !strings.HasPrefix(stdout, "<110>1 ") || strings.Contains(stdout, "kind") && strings.Contains(stdout, `"kind":"row"`) {
		t.Errorf("syslog = %.80q, want RFC 5424", stdout)
	}

	// Holds.
	exit, stdout, stderr = run(t, "audit", "hold", "add", "--data", d.Dir, "--client", "portal-2", "--reason", "Thanh tra 7/2026")
	if exit != 0 {
		t.Fatalf("hold add = %d %q", exit, stderr)
	}
	id := strings.Trim(strings.Fields(stdout)[1], ";")
	if exit, _, stderr := run(t, "audit", "hold", "add", "--data", d.Dir, "--client", "nobody", "--reason", "x"); exit != 1 || !strings.Contains(stderr, "nobody") {
		t.Errorf("holding nobody's rows = %d %q, want 1", exit, stderr)
	}
	if exit, _, stderr := run(t, "audit", "hold", "lift", id, "--data", d.Dir, "--reason", "xong"); exit != 0 {
		t.Errorf("hold lift = %d %q", exit, stderr)
	}
	if exit, stdout, _ := run(t, "audit", "hold", "list", "--data", d.Dir, "--lifted"); exit != 0 || !strings.Contains(stdout, id) {
		t.Errorf("hold list = %d %q, want %s", exit, stdout, id)
	}

	// Somebody with the file.
	db, err := sql.Open("sqlite", filepath.Join(d.Dir, "eidgate.db"))
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `DROP TRIGGER audit_keeps_values; UPDATE audit SET actor = 'system' WHERE action = 'grant.issued'`)
	must(t, err)
	exit, v = verify(t, "--data", d.Dir, "--grace", time.Hour.String())
	if exit != 1 || v.Findings != 1 || v.List[0].Kind != "row_edited" || !strings.Contains(v.List[0].What, `actor was "holder"`) {
		t.Errorf("verify = %d, %+v, want the edited row", exit, v)
	}
	if exit, stdout, stderr := run(t, "audit", "verify", "--data", d.Dir, "--grace", "1h"); exit != 1 || !strings.Contains(stdout, "row_edited: row") || !strings.Contains(stderr, "1 findings") {
		t.Errorf("verify as a table = %d %q %q, want the edited row", exit, stdout, stderr)
	}
}
