package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"eidgate/eid"
)

// Format is how a body is written, and with it how what stands in it is escaped.
type Format string

// The formats.
const (
	JSONBody Format = "json"
	FormBody Format = "form"
)

// Bounds of an HTTP gateway.
const (
	maxAnswer  = 64 << 10 // bytes
	maxHeaders = 20
)

// HTTPSMSConfig says how a gateway of SMS over HTTP is asked. Its address never holds
// what is sent: addresses end up in logs.
type HTTPSMSConfig struct {
	URL     string
	Method  string // POST or PUT
	Format  Format
	Headers map[string]string // may name {{.Token}} and {{.ID}}
	// Body names what is sent: {{.To}} is +84901234567, {{.Digits}} 84901234567,
	// {{.National}} 0901234567 (abroad as Digits), {{.Text}}, {{.Unicode}} 1 where the text
	// needs it and else 0, {{.Seconds}} for how long it is of use, {{.ID}} and {{.Token}}.
	// Each is escaped for the format, and for the inside of a JSON string.
	Body  string
	Token eid.Secret
	// Answer tells the outcome where the status does not; may be zero.
	Answer Answer
}

// Answer reads an outcome from the JSON that a gateway answers with.
type Answer struct {
	Path    string   // names and numbers with dots between them; empty: the status decides alone
	Sent    []string // values that say the message was taken
	Busy    []string // takes no more for now
	Refused []string // will never take this one
}

// HTTPSMS is a Sender over a gateway of SMS that speaks HTTP.
type HTTPSMS struct {
	cfg     HTTPSMSConfig
	client  *http.Client
	body    pattern
	headers map[string]pattern
}

var _ Sender = (*HTTPSMS)(nil)

// NewHTTPSMS checks the configuration. client guards where it connects to; it asks nobody
// yet.
func NewHTTPSMS(cfg HTTPSMSConfig, client *http.Client) (*HTTPSMS, error) {
	at, err := url.Parse(cfg.URL)
	switch {
	case err != nil || at.Host == "" || at.User != nil || at.Scheme != "https" && at.Scheme != "http":
		return nil, errors.New("gateway of SMS: no address")
	case strings.Contains(cfg.URL, "{{"):
		return nil, errors.New("gateway of SMS: an address that holds what is sent")
	case cfg.Method != http.MethodPost && cfg.Method != http.MethodPut:
		return nil, errors.New("gateway of SMS: neither POST nor PUT")
	case cfg.Format != JSONBody && cfg.Format != FormBody:
		return nil, errors.New("gateway of SMS: a body neither of json nor of form")
	case len(cfg.Headers) > maxHeaders:
		return nil, errors.New("gateway of SMS: too many headers")
	case !fits(cfg.Token.Reveal(), 4096):
		return nil, errors.New("gateway of SMS: a token that no header can hold")
	}
	s := &HTTPSMS{cfg: cfg, headers: map[string]pattern{}}
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	once.Timeout = 0 // each call has its own: one given up early may be sent twice
	s.client = &once
	if s.body, err = parsePattern(cfg.Body, "To", "Digits", "National", "Text", "Unicode", "Seconds", "ID", "Token"); err != nil {
		return nil, fmt.Errorf("body for the gateway of SMS: %w", err)
	}
	for name, value := range cfg.Headers {
		if s.headers[name], err = parsePattern(value, "Token", "ID"); err != nil || !fits(value, 4096) || !headerName(name) {
			return nil, fmt.Errorf("header %q for the gateway of SMS: %w", name, errors.Join(err, errors.New("no line")))
		}
	}
	return s, s.try()
}

// headerName reports whether a name is one that headers of HTTP have.
func headerName(name string) bool {
	return name != "" && len(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool { return !alphanumeric(r) && r != '-' && r != '_' })
}

// try writes a body of what would break one that is not escaped.
func (s *HTTPSMS) try() error {
	if !strings.Contains(s.cfg.Body, "{{.Text}}") || !strings.Contains(s.cfg.Body, "{{.To}}") && !strings.Contains(s.cfg.Body, "{{.Digits}}") && !strings.Contains(s.cfg.Body, "{{.National}}") {
		return errors.New("body for the gateway of SMS: without {{.Text}}, or without a number")
	}
	written := s.body.write(s.fields(Message{ID: "N", Body: eid.NewSecret("\"\\ &=\n%{{<đ")}, "+84901234567"), s.escape)
	if s.cfg.Format == JSONBody && !json.Valid([]byte(written)) {
		return errors.New("body for the gateway of SMS: no JSON")
	}
	if _, err := url.ParseQuery(written); s.cfg.Format == FormBody && err != nil {
		return errors.New("body for the gateway of SMS: no form")
	}
	return nil
}

