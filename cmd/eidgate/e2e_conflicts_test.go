package main_test

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oldPortal is a gateway's folder with a portal whose old accounts were imported. All
// people are synthetic.
type oldPortal struct{ dir string }

const oldAccountsCSV = `login,number,name,birth_date,email
thu.nguyen,001188000961,Nguyễn Thị Thử,08/03/1988,thu@example.test
thu.cu,001188000961,Nguyễn Thị Thử,08/03/1988,thu.cu@example.test
van.mau,001190000962,Trần Văn Mẫu,01/02/1990,mau@example.test
"=van.cong",,Lê Văn Công,1991,
0011900009,,Phạm Thị Số,1992,
`

// oldAccountsOf makes such a folder; verifyBy is the portal's date.
func oldAccountsOf(t *testing.T, verifyBy time.Time) oldPortal {
	t.Helper()
	o := oldPortal{filepath.Join(t.TempDir(), "gateway")}
	if exit, out := o.eidgate(t, "", "init", "--addr", freeBlock(), o.dir); exit != 0 {
		t.Fatalf("init = %d, %s", exit, out)
	}
	file := filepath.Join(o.dir, "eidgate.yaml")
	raw, err := os.ReadFile(file)
	must(t, err)
	text := strings.NewReplacer("\nclients:", `
  - id: old-portal
    kind: portal
    name: Tài khoản cũ
    name_en: Old account
    provider: Trial portal
    may_assert: [1]
    grants_at_most: 1
    linking: {cap: 1}
    portal: {client: portal, verify_by: `+verifyBy.Format(time.DateOnly)+`}

clients:`, "    tier: other", "    tier: other\n    category: other", "sources: [national]", "sources: [national, old-portal]").Replace(string(raw))
	must(t, os.WriteFile(file, []byte(text), 0o600))
	must(t, os.WriteFile(filepath.Join(o.dir, "accounts.csv"), []byte(oldAccountsCSV), 0o600))
	o.ok(t, "", "accounts", "add", "--file", filepath.Join(o.dir, "person.json"), "--new-secrets")
	serve := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve") // applies the registrations
	serve.Dir, serve.Env = o.dir, o.environ()
	must(t, serve.Start())
	waitUntil(t, "the registrations", func() bool {
		exit, _ := o.eidgate(t, "", "accounts", "imported", "--portal", "portal")
		return exit == 0
	})
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		if err := serve.Wait(); err != nil {
			t.Errorf("serve ended with %v", err)
		}
	})
	return o
}

func (o oldPortal) environ() []string {
	return append(os.Environ(), "EIDGATE_CONFIG="+filepath.Join(o.dir, "eidgate.yaml"))
}

func (o oldPortal) eidgate(t *testing.T, stdin string, words ...string) (exit int, out string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, words...)
	c.Env, c.Stdin = o.environ(), strings.NewReader(stdin)
	raw, err := c.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed { //nolint:errorlint // as os/exec documents
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(raw)
}

// ok is eidgate that has to exit 0.
func (o oldPortal) ok(t *testing.T, stdin string, words ...string) string {
	t.Helper()
	exit, out := o.eidgate(t, stdin, words...)
	if exit != 0 {
		t.Fatalf("eidgate %v = %d\n%s", words, exit, out)
	}
	return out
}

func (o oldPortal) json(t *testing.T, value any, words ...string) {
	t.Helper()
	out := o.ok(t, "", append(words, "--output", "json")...)
	if i := strings.LastIndex(out, "There may be more"); i >= 0 {
		out = out[:i]
	}
	if err := json.Unmarshal([]byte(out), value); err != nil {
		t.Fatalf("%v: %v\n%s", words, err, out)
	}
}

// another writes what another officer's own command would have written: who runs the
// tests is one.
func (o oldPortal) another(t *testing.T, id string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(o.dir, "data", "eidgate.db")+"?_pragma=busy_timeout(5000)")
	must(t, err)
	defer func() { must(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), `UPDATE conflicts SET proposed_by = 'operator:another', proposed_at = ?, proposed_why = 'papers seen' WHERE id = ?`, time.Now().UnixMicro(), id)
	must(t, err)
}

type listedConflicts struct {
	Conflicts []struct {
		ID, Kind, Source, Decision, Ref string
		ProposedBy                      string `json:"proposed_by"`
	} `json:"conflicts"`
}

