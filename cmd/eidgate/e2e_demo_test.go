package main_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDemoDocument(t *testing.T) {
	d := sharedDemo(t)
	t.Logf("ready after %v", d.Ready)
	if d.Issuer != "http://"+d.Addr {
		t.Errorf("issuer = %s, want http://%s", d.Issuer, d.Addr)
	}
	if len(d.Portals) != 2 {
		t.Fatalf("%d portals, want 2", len(d.Portals))
	}
	for i, p := range d.Portals {
		if p.Name == "" || p.ClientID == "" || len(p.ClientSecret) < 32 || p.RedirectURI != p.URL+"/callback" || p.MinLevel != i+1 {
			t.Errorf("portal %d is %+v", i, p)
		}
	}
	if d.Portals[0].ClientSecret == d.Portals[1].ClientSecret {
		t.Errorf("both portals have one secret")
	}
	statuses := map[string]bool{}
	kinds := map[[3]bool]bool{} // level 2, password, TOTP
	for _, a := range d.Accounts {
		if len(a.PersonalNumber) != 12 || a.Note == "" || a.Level < 1 || a.Level > 2 {
			t.Errorf("account %+v", a)
		}
		statuses[a.Status] = true
		kinds[[3]bool{a.Level == 2, a.Password != "", a.TOTPSecret != ""}] = true
	}
	for _, want := range []string{
		"active", "pending_activation", "locked:self", "locked:authority", "locked:terms", "locked:number", "locked:death",
	} {
		if !statuses[want] {
			t.Errorf("no account is %s", want)
		}
	}
	for _, want := range [][3]bool{{false, true, false}, {false, true, true}, {true, true, false}, {true, true, true}, {false, false, false}} {
		if !kinds[want] {
			t.Errorf("no account with level 2 %v, password %v, TOTP %v", want[0], want[1], want[2])
		}
	}
	var open []string
	for _, s := range d.Sources {
		if s.Open {
			open = append(open, s.ID)
		}
		if s.Kind == "" || len(s.Accounts) == 0 {
			t.Errorf("source %s has kind %q and %d accounts", s.ID, s.Kind, len(s.Accounts))
		}
	}
	want := []string{sourceNational, sourceVNeID, sourceLegacy, sourceSAML, sourceCAS, sourceLDAP, "portal-1-old", "portal-1-old-2022"}
	if !slices.Equal(open, want) || len(d.Sources) != len(want)+1 {
		t.Errorf("open sources are %v of %d, want %v of one more", open, len(d.Sources), want)
	}
}

func TestDemoTable(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), binary, "demo", "--addr", freeBlock(), "--data", filepath.Join(t.TempDir(), "data"))
	var out syncBuffer
	cmd.Stdout = &out
	must(t, cmd.Start())
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(out.String(), "oathtool") && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit code 0", err)
	}
	for _, want := range []string{"PERSONAL NUMBER", "001188000001", "locked:death", "portal, level 2", "legacy-2022", "nguoi-dung-cu", "bao-hiem-1", "thu-vien-1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, &out)
		}
	}
}

func TestDemoTakenPort(t *testing.T) {
	addr := freeBlock()
	host, port, err := net.SplitHostPort(addr)
	must(t, err)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, nextPort(nextPort(port))))
	must(t, err)
	defer func() { _ = taken.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	exit, stdout, stderr := run(t, "demo", "--json", "--addr", addr, "--data", data)
	if exit != 1 || stdout != "" || !strings.Contains(stderr, taken.Addr().String()) || !strings.Contains(stderr, "--addr") {
		t.Errorf("exit %d, stdout %q, stderr %q, want 1 and an error that names the port and --addr", exit, stdout, stderr)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
}

func TestBadCalls(t *testing.T) {
	for _, args := range [][]string{
		{"demo", "--nope"}, {"demo", "--addr", "0.0.0.0:8400"}, {"demo", "--addr", "127.0.0.1"}, {"demo", "--addr", "127.0.0.1:65532"},
		{"demo", "--addr", "localhost:0"}, {"demo", "--at", "tomorrow"}, {"keys", "rotate", "--alg", "HS256", "--reason", "x"},
		{"keys", "rotate", "--alg", "RS256"}, {"serve", "--port", "1"}, {"check", "--config"}, {"nonsense"}, {"demo", "extra"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			exit, stdout, stderr := run(t, args...)
			if exit != 2 || stdout != "" || !strings.HasPrefix(stderr, "eidgate: ") {
				t.Errorf("exit %d, stdout %q, stderr %q, want 2 and one error", exit, stdout, stderr)
			}
		})
	}
}

