package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// spokenOrigin is where the pages of a spoken source are.
const spokenOrigin = "https://spoken.example"

// spoken is a source whose answers a test gives: for what no protocol server of
// these tests does. Without any, it redirects, and states level 1 of "synthetic".
type spoken struct {
	begin  func(req federation.Request) (federation.Step, error)
	finish func(reply federation.Reply) (federation.Step, error)
	hear   func(in federation.Incoming) (federation.Notice, error)
	cache  time.Duration // CacheFor

	mu      sync.Mutex
	logouts []federation.LogoutRequest
}

var (
	_ federation.Redirector   = (*spoken)(nil)
	_ federation.LogoutSource = (*spoken)(nil)
	_ federation.Listener     = (*spoken)(nil)
	_ federation.Publisher    = (*spoken)(nil)
	_ federation.Changer      = (*spoken)(nil)
)

func (s *spoken) Begin(_ context.Context, req federation.Request) (federation.Step, error) {
	if s.begin != nil {
		return s.begin(req)
	}
	return federation.Step{Redirect: spokenOrigin + "/in?" + url.Values{"state": {req.State}}.Encode()}, nil
}

func (s *spoken) Finish(_ context.Context, req federation.Request, reply federation.Reply) (federation.Step, error) {
	if s.finish != nil {
		return s.finish(reply)
	}
	return federation.Step{Assertion: states(req)}, nil
}

func (s *spoken) Hear(_ context.Context, in federation.Incoming) (federation.Notice, error) {
	return s.hear(in)
}

func (s *spoken) CacheFor() time.Duration { return s.cache }

func (s *spoken) Origins() []string { return []string{spokenOrigin} }

func (s *spoken) Logout(_ context.Context, req federation.LogoutRequest) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logouts = append(s.logouts, req)
	return spokenOrigin + "/out?" + url.Values{"state": {req.State}}.Encode(), nil
}

func (s *spoken) Publish(entity, callback, address string) (string, []byte, error) {
	return "application/samlmetadata+xml", []byte(entity + " " + callback + " " + address), nil
}

// states is what a spoken source says of a sign-in.
func states(req federation.Request) *federation.Assertion {
	return &federation.Assertion{Subject: "synthetic", Level: eid.Level1, Methods: []string{"fed"}, At: req.Now, Session: "session-1"}
}

// speaking registers a spoken source, as the only one of the first party.
func (w *world) speaking(s *spoken) *spoken {
	w.t.Helper()
	w.spoken = map[string]federation.Source{"spoken": s}
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	for _, src := range sources {
		if src.ID == "upstream" {
			src.ID, src.Kind, src.Settings = "spoken", federation.KindSAML, nil
			sources = append(sources, src)
		}
	}
	w.parties[0].Sources = []string{"spoken"}
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, sources, "file", "system"))
	w.linked("spoken")
	return s
}

// sent begins a sign-in and gives the state that the source was sent.
func (a *agent) sent() string {
	a.w.t.Helper()
	p := a.get(a.w.authorizeURL("portal"))
	if p.back == nil || p.back.Query().Get("state") == "" {
		a.w.t.Fatalf("sign-in = %d %v, want a redirect to the source\n%s", p.status, p.back, p.body)
	}
	return p.back.Query().Get("state")
}

// viaSpoken signs in at the spoken source.
func (w *world) viaSpoken() (*agent, tokens) {
	w.t.Helper()
	a := w.browser()
	p := a.share(a.get(w.server.URL + "/callback/spoken?" + url.Values{"state": {a.sent()}}.Encode()))
	if p.back == nil || !p.back.Query().Has("code") {
		w.t.Fatalf("sign-in at the spoken source: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	return a, w.redeem(p.back.Query().Get("code"))
}

// toCallback signs in at the upstream provider, and stops where the provider sends
// the browser back.
func (a *agent) toCallback() *url.URL {
	w := a.w
	w.t.Helper()
	a.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/callback/") || strings.HasSuffix(r.URL.Host, ".example.test") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	p := a.get(w.authorizeURL("portal"))
	if p.back == nil { // the provider asks who it is
		p = a.post(w.upstream.Issuer()+"/login", loginForm(p.body))
	}
	if p.back == nil || p.back.Path != "/callback/upstream" {
		w.t.Fatalf("sign-in upstream: status %d, went to %v: %s", p.status, p.back, p.body)
	}
	a.toPortal()
	return p.back
}
