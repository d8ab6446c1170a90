package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	stdmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"eidgate/eid"
)

// Security is how a connection to a mail server is protected. The zero value wants
// StartTLS.
type Security string

// The securities.
const (
	StartTLS Security = "starttls" // RFC 3207; a server that does not offer it is not used
	Implicit Security = "implicit" // RFC 8314 §3.3
	Plain    Security = "none"     // for this machine only
)

// Bounds of one message's way, whatever the server does.
const (
	sendTime   = 30 * time.Second
	maxAnswers = 256 << 10 // bytes that a server may say, its certificates included
	maxAddress = 254       // characters (RFC 5321 §4.5.3.1.3)
)

// SMTPConfig says which server takes messages, and whose they are.
type SMTPConfig struct {
	Address  string // host and port
	Security Security
	TLS      *tls.Config // roots, where they are not the system's; may be nil
	Username string      // empty: no authentication
	Password eid.Secret
	From     string // as RFC 5322 §3.4 writes a mailbox
	ReplyTo  string // the same; may be empty
}

// SMTP is a Sender over a mail server (RFC 5321).
type SMTP struct {
	cfg     SMTPConfig
	host    string
	from    *stdmail.Address
	replyTo *stdmail.Address // may be nil
	domain  string           // of from
	now     func() time.Time
}

var _ Sender = (*SMTP)(nil)

// NewSMTP checks the configuration. It connects to nobody.
func NewSMTP(cfg SMTPConfig, now func() time.Time) (*SMTP, error) {
	s := &SMTP{cfg: cfg, now: now}
	var err error
	if s.host, _, err = net.SplitHostPort(cfg.Address); err != nil {
		return nil, errors.New("mail server: not a host and port")
	}
	if s.from, err = ParseMailbox(cfg.From); err != nil {
		return nil, fmt.Errorf("sender's address: %w", err)
	}
	if cfg.ReplyTo != "" {
		if s.replyTo, err = ParseMailbox(cfg.ReplyTo); err != nil {
			return nil, fmt.Errorf("address for answers: %w", err)
		}
	}
	_, s.domain, _ = strings.Cut(s.from.Address, "@")
	return s, nil
}

// ParseMailbox reads one address with or without a name (RFC 5322 §3.4). The address
// itself is ASCII without spaces. The error repeats nothing of the text.
func ParseMailbox(text string) (*stdmail.Address, error) {
	a, err := stdmail.ParseAddress(text)
	if err != nil || len(a.Address) > maxAddress || strings.Count(a.Address, "@") != 1 ||
		strings.ContainsFunc(a.Address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>()[],;:\"`, r) }) {
		return nil, errors.New("not an e-mail address")
	}
	if strings.ContainsFunc(a.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("a name with control characters")
	}
	return a, nil
}

// Send fills Sender. A connection serves one message and lives sendTime at most.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	to, err := ParseMailbox(m.To.Reveal())
	if err != nil {
		return ErrRefused
	}
	msg, err := s.message(m, to.Address)
	if err != nil {
		return err
	}
	return s.session(ctx, func(c *smtp.Client) error { return s.hand(c, msg, to.Address) })
}

// Ping reports whether the server takes us for who we are. It sends nothing.
func (s *SMTP) Ping(ctx context.Context) error {
	return s.session(ctx, func(*smtp.Client) error { return nil })
}

// Close fills Sender. Nothing is kept open.
func (*SMTP) Close(context.Context) {}

// message writes the mail. What stands in its header cannot begin a line: the subject is
// encoded (RFC 2047), addresses were parsed.
func (s *SMTP) message(m Message, to string) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithEncoding(mail.EncodingB64))
	msg.FromMailAddress(s.from)
	if s.replyTo != nil {
		msg.ReplyToMailAddress(s.replyTo)
	}
	msg.ToMailAddress(&stdmail.Address{Address: to})
	msg.Subject(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, m.Subject))
	msg.SetDateWithValue(s.now())
	msg.SetMessageIDWithValue(m.ID + "@" + s.domain)
	// Nobody's out-of-office notice is wanted (RFC 3834 §5).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, m.Body.Reveal())
	return msg, nil
}

