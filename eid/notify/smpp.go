package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"eidgate/eid"
)

// Bounds of what an SMPP server does.
const (
	dialTime   = 10 * time.Second // until it took the bind
	answerTime = 10 * time.Second // for one message, or for a sign of life
	aliveEvery = 30 * time.Second // silence, after which it is asked for one
	idleTime   = 10 * time.Minute // without a message, after which we unbind
	windowSize = 10               // messages that wait for their answer
	// goodbyeTime is how long an unbind may take.
	goodbyeTime = 2 * time.Second
)

// Bounds of what a server is told (SMPP 3.4 §5.2), and of a sender's name (3GPP TS 23.040
// §9.1.2.5).
const (
	maxSystemID   = 15
	maxPassword   = 8
	maxSystemType = 12
	maxBrand      = 11
)

// SMPPConfig says which SMSC takes messages, and whose they are.
type SMPPConfig struct {
	Address    string // host and port
	Security   Security
	TLS        *tls.Config // roots, where they are not the system's; may be nil
	SystemID   string
	Password   eid.Secret
	SystemType string // what some servers want to hear; may be empty
	// Source is what the phone shows: a name of 11 letters at most, a short number, or a
	// number with + and its country code.
	Source string
}

// SMPP is a Sender over an SMSC (Short Message Peer-to-Peer 3.4). It binds when there is
// something to send, and stays bound while there is.
type SMPP struct {
	cfg    SMPPConfig
	host   string
	source pdu.Address
	link   chan *link // holds one: the link that was last used, or nil
}

var _ Sender = (*SMPP)(nil)

// NewSMPP checks the configuration. It connects to nobody.
func NewSMPP(cfg SMPPConfig) (*SMPP, error) {
	host, _, err := net.SplitHostPort(cfg.Address)
	switch {
	case err != nil:
		return nil, errors.New("SMSC: not a host and port")
	case cfg.Security != Implicit && cfg.Security != Plain:
		return nil, errors.New("SMSC: TLS from the first byte, or none")
	case cfg.SystemID == "" || !fits(cfg.SystemID, maxSystemID) || !fits(cfg.Password.Reveal(), maxPassword) || !fits(cfg.SystemType, maxSystemType):
		return nil, errors.New("SMSC: system ID, password or system type that SMPP cannot say")
	}
	source, err := sourceAddress(cfg.Source)
	if err != nil {
		return nil, err
	}
	s := &SMPP{cfg: cfg, host: host, source: source, link: make(chan *link, 1)}
	s.link <- nil
	return s, nil
}

// fits reports whether a text is printable ASCII of a length that SMPP can say.
func fits(text string, most int) bool {
	return len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// sourceAddress finds the type of a sender's address by its form (SMPP 3.4 §5.2.5).
func sourceAddress(source string) (pdu.Address, error) {
	digits := strings.TrimPrefix(source, "+")
	numeric := digits != "" && strings.Trim(digits, "0123456789") == ""
	var ton, npi byte
	switch {
	case numeric && source != digits && len(digits) <= 15:
		ton, npi, source = data.GSM_TON_INTERNATIONAL, data.GSM_NPI_E164, digits
	case numeric && source == digits && len(digits) <= 8:
		ton, npi = data.GSM_TON_NETWORK, data.GSM_NPI_UNKNOWN
	case !numeric && source != "" && fits(source, maxBrand):
		ton, npi = data.GSM_TON_ALPHANUMERIC, data.GSM_NPI_UNKNOWN
	default:
		return pdu.Address{}, errors.New("sender of SMS: no name of 11 letters, no short number, no number with its country code")
	}
	return pdu.NewAddressWithTonNpiAddr(ton, npi, source)
}

// Send fills Sender. A text that is too long for one message goes as several, which the
// phone puts together.
func (s *SMPP) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	parts, err := s.parts(m)
	if err != nil {
		return err
	}
	l, err := s.bound(ctx)
	if err != nil {
		return err
	}
	for _, part := range parts {
		status, err := l.submit(ctx, part)
		if err != nil {
			return err
		}
		if status == data.ESME_RINVBNDSTS { // it forgot who we are
			l.end()
		}
		if err := submitted(status); err != nil {
			return err
		}
	}
	return nil
}

// Ping reports whether the server takes us for who we are. It sends nothing.
func (s *SMPP) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	l, err := s.bind(ctx)
	if err != nil {
		return err
	}
	l.unbind(ctx)
	return nil
}

// Close unbinds. A message that is sent later binds anew.
func (s *SMPP) Close(ctx context.Context) {
	l := <-s.link
	if l != nil {
		l.unbind(ctx)
	}
	s.link <- nil
}

// bound gives the link in use, or a new one in its place. One of several callers binds.
func (s *SMPP) bound(ctx context.Context) (*link, error) {
	var l *link
	select {
	case l = <-s.link:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: still binding", ErrDown)
	}
	defer func() { s.link <- l }()
	if l != nil && l.alive() {
		return l, nil
	}
	var err error
	l, err = s.bind(ctx)
	return l, err
}

