package notify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"encoding/base64"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"eidgate/eid"
	"eidgate/eid/notify"
)

// server is a mail server on loopback that can be told to misbehave.
type server struct {
	*smtp.Server
	addr  string
	roots *x509.CertPool

	mu       sync.Mutex
	mails    []letter
	sessions int
	logins   int

	user, password      string
	mechanisms          []string // offered in this order; nil: PLAIN
	onMail, onRcpt      *smtp.SMTPError
	onData              *smtp.SMTPError
	implicit, withoutTL bool
}

// letter is what the server took.
type letter struct {
	from, to string
	raw      string
	secure   bool
}

type session struct {
	s    *server
	conn *smtp.Conn
	cur  letter
}

func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	return &session{s: s, conn: c}, nil
}

func (x *session) AuthMechanisms() []string {
	if x.s.user == "" {
		return nil
	}
	if x.s.mechanisms != nil {
		return x.s.mechanisms
	}
	return []string{sasl.Plain}
}

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != x.s.user || password != x.s.password {
			return smtp.ErrAuthFailed
		}
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		x.s.logins++
		return nil
	}), nil
}

func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	x.cur.from = from
	if x.s.onMail != nil {
		return x.s.onMail
	}
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.cur.to = to
	if x.s.onRcpt != nil {
		return x.s.onRcpt
	}
	return nil
}

func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if x.s.onData != nil {
		return x.s.onData
	}
	_, x.cur.secure = x.conn.TLSConnectionState()
	x.cur.raw = string(raw)
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.mails = append(x.s.mails, x.cur)
	return nil
}

func (s *server) taken() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]letter(nil), s.mails...)
}

