package fedtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

func (v *VNeID) token(w http.ResponseWriter, r *http.Request, dialect string) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") != "authorization_code" {
		writeError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	client, ok := v.authenticate(r)
	if !ok {
		writeError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	now := v.cfg.Now()
	v.mu.Lock()
	g, ok := v.codes.take(r.PostForm.Get("code"), now)
	other := v.faults.tokenOf
	v.mu.Unlock()
	verifier := ""
	if g.challenge != "" {
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if !ok || g.dialect != dialect || g.client != client.ID || g.redirectURI != r.PostForm.Get("redirect_uri") || g.challenge != verifier {
		writeError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	for _, one := range v.cfg.People {
		if other != "" && one.Login == other {
			g.Citizen = one
		}
	}
	v.mu.Lock()
	access := v.tokens.put(g, now)
	v.mu.Unlock()
	v.write(w, dialect, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 600})
}

// authenticate knows the form and the header (RFC 6749 §2.3.1).
func (v *VNeID) authenticate(r *http.Request) (Client, bool) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		var err1, err2 error
		id, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(pass)
		if err1 != nil || err2 != nil {
			return Client{}, false
		}
	}
	client, ok := v.client(id)
	return client, ok && client.Secret != "" && subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) == 1
}

func (v *VNeID) userInfo(w http.ResponseWriter, r *http.Request, dialect string) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	v.mu.Lock()
	g, ok := v.tokens.get(token, v.cfg.Now())
	tampering := v.faults.tampering
	v.mu.Unlock()
	if !ok || g.dialect != dialect {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeError(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	claims := v.claims(g.Citizen, dialect)
	for _, change := range tampering {
		change(claims)
	}
	v.write(w, dialect, claims)
}

// claims are what each dialect was seen to say, the shape of loAs guessed.
func (v *VNeID) claims(one Citizen, dialect string) map[string]any {
	kind := max(one.AccountType, 1)
	if dialect == DialectEncrypted {
		return map[string]any{
			"TechID": one.TechID, "citizenPid": one.Number, "fullName": one.Name, "birthDate": one.BirthDate,
			"accountType": kind, "accountLevel": one.Level,
		}
	}
	claims := map[string]any{
		"sub": "vneid-" + one.TechID, "LoaiTaiKhoan": strconv.Itoa(kind), "SoDinhDanh": one.Number, "HoVaTen": one.Name,
		"NgayThangNamSinh": one.BirthDate, "TechID": one.TechID, "loAs": strconv.Itoa(one.Level),
	}
	if dialect == DialectSSO {
		claims["LoaiTaiKhoan"], claims["loAs"], claims["IAL"] = kind, one.Level, one.Level
		claims["userProfileUri"], claims["logoutUri"] = v.cfg.Base+"/profile", v.cfg.Base+PathLogout
	}
	return claims
}

// write answers in the clear or, in the encrypted dialect, sealed.
func (v *VNeID) write(w http.ResponseWriter, dialect string, answer map[string]any) {
	v.mu.Lock()
	how := v.faults.sealing
	v.mu.Unlock()
	if dialect != DialectEncrypted || how == SealNot {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, "encoding failed", http.StatusInternalServerError)
		return
	}
	data, key, err := v.seal(raw)
	if err != nil {
		http.Error(w, "sealing failed", http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data, "key": key})
}