// TestConflictsVerb follows two old accounts that state one number through the queue.
func TestConflictsVerb(t *testing.T) {
	t.Parallel()
	o := oldAccountsOf(t, time.Now().AddDate(0, 0, 20))
	o.ok(t, "", "accounts", "import", "--portal", "portal", "--file", filepath.Join(o.dir, "accounts.csv"))
	var list listedConflicts
	o.json(t, &list, "conflicts", "list", "--portal", "portal")
	if len(list.Conflicts) != 2 || list.Conflicts[0].Kind != "rows" || list.Conflicts[0].Source != "old-portal" {
		t.Fatalf("conflicts = %+v, want both accounts that state one number", list.Conflicts)
	}
	first, second := list.Conflicts[0].ID, list.Conflicts[1].ID
	// People read out the reference of their page.
	if out := o.ok(t, "", "conflicts", "list"); list.Conflicts[0].Ref == "" || !strings.Contains(out, first+"  "+list.Conflicts[0].Ref+"  ") {
		t.Errorf("the list is\n%s\nwant %s with its reference %q", out, first, list.Conflicts[0].Ref)
	}
	shown := o.ok(t, "", "conflicts", "show", first)
	for _, want := range []string{"Nguyễn Thị Thử", "961", "the number, too", "accepting", "rejecting", "contested"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show does not say %q:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "001188") || strings.Contains(shown, "thu.cu") || strings.Contains(shown, "thu.nguyen") {
		t.Errorf("show tells a number or a login name:\n%s", shown)
	}
	for _, step := range []struct {
		words []string
		exit  int
		want  string
	}{
		{[]string{"accept", first}, 2, "--reason"},
		{[]string{"accept", first, "--reason", "number 001188000961"}, 2, "nine digits"},
		{[]string{"accept", "nothing", "--reason", "papers seen"}, 1, "there is no conflict"},
		{[]string{"accept", first, second, "--reason", "papers seen"}, 2, "name one CONFLICT"},
		{[]string{"withdraw", first, "--reason", "papers seen"}, 1, "no proposal of yours"},
		{[]string{"accept", first, "--reason", "papers seen"}, 0, "proposed: " + first},
		{[]string{"accept", first, "--reason", "papers seen"}, 1, "another officer has to accept"},
		{[]string{"withdraw", first, "--reason", "the wrong one"}, 0, "withdrawn: " + first},
		{[]string{"reject", second, "--reason", "not in use"}, 0, "rejected: " + second},
		{[]string{"accept", second, "--reason", "papers seen"}, 1, "decided before"},
	} {
		if exit, out := o.eidgate(t, "", append([]string{"conflicts"}, step.words...)...); exit != step.exit || !strings.Contains(out, step.want) {
			t.Errorf("conflicts %v = %d, %s; want %d with %q", step.words, exit, out, step.exit, step.want)
		}
	}
	o.another(t, first)
	if out := o.ok(t, "", "conflicts", "list"); !strings.Contains(out, "proposed by another") || strings.Contains(out, second) {
		t.Errorf("the list is\n%s\nwant the proposal, and nothing that was decided", out)
	}
	if out := o.ok(t, "", "conflicts", "accept", first, "--reason", "papers seen"); !strings.Contains(out, "accepted: "+first) {
		t.Errorf("the second officer's accept: %s", out)
	}
	var progress []struct {
		States    map[string]int
		Conflicts int `json:"conflicts_waiting"`
	}
	o.json(t, &progress, "accounts", "imported", "--portal", "portal")
	if p := progress[0]; p.States["waiting"] != 4 || p.States["rejected"] != 1 || p.States["contested"] != 0 || p.Conflicts != 0 {
		t.Errorf("afterwards: %+v, want four that wait, one refused, and no conflict", p)
	}
	var decided listedConflicts
	o.json(t, &decided, "conflicts", "list", "--all", "--source", "old-portal")
	if len(decided.Conflicts) != 2 || decided.Conflicts[0].Decision+decided.Conflicts[1].Decision != "acceptedrejected" {
		t.Errorf("all conflicts = %+v, want one accepted and one rejected", decided.Conflicts)
	}
	rows := o.ok(t, "", "audit", "search", "--output", "json")
	for _, action := range []string{"conflict.proposed", "conflict.withdrawn", "conflict.decided", "audit.looked_up"} {
		if !strings.Contains(rows, `"`+action+`"`) {
			t.Errorf("the audit has no %s", action)
		}
	}
	if strings.Contains(rows, "00118800") || strings.Contains(rows, "thu.") || strings.Contains(rows, "Nguyễn") {
		t.Errorf("the audit holds a number, a login name or a name")
	}
}