// serve starts a mail server; set changes it before.
func serve(t *testing.T, set func(*server)) *server {
	t.Helper()
	s := &server{}
	if set != nil {
		set(s)
	}
	s.Server = smtp.NewServer(s)
	s.Domain, s.ErrorLog = "mail.test", quiet{}
	cert, roots := certificate(t, "127.0.0.1")
	s.roots = roots
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if !s.withoutTL {
		s.TLSConfig = conf
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if s.implicit {
		l = tls.NewListener(l, conf)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		_ = l.Close() // also where Serve comes only now
		<-ended
	})
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate makes an authority, and a certificate of it for an address.
func certificate(t *testing.T, ip string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(ip)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

func (s *server) sender(t *testing.T, set func(*notify.SMTPConfig)) *notify.SMTP {
	t.Helper()
	cfg := notify.SMTPConfig{
		Address: s.addr, TLS: &tls.Config{RootCAs: s.roots}, From: "Đăng nhập một lần <dangnhap@example.vn>", ReplyTo: "hotro@example.vn",
		Username: s.user, Password: eid.NewSecret(s.password),
	}
	if s.implicit {
		cfg.Security = notify.Implicit
	}
	if set != nil {
		set(&cfg)
	}
	sender, err := notify.NewSMTP(cfg, time.Now)
	if err != nil {
		t.Fatalf("NewSMTP(): %v", err)
	}
	return sender
}

func message(to string) notify.Message {
	return notify.Message{ID: "N1", To: eid.NewSecret(to), Subject: "Tài khoản cũ của Quý vị sẽ dừng", Body: eid.NewSecret("Dòng một.\n.\nDòng ba.\n")}
}

// TestMailArrives reads the mail as its receiver does.
func TestMailArrives(t *testing.T) {
	for name, set := range map[string]func(*server){
		"starttls":                 nil,
		"implicit":                 func(s *server) { s.implicit = true },
		"starttls with a password": func(s *server) { s.user, s.password = "gateway", "s3cret" },
		"the best that is offered": func(s *server) {
			s.user, s.password, s.mechanisms = "gateway", "s3cret", []string{sasl.Login, "X", sasl.Plain}
		},
		"implicit TLS with password": func(s *server) { s.implicit, s.user, s.password = true, "gateway", "s3cret" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, set)
			sender := s.sender(t, nil)
			if err := sender.Ping(t.Context()); err != nil {
				t.Fatalf("Ping() = %v, want nil", err)
			}
			if err := sender.Send(t.Context(), message("nguoi.dung@example.vn")); err != nil {
				t.Fatalf("Send() = %v, want nil", err)
			}
			got := s.taken()
			if len(got) != 1 || got[0].from != "dangnhap@example.vn" || got[0].to != "nguoi.dung@example.vn" || !got[0].secure {
				t.Fatalf("the server took %d mails, first %+v; want one, from and to as given, over TLS", len(got), got)
			}
			m, err := mail.ReadMessage(strings.NewReader(got[0].raw))
			if err != nil {
				t.Fatalf("ReadMessage(): %v", err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != "Tài khoản cũ của Quý vị sẽ dừng" {
				t.Errorf("subject = %q, %v", subject, err)
			}
			for key, want := range map[string]string{
				"Message-Id": "<N1@example.vn>", "To": "<nguoi.dung@example.vn>", "Reply-To": "<hotro@example.vn>", "Auto-Submitted": "auto-generated",
			} {
				if got := m.Header.Get(key); got != want {
					t.Errorf("%s = %q, want %q", key, got, want)
				}
			}
			if from, err := m.Header.AddressList("From"); err != nil || from[0].Name != "Đăng nhập một lần" {
				t.Errorf("From = %v, %v", from, err)
			}
			body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
			if text := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimSpace(text) != "Dòng một.\n.\nDòng ba." {
				t.Errorf("body = %q, %v", text, err)
			}
			if s.user != "" && s.logins != 2 {
				t.Errorf("%d logins, want 2", s.logins)
			}
		})
	}
}

// TestNoHeaderIsInjected hands over line ends wherever a text may come from outside.
func TestNoHeaderIsInjected(t *testing.T) {
	s := serve(t, nil)
	sender := s.sender(t, nil)
	for _, to := range []string{
		"a@example.vn\r\nBcc: b@example.vn", "a@example.vn\nRCPT TO:<b@example.vn>", "a@example.vn, b@example.vn", "a@example.vn> SIZE=1", "<a@example.vn><b@example.vn>",
		"", "khong-phai", "a@b@c", "\"a\r\nb\"@example.vn", "người@example.vn", strings.Repeat("a", 250) + "@example.vn", "a b@example.vn", "@example.vn",
	} {
		if err := sender.Send(t.Context(), message(to)); !errors.Is(err, notify.ErrRefused) || strings.Contains(err.Error(), "@") {
			t.Errorf("Send(%q) = %v, want ErrRefused and no address in it", to, err)
		}
	}
	m := message("a@example.vn")
	m.Subject = "x\r\nBcc: b@example.vn\r\n\r\nbody"
	if err := sender.Send(t.Context(), m); err != nil {
		t.Fatalf("Send(): %v", err)
	}
	got := s.taken()
	if len(got) != 1 {
		t.Fatalf("the server took %d mails, want 1", len(got))
	}
	read, err := mail.ReadMessage(strings.NewReader(got[0].raw))
	if err != nil || read.Header.Get("Bcc") != "" {
		t.Errorf("Bcc = %q, %v; want none", read.Header.Get("Bcc"), err)
	}
}

// TestWhatTheServerAnswers sorts answers: for good, for now, or no fault of the message.
// No error repeats what the server said.
func TestWhatTheServerAnswers(t *testing.T) {
	said := func(code int) *smtp.SMTPError {
		return &smtp.SMTPError{Code: code, Message: "<nguoi.dung@example.vn> said no"}
	}
	for _, tt := range []struct {
		name string
		set  func(*server)
		cfg  func(*notify.SMTPConfig)
		want error // nil: neither of the two
	}{
		{name: "receiver unknown", set: func(s *server) { s.onRcpt = said(550) }, want: notify.ErrRefused},
		{name: "receiver greylisted", set: func(s *server) { s.onRcpt = said(451) }},
		{name: "relaying denied", set: func(s *server) { s.onRcpt = said(554) }},
		{name: "who are you", set: func(s *server) { s.onRcpt = said(530) }, want: notify.ErrDown},
		{name: "text refused", set: func(s *server) { s.onData = said(554) }, want: notify.ErrRefused},
		{name: "text for now", set: func(s *server) { s.onData = said(452) }},
		{name: "server closes", set: func(s *server) { s.onRcpt = said(421) }, want: notify.ErrDown},
		{name: "our own address refused", set: func(s *server) { s.onMail = said(550) }, want: notify.ErrDown},
		{name: "wrong password", set: func(s *server) { s.user, s.password = "gateway", "right" },
			cfg: func(c *notify.SMTPConfig) { c.Password = eid.NewSecret("wrong") }, want: notify.ErrDown},
		{name: "no account there", set: nil, cfg: func(c *notify.SMTPConfig) { c.Username = "gateway" }, want: notify.ErrDown},
		{name: "no STARTTLS", set: func(s *server) { s.withoutTL = true }, want: notify.ErrDown},
		{name: "another authority", set: nil, cfg: func(c *notify.SMTPConfig) { c.TLS = nil }, want: notify.ErrDown},
		{name: "nobody there", set: nil, cfg: func(c *notify.SMTPConfig) { c.Address = "127.0.0.1:1" }, want: notify.ErrDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.set)
			err := s.sender(t, tt.cfg).Send(t.Context(), message("nguoi.dung@example.vn"))
			if err == nil {
				t.Fatal("Send() = nil, want an error")
			}
			for _, known := range []error{notify.ErrDown, notify.ErrRefused} {
				if got := errors.Is(err, known); got != errors.Is(tt.want, known) {
					t.Errorf("Send() = %v; is %v: %v", err, known, got)
				}
			}
			if why := map[string]string{"nobody there": "connection refused", "another authority": "no TLS that can be trusted"}[tt.name]; !strings.Contains(err.Error(), why) {
				t.Errorf("Send() = %v, want it to say %s", err, why)
			}
			if strings.Contains(err.Error(), "nguoi.dung") || strings.Contains(err.Error(), "said no") {
				t.Errorf("Send() = %v, which repeats the server", err)
			}
			if n := len(s.taken()); n != 0 {
				t.Errorf("the server took %d mails, want none", n)
			}
		})
	}
}

