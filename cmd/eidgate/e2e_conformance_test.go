package main_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const conformance = "../../deploy/conformance"

// conformanceRun is the folder of a conformance run, with what prepare.sh makes
// made here.
type conformanceRun struct {
	dir, addr string
	roots     *x509.CertPool
	key       *ecdsa.PrivateKey // of client conformance-key
	env       []string          // more of it for the binary
	log       syncBuffer
}

func prepareConformance(t *testing.T) *conformanceRun {
	t.Helper()
	c := &conformanceRun{dir: t.TempDir(), addr: freeBlock(), roots: x509.NewCertPool()}
	for _, name := range []string{"eidgate.yaml", "person.json"} {
		raw, err := os.ReadFile(filepath.Join(conformance, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(c.dir, name), raw, 0o600))
	}
	must(t, os.Mkdir(filepath.Join(c.dir, "run"), 0o700))
	for _, name := range []string{"client-1", "client-2", "client-post", "client-back", "client-front", "person"} {
		c.write(t, name+".secret", []byte(rand.Text()+rand.Text()+"\n"))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c.key = key
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "conformance"}}})
	must(t, err)
	c.write(t, "client-key.public.json", set)

	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "eidgate.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	c.roots.AppendCertsFromPEM(cert)
	c.write(t, "tls.crt", cert)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	c.write(t, "tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return c
}

func (c *conformanceRun) write(t *testing.T, name string, raw []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(c.dir, "run", name), raw, 0o600))
}

func (c *conformanceRun) secret(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.dir, "run", name+".secret"))
	must(t, err)
	return strings.TrimSpace(string(raw))
}

// command runs the binary on the folder's configuration, at an address of this
// machine.
func (c *conformanceRun) command(t *testing.T, stdin string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append(args, "--config", filepath.Join(c.dir, "eidgate.yaml"))...)
	// The binary refuses variables of this prefix that it does not know, ours too.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "EIDGATE_") })
	cmd.Env = append(env, "EIDGATE_ISSUER=https://"+c.addr, "EIDGATE_LISTEN="+c.addr, "EIDGATE_PROXIES=127.0.0.1/32")
	cmd.Env = append(cmd.Env, c.env...)
	cmd.Stdin = strings.NewReader(stdin)
	return cmd
}

// run waits for a command.
func (c *conformanceRun) run(t *testing.T, stdin string, args ...string) (exit int, out string) {
	t.Helper()
	var both bytes.Buffer
	cmd := c.command(t, stdin, args...)
	cmd.Stdout, cmd.Stderr = &both, &both
	_ = cmd.Run() // the exit code tells
	return cmd.ProcessState.ExitCode(), both.String()
}

