package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"eidgate/eid"
)

// Errors of sending. Any other one is passing: the message may be tried again.
var (
	// ErrDown: the server cannot be used, or does not take us for who we are. It is no
	// fault of the message, and others would fail as well.
	ErrDown = errors.New("server of messages cannot be used")
	// ErrBusy: the server takes no more for now.
	ErrBusy = errors.New("server of messages takes no more for now")
	// ErrRefused: the message will never get through.
	ErrRefused = errors.New("message was refused for good")
)

// Message is what a holder reads.
type Message struct {
	ID      string // the same at each try, so that a receiver may know a second copy
	To      eid.Secret
	Subject string     // of a mail
	Body    eid.Secret // plain text, lines ended by \n
	// Lasts is for how long the message is of use; zero: for always.
	Lasts time.Duration
}

// Sender brings messages to holders. Its errors hold no address and no text of a server,
// which may repeat one.
type Sender interface {
	// Send returns nil once somebody else answers for the message.
	Send(ctx context.Context, m Message) error
	// Close ends what is kept open between messages, politely while ctx lasts.
	Close(ctx context.Context)
}

// errNoTLS: whoever is there did not show to be who we want.
var errNoTLS = errors.New("no TLS that can be trusted")

// unreached is ErrDown with why nobody was reached, as far as it names no address.
func unreached(err error) error {
	var name *net.DNSError
	var shown *tls.CertificateVerificationError
	var slow net.Error
	why := errors.New("not reached")
	switch {
	case errors.As(err, &shown):
		why = errNoTLS
	case errors.As(err, &name):
		why = errors.New("its name leads nowhere")
	case errors.Is(err, syscall.ECONNREFUSED):
		why = errors.New("connection refused")
	case errors.As(err, &slow) && slow.Timeout():
		why = errors.New("not reached in time")
	}
	return fmt.Errorf("%w: %w", ErrDown, why)
}
