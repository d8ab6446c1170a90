package demo

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode"

	"eidgate/eid"
)

const (
	maxErrorCode   = 80  // runes
	maxDescription = 400 // runes
)

// Result is the outcome of one login as the portal saw it. It shows no token:
// decoded claims only. The latest is what / answers to a client that accepts
// JSON; a login that failed does not undo the one before, but is the latest.
type Result struct {
	SignedIn      bool            `json:"signed_in"` // this login ended well
	Asked         *Asked          `json:"asked"`
	Granted       *Granted        `json:"granted"`
	TokenType     string          `json:"token_type,omitempty"`
	IDTokenHeader json.RawMessage `json:"id_token_header,omitempty"`
	IDTokenClaims json.RawMessage `json:"id_token_claims,omitempty"`
	UserInfo      json.RawMessage `json:"userinfo,omitempty"`
	Error         *Failure        `json:"error"`

	ask         ask
	idToken     string // the hint of a logout; never shown
	accessToken string // for the portal's own calls; on no page
}

// Granted is what the ID token says of the sign-in.
type Granted struct {
	ACR      string    `json:"acr"`
	Level    eid.Level `json:"level"` // what acr means
	AMR      []string  `json:"amr"`
	AuthTime int64     `json:"auth_time"` // seconds since 1970
	Subject  string    `json:"sub"`
	SID      string    `json:"sid,omitempty"`
}

// Stage names where a login failed.
type Stage string

// The stages, in order.
const (
	StageAnswer   Stage = "authorization"
	StageToken    Stage = "token"
	StageIDToken  Stage = "id_token"
	StageUserInfo Stage = "userinfo"
)

// Failure is why a login failed: an error code of the gateway, or one of the
// portal's own for an answer that it does not believe.
type Failure struct {
	Stage       Stage  `json:"stage"`
	Code        string `json:"code"`
	Description string `json:"description,omitempty"`
}

func (f *Failure) Error() string { return string(f.Stage) + ": " + f.Code + ": " + f.Description }

func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Stage: StageAnswer, Code: "portal_failed"}
}

// session is what the portal remembers of a browser: the sign-in that holds, and
// the failure of a later login, which does not undo it.
type session struct {
	signIn  *Result
	failure *Result
}

func (s session) with(r Result) session {
	if r.SignedIn {
		return session{signIn: &r}
	}
	return session{signIn: s.signIn, failure: &r}
}

// last is the outcome of the latest login.
func (s session) last() Result {
	switch {
	case s.failure != nil:
		return *s.failure
	case s.signIn != nil:
		return *s.signIn
	}
	return Result{}
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client is gone, or never sees the rest
}

// clip makes foreign text fit to show: valid, printable and of bounded length.
func clip(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}
