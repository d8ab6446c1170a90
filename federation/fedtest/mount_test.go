package fedtest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"eidgate/federation/fedtest"
)

// Servers share a listener: what one links to lies below its own path, and its
// calls are counted by the paths that it has anywhere.
func TestServersShareAListener(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	one := fedtest.Person{Subject: "s", Login: "one", Password: "pw"}
	cas, err := fedtest.NewCAS(fedtest.CASConfig{Server: server.URL + "/post", Services: []string{"http://127.0.0.1:1/"}, People: []fedtest.Person{one}})
	if err != nil {
		t.Fatal(err)
	}
	client := fedtest.Client{ID: "c", RedirectURIs: []string{"http://127.0.0.1:1/cb"}}
	v, err := fedtest.NewVNeID(fedtest.VNeIDConfig{Base: server.URL + "/vneid", Clients: []fedtest.Client{client}, People: []fedtest.Citizen{{Login: "one"}}})
	if err != nil {
		t.Fatal(err)
	}
	idp, err := fedtest.NewOpenID(fedtest.Config{Issuer: server.URL + "/old", Alg: "ES256", Clients: []fedtest.Client{client}, People: []fedtest.Person{one}})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/post/", cas.Handler())
	mux.Handle("/vneid/", v.Handler())
	mux.Handle("/old/", idp.Handler())
	sso := v.Endpoints(fedtest.DialectSSO).Authorize
	for address, want := range map[string]string{
		cas.Server() + fedtest.PathCASLogin + "?service=http://127.0.0.1:1/":                            `action="/post/login"`,
		sso + "?client_id=c&redirect_uri=http://127.0.0.1:1/cb&response_type=code&scope=openid&state=s": `action="/vneid/login"`,
		idp.Issuer() + fedtest.PathDiscovery:                                                            `"issuer":"` + server.URL + `/old"`,
		server.URL + "/post/style.css":                                                                  "body{",
		server.URL + "/post/elsewhere":                                                                  "404",
	} {
		res, err := http.Get(address)
		if body := read(t, res, err); !strings.Contains(body, want) {
			t.Errorf("%s = %d %s, want %s in it", address, res.StatusCode, body, want)
		}
	}
	if got := cas.Calls(fedtest.PathCASLogin); got != 1 {
		t.Errorf("calls of %s = %d, want 1", fedtest.PathCASLogin, got)
	}
	if got := v.Calls(sso); got != 1 {
		t.Errorf("calls of %s = %d, want 1", sso, got)
	}
}
