package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	guideEN = "../../docs/operator-guide.en.md"
	guideVI = "../../docs/operator-guide.vi.md"
)

// guideBlock is a fenced block of the guide: "sh guide" is run, "sh guide stays" is
// started and left running, "sh guide stopped" is run while those are stopped, and
// "yaml guide" is a configuration.
type guideBlock struct{ info, text string }

var fenced = regexp.MustCompile("(?ms)^```([a-z][a-z ]*)\n(.*?)^```$")

func guideBlocks(t *testing.T, file string) []guideBlock {
	t.Helper()
	raw, err := os.ReadFile(file)
	must(t, err)
	var blocks []guideBlock
	for _, m := range fenced.FindAllStringSubmatch(string(raw), -1) {
		blocks = append(blocks, guideBlock{m[1], m[2]})
	}
	return blocks
}

func TestGuidesHaveTheSameBlocks(t *testing.T) {
	en, vi := guideBlocks(t, guideEN), guideBlocks(t, guideVI)
	if len(en) < 10 || !slices.Equal(en, vi) {
		t.Errorf("%d blocks in English, %d in Vietnamese, want the same ones, ten or more", len(en), len(vi))
		for i := range min(len(en), len(vi)) {
			if en[i] != vi[i] {
				t.Errorf("block %d = %q, want %q", i, vi[i], en[i])
			}
		}
	}
}

// TestGuidesLinks follows the guides' links to files, headings included.
func TestGuidesLinks(t *testing.T) {
	for _, guide := range []string{guideEN, guideVI, sourceGuideEN, sourceGuideVI} {
		raw, err := os.ReadFile(guide)
		must(t, err)
		links := regexp.MustCompile(`\]\(([^)#]+)(?:#([a-z]+))?\)`).FindAllStringSubmatch(string(raw), -1)
		if len(links) < 5 {
			t.Errorf("%s has %d links, want five or more", guide, len(links))
		}
		for _, link := range links {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(guide), link[1]))
			if err != nil {
				t.Errorf("%s: %v", guide, err)
			}
			if link[2] != "" && !strings.Contains(strings.ToLower(string(text)), "### "+link[2]+"\n") {
				t.Errorf("%s: %s has no heading %s", guide, link[1], link[2])
			}
		}
	}
}

