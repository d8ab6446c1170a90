package fedtest

import (
	"io"
	"net/http"
)

// Signing is how ID tokens are signed.
type Signing int

// The ways of signing. All but the first are attacks.
const (
	SignProperly    Signing = iota
	SignNone                // alg none, no signature
	SignHS256               // HS256 under the public key's PEM
	SignForeignKey          // another key under the published kid
	SignUnknownKID          // another key, an unpublished kid each time
	SignEmbeddedKey         // another key, given in the jwk header
)

// Breakage is how an endpoint fails.
type Breakage int

// The breakages.
const (
	Sound     Breakage = iota
	Slow               // no answer until the caller gives up
	Garbage            // 200 with bytes that are no JSON
	Huge               // 200 with 100 MB
	Failing            // 500
	Refusing           // 400 with an OAuth error whose text must not travel on
	Redirects          // 302 to RedirectTo
)

// LeakedText stands in the answer of a Refusing endpoint. It may turn up in no
// log, error or page.
const LeakedText = "SECRET-OF-THE-PROVIDER"

// Tampering changes the claims of an ID token before it is signed.
type Tampering func(claims map[string]any)

// Set gives a claim another value.
func Set(name string, value any) Tampering {
	return func(claims map[string]any) { claims[name] = value }
}

// Without leaves a claim out.
func Without(name string) Tampering {
	return func(claims map[string]any) { delete(claims, name) }
}

// Only leaves out all claims but one.
func Only(name string, value any) Tampering {
	return func(claims map[string]any) {
		clear(claims)
		claims[name] = value
	}
}

type faults struct {
	tampering  []Tampering
	signing    Signing
	broken     map[string]Breakage
	redirectTo string
	document   []Tampering
	userInfo   []Tampering
	infoSigned Signing
}

// Tamper replaces what is done to the claims of ID tokens; without arguments
// they are left alone.
func (p *OpenID) Tamper(with ...Tampering) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.tampering = with
}

// TamperDiscovery does the same to the discovery document.
func (p *OpenID) TamperDiscovery(with ...Tampering) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.document = with
}

// TamperUserInfo does the same to the claims of userinfo.
func (p *OpenID) TamperUserInfo(with ...Tampering) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.userInfo = with
}

// SignUserInfo sets how userinfo is signed, for clients that get it signed.
func (p *OpenID) SignUserInfo(how Signing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.infoSigned = how
}

// Sign sets how ID tokens are signed.
func (p *OpenID) Sign(how Signing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.signing = how
}

// Break makes an endpoint fail: PathDiscovery, PathKeys, PathToken,
// PathUserInfo or PathLogout.
func (p *OpenID) Break(path string, how Breakage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.broken == nil {
		p.faults.broken = map[string]Breakage{}
	}
	p.faults.broken[path] = how
}

// RedirectTo is where an endpoint sends its callers while it Redirects.
func (p *OpenID) RedirectTo(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults.redirectTo = url
}

// Behave ends all misbehaviour.
func (p *OpenID) Behave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = faults{}
}

// RollKey signs with a new key from now on. The old ones stay published unless
// withdraw is set.
func (p *OpenID) RollKey(withdraw bool) error {
	key, err := newSigningKey(p.cfg.Alg)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if withdraw {
		p.retired = nil
	} else {
		p.retired = append(p.retired, p.signing)
	}
	p.signing = key
	return nil
}

// breakable serves an endpoint, or fails as Break said.
func (p *OpenID) breakable(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		how, to := p.faults.broken[r.URL.Path], p.faults.redirectTo
		p.mu.Unlock()
		how.serve(w, r, to, serve)
	}
}

// serve fails in this way, or serves what is sound.
func (how Breakage) serve(w http.ResponseWriter, r *http.Request, redirectTo string, sound http.HandlerFunc) {
	switch how {
	case Slow:
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the caller leave
		<-r.Context().Done()
	case Garbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "\x00\xff{]"+LeakedText)
	case Huge:
		w.Header().Set("Content-Type", "application/json")
		chunk := make([]byte, 1<<20)
		for i := range chunk {
			chunk[i] = ' '
		}
		for range 100 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case Failing:
		http.Error(w, LeakedText, http.StatusInternalServerError)
	case Refusing:
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": LeakedText})
	case Redirects:
		http.Redirect(w, r, redirectTo, http.StatusFound)
	default:
		sound(w, r)
	}
}
