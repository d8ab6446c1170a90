package fedtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"eidgate/federation/fedtest"
)

func startSAML(t *testing.T) *fedtest.SAML {
	t.Helper()
	return fedtest.StartSAML(t, fedtest.SAMLConfig{People: []fedtest.SAMLPerson{{Person: fedtest.Person{Subject: "p-1", Login: "one", Password: "pw"}}}})
}

func TestNewSAMLRefuses(t *testing.T) {
	people := []fedtest.SAMLPerson{{Person: fedtest.Person{Subject: "p-1"}}}
	for name, cfg := range map[string]fedtest.SAMLConfig{
		"an address with a slash": {Address: "http://127.0.0.1:1/", People: people},
		"no address":              {People: people},
		"nobody":                  {Address: "http://127.0.0.1:1"},
	} {
		if _, err := fedtest.NewSAML(cfg); err == nil {
			t.Errorf("%s: NewSAML() = nil, want an error", name)
		}
	}
}

// Strangers get no answer: neither by a message that is none, nor as a service
// that nobody registered.
func TestSAMLRefusesStrangers(t *testing.T) {
	p := startSAML(t)
	at := strings.TrimSuffix(p.EntityID(), fedtest.PathSAMLMetadata)
	for name, q := range map[string]url.Values{
		"nothing": {}, "garbage": {"SAMLRequest": {"%%%"}}, "another document": {"SAMLRequest": {"PHgvPg=="}},
	} {
		for _, path := range []string{fedtest.PathSAMLSignOn, fedtest.PathSAMLLogout} {
			if path == fedtest.PathSAMLLogout && len(q) == 0 {
				continue // the holder's own wish
			}
			res, err := http.Get(at + path + "?" + q.Encode())
			if body := read(t, res, err); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s at %s = %d %s, want 400", name, path, res.StatusCode, body)
			}
			res, err = http.PostForm(at+path, q)
			if body := read(t, res, err); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s posted to %s = %d %s, want 400", name, path, res.StatusCode, body)
			}
		}
	}
	if err := p.Trust([]byte("<x/>")); err == nil {
		t.Error("Trust(another document) = nil, want an error")
	}
	res, err := http.PostForm(at+fedtest.PathSAMLLogin, url.Values{"request": {"made-up"}, "username": {"one"}, "password": {"pw"}})
	if body := read(t, res, err); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a form of nobody's = %d %s, want 400", res.StatusCode, body)
	}
	res, err = http.Get(at + fedtest.PathSAMLLogout)
	if body := read(t, res, err); body != "signed out\n" {
		t.Errorf("a logout of nobody = %s, want signed out", body)
	}
}
