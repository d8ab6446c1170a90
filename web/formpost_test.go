package web

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func formPost(p *Pages, f FormPost, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/authorize?state=in-the-address", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.RenderFormPost(w, r, f)
	return w
}

var field = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// posted reads the parameters out of the page's text. It does not go through a
// parser: that would change line breaks.
func posted(body string) []Param {
	var params []Param
	for _, m := range field.FindAllStringSubmatch(body, -1) {
		params = append(params, Param{html.UnescapeString(m[1]), html.UnescapeString(m[2])})
	}
	return params
}

func TestFormPostCarriesEverythingExactly(t *testing.T) {
	p := newPages(t)
	params := []Param{
		{"code", "sample-code"},
		{"state", "a\r\nb'\"<>&amp;&#34;+%0A \t{{.}}\u00a0\u2028Đ\U0001F511" + hostile},
		{"iss", "https://id.example.vn"},
		{"error", "access_denied"},
		{"empty", ""},
		{"state", "twice"},
		{`"><b name="`, "x"},
	}
	for _, portal := range []string{"", "Cổng mẫu", hostile} {
		w := formPost(p, FormPost{Action: "https://portal.example.vn/cb?a=1&b=%2F", Params: params, Portal: Label{Text: portal}})
		if w.Code != http.StatusOK {
			t.Fatalf("status = %d, want 200", w.Code)
		}
		body := w.Body.String()
		if got := posted(body); !slices.Equal(got, params) {
			t.Errorf("page carries %q, want %q", got, params)
		}
		if want := `<form method="post" action="https://portal.example.vn/cb?a=1&amp;b=%2F"`; !strings.Contains(body, want) {
			t.Errorf("page lacks %s", want)
		}
		all := parse(t, body)
		for _, name := range []string{"form", "script", "h1", "button", "main"} {
			if got := len(named(all, name)); got != 1 {
				t.Errorf("%s appears %d times, want 1", name, got)
			}
		}
		button := named(all, "button")[0]
		if _, ok := button.attrs["name"]; ok || button.text != "Tiếp tục" {
			t.Errorf("button %v %q, want one that adds no parameter", button.attrs, button.text)
		}
		checkIDs(t, all)
	}
}

func TestFormPostHeaders(t *testing.T) {
	p := newPages(t)
	w := formPost(p, FormPost{Action: "https://portal.example.vn:8443/cb?x=1", Params: []Param{{"code", "sample-code"}}})
	want := map[string]string{
		"Content-Type":           "text/html; charset=utf-8",
		"Cache-Control":          "no-store",
		"Referrer-Policy":        "no-referrer",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options":        "DENY",
		"Content-Language":       "vi",
		"Location":               "",
		"Refresh":                "",
		"Content-Security-Policy": "default-src 'none'; script-src " + scriptHash(autoSubmit) +
			"; style-src 'self'; img-src 'self'; form-action https://portal.example.vn:8443; frame-ancestors 'none'; base-uri 'none'",
	}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if strings.Contains(w.Body.String(), "in-the-address") {
		t.Error("page holds what stood in its own address")
	}
}

// TestFormPostScriptIsTheOneAllowed compares what a browser would hash, the text
// between the tags, with the policy.
func TestFormPostScriptIsTheOneAllowed(t *testing.T) {
	w := formPost(newPages(t), FormPost{Action: "https://portal.example.vn/cb"})
	_, rest, _ := strings.Cut(w.Body.String(), "<script>")
	script, _, ok := strings.Cut(rest, "</script>")
	if !ok || script != string(autoSubmit) {
		t.Errorf("page runs %q, want %q", script, autoSubmit)
	}
	// openssl dgst -sha256 -binary | base64
	const want = "'sha256-ox4bri+xTrW3kuLTyRoak73QX8KZGuyP3JlQYusbSlA='"
	if got := scriptHash(autoSubmit); got != want {
		t.Errorf("scriptHash() = %s, want %s", got, want)
	}
}

func TestFormPostRefusesTargets(t *testing.T) {
	p, log := newPages(t), captureLog(t)
	for _, action := range []string{
		"", "/cb", "javascript:alert(1)", "org.example.app:/cb", "org.example.app://host/cb", "data:text/html,x", "ftp://portal.example.vn/cb",
		"https://*/cb", "https://portal.example.vn; script-src */cb", "https://", "https://%zz/cb", "https://a,b/cb",
	} {
		log.Reset()
		w := formPost(p, FormPost{Action: action, Params: []Param{{"code", "sample-code"}}})
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "sample-code") {
			t.Errorf("%q: status = %d, want 500 without the code", action, w.Code)
		}
		if got := w.Header().Get("Content-Security-Policy"); strings.Contains(got, "script-src") {
			t.Errorf("%q: policy %q allows a script", action, got)
		}
		if strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), "sample-code") {
			t.Errorf("%q: log = %q, want one line without the code", action, log.String())
		}
	}
}

func TestFormPostIsLight(t *testing.T) {
	const goal = 4 << 10 // bytes: with the largest state
	w := formPost(newPages(t), FormPost{Action: "https://portal.example.vn/cb", Params: []Param{{"state", strings.Repeat("<", 1<<10)}}}, "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > goal {
		t.Errorf("page = %d bytes in %q, want at most %d in gzip", w.Body.Len(), w.Header().Get("Content-Encoding"), goal)
	}
}

func TestSurvivesFormPost(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "a b\t~": true, "\r\n": true, "a\r\nb\r\n": true, hostile: true, "Đ\U0001F511\u2028\ufeff": true,
		"\n": false, "\r": false, "\n\r": false, "\r\r\n": false, "a\r\nb\n": false, "\r\n\r": false, "\x00": false, "\xff": false,
	} {
		if got := SurvivesFormPost(value); got != want {
			t.Errorf("SurvivesFormPost(%q) = %v, want %v", value, got, want)
		}
	}
}

func FuzzFormPost(f *testing.F) {
	for _, seed := range []string{"", "\r\n", hostile, "'\"`=", "\x00\xff", "</script><script>"} {
		f.Add(seed, seed)
	}
	p, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		body := formPost(p, FormPost{Action: "https://portal.example.vn/cb", Params: []Param{{name, value}}, Portal: Label{Text: value}}).Body.String()
		if strings.Count(body, "<script") != 1 || strings.Count(body, "<form") != 1 {
			t.Errorf("value %q adds an element", value)
		}
		if want := []Param{{name, value}}; SurvivesFormPost(name) && SurvivesFormPost(value) && !slices.Equal(posted(body), want) {
			t.Errorf("page carries %q, want %q", posted(body), want)
		}
	})
}

// On the way to a source the page says so, in either language.
func TestFormPostOnward(t *testing.T) {
	p := newPages(t)
	for lang, want := range map[string]string{"vi": "Đang chuyển tới Nguồn mẫu…", "en": "Going on to Sample source…"} {
		w := formPost(p, FormPost{
			Action: "https://id.example.vn/sso", Params: []Param{{"SAMLRequest", "x"}, {"RelayState", "y"}},
			Portal: Label{Text: "Nguồn mẫu", English: "Sample source"}, Onward: true, Language: lang,
		})
		body := w.Body.String()
		if title := "<title>" + want; !strings.Contains(body, title) {
			t.Errorf("%s: the page lacks %q\n%s", lang, title, body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action https://id.example.vn;") {
			t.Errorf("%s: Content-Security-Policy = %q, want form-action with the source alone", lang, csp)
		}
	}
}
