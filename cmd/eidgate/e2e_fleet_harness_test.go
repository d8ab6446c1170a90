package main_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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

	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// fleet are processes of `eidgate serve` on one database and one Redis, with the
// people of a demo. Nobody listens at the issuer's address: requests to it go to
// one process after the other.
type fleet struct {
	*demoRun

	settings fleetSettings
	clients  []fleetClient
	redis    *storetest.Redis
	members  []*member
	db       *sqlstore.DB // opened beside the processes
	sealer   keys.SealOpener
	turn     atomic.Uint64
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

// fleetSettings are what tests of fleets differ in.
type fleetSettings struct {
	processes int
	// maxAge is how long portals may cache the key set.
	maxAge time.Duration
	// life is how long tokens live that parties verify.
	life time.Duration
	// keys is the block of the configuration about keys; "" is the default.
	keys string
	// algorithms have a client each.
	algorithms []jose.SignatureAlgorithm
}

// fleetConfig is the configuration of one process.
var fleetConfig = template.Must(template.New("fleet").Parse(`issuer: {{.Issuer}}
listen: {{.Listen}}
data: {{.Dir}}
state: redis://{{.Redis}}
metrics: {listen: "127.0.0.1:0"}
lifetimes: {jwks_max_age: {{.MaxAge}}, id_token: {{.Life}}, jwt_access_token: {{.Life}}}
{{.Keys}}
sources:
  - {id: national, kind: account, name: Tài khoản, provider: eidgate, may_assert: [1, 2], grants_at_most: 2, window: {from: 2021-11-09}}
{{with .Clients}}clients:
{{end}}{{range .Clients}}  - id: {{.ClientID}}
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
    resources: ["{{.Resource}}"]
    consent: {purpose: Thử}
{{end}}`))

// fleetResource is where clients of a fleet may ask for access tokens in JWT form.
const fleetResource = "https://api.example.test/"

// fleetClient is a portal with the algorithm that it registers.
type fleetClient struct {
	portalReport

	Alg      jose.SignatureAlgorithm
	Resource string
}

// startFleet starts processes on the data of a demo, so that its people can sign in.
func startFleet(t *testing.T, settings fleetSettings) *fleet {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	demo, err := launch([]string{"--data", data})
	must(t, err)
	if code := demo.terminate(); code != 0 {
		t.Fatalf("the demo ended with %d:\n%s", code, demo.stderr)
	}
	f := newFleet(t, data, settings)
	f.report, f.steps = demo.report, demo.steps
	f.Portals = nil
	for _, alg := range settings.algorithms {
		// Nobody listens at port 9: the tests read the redirect.
		id := "portal-" + strings.ToLower(string(alg))
		p := portalReport{Name: id, ClientID: id, ClientSecret: rand.Text() + rand.Text(), URL: "http://127.0.0.1:9/" + id}
		p.RedirectURI = p.URL + "/callback"
		f.Portals = append(f.Portals, p)
		f.clients = append(f.clients, fleetClient{p, alg, fleetResource})
	}
	f.configure(t)
	f.start(t, f.members...)
	return f
}

// newFleet prepares processes on a data directory, which need not be there.
func newFleet(t *testing.T, data string, settings fleetSettings) *fleet {
	t.Helper()
	f := &fleet{settings: settings, redis: storetest.StartRedis(t)}
	f.demoRun = &demoRun{Addr: storetest.FreeAddr(t), Dir: data, stderr: &syncBuffer{}, steps: map[string]bool{}, secrets: map[string][]string{}}
	f.Issuer, f.via = "http://"+f.Addr, f
	t.Cleanup(func() {
		if raw := f.stderr.Bytes(); t.Failed() {
			t.Logf("the logs end:\n%s", raw[max(0, len(raw)-8<<10):])
		}
	})
	for range settings.processes {
		m := &member{addr: storetest.FreeAddr(t), log: f.stderr}
		m.file = filepath.Join(t.TempDir(), "eidgate.yaml")
		m.Transport = &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, m.addr)
			},
			MaxIdleConnsPerHost: 64,
		}
		f.members = append(f.members, m)
	}
	t.Cleanup(func() { f.stop(t) })
	return f
}

