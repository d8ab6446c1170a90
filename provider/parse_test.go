package provider

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"eidgate/eid"
)

// What a portal may be asked to read back: never more than was sent, nothing that
// is not a claim of ours.
func FuzzParseClaims(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"id_token":null,"userinfo":null}`, `{"id_token":{"acr":null,"auth_time":{"essential":true}}}`,
		`{"id_token":{"acr":{"essential":true,"value":"2","values":["1","2"]}}}`, `{"userinfo":{"name":{"essential":true},"sub":{"value":"x"}}}`,
		`{"id_token":{"acr":{"value":2}}}`, `{"id_token":{"acr":{"values":[1]}}}`, `{"id_token":[]}`, `{"userinfo":{"sub":{"value":{}}}}`,
		`{"id_token":{},"id_token":{}}`, strings.Repeat(`{"id_token":`, 300), `{"userinfo":{"name":7}}`, "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asking, requested, err := parseClaims(text)
		if err != nil {
			return
		}
		if len(text) > maxClaims || len(requested.IDToken) > maxRequestedClaims || len(requested.Userinfo) > maxRequestedClaims {
			t.Errorf("%d bytes, %d and %d claims were taken", len(text), len(requested.IDToken), len(requested.Userinfo))
		}
		for _, name := range slices.Concat(requested.IDToken, requested.Userinfo) {
			if !isClaim(name) {
				t.Errorf("claim %q was taken", name)
			}
		}
		if asking.Claim != nil && !strings.Contains(text, "acr") && !strings.Contains(text, `\u`) {
			t.Errorf("%q asks for an acr", text)
		}
	})
}

func TestParseClaims(t *testing.T) {
	for text, good := range map[string]bool{
		`{"userinfo":{"name":null,"email":{"essential":true}}}`: true,
		`{"userinfo":{"unknown":7}}`:                            true,
		`{"userinfo":{"name":7}}`:                               false,
		`{"userinfo":{"name":["x"]}}`:                           false,
		`{"userinfo":"name"}`:                                   false,
		`{"id_token":{"acr":"2"}}`:                              false,
		`{"id_token":{"acr":{"values":"2"}}}`:                   false,
		`{"id_token":{"acr":{"essential":"yes"}}}`:              false,
		`{"id_token":{"acr":{"value":"1"},"acr":null}}`:         false,
		`{"id_token":{},"id_token":{}}`:                         false,
		`{"userinfo":{"sub":{"value":7}}}`:                      false,
	} {
		if _, _, err := parseClaims(text); (err == nil) != good {
			t.Errorf("parseClaims(%s): error %v, want accepted = %v", text, err, good)
		}
	}
}

func FuzzReadRequestObject(f *testing.F) {
	for _, seed := range []string{
		`{"client_id":"portal","redirect_uri":"https://portal.example.test/cb"}`, `{"aud":[1]}`, `null`, `[]`, `{"client_id":7}`,
		`{"client_id":"portal","redirect_uri":"x","max_age":1e400,"claims":{"a":[]},"resource":["a","b"]}`,
		`{"client_id":"portal","redirect_uri":"x","request":"y"}`, `{"client_id":"portal","redirect_uri":["x"]}`,
		`{"client_id":"portal","redirect_uri":"x","exp":1e9,"nbf":-1,"iat":"0"}`, `{"client_id":"portal","CLIENT_ID":"high","redirect_uri":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		params, ok := readRequestObject(payload, "portal", "https://op.example.test", noon)
		if !ok {
			return
		}
		if params.Get("client_id") != "portal" || !params.Has("redirect_uri") || params.Has("request") || params.Has("request_uri") {
			t.Errorf("%s gave %v", payload, params)
		}
		for name, values := range params {
			if len(values) != 1 && name != "resource" {
				t.Errorf("%s gave %s %d times", payload, name, len(values))
			}
		}
	})
}

// An address that matches is a registered one, but for the port of a loopback
// address of a native client.
func FuzzMatchRedirect(f *testing.F) {
	web := eid.RelyingParty{RedirectURIs: []string{"https://portal.example.test/cb", "http://127.0.0.1/cb"}}
	native := web
	native.Native, native.RedirectURIs = true, append(slices.Clone(web.RedirectURIs), "http://[::1]/cb")
	for _, seed := range []string{
		"https://portal.example.test/cb", "http://127.0.0.1:5555/cb", "http://[::1]:1/cb", "http://127.0.0.1:80@evil.test/cb", "http://127.0.0.1:/cb",
		"http://127.0.0.1.evil.test/cb", `https://portal.example.test\@evil.test/cb`, "http://127.0.0.1:123456/cb", "https://portal.example.test/%63b", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if matchRedirect(&web, uri) != slices.Contains(web.RedirectURIs, uri) {
			t.Errorf("%q: not as registered", uri)
		}
		if !matchRedirect(&native, uri) || slices.Contains(native.RedirectURIs, uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || u.User != nil || u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" || u.Path != "/cb" || u.RawQuery != "" {
			t.Errorf("%q matched: %v, %v", uri, u, err)
		}
	})
}

func TestParseReturn(t *testing.T) {
	rp := eid.RelyingParty{RedirectURIs: []string{"https://portal.example.test/cb"}}
	for _, tt := range []struct {
		query, mode string
		ok          bool
	}{
		{"", "", true}, {"&response_mode=query", "query", true}, {"&response_mode=form_post", "form_post", true},
		{"&response_mode=fragment", "", true}, {"&response_mode=FORM_POST", "", true}, {"&response_mode=query&response_mode=form_post", "", true},
		{"&redirect_uri=https%3A%2F%2Fportal.example.test%2Fcb", "", false},
	} {
		params, err := url.ParseQuery("redirect_uri=https%3A%2F%2Fportal.example.test%2Fcb" + tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if to, ok := parseReturn(params, &rp); ok != tt.ok || to.Mode != tt.mode {
			t.Errorf("parseReturn(%s) = mode %q, %v, want %q, %v", tt.query, to.Mode, ok, tt.mode, tt.ok)
		}
	}
}
