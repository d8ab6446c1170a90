package notify_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/eid/notify/smpptest"
)

// gateway is a gateway of SMS over TLS that keeps the last request.
type gateway struct {
	*httptest.Server
	calls  int
	header http.Header
	body   string
	target string
	status int
	answer string
}

func serveSMS(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{status: http.StatusOK, answer: `{"CodeResult":"100"}`}
	g.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.calls, g.header, g.body, g.target = g.calls+1, r.Header, string(body), r.URL.String()
		w.WriteHeader(g.status)
		_, _ = io.WriteString(w, g.answer)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) config() notify.HTTPSMSConfig {
	return notify.HTTPSMSConfig{
		URL: g.URL + "/send?account=1", Method: http.MethodPost, Format: notify.JSONBody, Token: eid.NewSecret(`t"k\n`),
		Headers: map[string]string{"Authorization": "Bearer {{.Token}}", "Idempotency-Key": "{{.ID}}"},
		Body:    `{"Phone":"{{.National}}","Content":"{{.Text}}","ApiKey":"{{.Token}}","IsUnicode":"{{.Unicode}}","ttl":{{.Seconds}},"to":"{{.To}}","id":"{{.ID}}","d":"{{.Digits}}"}`,
		Answer:  notify.Answer{Path: "CodeResult", Sent: []string{"100"}, Busy: []string{"119"}, Refused: []string{"99"}},
	}
}

func (g *gateway) sender(t *testing.T, change func(*notify.HTTPSMSConfig)) *notify.HTTPSMS {
	t.Helper()
	cfg := g.config()
	if change != nil {
		change(&cfg)
	}
	s, err := notify.NewHTTPSMS(cfg, g.Client())
	if err != nil {
		t.Fatalf("NewHTTPSMS(): %v", err)
	}
	t.Cleanup(func() { s.Close(t.Context()) })
	return s
}

// TestASMSGatewayIsAsked in JSON and as a form: whatever stands in a text or a token, the
// body holds it as one value, and the address holds nothing of it.
func TestASMSGatewayIsAsked(t *testing.T) {
	texts := []string{"493817: mã xác nhận.\n@dangnhap.example.vn #493817", `","Phone":"0907654321","x":"`, "a&Phone=0907654321&b=%00", "{{.Token}} \\ \u2028 </script> 😀", "\x00\x1f\x7f"}
	for _, text := range texts {
		g := serveSMS(t)
		if err := g.sender(t, nil).Send(t.Context(), short(text)); err != nil {
			t.Fatalf("Send(%q): %v", text, err)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(g.body), &got); err != nil {
			t.Fatalf("body %q: %v", g.body, err)
		}
		want := map[string]any{"Phone": "0901234567", "Content": text, "ApiKey": `t"k\n`, "IsUnicode": got["IsUnicode"], "ttl": 300.0, "to": "+84901234567", "id": "N1", "d": "84901234567"}
		if fmt.Sprint(got) != fmt.Sprint(want) || g.target != "/send?account=1" || g.header.Get("Authorization") != `Bearer t"k\n` || g.header.Get("Idempotency-Key") != "N1" {
			t.Errorf("asked %s with %v and %v, want %v", g.target, got, g.header, want)
		}
		err := g.sender(t, func(c *notify.HTTPSMSConfig) {
			c.Format, c.Body = notify.FormBody, "to={{.Digits}}&text={{.Text}}&key={{.Token}}"
		}).Send(t.Context(), short(text))
		if err != nil {
			t.Fatalf("Send(%q): %v", text, err)
		}
		form, err := url.ParseQuery(g.body)
		if err != nil || len(form) != 3 || form.Get("text") != text || form.Get("to") != "84901234567" || form.Get("key") != `t"k\n` || len(form["to"]) != 1 {
			t.Errorf("the form is %q, %v", g.body, err)
		}
	}
}

