package demo

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

const redeemTimeout = 15 * time.Second

// callback takes the gateway's answer. An answer to a question that this browser
// did not ask changes nothing. One that it did ask is kept, good or bad, and the
// browser goes on to the home page, so that no code stays in the address bar.
func (p *Portal) callback(w http.ResponseWriter, r *http.Request) {
	answer, err := parseAnswer(r.URL.RawQuery)
	if err != nil {
		p.problem(w, r, http.StatusBadRequest, problemAnswer)
		return
	}
	browser := p.cookie(r, browserCookie)
	l, ok := p.logins.take(answer.state, func(l login) bool { return sameText(l.browser, browser) })
	if !ok {
		p.problem(w, r, http.StatusBadRequest, problemState)
		return
	}

	ctx, cancel := context.WithTimeout(r.Context(), redeemTimeout)
	defer cancel()
	result, err := p.conclude(ctx, l, answer)
	if err != nil {
		result = Result{Asked: &l.asked, Error: asFailure(err)}
	}
	result.ask = l.ask

	// A new handle each time: one planted before the sign-in is worth nothing after it.
	old := p.cookie(r, sessionCookie)
	s, _ := p.sessions.get(old)
	p.sessions.drop(old)
	p.remember(w, sessionCookie, p.sessions.put(s.with(result)), sessionTTL)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// conclude makes a result of an answer whose state was right.
func (p *Portal) conclude(ctx context.Context, l login, a answer) (Result, error) {
	// RFC 9207 §2.4: compare before anything else of the answer is used, errors included.
	if a.issuer != p.cfg.Issuer {
		return Result{}, &Failure{Stage: StageAnswer, Code: "iss_mismatch",
			Description: "iss of the authorization response is not the issuer"}
	}
	if a.code == "" {
		return Result{}, &Failure{Stage: StageAnswer, Code: a.errorCode, Description: a.description}
	}
	return p.redeem(ctx, l, a.code)
}

// answer is an authorization response (RFC 6749 §4.1.2, RFC 9207).
type answer struct {
	state, issuer          string
	code                   string // exactly one of code and errorCode is set
	errorCode, description string
}

var errAnswer = errors.New("not an authorization response")

func parseAnswer(query string) (answer, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return answer{}, errAnswer
	}
	for _, values := range q {
		if len(values) != 1 { // RFC 6749 §3.1: no parameter twice
			return answer{}, errAnswer
		}
	}
	a := answer{
		state: q.Get("state"), issuer: q.Get("iss"), code: q.Get("code"),
		errorCode:   clip(q.Get("error"), maxErrorCode),
		description: clip(q.Get("error_description"), maxDescription),
	}
	if a.state == "" || (a.code == "") == (a.errorCode == "") {
		return answer{}, errAnswer
	}
	return a, nil
}