// TestConformanceConfiguration makes the person, serves https and signs in as the
// suite's browser does.
func TestConformanceConfiguration(t *testing.T) {
	t.Parallel()
	c := prepareConformance(t)
	password := c.secret(t, "person")
	exit, out := c.run(t, password+"\n", "accounts", "add", "--file", filepath.Join(c.dir, "person.json"), "--password-file", "-")
	if exit != 0 || !strings.Contains(out, "950, level 2") || strings.Contains(out, "001188000950") {
		t.Fatalf("accounts add: exit %d, %q, want the masked number", exit, out)
	}
	if exit, out = c.run(t, "", "accounts", "add", "--file", filepath.Join(c.dir, "person.json")); exit != 1 || !strings.Contains(out, "exists already") {
		t.Errorf("accounts add again: exit %d, %q, want that it exists", exit, out)
	}

	server := c.command(t, "", "serve")
	server.Stderr = &c.log
	must(t, server.Start())
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{
		Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.roots}, ForceAttemptHTTP2: true},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Host == c.addr {
				return nil
			}
			return http.ErrUseLastResponse
		},
	}
	send := func(method, path string, form url.Values) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+c.addr+path, strings.NewReader(form.Encode()))
		must(t, err)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := client.Do(r)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		must(t, err)
		return res, string(body)
	}
	waitUntil(t, "the gateway", func() bool {
		conn, err := net.DialTimeout("tcp", c.addr, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})

	res, body := send(http.MethodGet, "/authorize?"+url.Values{
		"client_id": {"conformance-1"}, "response_type": {"code"}, "scope": {"openid profile email address phone"}, "state": {"s"}, "nonce": {"n"},
		"redirect_uri": {"https://localhost.emobix.co.uk:8443/test/a/eidgate/callback"},
	}.Encode(), nil)
	if res.Proto != "HTTP/2.0" || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("answer over %s, HSTS %q, want HTTP/2 and HSTS", res.Proto, res.Header.Get("Strict-Transport-Security"))
	}
	res, body = send(http.MethodPost, "/login", fields(t, body, "personal_number", "001188000950", "password", password))
	if strings.Contains(body, `value="share"`) {
		res, body = send(http.MethodPost, "/login", fields(t, body, "action", "share"))
	}
	back, err := url.Parse(res.Header.Get("Location"))
	must(t, err)
	if back.Query().Get("code") == "" {
		t.Fatalf("no code: %d %s\n%s", res.StatusCode, back, body)
	}
	conformanceClaims(t, c, client, back.Query().Get("code"))
	must(t, server.Process.Signal(syscall.SIGTERM))
	if err := server.Wait(); err != nil {
		t.Errorf("serve ended with %v\n%s", err, &c.log)
	}
	log := string(c.log.Bytes())
	if !strings.Contains(log, `"net":"203.0.113.0/24"`) {
		t.Errorf("log does not name the client's network:\n%s", log)
	}
	for _, private := range []string{"203.0.113.9", "001188000950", password, back.Query().Get("code")} {
		if strings.Contains(log, private) {
			t.Errorf("the log holds %q", private)
		}
	}
}

// conformanceClaims redeems a code of all scopes: userinfo has every claim of
// OpenID Connect Core §5.4, of which the suite misses any that lacks.
func conformanceClaims(t *testing.T, c *conformanceRun, client *http.Client, code string) {
	t.Helper()
	call := func(path string, form url.Values, authenticate func(*http.Request), into any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+c.addr+path, strings.NewReader(form.Encode()))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		authenticate(r)
		res, err := client.Do(r)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d, want 200", path, res.StatusCode)
		}
		must(t, json.NewDecoder(res.Body).Decode(into))
	}
	var tokens struct {
		Access string `json:"access_token"`
	}
	call("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"https://localhost.emobix.co.uk:8443/test/a/eidgate/callback"},
	}, func(r *http.Request) { r.SetBasicAuth("conformance-1", c.secret(t, "client-1")) }, &tokens)
	var claims map[string]any
	call("/userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+tokens.Access) }, &claims)
	got := slices.Sorted(maps.Keys(claims))
	want := strings.Fields(`sub name given_name family_name middle_name nickname profile picture website gender birthdate zoneinfo
		locale updated_at preferred_username email email_verified address phone_number phone_number_verified`)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("userinfo has %v, want %v", got, want)
	}
	for name, value := range map[string]any{
		"nickname": "Thủ", "preferred_username": "tuan-thu", "profile": "https://example.test/tuan-thu",
		"picture": "https://example.test/tuan-thu.png", "website": "https://tuan-thu.example.test/",
	} {
		if claims[name] != value {
			t.Errorf("%s = %v, want %v", name, claims[name], value)
		}
	}
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)"`)

// fields fills in the last form of a page.
func fields(t *testing.T, body string, values ...string) url.Values {
	t.Helper()
	form := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(body, -1) {
		form.Set(m[1], m[2])
	}
	if form.Get("csrf") == "" {
		t.Fatalf("no form on the page:\n%s", body)
	}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	return form
}

