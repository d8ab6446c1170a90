package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/openid"
	"eidgate/provider"
)

// submitAt posts the form of a page of another gateway.
func (a *agent) submitAt(issuer string, p page, fields ...string) page {
	a.w.t.Helper()
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return a.post(issuer+"/login", form)
}

// One gateway is another's source: it authenticates by a key that it publishes,
// reads signed userinfo, gets the level it asks for as essential, and hears of the
// end of the session.
func TestGatewayBehindAGateway(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)

	// Cookies ignore ports, so the two have different names.
	var issuer string
	behind := newWorldWith(t, func(cfg *provider.Config, _ *provider.Deps) {
		cfg.Issuer = strings.Replace(cfg.Issuer, "127.0.0.1", "localhost", 1)
		issuer = cfg.Issuer
	})
	w := newWorld(t)
	client, err := federation.HTTPClient([]string{strings.TrimPrefix(issuer, "http://")})
	must(t, err)
	t.Cleanup(client.CloseIdleConnections)
	vocabulary := eid.StandardVocabulary()
	source, err := openid.New(openid.Settings{
		Issuer: issuer, ClientID: "portal", Scopes: []string{"profile", "eid"},
		SigningKeys:  []eid.Secret{eid.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))},
		ACR:          map[string]eid.Level{vocabulary.Level1: eid.Level1, vocabulary.Level2: eid.Level2},
		RequestACR:   map[eid.Level]string{eid.Level1: vocabulary.Level1, eid.Level2: vocabulary.Level2},
		EssentialACR: true, UserInfo: true, Person: openid.PersonClaims{Name: "name", BirthDate: "birthdate"},
	}, openid.Deps{HTTP: client, Now: behind.clock})
	must(t, err)
	w.spoken = map[string]federation.Source{"upstream": source}
	w.registerWith(func(rp *eid.RelyingParty) { rp.Sources, rp.Levels.Minimum = []string{"upstream"}, eid.Level2 })
	published := w.browser().get(w.server.URL + "/source/upstream/metadata")
	if published.status != http.StatusOK || published.header.Get("Content-Type") != "application/jwk-set+json" || strings.Contains(published.body, `"d":`) {
		t.Fatalf("published keys = %d %v %s", published.status, published.header, published.body)
	}
	behind.registerWith(func(rp *eid.RelyingParty) {
		rp.AuthMethod, rp.SecretHashes, rp.JWKS = eid.AuthPrivateKeyJWT, nil, []byte(published.body)
		rp.RedirectURIs, rp.UserinfoAlg, rp.IDTokenAlg = []string{w.server.URL + "/callback/upstream"}, "ES256", "ES256"
		rp.Logout.BackchannelURI = behind.told[0].uri()
	})

	a := w.browser()
	a.toPortal()
	p := a.get(w.authorizeURL("portal", "acr_values", vocabulary.Level2))
	p = a.submitAt(issuer, p, "personal_number", numberLevel2, "password", password)
	if strings.Contains(p.body, `name="code"`) {
		p = a.submitAt(issuer, p, "code", behind.code())
	}
	if strings.Contains(p.body, `value="share"`) {
		p = a.submitAt(issuer, p, "action", "share")
	}
	// The first time nobody is linked: the subject is known from the other side.
	if p.status != http.StatusForbidden || !strings.Contains(w.log.String(), "not_linked") {
		t.Fatalf("a person without a link = %d, want the refusal\n%s\n%s", p.status, p.body, w.log)
	}
	issued, err := behind.db.SubjectsOf(t.Context(), behind.people[numberLevel2], time.Time{})
	must(t, err)
	if len(issued) != 1 {
		t.Fatalf("%d subjects were issued, want 1", len(issued))
	}
	_, err = w.accounts.Link(t.Context(), eid.Link{Account: w.people[numberLevel2], Source: "upstream", Cap: eid.Level2}, issued[0].Subject, "synthetic evidence", "operator:test")
	must(t, err)
	p = a.share(a.get(w.authorizeURL("portal", "acr_values", vocabulary.Level2)))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("sign-in through both = %d %v, want a code\n%s", p.status, p.back, p.body)
	}
	got := w.redeem(p.back.Query().Get("code"))
	if got.claims["acr"] != vocabulary.Level2 {
		t.Errorf("acr = %v, want Level 2 through both", got.claims["acr"])
	}

	// The holder signs out at the other gateway, which tells this one.
	behind.run(behind.provider)
	out := a.get(issuer + "/logout")
	form := url.Values{"action": {"logout"}}
	for _, m := range hiddenField.FindAllStringSubmatch(out.body, -1) {
		form.Set(m[1], m[2])
	}
	a.post(issuer+"/logout/confirm", form)
	token := behind.told[0].next()
	w.heeded(w.noticed("upstream", url.Values{"logout_token": {token}}))
	a.dead(got)
	if again := w.noticed("upstream", url.Values{"logout_token": {token}}); again.status != http.StatusBadRequest {
		t.Errorf("the same notice again = %d, want 400", again.status)
	}
}