// bind connects, and has the server see who we are (SMPP 3.4 §4.1.5).
func (s *SMPP) bind(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return nil, unreached(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn := raw
	if s.cfg.Security == Implicit {
		conf := &tls.Config{}
		if s.cfg.TLS != nil {
			conf = s.cfg.TLS.Clone()
		}
		conf.ServerName, conf.MinVersion = s.host, max(conf.MinVersion, tls.VersionTLS12)
		over := tls.Client(raw, conf)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("%w: %w", ErrDown, errNoTLS)
		}
		conn = over
	}
	l := newLink(conn)
	req := pdu.NewBindRequest(pdu.Transceiver)
	req.SystemID, req.Password, req.SystemType = s.cfg.SystemID, s.cfg.Password.Reveal(), s.cfg.SystemType
	status, err := l.submit(ctx, req)
	if err == nil && status != data.ESME_ROK {
		err = fmt.Errorf("bind: answered 0x%02x", uint32(status))
	}
	if err == nil && !stop() { // the time was over meanwhile
		err = errors.New("bind: too slow")
	}
	if err != nil {
		l.end()
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return l, nil
}

// parts writes the messages that bring one text to a number.
func (s *SMPP) parts(m Message) ([]pdu.PDU, error) {
	number, err := eid.ParsePhone(m.To.Reveal())
	if err != nil {
		return nil, ErrRefused
	}
	to, err := pdu.NewAddressWithTonNpiAddr(data.GSM_TON_INTERNATIONAL, data.GSM_NPI_E164, strings.TrimPrefix(number, "+"))
	if err != nil {
		return nil, ErrRefused
	}
	sm, ok := pdu.NewSubmitSM().(*pdu.SubmitSM)
	if !ok {
		return nil, errors.New("SMPP: no message can be made")
	}
	sm.SourceAddr, sm.DestAddr, sm.ValidityPeriod = s.source, to, validity(m.Lasts)
	if err := sm.Message.SetLongMessageWithEnc(m.Body.Reveal(), alphabet(m.Body.Reveal())); err != nil {
		return nil, ErrRefused
	}
	split, err := sm.Split()
	if err != nil || len(split) > maxParts {
		return nil, ErrRefused
	}
	parts := make([]pdu.PDU, len(split))
	for i := range split {
		parts[i] = split[i]
	}
	return parts, nil
}

// maxParts is how many messages one text may be.
const maxParts = 5

// alphabet is the default one for a text whose letters have the same codes in GSM 03.38
// and in ASCII, which servers take for the default one as well; else UCS-2.
func alphabet(text string) data.Encoding {
	if strings.ContainsFunc(text, func(r rune) bool {
		return r != '\n' && (r < ' ' || r > 'z' || strings.ContainsRune("@$[\\]^_`", r))
	}) {
		return data.UCS2
	}
	return data.GSM7BIT
}

// validity says for how long a message is of use (SMPP 3.4 §7.1.1.2: relative). Zero
// leaves it to the server.
func validity(lasts time.Duration) string {
	if lasts <= 0 {
		return ""
	}
	lasts = min(lasts, 72*time.Hour)
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", int(lasts.Hours())/24, int(lasts.Hours())%24, int(lasts.Minutes())%60, int(lasts.Seconds())%60)
}

// What a server says of one message (SMPP 3.4 §5.1.3), and what it would say of every one.
func busyStatuses() []data.CommandStatusType {
	return []data.CommandStatusType{data.ESME_RTHROTTLED, data.ESME_RMSGQFUL}
}

func refusedStatuses() []data.CommandStatusType {
	return []data.CommandStatusType{data.ESME_RINVDSTADR, data.ESME_RINVMSGLEN}
}

func downStatuses() []data.CommandStatusType {
	return []data.CommandStatusType{
		data.ESME_RSYSERR, data.ESME_RINVBNDSTS, data.ESME_RINVSRCADR, data.ESME_RINVSRCTON, data.ESME_RINVSRCNPI,
		data.ESME_RINVDSTTON, data.ESME_RINVDSTNPI, data.ESME_RINVSERTYP, data.ESME_RINVEXPIRY, data.ESME_RPROVNOTALLWD,
	}
}

// submitted sorts an answer.
func submitted(status data.CommandStatusType) error {
	said := fmt.Errorf("submit: answered 0x%02x", uint32(status))
	switch {
	case status == data.ESME_ROK:
		return nil
	case slices.Contains(busyStatuses(), status):
		return fmt.Errorf("%w: %w", ErrBusy, said)
	case slices.Contains(refusedStatuses(), status):
		return fmt.Errorf("%w: %w", ErrRefused, said)
	case slices.Contains(downStatuses(), status):
		return fmt.Errorf("%w: %w", ErrDown, said)
	}
	return said
}