func TestAccountsAddRefuses(t *testing.T) {
	c := prepareConformance(t)
	person, err := os.ReadFile(filepath.Join(c.dir, "person.json"))
	must(t, err)
	file := filepath.Join(c.dir, "other.json")
	for _, tt := range []struct{ name, old, new, want string }{
		{"number as a JSON number", `"001188000950"`, `1188000950`, "personal_number: a number is not what belongs there"},
		{"eleven digits", `001188000950`, `00118800095`, "not a personal number"},
		{"unknown key", `"name"`, `"full_name"`, `unknown field "full_name"`},
		{"no level", `"level": 2`, `"level": 0`, "level is neither 1 nor 2"},
		{"level 3", `"level": 2`, `"level": 3`, "level is neither 1 nor 2"},
		{"birth date", `1988-03-08`, `1988`, "birth date is not a full date"},
		{"number as username", `"tuan-thu"`, `"001188000951"`, "preferred username is like an identity number"},
		{"http picture", `"https://example.test/tuan-thu.png"`, `"http://example.test/tuan-thu.png"`, "picture is not an https URL"},
		{"no number", `"personal_number": "001188000950",`, ``, "want personal_number, or passport_number"},
		{"two documents", "}\n", "}{}\n", "more than one JSON document"},
	} {
		must(t, os.WriteFile(file, []byte(strings.Replace(string(person), tt.old, tt.new, 1)), 0o600))
		exit, out := c.run(t, "", "accounts", "add", "--file", file)
		if exit != 1 || !strings.Contains(out, tt.want) || strings.Contains(out, "00118800095") {
			t.Errorf("%s: exit %d, %q, want %q and no number", tt.name, exit, out, tt.want)
		}
	}
	for _, tt := range []struct {
		args []string
		exit int
		want string
	}{
		{nil, 2, "--file"},
		{[]string{"--file", "no-such-file"}, 1, "no such file"},
		{[]string{"--file", filepath.Join(c.dir, "person.json"), "--password", "x"}, 2, "unknown flag"},
		{[]string{"--file", filepath.Join(c.dir, "person.json"), "--password-file", "-"}, 1, "no password"},
		{[]string{"--file", filepath.Join(c.dir, "person.json"), "--totp-file", filepath.Join(c.dir, "person.json")}, 1, "base32"},
	} {
		if exit, out := c.run(t, "", append([]string{"accounts", "add"}, tt.args...)...); exit != tt.exit || !strings.Contains(out, tt.want) {
			t.Errorf("accounts add %v: exit %d, %q, want %d and %q", tt.args, exit, out, tt.exit, tt.want)
		}
	}
}

// TestConformancePlans holds the suite's configurations against the gateway's:
// every client is registered, every field is on our pages.
func TestConformancePlans(t *testing.T) {
	gateway, err := os.ReadFile(filepath.Join(conformance, "eidgate.yaml"))
	must(t, err)
	files, err := filepath.Glob(filepath.Join(conformance, "plans", "*.json"))
	must(t, err)
	if len(files) < 6 {
		t.Fatalf("%d plans, want one for each of the six profiles", len(files))
	}
	placeholder := regexp.MustCompile(`@[a-z0-9-]+@`)
	known := []string{"@issuer@", "@number@", "@jwks@", "@person@", "@client-1@", "@client-2@", "@client-post@", "@client-back@", "@client-front@"}
	page, err := os.ReadFile("../../web/templates/password.html")
	must(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(t, err)
		for _, name := range placeholder.FindAllString(string(raw), -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s: placeholder %s is not filled in by prepare.sh", file, name)
			}
		}
		type client struct {
			ID string `json:"client_id"`
		}
		type browser []struct {
			Tasks []struct {
				Commands [][]any `json:"commands"`
			} `json:"tasks"`
		}
		var plan struct {
			Alias   string  `json:"alias"`
			Client  client  `json:"client"`
			Client2 client  `json:"client2"`
			Post    client  `json:"client_secret_post"`
			Browser browser `json:"browser"`
		}
		must(t, json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "@jwks@", "{}")), &plan))
		if plan.Alias != "eidgate" {
			t.Errorf("%s: alias %q, want the one in the redirect URIs", file, plan.Alias)
		}
		for _, id := range []string{plan.Client.ID, plan.Client2.ID, plan.Post.ID} {
			if id != "" && !strings.Contains(string(gateway), "- id: "+id+"\n") {
				t.Errorf("%s: client %s is not registered", file, id)
			}
		}
		for _, b := range plan.Browser {
			for _, task := range b.Tasks {
				for _, command := range task.Commands {
					if command[0] == "text" && !strings.Contains(string(page), `id="`+command[2].(string)+`"`) {
						t.Errorf("%s: no field %v on the sign-in page", file, command[2])
					}
				}
			}
		}
	}
}
