package notify_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/eid/notify/smpptest"
)

// smsc runs an SMSC until the test ends, and a sender for it.
func smsc(t *testing.T, set func(*smpptest.SMSC), change func(*notify.SMPPConfig)) (*smpptest.SMSC, *notify.SMPP) {
	t.Helper()
	s := smpptest.New("gateway", "s3cret", func() time.Time { return start })
	if set != nil {
		set(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	cfg := notify.SMPPConfig{Address: l.Addr().String(), Security: notify.Plain, SystemID: "gateway", Password: eid.NewSecret("s3cret"), Source: "EIDGATE"}
	if change != nil {
		change(&cfg)
	}
	sender, err := notify.NewSMPP(cfg)
	if err != nil {
		t.Fatalf("NewSMPP(): %v", err)
	}
	t.Cleanup(func() {
		sender.Close(t.Context()) // which has ended: nobody waits
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	return s, sender
}

func short(text string) notify.Message {
	return notify.Message{ID: "N1", To: eid.NewSecret("+84901234567"), Body: eid.NewSecret(text), Lasts: 5 * time.Minute}
}

// TestSMSArriveAsTheyAre: letters of Viet Nam, none, and a text of several messages, all on
// one bind; none lives longer than it is of use.
func TestSMSArriveAsTheyAre(t *testing.T) {
	s, sender := smsc(t, nil, nil)
	texts := []string{
		"493817: mã xác nhận. Đừng đưa cho ai.\n@dangnhap.example.vn #493817",
		"Your identity account was locked.",
		strings.Repeat("Chữ này dài hơn một tin nhắn. ", 6),
		strings.Repeat("This text is longer than one message. ", 6),
	}
	for _, text := range texts {
		if err := sender.Send(t.Context(), short(text)); err != nil {
			t.Fatalf("Send(): %v", err)
		}
	}
	got := s.Messages()
	if len(got) != len(texts) || s.Binds() != 1 || len(s.Invalid()) != 0 {
		t.Fatalf("%d messages on %d binds, invalid %q; want %d on one", len(got), s.Binds(), s.Invalid(), len(texts))
	}
	for i, m := range got {
		if m.Text != texts[i] || m.From != "EIDGATE" || m.To != "+84901234567" || m.Validity != "000000000500000R" || (m.Parts > 1) != (i > 1) {
			t.Errorf("message %d = %+v, want %q", i, m, texts[i])
		}
	}
}

// TestManyAtOnce share one bind, and each hears of its own message.
func TestManyAtOnce(t *testing.T) {
	s, sender := smsc(t, func(s *smpptest.SMSC) {
		s.Answer = func(m smpptest.Message) data.CommandStatusType {
			if strings.HasPrefix(m.Text, "no") {
				return data.ESME_RINVDSTADR
			}
			return data.ESME_ROK
		}
	}, nil)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			text := fmt.Sprintf("yes %d", i)
			if i%2 == 0 {
				text = fmt.Sprintf("no %d", i)
			}
			if err := sender.Send(t.Context(), short(text)); errors.Is(err, notify.ErrRefused) != (i%2 == 0) || (err == nil) != (i%2 == 1) {
				t.Errorf("Send(%q) = %v", text, err)
			}
		})
	}
	group.Wait()
	if got := len(s.Messages()); got != 32 || s.Binds() != 1 {
		t.Errorf("%d messages on %d binds, want 32 on one", got, s.Binds())
	}
}

// TestWhatTheSMSCAnswers sorts answers: for good, for now, too many, or no fault of the
// message. No error holds the number or the text.
func TestWhatTheSMSCAnswers(t *testing.T) {
	wrong := func(c *notify.SMPPConfig) { c.Password = eid.NewSecret("wrong") }
	for _, tt := range []struct {
		name   string
		status data.CommandStatusType
		change func(*notify.SMPPConfig)
		want   error // nil: none of them
	}{
		{"no such number", data.ESME_RINVDSTADR, nil, notify.ErrRefused},
		{"throttled", data.ESME_RTHROTTLED, nil, notify.ErrBusy},
		{"queue full", data.ESME_RMSGQFUL, nil, notify.ErrBusy},
		{"system error", data.ESME_RSYSERR, nil, notify.ErrDown},
		{"our own address refused", data.ESME_RINVSRCADR, nil, notify.ErrDown},
		{"this one failed", data.ESME_RSUBMITFAIL, nil, nil},
		{"its own word", 0x450, nil, nil},
		{"wrong password", 0, wrong, notify.ErrDown},
		{"no such account", 0, func(c *notify.SMPPConfig) { c.SystemID = "other" }, notify.ErrDown},
		{"nobody there", 0, func(c *notify.SMPPConfig) { c.Address = "127.0.0.1:1" }, notify.ErrDown},
		{"no TLS", 0, func(c *notify.SMPPConfig) { c.Security = notify.Implicit }, notify.ErrDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, sender := smsc(t, func(s *smpptest.SMSC) {
				s.Answer = func(smpptest.Message) data.CommandStatusType { return tt.status }
			}, tt.change)
			err := sender.Send(t.Context(), short("493817: mã"))
			if err == nil || len(s.Messages()) != 0 {
				t.Fatalf("Send() = %v, %d messages; want an error, none", err, len(s.Messages()))
			}
			for _, known := range []error{notify.ErrDown, notify.ErrRefused, notify.ErrBusy} {
				if got := errors.Is(err, known); got != errors.Is(tt.want, known) {
					t.Errorf("Send() = %v; is %v: %v", err, known, got)
				}
			}
			for _, secret := range []string{"901234567", "493817", "s3cret", "wrong"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("Send() = %v, which tells %s", err, secret)
				}
			}
		})
	}
}