// configure writes the configuration of each process.
func (f *fleet) configure(t *testing.T) {
	t.Helper()
	f.Addr = strings.TrimPrefix(f.Issuer, "http://")
	for _, m := range f.members {
		var text bytes.Buffer
		must(t, fleetConfig.Execute(&text, map[string]any{
			"Issuer": f.Issuer, "Listen": m.addr, "Dir": f.Dir, "Redis": f.redis.Addr, "MaxAge": f.settings.maxAge,
			"Life": f.settings.life, "Keys": f.settings.keys, "Clients": f.clients,
		}))
		must(t, os.WriteFile(m.file, text.Bytes(), 0o600))
	}
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

// stop asks the processes to end together, and says which ends badly.
func (f *fleet) stop(t *testing.T) {
	t.Helper()
	for _, m := range f.members {
		if m.cmd != nil {
			_ = m.cmd.Process.Signal(syscall.SIGTERM) // gone already is as good
		}
	}
	deadline := time.After(35 * time.Second)
	for i, m := range f.members {
		if m.cmd == nil {
			continue
		}
		select {
		case <-m.done:
		case <-deadline:
			m.kill()
		}
		if code := m.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("process %d ended with %v", i+1, m.cmd.ProcessState)
		}
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

// stored are the keys in the database.
func (f *fleet) stored(t *testing.T) []keys.Record {
	t.Helper()
	list, err := f.open(t).Keys(t.Context())
	must(t, err)
	return list
}

// key is the key that signs tokens, or stands by to do so.
func (f *fleet) key(t *testing.T, alg keys.Algorithm, state keys.State) keys.Record {
	t.Helper()
	for _, rec := range f.stored(t) {
		if rec.Purpose == keys.Tokens && rec.Algorithm == alg && rec.State == state {
			return rec
		}
	}
	t.Fatalf("no %s key of tokens is %s", alg, state)
	return keys.Record{}
}

// find is the stored key of a kid.
func (f *fleet) find(t *testing.T, kid string) keys.Record {
	t.Helper()
	for _, rec := range f.stored(t) {
		if rec.ID == kid {
			return rec
		}
	}
	t.Fatalf("there is no key %s", kid)
	return keys.Record{}
}

// open opens the database beside the processes, once.
func (f *fleet) open(t *testing.T) *sqlstore.DB {
	t.Helper()
	if f.db == nil {
		var err error
		f.sealer, err = keys.LoadSealer(filepath.Join(f.Dir, "master.key"), false, slog.New(slog.DiscardHandler))
		must(t, err)
		f.db, err = sqlstore.Open(t.Context(), sqlstore.Config{Path: filepath.Join(f.Dir, "eidgate.db")}, f.sealer, time.Now)
		must(t, err)
		t.Cleanup(func() {
			if err := f.db.Close(); err != nil {
				t.Errorf("closing the database: %v", err)
			}
		})
	}
	return f.db
}

// lines checks that each line has one key that signs and one standby, and gives the
// numbers of their keys in all.
func (f *fleet) lines(t *testing.T) map[keys.Line]int {
	t.Helper()
	all, states := map[keys.Line]int{}, map[keys.Line]map[keys.State]int{}
	for _, rec := range f.stored(t) {
		l := rec.Line()
		if states[l] == nil {
			states[l] = map[keys.State]int{}
		}
		states[l][rec.State]++
		all[l]++
	}
	for l, n := range states {
		if n[keys.Signing] != 1 || n[keys.Published] != 1 {
			t.Errorf("line %v has keys %v, want one that signs and one standby", l, n)
		}
	}
	for _, l := range []keys.Line{{Purpose: keys.Tokens, Algorithm: keys.ES256}, {Purpose: keys.Tokens, Algorithm: keys.RS256}, {Purpose: keys.Checkpoints, Algorithm: keys.ES256}} {
		if all[l] == 0 {
			t.Errorf("line %v has no key", l)
		}
	}
	return all
}

// audited counts the audit rows of an action.
func (f *fleet) audited(t *testing.T, action string) int {
	t.Helper()
	n, filter := 0, sqlstore.AuditFilter{Action: action}
	for {
		rows, err := f.open(t).Audit(t.Context(), filter)
		must(t, err)
		if len(rows) == 0 {
			return n
		}
		n, filter.After = n+len(rows), rows[len(rows)-1].ID
	}
}

// logsNothing searches the logs of all processes for secrets and for failures.
func (f *fleet) logsNothing(t *testing.T) {
	t.Helper()
	for _, problem := range f.searchLog() {
		t.Error(problem)
	}
}