// session connects, and has the server see who we are, before use.
func (s *SMTP) session(ctx context.Context, use func(*smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return unreached(err)
	}
	defer func() { _ = raw.Close() }()
	end, _ := ctx.Deadline()
	if err := raw.SetDeadline(end); err != nil {
		return fmt.Errorf("%w: no deadline", ErrDown)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	c, err := s.greet(ctx, &bounded{Conn: raw, left: maxAnswers})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	if err := use(c); err != nil {
		return err
	}
	_ = c.Quit() // the message is in other hands by now
	return nil
}

// greet does everything before the first message.
func (s *SMTP) greet(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	conf := &tls.Config{}
	if s.cfg.TLS != nil {
		conf = s.cfg.TLS.Clone()
	}
	conf.ServerName, conf.MinVersion = s.host, max(conf.MinVersion, tls.VersionTLS12)
	if s.cfg.Security == Implicit {
		over := tls.Client(conn, conf)
		if err := over.HandshakeContext(ctx); err != nil {
			return nil, errNoTLS
		}
		conn = over
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, answered("greeting", err)
	}
	c.SkipSMTPUTF8(true) // addresses are ASCII, and what relays further may not know it
	if err := c.Hello(s.domain); err != nil {
		return nil, answered("EHLO", err)
	}
	if s.cfg.Security != Implicit && s.cfg.Security != Plain {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return nil, errors.New("no STARTTLS")
		}
		if err := c.StartTLS(conf); err != nil {
			return nil, errNoTLS
		}
	}
	if s.cfg.Username == "" {
		return c, nil
	}
	auth, err := s.auth(c)
	if err != nil {
		return nil, err
	}
	if err := c.Auth(auth); err != nil {
		return nil, answered("AUTH", err)
	}
	return c, nil
}

// auth takes the best mechanism that the server offers (RFC 4954).
func (s *SMTP) auth(c *smtp.Client) (smtp.Auth, error) {
	if s.cfg.Security == Plain {
		return nil, errors.New("no password without TLS")
	}
	_, offered := c.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	user, password := s.cfg.Username, s.cfg.Password.Reveal()
	switch {
	case slices.Contains(mechanisms, "SCRAM-SHA-256"):
		return smtp.ScramSHA256Auth(user, password), nil
	case slices.Contains(mechanisms, "PLAIN"):
		return smtp.PlainAuth("", user, password, s.host, false), nil
	case slices.Contains(mechanisms, "LOGIN"):
		return smtp.LoginAuth(user, password, s.host, false), nil
	}
	return nil, errors.New("no AUTH mechanism that we know")
}

// hand gives the server one message. That it refuses our own address is no fault of the
// message; that it refuses the receiver's, or what it was given, is.
func (s *SMTP) hand(c *smtp.Client, msg *mail.Msg, to string) error {
	if err := c.Mail("<" + s.from.Address + ">"); err != nil {
		return fmt.Errorf("%w: %w", ErrDown, answered("MAIL", err))
	}
	if err := c.Rcpt("<" + to + ">"); err != nil {
		return verdict("RCPT", err)
	}
	w, err := c.Data()
	if err != nil {
		return verdict("DATA", err)
	}
	if _, err := msg.WriteTo(w); err != nil {
		return answered("text", err)
	}
	if err := w.Close(); err != nil {
		return verdict("end of text", err)
	}
	return nil
}

// verdict sorts what a server answered about one message (RFC 5321 §4.2.1).
func verdict(doing string, err error) error {
	said := answered(doing, err)
	switch code := codeOf(err); {
	case code == 421, code == 530: // it closes (RFC 5321 §3.8), or wants to know who we are (RFC 4954 §6)
		return fmt.Errorf("%w: %w", ErrDown, said)
	case code == 554 && doing == "RCPT": // it may not relay for us, which somebody mends; the address may be good
		return said
	case code >= 500 && code < 600:
		return fmt.Errorf("%w: %w", ErrRefused, said)
	}
	return said
}

// answered keeps the code of an answer. Its text may repeat addresses.
func answered(doing string, err error) error {
	if code := codeOf(err); code != 0 {
		return fmt.Errorf("%s: answered %d", doing, code)
	}
	return errors.New(doing + ": no answer that makes sense")
}

// codeOf is the code of an answer, 0 where there was none: the connection broke.
func codeOf(err error) int {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return 0
	}
	return reply.Code
}

// bounded is a connection on which the other side may say so much, and whose deadline
// nobody moves.
type bounded struct {
	net.Conn
	left int
}

// Read gives what is still allowed.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server said too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// SetDeadline leaves the one of the whole in force.
func (*bounded) SetDeadline(time.Time) error { return nil }