func TestDemoLeavesForeignDirectoriesAlone(t *testing.T) {
	foreign := t.TempDir()
	kept := filepath.Join(foreign, "letters.txt")
	must(t, os.WriteFile(kept, []byte("mine"), 0o600))
	for _, flags := range [][]string{nil, {"--reset"}} {
		exit, _, stderr := run(t, append([]string{"demo", "--json", "--addr", freeBlock(), "--data", foreign}, flags...)...)
		if exit != 1 || !strings.Contains(stderr, foreign) {
			t.Errorf("demo %v: exit %d, stderr %q, want 1 and the directory's name", flags, exit, stderr)
		}
		if raw, err := os.ReadFile(kept); err != nil || string(raw) != "mine" {
			t.Errorf("demo %v: the file is %q, %v", flags, raw, err)
		}
	}
	files, err := os.ReadDir(foreign)
	must(t, err)
	if len(files) != 1 {
		t.Errorf("%d files in the foreign directory, want the one", len(files))
	}
}

func TestDemoReset(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	first := startDemo(t, "--data", dir)
	for _, problem := range first.stop() {
		t.Error(problem)
	}
	second := startDemo(t, "--data", dir, "--reset")
	if second.Portals[0].ClientSecret == first.Portals[0].ClientSecret {
		t.Errorf("the client secret is the one of before the reset")
	}
	rows, err := grants(dir)
	if err != nil || len(rows) != 0 {
		t.Errorf("%d grants after a reset, %v", len(rows), err)
	}
}

// TestGracefulStop: what is under way ends well, nothing new begins, exit code 0.
func TestGracefulStop(t *testing.T) {
	d := startDemo(t)
	a := d.browser(t)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 200, "/nowhere": 404} {
		if got := a.get(d.Issuer + path); got.status != want {
			t.Errorf("%s = %d, want %d", path, got.status, want)
		}
	}
	portal, who := d.party(t, "portal-1"), d.account("002")
	r := portal.request()
	form := a.press(a.get(r.address), "source", sourceNational)
	values := form.hidden()
	values.Set("personal_number", who.PersonalNumber)
	values.Set("password", who.Password)

	// A request that has begun and not ended: half of its body is sent.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Addr)
	must(t, err)
	defer func() { _ = conn.Close() }()
	body := values.Encode()
	head := "POST /login HTTP/1.1\r\nHost: " + d.Addr + "\r\nCookie: eidgate=" + a.session() +
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + itoa(len(body)) + "\r\nConnection: close\r\n\r\n"
	_, err = conn.Write([]byte(head + body[:10]))
	must(t, err)
	ready := func() bool { // asked on a connection of its own: they are accepted in turn
		c := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := c.Get(d.Issuer + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	waitUntil(t, "the request to arrive", ready)
	must(t, d.cmd.Process.Signal(syscall.SIGTERM))
	waitUntil(t, "new requests to be refused", func() bool { return !ready() })
	_, err = conn.Write([]byte(body[10:]))
	must(t, err)
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 303 ") {
		t.Errorf("the request under way got %q, %v, want its redirect", answer[:n], err)
	}
	<-d.exited
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code = %d, want 0", code)
	}
}

func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited too long for %s", what)
}
