package demo

import (
	"context"
	"encoding/base64"
	"html/template"
	"io"
	"mime"
	"net"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Bounds of the demo's mail server.
const (
	maxLetters = 200
	maxLetter  = 256 << 10 // bytes
	letterTime = 10 * time.Second
	MailPath   = "/mail" // where the letters are shown
)

// Mailbox is a mail server that keeps every letter, and shows them on a page.
type Mailbox struct {
	server *smtp.Server
	now    func() time.Time

	mu      sync.Mutex
	letters []letter // oldest first
}

// letter is what a receiver would read.
type letter struct {
	At                time.Time
	To, Subject, Body string
}

// NewMailbox starts nothing.
func NewMailbox(now func() time.Time) *Mailbox {
	m := &Mailbox{now: now}
	m.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{box: m}, nil }))
	m.server.Domain, m.server.MaxMessageBytes, m.server.MaxRecipients = "demo.localhost", maxLetter, 1
	m.server.ReadTimeout, m.server.WriteTimeout = letterTime, letterTime
	return m
}

// Serve takes letters until ctx ends.
func (m *Mailbox) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = m.server.Close(); _ = l.Close() })
	defer stop()
	if err := m.server.Serve(l); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// ServeHTTP shows the letters, the newest first.
func (m *Mailbox) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	letters := slices.Clone(m.letters)
	m.mu.Unlock()
	slices.Reverse(letters)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "no-store")
	_ = mailPage().Execute(w, letters) // the reader is gone
}

// mailPage is parsed when it is first shown.
var mailPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Thư của bản thử nghiệm · The demo's mail</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
article{border:1px solid #b9c2cf;border-radius:.5rem;padding:0 1rem;margin:1rem 0}pre{white-space:pre-wrap;font:inherit}h2{font-size:1.1rem}p{color:#47525f}</style></head>
<body><main><h1>Thư của bản thử nghiệm <span lang="en">· The demo’s mail</span></h1>
<p>Không thư nào rời khỏi máy này. <span lang="en">No letter leaves this machine.</span></p>
{{range .}}<article><h2>{{.Subject}}</h2><p>{{.At.Format "15:04:05 02/01/2006"}} → {{.To}}</p><pre>{{.Body}}</pre></article>
{{else}}<p>Chưa có thư nào. <span lang="en">No letter yet.</span></p>{{end}}</main></body></html>
`))
})

// delivery is one connection's letters.
type delivery struct {
	box *Mailbox
	to  string
}

func (*delivery) Reset()                                      {}
func (*delivery) Logout() error                               { return nil }
func (*delivery) Mail(string, *smtp.MailOptions) error        { return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error { d.to = to; return nil }

// Data keeps a letter.
func (d *delivery) Data(r io.Reader) error {
	msg, err := mail.ReadMessage(io.LimitReader(r, maxLetter))
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "not a letter"}
	}
	body := msg.Body
	if strings.EqualFold(msg.Header.Get("Content-Transfer-Encoding"), "base64") {
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "not a letter"}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		subject = "?"
	}
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	if len(d.box.letters) == maxLetters {
		d.box.letters = slices.Delete(d.box.letters, 0, 1)
	}
	d.box.letters = append(d.box.letters, letter{d.box.now().In(vietnamTime), d.to, subject, string(text)})
	return nil
}
