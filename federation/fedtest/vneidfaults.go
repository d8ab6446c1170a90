package fedtest

import (
	"crypto/rsa"
	"net/http"
	"strings"
)

type vneidFaults struct {
	tampering  []Tampering
	sealing    Sealing
	broken     map[string]Breakage
	redirectTo string
	leavePlus  bool
	tokenOf    string
}

// Tamper replaces what is done to the claims of userinfo; without arguments they
// are left alone.
func (v *VNeID) Tamper(with ...Tampering) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults.tampering = with
}

// Seal sets how the encrypted dialect seals.
func (v *VNeID) Seal(how Sealing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults.sealing = how
}

// SealTo rolls the key over that things are sealed to.
func (v *VNeID) SealTo(key *rsa.PublicKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealTo = key
}

// Break makes the token or userinfo endpoint of a dialect fail.
func (v *VNeID) Break(address string, how Breakage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.faults.broken == nil {
		v.faults.broken = map[string]Breakage{}
	}
	v.faults.broken[strings.TrimPrefix(address, v.cfg.Base)] = how
}

// RedirectTo is where an endpoint sends its callers while it Redirects.
func (v *VNeID) RedirectTo(url string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults.redirectTo = url
}

// LeavePlus leaves each + of base64 as it is in the query of a redirect, where it
// means a blank.
func (v *VNeID) LeavePlus() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults.leavePlus = true
}

// GiveTokenOf answers every code with a token of this person, named by login.
func (v *VNeID) GiveTokenOf(login string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults.tokenOf = login
}

// Behave ends all misbehaviour.
func (v *VNeID) Behave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = vneidFaults{}
}

// breakable serves an endpoint, or fails as Break said.
func (v *VNeID) breakable(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		how, to := v.faults.broken[r.URL.Path], v.faults.redirectTo
		v.mu.Unlock()
		how.serve(w, r, to, serve)
	}
}
