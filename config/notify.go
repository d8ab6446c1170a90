package config

import (
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"eidgate/eid"
)

// Notify says how holders are told of what becomes of their accounts.
type Notify struct {
	// The mail server that takes notices. Without it nobody is told by message; pages
	// still tell.
	SMTP SMTP `koanf:"smtp"`
	// Through whom SMS go.
	SMS SMS `koanf:"sms"`
	// How many messages go a minute on each way, from all processes together. Codes that
	// somebody waits for are not held back by it.
	PerMinute int `koanf:"per_minute"`
}

// SMTP is a mail server that takes what the gateway sends.
type SMTP struct {
	Address string `koanf:"address"` // host and port, such as mail.example.vn:587
	// How the connection is protected: starttls, the default; implicit, usually on port
	// 465; none, on this machine only.
	Security string `koanf:"tls"`
	Username string `koanf:"username"` // the account there; without it, none
	// Its password, or env:NAME for the value of a variable.
	Password     eid.Secret `koanf:"password"`
	PasswordFile string     `koanf:"password_file"` // a file that holds it, instead of password, or credential:NAME
	// Whose messages they are, such as Đăng nhập một lần <dangnhap@example.vn>.
	From    string `koanf:"from"`
	ReplyTo string `koanf:"reply_to"` // where answers go, if not to from
	CAFile  string `koanf:"ca_file"`  // the authorities of its certificate, in PEM; without it, the system's
}

// On reports whether holders are told by message.
func (n *Notify) On() bool { return n.Mail() || n.SMS.On() }

// Mail reports whether they are told by mail.
func (n *Notify) Mail() bool { return n.SMTP.Address != "" }

// How a connection to a mail server is protected.
const (
	smtpStartTLS = "starttls"
	smtpImplicit = "implicit"
	smtpPlain    = "none"
)

func (c *Config) checkNotify(f *faults) {
	c.checkSMS(f)
	s := &c.Notify.SMTP
	checkChoice(f, "notify.smtp.tls", s.Security, false)
	if !c.Notify.Mail() {
		if s.Username != "" || s.From != "" || s.CAFile != "" || s.PasswordFile != "" || !s.Password.IsZero() {
			f.add("notify.smtp.address", "missing", "host and port of the mail server")
		}
		return
	}
	checkHostPort(f, "notify.smtp.address", s.Address)
	host, _, _ := net.SplitHostPort(s.Address)
	given := !s.Password.IsZero() || s.PasswordFile != ""
	switch {
	case s.Security == smtpPlain && !loopback(host):
		f.add("notify.smtp.tls", "messages would travel in the clear", "starttls or implicit; none on this machine only")
	case s.Security == smtpPlain && s.Username != "":
		f.add("notify.smtp.username", "a password would travel in the clear", "starttls or implicit, or no account")
	case s.Username == "" && given:
		f.add("notify.smtp.username", "missing beside the password", "the account at the mail server")
	case s.Username != "" && !given:
		f.add("notify.smtp.password", "missing", "password or password_file")
	}
	checkLine(f, "notify.smtp.username", s.Username, maxLabel)
	checkMailbox(f, "notify.smtp.from", s.From, true)
	checkMailbox(f, "notify.smtp.reply_to", s.ReplyTo, false)
}

// checkMailbox accepts one address, with a name or without.
func checkMailbox(f *faults, path, text string, wanted bool) {
	if text == "" {
		if wanted {
			f.add(path, "missing", "such as Đăng nhập một lần <dangnhap@example.vn>")
		}
		return
	}
	a, err := mail.ParseAddress(text)
	if err != nil || unfit(a.Address) || strings.ContainsAny(a.Address, `"<>\`) || len(text) > 300 {
		f.add(path, "no e-mail address", "such as Đăng nhập một lần <dangnhap@example.vn>")
	}
}

// maxNoticeDays bounds how long before its end an old account's holder is told.
const maxNoticeDays = 365

// standardNotices are the days before the end of old accounts on which holders are told.
func standardNotices() []int { return []int{60, 30, 7} }

// notices gives those days; none where the list is there and empty, or nobody sends.
func (s *Portal) notices(n *Notify) []int {
	switch {
	case !n.Mail():
		return nil
	case s.Notices == nil:
		return standardNotices()
	}
	return slices.Clone(s.Notices)
}

func (s *Portal) checkNotices(f *faults, at string) {
	at = member(at, "notices")
	if len(s.Notices) > 10 {
		f.add(at, "too many", "10 at most")
	}
	for i, days := range s.Notices {
		switch {
		case days < 1 || days > maxNoticeDays:
			f.add(item(at, i), "out of bounds", "from 1 to "+strconv.Itoa(maxNoticeDays)+" days")
		case slices.Contains(s.Notices[:i], days):
			f.add(item(at, i), "given twice", "keep one")
		}
	}
}