// TestNobodyIsSentTo with what is no number.
func TestNobodyIsSentTo(t *testing.T) {
	s, sender := smsc(t, nil, nil)
	for _, to := range []string{"", "113", "19001234", "02438220000", "+84901234567\r\n+84907654321", "+979123456789", "a@example.vn"} {
		m := short("x")
		m.To = eid.NewSecret(to)
		if err := sender.Send(t.Context(), m); !errors.Is(err, notify.ErrRefused) {
			t.Errorf("Send(%q) = %v, want ErrRefused", to, err)
		}
	}
	if err := sender.Send(t.Context(), short(strings.Repeat("Chữ này dài. ", 100))); !errors.Is(err, notify.ErrRefused) {
		t.Errorf("Send() of twenty messages = %v, want ErrRefused", err)
	}
	if s.Binds() != 0 {
		t.Errorf("%d binds for nobody", s.Binds())
	}
}

// TestWhatTheSMSCSaysIsAnswered: receipts, signs of life, what nobody knows. After it
// unbinds, the next message binds anew.
func TestWhatTheSMSCSaysIsAnswered(t *testing.T) {
	s, sender := smsc(t, nil, nil)
	send := func() {
		t.Helper()
		if err := sender.Send(t.Context(), short("x")); err != nil {
			t.Fatalf("Send(): %v", err)
		}
	}
	send()
	for range 50 {
		s.Say(pdu.NewDeliverSM())
	}
	s.Say(pdu.NewEnquireLink())
	s.Say(pdu.NewAlertNotification())
	s.Say(pdu.NewOutbind())
	heard := func(id data.CommandIDType, want int) {
		t.Helper()
		for s.Heard(id) < want { // the test's own deadline ends it
			time.Sleep(time.Millisecond)
		}
	}
	heard(data.DELIVER_SM_RESP, 50)
	heard(data.ENQUIRE_LINK_RESP, 1)
	heard(data.GENERIC_NACK, 1)
	send()
	s.Say(pdu.NewUnbind())
	heard(data.UNBIND_RESP, 1)
	for s.Binds() == 1 { // the end may not have been noticed yet
		_ = sender.Send(t.Context(), short("x"))
	}
	if s.Binds() != 2 || len(s.Invalid()) != 0 {
		t.Errorf("%d binds, invalid %q; want two, none", s.Binds(), s.Invalid())
	}
	sender.Close(t.Context())
	heard(data.UNBIND, 1)
	send()
	if s.Binds() != 3 {
		t.Errorf("%d binds after the sender was closed, want a third", s.Binds())
	}
}

