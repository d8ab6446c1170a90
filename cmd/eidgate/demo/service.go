package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"eidgate/eid"
)

const (
	servicePath = "/muc-2"
	// serviceMaxAge is how old a sign-in the service takes, in seconds.
	serviceMaxAge = 30 * 60
)

var serviceDone = problem{
	words{"Dịch vụ cần mức 2", "Service that needs Level 2"},
	words{"Quý vị đã vào được dịch vụ này bằng định danh mức 2.", "You have entered this service with identity Level 2."},
	words{"Về trang đầu", "To the first page"},
}

// challenge is why a resource refuses an access token (RFC 6750 §3, RFC 9470 §3).
type challenge struct {
	code   string
	acr    string // acr_values, where the level is too low
	maxAge int    // seconds, with acr
}

const (
	codeInvalidToken = "invalid_token"
	codeInsufficient = "insufficient_user_authentication"
)

func (c challenge) header() string {
	h := fmt.Sprintf(`Bearer error="%s"`, c.code)
	if c.code == codeInsufficient {
		h += fmt.Sprintf(`, error_description="a recent sign-in at a higher level is needed", acr_values="%s", max_age="%d"`, c.acr, c.maxAge)
	}
	return h
}

var challengeParam = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)

// parseChallenge reads what header wrote, as a client of any resource would.
func parseChallenge(header string) (challenge, bool) {
	params, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return challenge{}, false
	}
	var c challenge
	for _, m := range challengeParam.FindAllStringSubmatch(params, -1) {
		switch m[1] {
		case "error":
			c.code = m[2]
		case "acr_values":
			c.acr = m[2]
		case "max_age":
			n, err := strconv.Atoi(m[2])
			if err != nil || n < 0 || n > maxAgeLimit {
				return challenge{}, false
			}
			c.maxAge = n
		}
	}
	return c, c.code != ""
}

// service is a resource that wants a recent sign-in at Level 2. A client with an
// access token is answered as RFC 9470 says; a browser's visitor is taken by the
// portal, which reads the same answer and starts the step-up that it asks for.
func (p *Portal) service(w http.ResponseWriter, r *http.Request) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		p.resource(w, r, token)
		return
	}
	s, _ := p.sessions.get(p.cookie(r, sessionCookie))
	again := ask{levels: []eid.Level{eid.Level2}}
	if s.signIn == nil {
		http.Redirect(w, r, again.path(), http.StatusSeeOther)
		return
	}
	refused, err := p.judge(r.Context(), s.signIn.accessToken)
	switch {
	case err != nil:
		p.problem(w, r, http.StatusServiceUnavailable, problemUnreachable)
	case refused == nil:
		p.problem(w, r, http.StatusOK, serviceDone)
	default:
		if c, ok := parseChallenge(refused.header()); ok && c.code == codeInsufficient {
			if level := p.cfg.ACR.Level(c.acr); level.Valid() {
				again = ask{levels: []eid.Level{level}, maxAge: &c.maxAge}
			}
		}
		http.Redirect(w, r, again.path(), http.StatusSeeOther)
	}
}

// resource is the service as clients with an access token see it.
func (p *Portal) resource(w http.ResponseWriter, r *http.Request, token string) {
	refused, err := p.judge(r.Context(), token)
	switch {
	case err != nil:
		http.Error(w, "the gateway cannot be reached", http.StatusServiceUnavailable)
	case refused != nil:
		w.Header().Set("WWW-Authenticate", refused.header())
		w.WriteHeader(http.StatusUnauthorized)
	default:
		writeJSON(w, map[string]string{"service": "level 2"})
	}
}

// judge asks the gateway about an access token (RFC 7662) and compares what it is
// worth with what the service wants. nil lets it pass.
func (p *Portal) judge(ctx context.Context, token string) (*challenge, error) {
	up, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, up.introspection, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("asking about a token: no address")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(p.cfg.ClientSecret.Reveal()))
	res, err := p.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking about a token: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var is struct {
		Active   bool   `json:"active"`
		ACR      string `json:"acr"`
		AuthTime int64  `json:"auth_time"`
	}
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&is) != nil {
		return nil, fmt.Errorf("asking about a token: answer %d", res.StatusCode)
	}
	oldest := p.cfg.Now().Add(-serviceMaxAge * time.Second)
	switch {
	case !is.Active:
		return &challenge{code: codeInvalidToken}, nil
	case p.cfg.ACR.Level(is.ACR) < eid.Level2 || time.Unix(is.AuthTime, 0).Before(oldest):
		return &challenge{code: codeInsufficient, acr: p.cfg.ACR.Level2, maxAge: serviceMaxAge}, nil
	}
	return nil, nil //nolint:nilnil // nothing is wrong with it
}