// TestPasswordStaysAtHome: a server that strips STARTTLS, or any one without TLS, never
// hears the password.
func TestPasswordStaysAtHome(t *testing.T) {
	for _, security := range []notify.Security{"", notify.StartTLS, notify.Plain} {
		s := serve(t, func(s *server) { s.withoutTL, s.user, s.password = true, "gateway", "s3cret" })
		s.AllowInsecureAuth = true
		err := s.sender(t, func(c *notify.SMTPConfig) { c.Security = security }).Send(t.Context(), message("a@example.vn"))
		if !errors.Is(err, notify.ErrDown) || s.logins != 0 {
			t.Errorf("%q: Send() = %v after %d logins, want ErrDown after none", security, err, s.logins)
		}
	}
}

// TestPlainOnThisMachine is what the demo does.
func TestPlainOnThisMachine(t *testing.T) {
	s := serve(t, func(s *server) { s.withoutTL = true })
	if err := s.sender(t, func(c *notify.SMTPConfig) { c.Security = notify.Plain }).Send(t.Context(), message("a@example.vn")); err != nil || len(s.taken()) != 1 {
		t.Errorf("Send() = %v, %d mails; want nil, 1", err, len(s.taken()))
	}
}

// TestBadServersAreBounded: garbage without end, and silence.
func TestBadServersAreBounded(t *testing.T) {
	for name, behave := range map[string]func(net.Conn){
		"garbage": func(c net.Conn) {
			line := []byte("250-" + strings.Repeat("x", 1000) + "\r\n")
			_, _ = c.Write([]byte("220 hello\r\n"))
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		},
		"no line end": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte(strings.Repeat("2", 4096))); err != nil {
					return
				}
			}
		},
		"short answers":   func(c net.Conn) { _, _ = c.Write([]byte("4\r\n5\r\n")) },
		"hangs up":        func(net.Conn) {},
		"another service": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := talkTo(t.Context(), t, behave); !errors.Is(err, notify.ErrDown) {
				t.Errorf("Send() = %v, want ErrDown", err)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		heard := make(chan struct{})
		go func() { <-heard; cancel() }()
		err := talkTo(ctx, t, func(c net.Conn) {
			close(heard)
			_, _ = io.Copy(io.Discard, c) // until the other side hangs up
		})
		if !errors.Is(err, notify.ErrDown) {
			t.Errorf("Send() = %v, want ErrDown", err)
		}
	})
}

// talkTo sends a message to a server of one behaviour.
func talkTo(ctx context.Context, t *testing.T, behave func(net.Conn)) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		behave(c)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	sender, err := notify.NewSMTP(notify.SMTPConfig{Address: l.Addr().String(), Security: notify.Plain, From: "a@example.vn"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return sender.Send(ctx, message("b@example.vn"))
}