// Send fills Sender.
func (s *HTTPSMS) Send(ctx context.Context, m Message) error {
	number, err := eid.ParsePhone(m.To.Reveal())
	if err != nil {
		return ErrRefused
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	var handed atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { handed.Store(true) }})
	fields := s.fields(m, number)
	req, err := http.NewRequestWithContext(ctx, s.cfg.Method, s.cfg.URL, strings.NewReader(s.body.write(fields, s.escape)))
	if err != nil {
		return fmt.Errorf("%w: no request can be made", ErrDown)
	}
	req.Header.Set("Content-Type", map[Format]string{JSONBody: "application/json", FormBody: "application/x-www-form-urlencoded"}[s.cfg.Format])
	req.Header.Set("User-Agent", "eidgate")
	for name, value := range s.headers {
		req.Header.Set(name, value.write(fields, func(text string) string { return text }))
	}
	res, err := s.client.Do(req)
	switch {
	case err != nil && handed.Load(): // it may have been taken
		return errors.New("no answer")
	case err != nil:
		return unreached(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		return errors.New("no answer that makes sense")
	}
	return s.verdict(res.StatusCode, answer)
}

// Ping reports whether somebody answers there. It sends nothing, and does not show who we
// are: a provider has nothing that could be asked.
func (s *HTTPSMS) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.cfg.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: no request can be made", ErrDown)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return unreached(err)
	}
	return res.Body.Close()
}

// Close fills Sender.
func (s *HTTPSMS) Close(context.Context) { s.client.CloseIdleConnections() }

// fields are what a body may name.
func (s *HTTPSMS) fields(m Message, number string) map[string]string {
	digits := strings.TrimPrefix(number, "+")
	national, unicode := digits, "0"
	if !eid.PhoneAbroad(number) {
		national = "0" + strings.TrimPrefix(number, "+84")
	}
	if text := m.Body.Reveal(); strings.ContainsFunc(text, func(r rune) bool { return r > '~' }) {
		unicode = "1"
	}
	return map[string]string{
		"To": number, "Digits": digits, "National": national, "Text": m.Body.Reveal(), "Unicode": unicode,
		"Seconds": strconv.Itoa(int(m.Lasts.Seconds())), "ID": m.ID, "Token": s.cfg.Token.Reveal(),
	}
}

// escape writes a text for the inside of a JSON string, or for a form.
func (s *HTTPSMS) escape(text string) string {
	if s.cfg.Format == FormBody {
		return url.QueryEscape(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil { // a string always can be
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

// verdict sorts what a gateway answered. That it takes us for somebody else, or is not
// what it was, is no fault of the message.
func (s *HTTPSMS) verdict(status int, answer []byte) error {
	said := fmt.Errorf("answered %d", status)
	switch {
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %w", ErrBusy, said)
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity: // this one
		return said
	case status < 200 || status > 299:
		return fmt.Errorf("%w: %w", ErrDown, said)
	case s.cfg.Answer.Path == "":
		return nil
	}
	value, found := valueAt(answer, s.cfg.Answer.Path)
	switch {
	case !found:
		return errors.New("answered without a result")
	case slices.Contains(s.cfg.Answer.Sent, value):
		return nil
	case slices.Contains(s.cfg.Answer.Busy, value):
		return fmt.Errorf("%w: by its result", ErrBusy)
	case slices.Contains(s.cfg.Answer.Refused, value):
		return fmt.Errorf("%w: by its result", ErrRefused)
	}
	return errors.New("answered that it was not taken")
}

// valueAt finds a text, a number or a truth value in JSON.
func valueAt(answer []byte, path string) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	var at any
	if err := d.Decode(&at); err != nil {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		switch in := at.(type) {
		case map[string]any:
			at = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(in) {
				return "", false
			}
			at = in[i]
		default:
			return "", false
		}
	}
	switch v := at.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
