package config

import (
	"net"
	"net/netip"
	"strings"

	"eidgate/eid"
)

// SMS says through whom the gateway sends SMS: smpp or http, not both. Without either
// nobody is sent any.
type SMS struct {
	// How many SMS go in an hour, from all processes together. What would be one more is
	// dropped and counted. At most half of them are sent for who has shown nothing: neither
	// a password nor an earlier sign-in.
	PerHour int `koanf:"per_hour"`
	// How many of these go to numbers of other countries; 0 sends none there.
	PerHourAbroad int `koanf:"per_hour_abroad"`
	// An SMSC of an operator or a provider, spoken to over SMPP 3.4.
	SMPP SMPP `koanf:"smpp"`
	// A provider's interface over HTTP.
	HTTP HTTPSMS `koanf:"http"`
}

// SMPP is an SMSC that takes messages.
type SMPP struct {
	Address string `koanf:"address"` // host and port, such as smsc.example.vn:3550
	// How the connection is protected: implicit, the default, which is TLS from the first
	// byte; none, to an address of a private network only, such as one of a VPN.
	Security string `koanf:"tls"`
	SystemID string `koanf:"system_id"` // the account there, of 15 characters at most
	// Its password, of 8 characters at most, or env:NAME for the value of a variable.
	Password     eid.Secret `koanf:"password"`
	PasswordFile string     `koanf:"password_file"` // a file that holds it, instead of password, or credential:NAME
	SystemType   string     `koanf:"system_type"`   // what some servers want to hear
	// Whom the phone shows: a name of 11 letters at most, a short number, or +84….
	Source string `koanf:"source"`
	CAFile string `koanf:"ca_file"` // the authorities of its certificate, in PEM; without it, the system's
}

// HTTPSMS is a provider that takes messages over HTTP. Where it lies in a private
// network, outbound.allow names it.
type HTTPSMS struct {
	URL    string `koanf:"url"`    // where it is asked; nothing of a message can stand in it
	Method string `koanf:"method"` // POST, the default, or PUT
	Format string `koanf:"format"` // of body: json, the default, or form
	// What stands in its headers, by name. They may hold {{.Token}} and {{.ID}}, which is the same at each try.
	Headers map[string]string `koanf:"headers"`
	// The body, with names where something stands: {{.To}} +84901234567, {{.Digits}}
	// 84901234567, {{.National}} 0901234567, {{.Text}}, {{.Unicode}} 1 or 0, {{.Seconds}} for
	// how long it is of use, {{.ID}}, {{.Token}}. Each is escaped; quotes of JSON are yours.
	Body string `koanf:"body"`
	// What it knows us by, or env:NAME for the value of a variable.
	Token     eid.Secret    `koanf:"token"`
	TokenFile string        `koanf:"token_file"` // a file that holds it, instead of token, or credential:NAME
	CAFile    string        `koanf:"ca_file"`    // the authorities of its certificate, in PEM; without it, the system's
	Answer    HTTPSMSAnswer `koanf:"answer"`     // where the result stands, if the status does not tell
}

// HTTPSMSAnswer reads the result from the JSON of an answer.
type HTTPSMSAnswer struct {
	Path    string   `koanf:"path"`    // names with dots between them, such as data.0.code
	Sent    []string `koanf:"sent"`    // values that say that the message was taken
	Busy    []string `koanf:"busy"`    // values that say that no more is taken for now
	Refused []string `koanf:"refused"` // values that say that this one will never be
}

// On reports whether SMS are sent.
func (s *SMS) On() bool { return s.SMPP.Address != "" || s.HTTP.URL != "" }

func (c *Config) checkSMS(f *faults) {
	s := &c.Notify.SMS
	checkChoice(f, "notify.sms.smpp.tls", s.SMPP.Security, false)
	checkChoice(f, "notify.sms.http.method", s.HTTP.Method, false)
	checkChoice(f, "notify.sms.http.format", s.HTTP.Format, false)
	if s.SMPP.Address != "" && s.HTTP.URL != "" {
		f.add("notify.sms", "two ways to send", "keep one of smpp and http")
	}
	s.SMPP.check(f)
	s.HTTP.check(f, c.Outbound.Allow)
}

func (s *SMPP) check(f *faults) {
	const at = "notify.sms.smpp"
	given := !s.Password.IsZero() || s.PasswordFile != ""
	if s.Address == "" {
		if given || s.SystemID != "" || s.Source != "" || s.SystemType != "" || s.CAFile != "" {
			f.add(at+".address", "missing", "host and port of the SMSC")
		}
		return
	}
	checkHostPort(f, at+".address", s.Address)
	host, _, _ := net.SplitHostPort(s.Address)
	if s.Security == smtpPlain && !loopback(host) && !private(host) {
		f.add(at+".tls", "codes and the password would travel in the clear", "implicit; none to 127.0.0.1 or the address of a private network, written as numbers")
	}
	for _, text := range []struct {
		key, value string
		most       int
		wanted     bool
	}{{"system_id", s.SystemID, 15, true}, {"system_type", s.SystemType, 12, false}, {"source", s.Source, 16, true}} {
		if text.value == "" && text.wanted {
			f.add(at+"."+text.key, "missing", "as the provider gave it")
		}
		if len(text.value) > text.most || strings.ContainsFunc(text.value, func(r rune) bool { return r < ' ' || r > '~' }) {
			f.add(at+"."+text.key, "longer than SMPP can say, or no ASCII", "as the provider gave it")
		}
	}
	if !given {
		f.add(at+".password", "missing", "password or password_file")
	}
}

// private reports whether a host is an address of a private network (RFC 1918, RFC 4193).
func private(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsPrivate()
}

func (s *HTTPSMS) check(f *faults, allow []string) {
	const at = "notify.sms.http"
	if s.URL == "" {
		if s.Body != "" || s.TokenFile != "" || !s.Token.IsZero() || len(s.Headers) > 0 || s.CAFile != "" || s.Answer.Path != "" {
			f.add(at+".url", "missing", "where the provider is asked")
		}
		return
	}
	checkAddress(f, at+".url", s.URL, address{query: true})
	checkReachable(f, at+".url", s.URL, allow)
	if s.Body == "" {
		f.add(at+".body", "missing", `such as {"to":"{{.To}}","text":"{{.Text}}"}`)
	}
	if (s.Answer.Path == "") != (len(s.Answer.Sent) == 0) {
		f.add(at+".answer", "half of it is missing", "path and sent, or neither")
	}
}
