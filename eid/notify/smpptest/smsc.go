// Package smpptest owns an SMSC that runs in a test, or in the demo: it speaks SMPP 3.4
// over a socket, keeps what it takes, and fails as it is told.
package smpptest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// MaxMessages is how many messages an SMSC keeps; the oldest go first.
const MaxMessages = 200

// Message is what a phone would have shown.
type Message struct {
	At       time.Time
	From, To string // as they were submitted, To with its +
	Text     string
	Validity string
	Parts    int
}

// SMSC takes messages of one account.
type SMSC struct {
	systemID, password string
	now                func() time.Time
	// Answer says with which status a part of a message is answered, after as long as it
	// takes. Nil takes all.
	Answer func(Message) data.CommandStatusType
	// Speak has the raw connection to itself, in place of everything else.
	Speak func(net.Conn)
	// Wrap puts something around each connection, such as TLS; may be nil.
	Wrap func(net.Conn) net.Conn

	mu      sync.Mutex
	got     []Message
	parts   map[string]*assembly
	bound   map[*session]bool
	binds   int
	heard   []data.CommandIDType // requests and answers of clients, beside messages
	invalid []string             // what no SMSC would have understood
}

type assembly struct {
	texts []string
	left  int
}

// New makes an SMSC.
func New(systemID, password string, now func() time.Time) *SMSC {
	return &SMSC{systemID: systemID, password: password, now: now, parts: map[string]*assembly{}, bound: map[*session]bool{}}
}

// Serve takes connections until ctx ends.
func (s *SMSC) Serve(ctx context.Context, l net.Listener) error {
	var group sync.WaitGroup
	defer group.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		raw, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		group.Go(func() {
			end := context.AfterFunc(ctx, func() { _ = raw.Close() })
			defer end()
			defer func() { _ = raw.Close() }()
			conn := raw
			if s.Wrap != nil {
				conn = s.Wrap(conn)
			}
			if s.Speak != nil {
				s.Speak(conn)
				return
			}
			(&session{smsc: s, conn: conn}).serve()
		})
	}
}

// Messages are those that were taken, oldest first.
func (s *SMSC) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// Binds is how many binds were accepted so far.
func (s *SMSC) Binds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.binds
}

// Heard counts what clients said of a kind.
func (s *SMSC) Heard(id data.CommandIDType) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, h := range s.heard {
		if h == id {
			n++
		}
	}
	return n
}

// Invalid lists what clients said that no SMSC would have understood.
func (s *SMSC) Invalid() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.invalid)
}

// Say sends a unit to every client that is bound.
func (s *SMSC) Say(unit pdu.PDU) {
	s.mu.Lock()
	clients := make([]*session, 0, len(s.bound))
	for c := range s.bound {
		clients = append(clients, c)
	}
	s.mu.Unlock()
	for _, c := range clients {
		c.write(unit)
	}
}

// take keeps a part, and the message when it is whole.
func (s *SMSC) take(m Message, sm *pdu.SubmitSM) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total, part, ref, found := sm.Message.UDH().GetConcatInfo()
	if found {
		key := m.To + "/" + string(rune(ref))
		a := s.parts[key]
		if a == nil {
			if len(s.parts) > MaxMessages {
				clear(s.parts)
			}
			a = &assembly{texts: make([]string, total), left: int(total)}
			s.parts[key] = a
		}
		if part < 1 || int(part) > len(a.texts) {
			s.invalid = append(s.invalid, "a part beyond the last")
			return
		}
		a.texts[part-1] = m.Text
		if a.left--; a.left > 0 {
			return
		}
		delete(s.parts, key)
		m.Text, m.Parts = strings.Join(a.texts, ""), int(total)
	}
	if len(s.got) == MaxMessages {
		s.got = slices.Delete(s.got, 0, 1)
	}
	s.got = append(s.got, m)
}

func (s *SMSC) note(id data.CommandIDType, invalid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) < 10*MaxMessages {
		s.heard = append(s.heard, id)
	}
	if invalid != "" && len(s.invalid) < MaxMessages {
		s.invalid = append(s.invalid, invalid)
	}
}

// session is one client.
type session struct {
	smsc    *SMSC
	conn    net.Conn
	writing sync.Mutex
	bound   bool
}

func (c *session) serve() {
	var group sync.WaitGroup
	defer group.Wait()
	defer func() {
		c.smsc.mu.Lock()
		delete(c.smsc.bound, c)
		c.smsc.mu.Unlock()
	}()
	for {
		unit, err := pdu.Parse(c.conn)
		if err != nil {
			var closed net.Error
			if !errors.As(err, &closed) && err.Error() != "EOF" {
				c.smsc.note(0, "a unit that cannot be read: "+err.Error())
			}
			return
		}
		if sm, ok := unit.(*pdu.SubmitSM); ok {
			group.Go(func() { c.submit(sm) }) // a slow one holds up no other
			continue
		}
		if !c.handle(unit) {
			return
		}
	}
}

// handle answers a unit; false ends the connection.
func (c *session) handle(unit pdu.PDU) bool {
	h := unit.GetHeader()
	c.smsc.note(h.CommandID, "")
	switch unit := unit.(type) {
	case *pdu.BindRequest:
		answer := pdu.NewBindResp(*unit)
		switch {
		case unit.SystemID != c.smsc.systemID:
			answer.CommandStatus = data.ESME_RINVSYSID
		case unit.Password != c.smsc.password:
			answer.CommandStatus = data.ESME_RINVPASWD
		default:
			c.bound = true
			c.smsc.mu.Lock()
			c.smsc.binds++
			c.smsc.bound[c] = true
			c.smsc.mu.Unlock()
		}
		c.write(answer)
		return c.bound
	case *pdu.EnquireLink, *pdu.Unbind:
		c.write(unit.GetResponse())
		return h.CommandID != data.UNBIND
	}
	return true
}

func (c *session) submit(sm *pdu.SubmitSM) {
	answer, _ := sm.GetResponse().(*pdu.SubmitSMResp)
	text, err := sm.Message.GetMessage()
	m := Message{
		At: c.smsc.now(), From: sm.SourceAddr.Address(), To: "+" + sm.DestAddr.Address(), Text: text, Validity: sm.ValidityPeriod, Parts: 1,
	}
	switch {
	case !c.bound:
		answer.CommandStatus = data.ESME_RINVBNDSTS
	case err != nil:
		answer.CommandStatus = data.ESME_RSUBMITFAIL
	case sm.DestAddr.Ton() != data.GSM_TON_INTERNATIONAL || sm.DestAddr.Npi() != data.GSM_NPI_E164 || strings.Trim(sm.DestAddr.Address(), "0123456789") != "":
		answer.CommandStatus = data.ESME_RINVDSTADR
	case c.smsc.Answer != nil:
		answer.CommandStatus = c.smsc.Answer(m)
	}
	c.smsc.note(data.SUBMIT_SM, "")
	if answer.CommandStatus == data.ESME_ROK {
		answer.MessageID = "1"
		c.smsc.take(m, sm)
	}
	c.write(answer)
}

func (c *session) write(unit pdu.PDU) {
	buf := pdu.NewBuffer(nil)
	unit.Marshal(buf)
	c.writing.Lock()
	defer c.writing.Unlock()
	_, _ = c.conn.Write(buf.Bytes()) // who hung up is noticed by reading
}