// TestWhatTheGatewayAnswers sorts status and result. No error repeats what was answered,
// asked or where.
func TestWhatTheGatewayAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		answer string
		want   error // nil: none of them
		sent   bool
	}{
		{"taken", 200, `{"CodeResult":"100"}`, nil, true},
		{"taken, as a number", 201, `{"CodeResult":100}`, nil, true},
		{"too many, by its result", 200, `{"CodeResult":"119"}`, notify.ErrBusy, false},
		{"refused, by its result", 200, `{"CodeResult":"99","Error":"+84901234567"}`, notify.ErrRefused, false},
		{"another result", 200, `{"CodeResult":"104"}`, nil, false},
		{"no result", 200, `{}`, nil, false},
		{"no JSON", 200, `OK +84901234567`, nil, false},
		{"a list", 200, `[{"CodeResult":"100"}]`, nil, false},
		{"without end", 200, strings.Repeat(" ", 100_000) + `{"CodeResult":"100"}`, nil, false},
		{"too many", 429, "", notify.ErrBusy, false},
		{"this one is wrong", 400, "+84901234567", nil, false},
		{"who are you", 401, "", notify.ErrDown, false},
		{"not here", 404, "", notify.ErrDown, false},
		{"somewhere else", 302, "", notify.ErrDown, false},
		{"broken", 500, `{"CodeResult":"100"}`, notify.ErrDown, false},
		{"away", 503, "", notify.ErrDown, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := serveSMS(t)
			g.status, g.answer = tt.status, tt.answer
			err := g.sender(t, nil).Send(t.Context(), short("493817"))
			if (err == nil) != tt.sent || g.calls != 1 {
				t.Fatalf("Send() = %v after %d calls, sent: want %v, one call", err, g.calls, tt.sent)
			}
			for _, known := range []error{notify.ErrDown, notify.ErrRefused, notify.ErrBusy} {
				if got := errors.Is(err, known); got != errors.Is(tt.want, known) {
					t.Errorf("Send() = %v; is %v: %v", err, known, got)
				}
			}
			for _, secret := range []string{"901234567", "493817", "127.0.0.1", "account"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("Send() = %v, which tells %s", err, secret)
				}
			}
		})
	}
}

// TestPingSendsNothing: nothing of ours reaches who is only asked whether they are there.
func TestPingSendsNothing(t *testing.T) {
	g := serveSMS(t)
	g.status = http.StatusNotFound
	if err := g.sender(t, nil).Ping(t.Context()); err != nil || g.calls != 1 || g.body != "" || g.header.Get("Authorization") != "" {
		t.Errorf("Ping() = %v after %d calls with %d bytes, want one that says nothing", err, g.calls, len(g.body))
	}
	g.Close()
	if err := g.sender(t, nil).Ping(t.Context()); !errors.Is(err, notify.ErrDown) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("Ping() of nobody = %v, want ErrDown", err)
	}
}

// TestBadGatewaysAreBounded: one that is not there is down; one that hangs up with the
// message in its hands may have taken it.
func TestBadGatewaysAreBounded(t *testing.T) {
	g := serveSMS(t)
	away := g.sender(t, func(c *notify.HTTPSMSConfig) { c.URL = "https://127.0.0.1:1/" })
	if err := away.Send(t.Context(), short("x")); !errors.Is(err, notify.ErrDown) || strings.Contains(err.Error(), "127.0.0.1") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Send() to nobody = %v, want ErrDown and why", err)
	}
	strange, err := notify.NewHTTPSMS(g.config(), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	if err := strange.Send(t.Context(), short("x")); !errors.Is(err, notify.ErrDown) || g.calls != 0 || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("Send() to one of another authority = %v after %d calls, want ErrDown and why after none", err, g.calls)
	}
	rude := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}))
	t.Cleanup(rude.Close)
	cfg := g.config()
	cfg.URL = rude.URL
	delete(cfg.Headers, "Idempotency-Key") // with it Go itself asks again
	s, err := notify.NewHTTPSMS(cfg, rude.Client())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), short("x")); err == nil || errors.Is(err, notify.ErrDown) {
		t.Errorf("Send() to one that hangs up = %v, want an error that counts", err)
	}
	m := short("x")
	m.To = eid.NewSecret("19001234")
	if err := s.Send(t.Context(), m); !errors.Is(err, notify.ErrRefused) {
		t.Errorf("Send() to no number = %v, want ErrRefused", err)
	}
}

