package notify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// Bounds and forms of SMPP's units (SMPP 3.4 §3.2).
const (
	headLength = 16
	maxUnit    = 4096 // bytes
	response   = data.CommandIDType(-1 << 31)
)

// link is one connection on which we are, or want to be, bound. Of what the server says
// only heads are looked at: nothing that we need is behind them.
type link struct {
	conn   net.Conn
	window chan struct{} // a place for each request that waits
	done   chan struct{} // closed when nothing is read any more

	writing sync.Mutex // of conn

	mu      sync.Mutex // of what follows
	last    int32      // sequence number
	waiting map[int32]waiter
	used    time.Time // when a request was last made
	ended   bool
}

// waiter is a request that waits for its answer.
type waiter struct {
	answer data.CommandIDType
	status chan data.CommandStatusType
}

// newLink reads from now on, until the connection ends.
func newLink(conn net.Conn) *link {
	l := &link{conn: conn, window: make(chan struct{}, windowSize), done: make(chan struct{}), waiting: map[int32]waiter{}, used: time.Now()}
	go l.read()
	return l
}

// submit makes a request and waits for what is answered. Where no answer came, nobody
// knows what became of the request.
func (l *link) submit(ctx context.Context, req pdu.PDU) (data.CommandStatusType, error) {
	if err := l.enter(ctx); err != nil {
		return 0, err
	}
	defer func() { <-l.window }()
	w := waiter{answer: req.GetHeader().CommandID | response, status: make(chan data.CommandStatusType, 1)}
	if !l.expect(req, w) {
		return 0, fmt.Errorf("%w: connection lost", ErrDown)
	}
	defer l.forget(req.GetSequenceNumber())
	if err := l.write(req); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return l.await(ctx, w)
}

// enter waits for a place in the window. That does not count as waiting for an answer:
// while a server is slow, who comes late would give up early, and send twice.
func (l *link) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	select {
	case l.window <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: others wait for it", ErrBusy)
	}
}

// await gives what was answered, also where the link ended right behind the answer: who
// takes that for none sends a message twice. A server that owes an answer for too long is
// left, and with it all that wait; who stops waiting earlier leaves the link to the others.
func (l *link) await(ctx context.Context, w waiter) (data.CommandStatusType, error) {
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case status := <-w.status:
		return status, nil
	case <-l.done:
	case <-ctx.Done():
	case <-late.C:
		l.end()
		<-l.done
	}
	select {
	case status := <-w.status:
		return status, nil
	default:
		return 0, errors.New("no answer")
	}
}

// expect gives a request its number; false when the link has ended.
func (l *link) expect(req pdu.PDU, w waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.number(req)
	l.waiting[l.last], l.used = w, time.Now()
	return true
}

// number gives a request a number that no other has (SMPP 3.4 §5.1.4). l.mu is held.
func (l *link) number(req pdu.PDU) {
	l.last = l.last%(1<<31-1) + 1
	req.SetSequenceNumber(l.last)
}

// say makes a request that nobody waits for an answer to.
func (l *link) say(req pdu.PDU) error {
	l.mu.Lock()
	l.number(req)
	l.mu.Unlock()
	return l.write(req)
}

func (l *link) forget(sequence int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, sequence)
}

func (l *link) write(unit pdu.PDU) error {
	buf := pdu.NewBuffer(nil)
	unit.Marshal(buf)
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return errors.New("connection lost")
	}
	if _, err := l.conn.Write(buf.Bytes()); err != nil {
		l.end()
		return errors.New("connection lost")
	}
	return nil
}

// alive reports whether the link can be used.
func (l *link) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

// end closes the connection. Whoever reads or writes notices.
func (l *link) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	_ = l.conn.Close()
}

// unbind says good-bye, and waits a little for the server to say it back.
func (l *link) unbind(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	_, _ = l.submit(ctx, pdu.NewUnbind()) // it ends either way
	l.end()
	<-l.done
}

// read goes on until the connection ends, or the server says what makes no sense.
func (l *link) read() {
	defer close(l.done)
	defer l.end()
	asked := false // for a sign of life
	for {
		h, err := l.next(asked)
		if l.idle() {
			_ = l.say(pdu.NewUnbind()) // nothing waits for what is said back
			return
		}
		var slow net.Error
		switch {
		case errors.As(err, &slow) && slow.Timeout() && !asked:
			asked = true
			err = l.say(pdu.NewEnquireLink())
		case err == nil:
			asked = false
			err = l.take(h)
		}
		if err != nil {
			return
		}
	}
}

// idle reports whether nobody has used the link for long, and then nobody will: it is
// given back, since a server allows so many binds.
func (l *link) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 || time.Since(l.used) <= idleTime {
		return false
	}
	l.ended = true
	return true
}

// next reads one unit and drops what is behind its head.
func (l *link) next(asked bool) (pdu.Header, error) {
	patience := aliveEvery
	if asked {
		patience = answerTime
	}
	var head [headLength]byte
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return pdu.Header{}, err
	}
	if n, err := io.ReadFull(l.conn, head[:]); err != nil {
		if n > 0 {
			err = io.ErrUnexpectedEOF
		}
		return pdu.Header{}, err
	}
	length := binary.BigEndian.Uint32(head[:4])
	if length < headLength || length > maxUnit {
		return pdu.Header{}, errors.New("a unit of an impossible length")
	}
	if err := l.conn.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return pdu.Header{}, err
	}
	if _, err := io.CopyN(io.Discard, l.conn, int64(length)-headLength); err != nil {
		return pdu.Header{}, io.ErrUnexpectedEOF
	}
	return pdu.ParseHeader(head), nil
}

// take gives an answer to whom it is for, and answers what the server asks. Receipts are
// acknowledged and not looked at.
func (l *link) take(h pdu.Header) error {
	if h.CommandID < 0 { // an answer; generic_nack is one to anything
		l.mu.Lock()
		w, known := l.waiting[h.SequenceNumber]
		delete(l.waiting, h.SequenceNumber)
		l.mu.Unlock()
		switch {
		case !known: // a sign of life, or an answer that came too late
			return nil
		case h.CommandID == data.GENERIC_NACK && h.CommandStatus == data.ESME_ROK, h.CommandID != data.GENERIC_NACK && h.CommandID != w.answer:
			return errors.New("an answer to something else")
		}
		w.status <- h.CommandStatus
		return nil
	}
	var answer pdu.PDU
	switch h.CommandID {
	case data.DELIVER_SM:
		answer = pdu.NewDeliverSMResp()
	case data.DATA_SM:
		answer = pdu.NewDataSMResp()
	case data.ENQUIRE_LINK:
		answer = pdu.NewEnquireLinkResp()
	case data.ALERT_NOTIFICATION:
		return nil
	case data.UNBIND:
		answer = pdu.NewUnbindResp()
		answer.SetSequenceNumber(h.SequenceNumber)
		_ = l.write(answer)
		return errors.New("unbound")
	default:
		nack := pdu.NewGenericNack()
		nack.(*pdu.GenericNack).CommandStatus = data.ESME_RINVCMDID
		answer = nack
	}
	answer.SetSequenceNumber(h.SequenceNumber)
	return l.write(answer)
}