// TestAnSMSCThatForgotUs is bound to anew: it hangs up on nobody.
func TestAnSMSCThatForgotUs(t *testing.T) {
	forgot := true
	s, sender := smsc(t, func(s *smpptest.SMSC) {
		s.Answer = func(smpptest.Message) data.CommandStatusType {
			if forgot {
				forgot = false
				return data.ESME_RINVBNDSTS
			}
			return data.ESME_ROK
		}
	}, nil)
	if err := sender.Send(t.Context(), short("x")); !errors.Is(err, notify.ErrDown) {
		t.Errorf("Send() = %v, want ErrDown", err)
	}
	if err := sender.Send(t.Context(), short("x")); err != nil || s.Binds() != 2 || len(s.Messages()) != 1 {
		t.Errorf("Send() = %v, %d binds, %d messages; want nil, 2, 1", err, s.Binds(), len(s.Messages()))
	}
}

func TestPingBindsAndSendsNothing(t *testing.T) {
	s, sender := smsc(t, nil, nil)
	if err := sender.Ping(t.Context()); err != nil || s.Binds() != 1 || len(s.Messages()) != 0 {
		t.Errorf("Ping() = %v, %d binds, %d messages; want nil, 1, none", err, s.Binds(), len(s.Messages()))
	}
}

// head writes the head of a unit.
func head(length, id, status, sequence uint32) []byte {
	var b []byte
	for _, n := range []uint32{length, id, status, sequence} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// bindsThen takes the bind and does something with the first message.
func bindsThen(do func(c net.Conn, sequence uint32)) func(net.Conn) {
	return func(c net.Conn) {
		for {
			unit, err := pdu.Parse(c)
			if err != nil {
				return
			}
			sequence := uint32(unit.GetSequenceNumber())
			switch unit.(type) {
			case *pdu.BindRequest:
				_, _ = c.Write(head(16, 0x80000009, 0, sequence))
			case *pdu.SubmitSM:
				do(c, sequence)
			}
		}
	}
}

// TestBadSMSCsAreBounded: garbage, silence, and answers to something else. Where a
// message may have been taken, it is not ErrDown: each try counts.
func TestBadSMSCsAreBounded(t *testing.T) {
	endless := strings.NewReader(strings.Repeat("\x00", 1<<20))
	for name, tt := range map[string]struct {
		speak func(net.Conn)
		taken bool // it may have been
	}{
		"garbage":             {func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, false},
		"zeros":               {func(c net.Conn) { _, _ = io.Copy(c, endless) }, false},
		"hangs up":            {func(net.Conn) {}, false},
		"a unit of 2 GiB":     {func(c net.Conn) { _, _ = c.Write(head(1<<31-1, 0x80000009, 0, 1)) }, false},
		"a negative unit":     {func(c net.Conn) { _, _ = c.Write(head(1<<32-1, 0x80000009, 0, 1)) }, false},
		"half a head":         {func(c net.Conn) { _, _ = c.Write(head(16, 0x80000009, 0, 1)[:9]) }, false},
		"another answer":      {func(c net.Conn) { _, _ = c.Write(head(16, 0x80000004, 0, 1)) }, false},
		"nack of a bind":      {func(c net.Conn) { _, _ = c.Write(head(16, 0x80000000, 3, 1)) }, false},
		"an unbind at once":   {func(c net.Conn) { _, _ = c.Write(head(16, 6, 0, 1)); _, _ = io.Copy(io.Discard, c) }, false},
		"closes on a message": {bindsThen(func(c net.Conn, _ uint32) { _ = c.Close() }), true},
		"closes in a unit": {bindsThen(func(c net.Conn, n uint32) {
			_, _ = c.Write(head(20, 0x80000004, 0, n)[:12])
			_ = c.Close()
		}), true},
		"nack without a reason":   {bindsThen(func(c net.Conn, n uint32) { _, _ = c.Write(head(16, 0x80000000, 0, n)) }), true},
		"answers in a wrong kind": {bindsThen(func(c net.Conn, n uint32) { _, _ = c.Write(head(16, 0x80000015, 0, n)) }), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, sender := smsc(t, func(s *smpptest.SMSC) { s.Speak = tt.speak }, nil)
			if err := sender.Send(t.Context(), short("x")); err == nil || errors.Is(err, notify.ErrDown) == tt.taken || errors.Is(err, notify.ErrRefused) {
				t.Errorf("Send() = %v, down: want %v", err, !tt.taken)
			}
		})
	}
	t.Run("wrong numbers, then the right one", func(t *testing.T) {
		t.Parallel()
		_, sender := smsc(t, func(s *smpptest.SMSC) {
			s.Speak = bindsThen(func(c net.Conn, n uint32) {
				_, _ = c.Write(head(16, 0x80000004, 0x0B, n+100))
				_, _ = c.Write(head(16, 0x80000004, 0x0B, n-1))
				_, _ = c.Write(head(16, 0x80000004, 0, n))
			})
		}, nil)
		if err := sender.Send(t.Context(), short("x")); err != nil {
			t.Errorf("Send() = %v, want nil: the answers to others are not for it", err)
		}
	})
	for name, speak := range map[string]func(heard chan struct{}) func(net.Conn){
		"silence": func(heard chan struct{}) func(net.Conn) {
			return func(c net.Conn) {
				close(heard)
				_, _ = io.Copy(io.Discard, c)
			}
		},
		"silence on a message": func(heard chan struct{}) func(net.Conn) {
			return bindsThen(func(net.Conn, uint32) { close(heard) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan struct{})
			_, sender := smsc(t, func(s *smpptest.SMSC) { s.Speak = speak(heard) }, nil)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-heard; cancel() }()
			if err := sender.Send(ctx, short("x")); err == nil || errors.Is(err, notify.ErrRefused) {
				t.Errorf("Send() = %v, want an error", err)
			}
		})
	}
}

