package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// importRun is a gateway with a portal whose old accounts are imported.
type importRun struct{ dir, config, addr string }

// prepareImport writes what `eidgate init` writes, with a source of the portal's own
// accounts in it.
func prepareImport(t *testing.T) *importRun {
	t.Helper()
	r := &importRun{dir: filepath.Join(t.TempDir(), "gateway"), addr: freeBlock()}
	if exit, out, said := run(t, "init", r.dir, "--addr", r.addr); exit != 0 {
		t.Fatalf("init: exit %d\n%s%s", exit, out, said)
	}
	r.config = filepath.Join(r.dir, "eidgate.yaml")
	raw, err := os.ReadFile(r.config)
	must(t, err)
	const before = `  - id: portal-accounts
    kind: portal
    name: Tài khoản cũ của cổng
    provider: Cổng thử nghiệm
    may_assert: [1]
    grants_at_most: 1
    linking: {cap: 2}
    portal: {client: portal, verify_by: 2030-01-01}

clients:
`
	text := strings.Replace(string(raw), "\nclients:\n", "\n"+before, 1)
	text = strings.Replace(text, "    tier: other\n", "    tier: other\n    category: other\n", 1)
	text = strings.Replace(text, "sources: [national]", "sources: [national, portal-accounts]", 1)
	must(t, os.WriteFile(r.config, []byte(text), 0o600))
	return r
}

func (r *importRun) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, binary, append(args, "--config", r.config)...)
}

// imports runs the import and reads what it says in JSON.
func (r *importRun) imports(t *testing.T, args ...string) (done struct {
	Rows    int            `json:"rows"`
	Resumed int            `json:"resumed_after"`
	Faults  string         `json:"faults_file"`
	Counts  map[string]int `json:"counts"`
}) {
	t.Helper()
	var out, said bytes.Buffer
	c := r.command(t.Context(), append([]string{"accounts", "import", "--portal", "portal", "--json"}, args...)...)
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		t.Fatalf("accounts import: %v\n%s", err, &said)
	}
	must(t, json.Unmarshal(out.Bytes(), &done))
	return done
}

// TestAccountsImport brings accounts beside a gateway that serves, is killed in the
// middle, goes on, and leaves nothing about anybody in what it prints.
func TestAccountsImport(t *testing.T) {
	t.Parallel()
	r := prepareImport(t)
	var log syncBuffer
	serve := r.command(context.WithoutCancel(t.Context()), "serve")
	serve.Stdout, serve.Stderr = &log, &log
	must(t, serve.Start())
	defer func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
	}()
	for deadline := time.Now().Add(30 * time.Second); !ready(t, r.addr); {
		if time.Now().After(deadline) {
			t.Fatalf("the gateway does not serve\n%s", &log)
		}
		time.Sleep(50 * time.Millisecond)
	}

	const rows = 20_000
	file := filepath.Join(r.dir, "accounts.csv")
	var text strings.Builder
	text.WriteString("login,number,name,birth_date,password_hash\n")
	for i := range rows {
		fmt.Fprintf(&text, "nguoi%05d,0010%02d%06d,Nguyễn Văn Thử,%d,%s\n", i, 50+i%50, i, 1950+i%50, "5f4dcc3b5aa765d61d8327deb882cf99")
	}
	text.WriteString("hong,1.23E+11,Lê Hỏng,,\n")
	must(t, os.WriteFile(file, []byte(text.String()), 0o600))

	// It is killed as soon as it has come somewhere.
	var said syncBuffer
	came := 0
	c := r.command(t.Context(), "accounts", "import", "--portal", "portal", "--file", file)
	c.Stderr = &said
	must(t, c.Start())
	for came == 0 {
		var list []struct {
			Rows int `json:"rows"`
		}
		out, err := r.command(t.Context(), "accounts", "import", "--list", "--json").Output()
		must(t, err)
		must(t, json.Unmarshal(out, &list))
		if len(list) > 0 {
			came = list[0].Rows
		}
	}
	_ = c.Process.Kill()
	_ = c.Wait()

	done := r.imports(t, "--file", file)
	if done.Rows != rows+1 || done.Counts["new"] != rows || done.Counts["faults"] != 1 || done.Resumed < came || done.Resumed > rows {
		t.Errorf("after a kill at row %d or behind = %+v, want it to go on there with %d rows", came, done, rows+1)
	}
	raw, err := os.ReadFile(done.Faults)
	must(t, err)
	if !strings.Contains(string(raw), "shortened by a spreadsheet") {
		t.Errorf("file of faults = %q, want what to mend", raw)
	}
	if again := r.imports(t, "--file", file); again.Counts["unchanged"] != rows || again.Counts["new"] != 0 {
		t.Errorf("the same file again = %+v, want %d unchanged", again, rows)
	}
	if !ready(t, r.addr) {
		t.Error("the gateway does not serve any more")
	}
	out, err := r.command(t.Context(), "audit", "search", "--action", "accounts.imported").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "operator:") {
		t.Errorf("audit search = %v, %s, want who imported", err, out)
	}
	for _, secret := range []string{"nguoi00001", "001051000001", "Thử", "5f4dcc3b"} {
		if strings.Contains(said.String()+log.String()+string(out), secret) {
			t.Errorf("%q is in what was printed or logged", secret)
		}
	}
}

// ready reports whether a gateway serves.
func ready(t *testing.T, addr string) bool {
	t.Helper()
	answer, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// TestAccountsImportWords: what a call lacks is said, without what the file holds.
func TestAccountsImportWords(t *testing.T) {
	r := prepareImport(t)
	if out, err := r.command(t.Context(), "accounts", "add", "--file", filepath.Join(r.dir, "person.json")).CombinedOutput(); err != nil {
		t.Fatalf("accounts add: %v\n%s", err, out) // it makes the database
	}
	file := filepath.Join(r.dir, "accounts.csv")
	must(t, os.WriteFile(file, []byte("a,b\n001190000001,x\n"), 0o600))
	for _, tt := range []struct {
		name, want string
		exit       int
		args       []string
	}{
		{"no portal", "--portal", 2, []string{"--file", file}},
		{"no file", "--file", 2, []string{"--portal", "portal"}},
		{"standard input without a place for faults", "--faults", 2, []string{"--portal", "portal", "--file", "-"}},
		{"pace", "--pace", 2, []string{"--portal", "portal", "--file", file, "--pace", "slow"}},
		{"another portal", "no source of kind portal", 1, []string{"--portal", "elsewhere", "--file", file}},
		{"no such file", "accounts.csv.not", 1, []string{"--portal", "portal", "--file", file + ".not"}},
		{"no header", "names no column login", 1, []string{"--portal", "portal", "--file", file}},
		{"encoding", "is one of", 1, []string{"--portal", "portal", "--file", file, "--encoding", "tcvn3"}},
	} {
		c := r.command(t.Context(), append([]string{"accounts", "import"}, tt.args...)...)
		out, _ := c.CombinedOutput() // the exit code tells
		if exit := c.ProcessState.ExitCode(); exit != tt.exit || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "001190000001") {
			t.Errorf("%s: exit %d, %s, want %d and %q", tt.name, exit, out, tt.exit, tt.want)
		}
	}
}