// TestAccountsImported counts, lists, finds and exports old accounts, and plans what
// becomes of them.
func TestAccountsImported(t *testing.T) {
	t.Parallel()
	by := time.Now().AddDate(0, 0, 20)
	o := oldAccountsOf(t, by)
	o.ok(t, "", "accounts", "import", "--portal", "portal", "--file", filepath.Join(o.dir, "accounts.csv"))
	if out := o.ok(t, "", "accounts", "imported"); !strings.Contains(out, "waiting    3 (60.0 %)") || !strings.Contains(out, "contested  2") || !strings.Contains(out, "conflicts    2 wait") {
		t.Errorf("accounts imported:\n%s\nwant three that wait and two contested", out)
	}
	var page struct {
		Accounts []struct{ ID, Login, State string }
		Next     string
	}
	seen := map[string]bool{}
	for after := ""; ; after = page.Next {
		page.Next = ""
		o.json(t, &page, "accounts", "imported", "--portal", "portal", "--list", "--limit", "2", "--after="+after)
		for _, a := range page.Accounts {
			seen[a.ID] = true
			if a.State != "waiting" || !strings.Contains(a.Login, "•••") {
				t.Errorf("listed: %+v, want one that waits, its login name masked", a)
			}
		}
		if page.Next == "" {
			break
		}
	}
	if len(seen) != 3 {
		t.Errorf("the pages hold %d accounts, want 3", len(seen))
	}
	lookUp := []string{"accounts", "imported", "--portal", "portal", "--login-file", "-", "--role", "officer", "--reason", "Case 7/2026"}
	if out := o.ok(t, " van.mau\n", lookUp...); !strings.Contains(out, "Trần Văn Mẫu") || strings.Contains(out, "001190") || strings.Contains(out, "mau@") {
		t.Errorf("the look-up says\n%s\nwant the name, and neither number nor address", out)
	}
	if exit, out := o.eidgate(t, "nobody", lookUp...); exit != 1 || strings.Contains(out, "nobody") {
		t.Errorf("a look-up of nobody = %d, %s; want 1, and the name not repeated", exit, out)
	}
	for _, words := range [][]string{
		{"--login-file", "-", "--role", "king", "--reason", "x"}, {"--login-file", "-", "--role", "officer"}, {"--export", "x.csv"}, {"--export", "-", "--reason", "x"},
		{"--state", "lost"}, {"--limit", "0", "--list"}, {"--list", "--export", "x.csv", "--reason", "x"},
	} {
		if exit, out := o.eidgate(t, "", append([]string{"accounts", "imported", "--portal", "portal"}, words...)...); exit == 0 {
			t.Errorf("accounts imported %v = 0, %s; want it refused", words, out)
		}
	}
	if exit, out := o.eidgate(t, "", "accounts", "imported", "--portal", "another"); exit != 1 || !strings.Contains(out, "another") {
		t.Errorf("the accounts of another portal = %d, %s; want 1 and what is missing", exit, out)
	}
	file := filepath.Join(o.dir, "waiting.csv")
	o.ok(t, "", "accounts", "imported", "--portal", "portal", "--export", file, "--reason", "Mailing 3/2026")
	info, err := os.Stat(file)
	must(t, err)
	raw, err := os.ReadFile(file)
	must(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][0] != "login" || info.Mode().Perm() != 0o600 || strings.Contains(string(raw), "Mẫu") {
		t.Errorf("the export is %q, %v, mode %v; want three login names, for their owner alone", raw, err, info.Mode())
	}
	if !strings.Contains(string(raw), "'=van.cong") {
		t.Errorf("the export %q would be run by a spreadsheet", raw)
	}
	if exit, _ := o.eidgate(t, "", "accounts", "imported", "--portal", "portal", "--export", file, "--reason", "Mailing 3/2026"); exit != 1 {
		t.Errorf("an export over a file = %d, want 1", exit)
	}
	var audited struct {
		Rows []struct{ Action string }
	}
	o.json(t, &audited, "audit", "search")
	looked, exported := 0, 0
	for _, row := range audited.Rows {
		switch row.Action {
		case "audit.looked_up":
			looked++
		case "accounts.exported":
			exported++
		}
	}
	if looked != 2 || exported != 2 {
		t.Errorf("on record: %d look-ups, %d exports; want 2 (one of nobody) and 2", looked, exported)
	}
	var plan struct {
		Old []struct {
			Portal, Source                       string
			Waiting, Contested, Stopped, Overdue int
		} `json:"old_accounts"`
		People struct {
			All     int
			Stopped int `json:"old_accounts_stopped"`
		}
	}
	must(t, json.Unmarshal([]byte(o.ok(t, "", "transition", "plan", "--json", "--at", by.AddDate(0, 0, 1).Format(time.DateOnly))), &plan))
	if len(plan.Old) != 1 || plan.Old[0].Stopped != 5 || plan.Old[0].Contested != 2 || plan.People.Stopped != 5 || plan.People.All != 1 {
		t.Errorf("plan = %+v, want five old accounts that stop, beside one person", plan)
	}
	must(t, json.Unmarshal([]byte(o.ok(t, "", "transition", "plan", "--json", "--at", by.AddDate(0, 0, -1).Format(time.DateOnly))), &plan))
	if plan.Old[0].Stopped != 0 || plan.People.Stopped != 0 {
		t.Errorf("a day before: %+v, want none that stops", plan.Old)
	}
	if _, out := o.eidgate(t, "", "doctor"); !strings.Contains(out, "5 of 5 accounts are not verified") {
		t.Errorf("doctor does not warn of the date:\n%s", out)
	}
}