// TestAlarmsAreExplained holds the rules of Prometheus against the page they lead to.
func TestAlarmsAreExplained(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/eidgate.rules.yml")
	must(t, err)
	page, err := os.ReadFile("../../docs/alarms.md")
	must(t, err)
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(string(page), -1) {
		got = append(got, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)- alert: (\w+)$`).FindAllStringSubmatch(string(rules), -1) {
		want = append(want, m[1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) < 15 || !slices.Equal(got, want) {
		t.Errorf("alarms.md explains %v, want %v", got, want)
	}
}

// guideRun follows the guide in an empty directory, as a newcomer does.
type guideRun struct {
	dir     string
	moved   *strings.Replacer // to ports that are free here
	running []*exec.Cmd
	stays   []guideBlock
	said    string // what the blocks printed
	log     syncBuffer
	codes   map[string]bool // one-time codes used
}

// command is a shell that stops at the first command that fails.
func (g *guideRun) command(ctx context.Context, block guideBlock) *exec.Cmd {
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", g.moved.Replace(block.text))
	c.Dir = g.dir
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "EIDGATE_") }),
		"PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return c
}

func (g *guideRun) run(t *testing.T, block guideBlock) {
	t.Helper()
	out, err := g.command(t.Context(), block).CombinedOutput()
	if err != nil {
		t.Fatalf("%s%v\n%s\n%s", block.text, err, out, &g.log)
	}
	g.said += string(out)
}

func (g *guideRun) start(t *testing.T, block guideBlock) {
	t.Helper()
	// exec: the signal goes to the command, as Ctrl-C does.
	c := g.command(context.WithoutCancel(t.Context()), guideBlock{block.info, "exec " + block.text})
	c.Stdout, c.Stderr = &g.log, &g.log
	must(t, c.Start())
	g.running = append(g.running, c)
}

func (g *guideRun) stop(t *testing.T) {
	t.Helper()
	for _, c := range g.running {
		_ = c.Process.Signal(syscall.SIGINT)
	}
	for _, c := range g.running {
		if err := c.Wait(); err != nil {
			t.Errorf("%v ended with %v, want exit code 0\n%s", c.Args, err, &g.log)
		}
	}
	g.running = nil
}

func (g *guideRun) answers(t *testing.T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		waitUntil(t, address, func() bool {
			res, err := http.Get(address)
			return err == nil && errors.Join(res.Body.Close()) == nil && res.StatusCode == http.StatusOK
		})
	}
}

func TestGuide(t *testing.T) {
	t.Parallel()
	gateway := freeBlock()
	host, port, err := net.SplitHostPort(gateway)
	must(t, err)
	first, err := strconv.Atoi(port)
	must(t, err)
	at := func(i int) string { return net.JoinHostPort(host, strconv.Itoa(first+i)) }
	g := &guideRun{dir: t.TempDir(), codes: map[string]bool{}, moved: strings.NewReplacer("eidgate init ", "eidgate init --addr "+gateway+" ",
		"127.0.0.1:8400", gateway, "127.0.0.1:8401", at(1), "127.0.0.1:8402", at(2))}
	defer func() { g.stop(t) }()
	portal := "http://" + at(2)
	kinds := map[string]int{}
	for _, block := range guideBlocks(t, guideEN) {
		kinds[block.info]++
		switch block.info {
		case "sh guide stays":
			g.stays = append(g.stays, block)
			g.start(t, block)
			if len(g.stays) == 2 {
				g.answers(t, "http://"+gateway+"/readyz", portal)
				g.signIn(t, gateway, portal)
			}
		case "sh guide stopped":
			g.stop(t)
			g.run(t, block)
			for _, b := range g.stays {
				g.start(t, b)
			}
			g.answers(t, "http://"+gateway+"/readyz", portal)
			g.signIn(t, gateway, portal)
		case "sh guide":
			g.run(t, block)
			if strings.Contains(block.text, "eidgate.yaml.new") {
				waitUntil(t, "the reload", func() bool {
					return strings.Contains(g.log.String(), `msg="configuration live"`) && strings.Contains(g.log.String(), "clients[portal].name_en")
				})
			}
		}
	}
	if kinds["sh guide"] < 6 || kinds["sh guide stays"] != 2 || kinds["sh guide stopped"] != 1 {
		t.Errorf("the guide has the blocks %v, want two that stay, one restore and six or more to run", kinds)
	}
	for _, want := range []string{"made: ", "ok: issuer http://" + gateway, "ready", `eidgate_store_up{store="durable"} 1`, "written: ", "signing", "scheduled: ES256"} {
		if !strings.Contains(g.said, want) {
			t.Errorf("the guide's commands do not say %q:\n%s", want, g.said)
		}
	}
	if secret := g.secret(t, "password"); strings.Contains(g.log.String(), secret) {
		t.Errorf("the log holds the password")
	}
}

// secret is what `accounts add --new-secrets` printed.
func (g *guideRun) secret(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `: (\S+)$`).FindStringSubmatch(g.said)
	if m == nil {
		t.Fatalf("no %s was printed:\n%s", name, g.said)
	}
	return m[1]
}

// signIn signs the guide's person in at its portal in a new browser: at Level 1,
// then with a code at Level 2.
func (g *guideRun) signIn(t *testing.T, gateway, portal string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(g.dir, "eidgate-try", "person.json"))
	must(t, err)
	var person struct {
		Number string `json:"personal_number"`
	}
	must(t, json.Unmarshal(raw, &person))
	d := &demoRun{Addr: gateway, stderr: &g.log, steps: g.codes, secrets: map[string][]string{}}
	who := accountReport{PersonalNumber: person.Number, Password: g.secret(t, "password"), TOTPSecret: g.secret(t, "secret of one-time codes")}
	b := d.browser(t)
	if p := b.fill(b.get(portal+"/login"), who); p.title() != "Quý vị đã đăng nhập" {
		t.Errorf("after the password: %q, want the portal's page", p.title())
	}
	b.fill(b.press(b.get(portal+"/login?acr=2&essential=1"), "action", "step_up"), who)
	b.header.Set("Accept", "application/json")
	var result struct {
		SignedIn bool `json:"signed_in"`
		Granted  struct {
			Level int `json:"level"`
		} `json:"granted"`
	}
	must(t, json.Unmarshal([]byte(b.get(portal).body), &result))
	if !result.SignedIn || result.Granted.Level != 2 {
		t.Errorf("the portal shows %+v, want a sign-in at Level 2", result)
	}
}

// TestGuideConfiguration checks the configuration of section 3 with the credentials
// that systemd would give.
func TestGuideConfiguration(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "eidgate.yaml")
	must(t, os.WriteFile(filepath.Join(credentials, "master.key"), nil, 0o400))
	must(t, os.WriteFile(filepath.Join(credentials, "dien-bien.secret"), []byte(strings.Repeat("x", 64)), 0o400))
	for _, block := range guideBlocks(t, guideEN) {
		if block.info == "yaml guide" {
			must(t, os.WriteFile(file, []byte(block.text), 0o600))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	check := exec.CommandContext(ctx, binary, "check", "--config", file)
	check.Env = append(os.Environ(), "CREDENTIALS_DIRECTORY="+credentials)
	out, err := check.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "ok: issuer https://dangnhap.example.vn, 1 clients, 1 sources") {
		t.Errorf("check = %v, %s, want ok", err, out)
	}
}
