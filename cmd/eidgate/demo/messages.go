package demo

import (
	"cmp"
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

	"eidgate/eid/notify/smpptest"
)

// Bounds of the demo's mail server, and where what holders were told is shown.
const (
	maxLetters   = 200
	maxLetter    = 256 << 10 // bytes
	letterTime   = 10 * time.Second
	MessagesPath = "/messages"
)

// Messages is a mail server and an SMSC that keep what they are given, and a page that
// shows it.
type Messages struct {
	mail *smtp.Server
	sms  *smpptest.SMSC
	now  func() time.Time

	mu      sync.Mutex
	letters []message // oldest first
}

// message is what a receiver would read.
type message struct {
	At                time.Time
	To, Subject, Body string
	SMS               bool
}

// NewMessages starts nothing. The SMSC knows one account.
func NewMessages(systemID, password string, now func() time.Time) *Messages {
	m := &Messages{now: now, sms: smpptest.New(systemID, password, now)}
	m.mail = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{box: m}, nil }))
	m.mail.Domain, m.mail.MaxMessageBytes, m.mail.MaxRecipients = "demo.localhost", maxLetter, 1
	m.mail.ReadTimeout, m.mail.WriteTimeout = letterTime, letterTime
	return m
}

// ServeMail takes letters until ctx ends.
func (m *Messages) ServeMail(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = m.mail.Close(); _ = l.Close() })
	defer stop()
	if err := m.mail.Serve(l); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// ServeSMS takes SMS until ctx ends.
func (m *Messages) ServeSMS(ctx context.Context, l net.Listener) error { return m.sms.Serve(ctx, l) }

// all are the messages, the newest first.
func (m *Messages) all() []message {
	m.mu.Lock()
	list := slices.Clone(m.letters)
	m.mu.Unlock()
	for _, s := range m.sms.Messages() {
		list = append(list, message{At: s.At.In(vietnamTime), To: s.To, Body: s.Text, SMS: true})
	}
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b message) int { return cmp.Compare(b.At.UnixNano(), a.At.UnixNano()) })
	return list
}

// ServeHTTP shows the messages, the newest first.
func (m *Messages) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "no-store")
	_ = messagesPage().Execute(w, m.all()) // the reader is gone
}

// messagesPage is parsed when it is first shown.
var messagesPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tin nhắn và thư của bản thử nghiệm · The demo's messages</title>
<style>body{font:1.125rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#17202a;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.35}h2{font-size:1.1rem;margin:.75rem 0 .25rem}pre{white-space:pre-wrap;font:inherit;margin:.25rem 0 .75rem}p{color:#4a5560;margin:.25rem 0}
article{margin:1.5rem 0}.mail{border:1px solid #6b7783;border-radius:6px;padding:0 1rem}
.sms pre{background:#e3eef9;border-radius:1rem 1rem 1rem .25rem;padding:.75rem 1rem;max-width:24rem;width:fit-content;box-sizing:border-box}
a{color:#0b4f8a;display:inline-block;padding:.6rem 0}</style></head>
<body><main><h1>Tin nhắn và thư của bản thử nghiệm <span lang="en">· The demo’s messages</span></h1>
<p>Không tin nào rời khỏi máy này. Tin mới nhất ở trên cùng.</p><p lang="en">No message leaves this machine. The newest is on top.</p>
<p><a href="/messages">Xem tin mới <span lang="en">· Look for new ones</span></a></p>
{{range .}}{{if .SMS}}<article class="sms" data-to="{{.To}}"><p>SMS → {{.To}} · {{.At.Format "15:04:05 02/01/2006"}}</p><pre>{{.Body}}</pre></article>
{{else}}<article class="mail" data-to="{{.To}}"><h2>{{.Subject}}</h2><p>Thư <span lang="en">(mail)</span> → {{.To}} · {{.At.Format "15:04:05 02/01/2006"}}</p><pre>{{.Body}}</pre></article>
{{end}}{{else}}<p>Chưa có tin nào. <span lang="en">No message yet.</span></p>{{end}}</main></body></html>
`))
})

// delivery is one connection's letters.
type delivery struct {
	box *Messages
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
	d.box.letters = append(d.box.letters, message{At: d.box.now().In(vietnamTime), To: d.to, Subject: subject, Body: string(text)})
	return nil
}
