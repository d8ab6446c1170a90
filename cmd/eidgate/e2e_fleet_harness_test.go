package main_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/go-jose/go-jose/v4"

	"eidgate/store/storetest"
)

// fleetMaxAge is how long portals may cache the key set of a fleet.
const fleetMaxAge = 3 * time.Second

// fleet are processes of `eidgate serve` on one database and one Redis, with the
// people of a demo. Nobody listens at the issuer's address: requests to it go to
// one process after the other.
type fleet struct {
	*demoRun

	redis   *storetest.Redis
	members []*member
	turn    atomic.Uint64
}

// member is one process of a fleet.
type member struct {
	*http.Transport // reaches this process, whatever the address

	addr string
	file string // its configuration
	log  *syncBuffer
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// fleetConfig is the configuration of one process.
var fleetConfig = template.Must(template.New("fleet").Parse(`issuer: {{.Issuer}}
listen: {{.Listen}}
data: {{.Data}}
state: redis://{{.Redis}}
metrics: {listen: "127.0.0.1:0"}
lifetimes: {jwks_max_age: 3s, id_token: {{.Life}}, jwt_access_token: {{.Life}}}
{{.Keys}}
sources:
  - {id: national, kind: account, name: Tài khoản, provider: eidgate, may_assert: [1, 2], grants_at_most: 2, window: {from: 2021-11-09}}
clients:
{{range .Clients}}  - id: {{.ClientID}}
    name: Cổng thử nghiệm
    url: {{.URL}}
    tier: province
    auth_method: client_secret_basic
    client_secrets: [{{.ClientSecret}}]
    redirect_uris: [{{.RedirectURI}}]
    scopes: [openid, profile]
    sector: {{.ClientID}}
    id_token_alg: {{.Alg}}
    min_level: 1
    sources: [national]
    refresh: true
    resources: ["https://api.example.test/"]
    consent: {purpose: Thử}
{{end}}`))

// fleetClient is a portal with the algorithm that it registers.
type fleetClient struct {
	portalReport

	Alg jose.SignatureAlgorithm
}

// startFleet starts n processes. keys is the block of the configuration about keys;
// life is how long tokens live that parties verify; each algorithm has a client.
func startFleet(t *testing.T, n int, keys string, life time.Duration, algorithms ...jose.SignatureAlgorithm) (*fleet, []fleetClient) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	demo, err := launch([]string{"--data", data})
	must(t, err)
	if code := demo.terminate(); code != 0 {
		t.Fatalf("the demo ended with %d:\n%s", code, demo.stderr)
	}
	f := &fleet{redis: storetest.StartRedis(t)}
	f.demoRun = &demoRun{
		report: demo.report, Addr: demo.Addr, Dir: data, stderr: &syncBuffer{}, steps: demo.steps, secrets: map[string][]string{},
	}
	f.via, f.Portals = f, nil
	var clients []fleetClient
	for _, alg := range algorithms {
		// Nobody listens at port 9: the tests read the redirect.
		id := "portal-" + strings.ToLower(string(alg))
		p := portalReport{Name: id, ClientID: id, ClientSecret: rand.Text() + rand.Text(), URL: "http://127.0.0.1:9/" + id}
		p.RedirectURI = p.URL + "/callback"
		f.Portals = append(f.Portals, p)
		clients = append(clients, fleetClient{p, alg})
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, m := range f.members {
				raw := m.log.Bytes()
				t.Logf("log of process %d ends:\n%s", i+1, raw[max(0, len(raw)-4<<10):])
			}
		}
	})
	for range n {
		m := &member{addr: storetest.FreeAddr(t), log: f.stderr}
		m.file = filepath.Join(t.TempDir(), "eidgate.yaml")
		m.Transport = &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, m.addr)
			},
			MaxIdleConnsPerHost: 64,
		}
		var text bytes.Buffer
		must(t, fleetConfig.Execute(&text, map[string]any{
			"Issuer": f.Issuer, "Listen": m.addr, "Data": data, "Redis": f.redis.Addr, "Life": life, "Keys": keys, "Clients": clients,
		}))
		must(t, os.WriteFile(m.file, text.Bytes(), 0o600))
		f.members = append(f.members, m)
		t.Cleanup(func() { m.stop(t) })
	}
	f.start(t, f.members...)
	return f, clients
}

// start starts processes together and waits until each serves.
func (f *fleet) start(t *testing.T, members ...*member) {
	t.Helper()
	for _, m := range members {
		m.start(t)
	}
	for _, m := range members {
		waitUntil(t, "a process of the fleet", func() bool {
			got, err := m.get(t.Context(), "http://"+m.addr+"/readyz")
			return err == nil && got.status == http.StatusOK
		})
	}
}

func (m *member) start(t *testing.T) {
	t.Helper()
	m.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, "serve", "--config", m.file)
	m.cmd.Stderr = m.log
	// A test that is killed takes its processes with it.
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, m.cmd.Start())
	cmd, done := m.cmd, make(chan struct{})
	m.done = done
	go func() {
		_ = cmd.Wait() // stop looks at its state
		close(done)
	}()
}

// kill ends the process at once (SIGKILL).
func (m *member) kill() {
	_ = m.cmd.Process.Kill() // gone already is as good
	<-m.done
	m.CloseIdleConnections()
}

// stop asks the process to end, and says when it ends badly.
func (m *member) stop(t *testing.T) {
	t.Helper()
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // gone already is as good
	select {
	case <-m.done:
	case <-time.After(35 * time.Second):
		m.kill()
	}
	if code := m.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("serve ended with %v", m.cmd.ProcessState)
	}
}

// RoundTrip gives each request to the next process.
func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	return f.members[f.turn.Add(1)%uint64(len(f.members))].RoundTrip(r)
}

// get fetches from this process.
func (m *member) get(ctx context.Context, address string, header ...string) (*answered, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return ask(m, r)
}

// answered is an answer that was read whole.
type answered struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request and follows no redirect.
func ask(via http.RoundTripper, r *http.Request) (*answered, error) {
	client := &http.Client{
		Transport: via, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return &answered{res.StatusCode, res.Header, body}, err
}

// keySet reads an answer of /keys.
func (a *answered) keySet() (set jose.JSONWebKeySet, err error) {
	if a.status != http.StatusOK {
		return set, fmt.Errorf("the key set is answered with %d", a.status)
	}
	return set, json.Unmarshal(a.body, &set)
}

// published are the kids that one process serves.
func (f *fleet) published(t *testing.T, m *member) []string {
	t.Helper()
	got, err := m.get(t.Context(), f.Issuer+"/keys")
	must(t, err)
	set, err := got.keySet()
	must(t, err)
	return kids(set)
}

// agree waits until every process serves the same keys, and gives their kids.
func (f *fleet) agree(t *testing.T) []string {
	t.Helper()
	var first []string
	waitUntil(t, "one key set at every process", func() bool {
		first = f.published(t, f.members[0])
		return !slices.ContainsFunc(f.members[1:], func(m *member) bool { return !slices.Equal(f.published(t, m), first) })
	})
	return first
}

// lines are the lines of all logs with a message.
func (f *fleet) lines(message string) int {
	return strings.Count(f.stderr.String(), fmt.Sprintf("%q:%q", "msg", message))
}

// logsNothing searches the logs of all processes for secrets and for failures.
func (f *fleet) logsNothing(t *testing.T) {
	t.Helper()
	for _, problem := range f.searchLog() {
		t.Error(problem)
	}
}