func TestWhatSMPPCannotSay(t *testing.T) {
	good := notify.SMPPConfig{Address: "127.0.0.1:2775", Security: notify.Plain, SystemID: "gateway", Source: "EIDGATE"}
	for name, change := range map[string]func(*notify.SMPPConfig){
		"no address":        func(c *notify.SMPPConfig) { c.Address = "127.0.0.1" },
		"no security":       func(c *notify.SMPPConfig) { c.Security = "" },
		"STARTTLS":          func(c *notify.SMPPConfig) { c.Security = notify.StartTLS },
		"no account":        func(c *notify.SMPPConfig) { c.SystemID = "" },
		"a long account":    func(c *notify.SMPPConfig) { c.SystemID = "gateway-gateway-" },
		"a long password":   func(c *notify.SMPPConfig) { c.Password = eid.NewSecret("123456789") },
		"NUL in a password": func(c *notify.SMPPConfig) { c.Password = eid.NewSecret("1\x002") },
		"no source":         func(c *notify.SMPPConfig) { c.Source = "" },
		"a long source":     func(c *notify.SMPPConfig) { c.Source = "ĐỊNH DANH" },
		"a national source": func(c *notify.SMPPConfig) { c.Source = "0901234567" },
	} {
		cfg := good
		change(&cfg)
		if _, err := notify.NewSMPP(cfg); err == nil {
			t.Errorf("%s: NewSMPP() = nil error", name)
		}
	}
	for _, source := range []string{"EIDGATE", "8088", "+84901234567"} {
		cfg := good
		cfg.Source = source
		if _, err := notify.NewSMPP(cfg); err != nil {
			t.Errorf("NewSMPP() from %q = %v", source, err)
		}
	}
}
