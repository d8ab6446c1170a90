package fedtest

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type casFaults struct {
	broken     map[string]Breakage
	redirectTo string
	attributes []func(map[string][]string)
	document   func(string) string
}

// TamperAttributes replaces what is done to the attributes of an answer; without
// arguments they are left alone.
func (s *CAS) TamperAttributes(with ...func(attributes map[string][]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.attributes = with
}

// TamperAnswer rewrites the whole answer to a validation.
func (s *CAS) TamperAnswer(with func(document string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.document = with
}

// Break makes PathCASLogin, PathCASValidate or PathCASLogout fail.
func (s *CAS) Break(path string, how Breakage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.broken == nil {
		s.faults.broken = map[string]Breakage{}
	}
	s.faults.broken[path] = how
}

// RedirectTo is where an endpoint sends its callers while it Redirects.
func (s *CAS) RedirectTo(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.redirectTo = url
}

// Behave ends all misbehaviour.
func (s *CAS) Behave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = casFaults{}
}

func (s *CAS) breakable(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		how, to := s.faults.broken[r.URL.Path], s.faults.redirectTo
		s.mu.Unlock()
		how.serve(w, r, to, serve)
	}
}

// validate takes a ticket once, for the service that it was given for (CAS
// Protocol 3.0 §2.5).
func (s *CAS) validate(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	now := s.cfg.Now()
	name, isService := strings.CutPrefix(q.Get("ticket"), "ST-")
	s.mu.Lock()
	t, ok := s.tickets.take(name, now)
	tamper, rewrite := s.faults.attributes, s.faults.document
	s.mu.Unlock()
	var answer string
	switch {
	case q.Get("service") == "" || q.Get("ticket") == "":
		answer = casFailure("INVALID_REQUEST")
	case !isService && strings.HasPrefix(q.Get("ticket"), "PT-"):
		answer = casFailure("UNAUTHORIZED_SERVICE_PROXY")
	case !isService:
		answer = casFailure("INVALID_TICKET_SPEC")
	case !ok, q.Get("renew") == "true" && !t.renewed:
		answer = casFailure("INVALID_TICKET")
	case t.service != q.Get("service"):
		answer = casFailure("INVALID_SERVICE")
	default:
		attributes := t.attributes()
		for _, change := range tamper {
			change(attributes)
		}
		answer = casSuccess(t.person.Subject, attributes)
	}
	if rewrite != nil {
		answer = rewrite(answer)
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, answer)
}

func (t casTicket) attributes() map[string][]string {
	attributes := map[string][]string{
		"authenticationDate":                     {t.at.UTC().Format(time.RFC3339Nano)},
		"isFromNewLogin":                         {strconv.FormatBool(t.renewed)},
		"longTermAuthenticationRequestTokenUsed": {"false"},
	}
	if t.person.ACR != "" {
		attributes["loa"] = []string{t.person.ACR}
	}
	maps.Copy(attributes, t.person.Attributes)
	return attributes
}

func casSuccess(user string, attributes map[string][]string) string {
	var b strings.Builder
	b.WriteString("<cas:serviceResponse xmlns:cas=\"http://www.yale.edu/tp/cas\">\n <cas:authenticationSuccess>\n  <cas:user>")
	b.WriteString(escapeXML(user) + "</cas:user>\n  <cas:attributes>\n")
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		for _, value := range attributes[name] {
			b.WriteString("   <cas:" + name + ">" + escapeXML(value) + "</cas:" + name + ">\n")
		}
	}
	b.WriteString("  </cas:attributes>\n </cas:authenticationSuccess>\n</cas:serviceResponse>\n")
	return b.String()
}

func casFailure(code string) string {
	return `<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationFailure code="` + code + `">` +
		LeakedText + `</cas:authenticationFailure></cas:serviceResponse>`
}

func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