// TestASlowGatewayIsAskedOnce: what a client allows other calls is too short for who hands
// a message on before answering, and whoever gives up early sends it again.
func TestASlowGatewayIsAskedOnce(t *testing.T) {
	g := serveSMS(t)
	hurried := *g.Client()
	hurried.Timeout = time.Nanosecond
	s, err := notify.NewHTTPSMS(g.config(), &hurried)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), short("x")); err != nil || g.calls != 1 {
		t.Errorf("Send() = %v after %d calls, want nil after one", err, g.calls)
	}
}

// TestATemplateHasNamesOnly: what escapes nothing, or tells the address, is refused.
func TestATemplateHasNamesOnly(t *testing.T) {
	g := serveSMS(t)
	for name, change := range map[string]func(*notify.HTTPSMSConfig){
		"no address":            func(c *notify.HTTPSMSConfig) { c.URL = "sms.example.vn" },
		"the text in the URL":   func(c *notify.HTTPSMSConfig) { c.URL += "&text={{.Text}}" },
		"a password in it":      func(c *notify.HTTPSMSConfig) { c.URL = "https://a:b@sms.example.vn/" },
		"GET":                   func(c *notify.HTTPSMSConfig) { c.Method = http.MethodGet },
		"no format":             func(c *notify.HTTPSMSConfig) { c.Format = "" },
		"a function":            func(c *notify.HTTPSMSConfig) { c.Body = `{"t":"{{printf "%s" .Text}}","to":"{{.To}}"}` },
		"a condition":           func(c *notify.HTTPSMSConfig) { c.Body = `{"t":"{{if .Text}}{{.Text}}{{end}}","to":"{{.To}}"}` },
		"a variable":            func(c *notify.HTTPSMSConfig) { c.Body = `{{$x := .Text}}{"t":"{{.Text}}","to":"{{.To}}"}` },
		"everything":            func(c *notify.HTTPSMSConfig) { c.Body = `{"t":"{{.}}","to":"{{.To}}"}` },
		"an unknown name":       func(c *notify.HTTPSMSConfig) { c.Body = `{"t":"{{.Body}}","to":"{{.To}}"}` },
		"no text":               func(c *notify.HTTPSMSConfig) { c.Body = `{"to":"{{.To}}"}` },
		"no number":             func(c *notify.HTTPSMSConfig) { c.Body = `{"t":"{{.Text}}"}` },
		"a text without quotes": func(c *notify.HTTPSMSConfig) { c.Body = `{"t":{{.Text}},"to":"{{.To}}"}` },
		"half a template":       func(c *notify.HTTPSMSConfig) { c.Body = `{"t":"{{.Text","to":"{{.To}}"}` },
		"the text in a header":  func(c *notify.HTTPSMSConfig) { c.Headers["X-Text"] = "{{.Text}}" },
		"a header of two lines": func(c *notify.HTTPSMSConfig) { c.Headers["X"] = "a\r\nb: c" },
		"a header of no name":   func(c *notify.HTTPSMSConfig) { c.Headers[""] = "a" },
		"a name of two words":   func(c *notify.HTTPSMSConfig) { c.Headers["X Y"] = "a" },
		"a name with brackets":  func(c *notify.HTTPSMSConfig) { c.Headers["X(Y)"] = "a" },
		"a token of two lines":  func(c *notify.HTTPSMSConfig) { c.Token = eid.NewSecret("a\r\nb: c") },
	} {
		cfg := g.config()
		change(&cfg)
		if _, err := notify.NewHTTPSMS(cfg, g.Client()); err == nil || strings.Contains(err.Error(), "b: c") {
			t.Errorf("%s: NewHTTPSMS() = %v, want an error", name, err)
		}
	}
}

// TestSMPPOverTLS binds where the certificate is trusted.
func TestSMPPOverTLS(t *testing.T) {
	web := serveSMS(t)
	pair, roots := web.TLS.Certificates[0], web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	s, sender := smsc(t, func(s *smpptest.SMSC) {
		s.Wrap = func(c net.Conn) net.Conn {
			return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
		}
	}, func(c *notify.SMPPConfig) {
		c.Security, c.TLS = notify.Implicit, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	})
	if err := sender.Send(t.Context(), short("mã")); err != nil || len(s.Messages()) != 1 {
		t.Errorf("Send() = %v, %d messages; want one", err, len(s.Messages()))
	}
}
