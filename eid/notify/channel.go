package notify

import (
	"fmt"

	"eidgate/eid"
)

// Channel is a way on which messages reach holders. The zero value is none.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Channels says which ones somebody sends on. The zero value: none.
type Channels struct{ Email, SMS bool }

// Has reports whether one is among them.
func (c Channels) Has(ch Channel) bool { return ch == Email && c.Email || ch == SMS && c.SMS }

// Any reports whether there is one.
func (c Channels) Any() bool { return c.Email || c.SMS }

// Reach says where the holder of an account is told: at the phone that they proved, by
// SMS where one can be sent, else at the e-mail address that they proved. An address that
// was only declared may be somebody else's.
func Reach(phone, email eid.Contact, has Channels) (ch Channel, to eid.Secret, ok bool) {
	for _, way := range []struct {
		ch Channel
		at eid.Contact
	}{{SMS, phone}, {Email, email}} {
		if !way.at.Verified || !has.Has(way.ch) {
			continue
		}
		if address, err := ParseAddress(way.ch, way.at.Value); err == nil {
			return way.ch, eid.NewSecret(address), true
		}
	}
	return "", eid.Secret{}, false
}

// ParseAddress reads an address of a channel and gives it in its one form. The error
// wraps ErrRefused, and repeats nothing of the text.
func ParseAddress(ch Channel, text string) (string, error) {
	switch ch {
	case SMS:
		number, err := eid.ParsePhone(text)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return number, nil
	case Email:
		mailbox, err := ParseMailbox(text)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return mailbox.Address, nil
	}
	return "", fmt.Errorf("%w: no channel %q", ErrRefused, ch)
}
