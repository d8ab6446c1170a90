package civil

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"eidgate/eid"
)

// CardStatus is what the citizen-card registry says of the card of a number. The zero
// value opens nothing: no card was ever issued.
type CardStatus string

// The states of a card.
const (
	CardNone        CardStatus = ""
	CardValid       CardStatus = "valid"
	CardExpired     CardStatus = "expired"
	CardLost        CardStatus = "lost"
	CardCancelled   CardStatus = "cancelled"
	CardBeingIssued CardStatus = "being_issued"
)

// Card is the card of a number. Its own number is not kept.
type Card struct {
	Status    CardStatus
	ExpiresOn Date // the last day on which it is valid; zero: it does not expire
}

// On is the status of the card on the day of t in Viet Nam: a valid card whose last day
// has passed has expired, whatever its registry says.
func (c Card) On(t time.Time) CardStatus {
	if c.Status != CardValid || c.ExpiresOn.Year == 0 {
		return c.Status
	}
	if !c.ExpiresOn.Full() || t.In(eid.LawTime()).Format(time.DateOnly) > c.ExpiresOn.String() {
		return CardExpired
	}
	return CardValid
}

// Cards asks the citizen-card registry for the card of a number. It is safe for
// concurrent use.
//
// No official description of such a service was found: the contract is ours and assumed.
// The question is {"request", "personal_number"}; the answer repeats request and has
// {"card": {"status", "expires_on"}}, with one of the statuses above and a date as
// 2006-01-02 that may be absent, or "card": null where none was issued.
type Cards struct{ client client }

// NewCards makes the client of the registry at an address, as NewExchange does.
func NewCards(address string, token eid.Secret, client *http.Client) (*Cards, error) {
	c, err := newClient(address, token, client)
	return &Cards{c}, err
}

type cardQuestion struct {
	asked
	Number string `json:"personal_number"`
}

type cardAnswer struct {
	Card *struct {
		Status    CardStatus `json:"status"`
		ExpiresOn string     `json:"expires_on"`
	} `json:"card"`
}

// Card returns the card of a number, CardNone where there is none, or ErrDown.
func (c *Cards) Card(ctx context.Context, number eid.PersonalNumber) (card Card, err error) {
	q := cardQuestion{ask(), number.Reveal()}
	err = c.client.call(ctx, q, func(text []byte) error {
		var a cardAnswer
		if err := q.answered(text, &a); err != nil || a.Card == nil {
			return err
		}
		switch a.Card.Status {
		case CardValid, CardExpired, CardLost, CardCancelled, CardBeingIssued:
		default:
			return fmt.Errorf("%w: it answers with no status of a card", ErrDown)
		}
		if a.Card.ExpiresOn != "" {
			day, err := ParseDate(a.Card.ExpiresOn)
			if err != nil || !day.Full() {
				return fmt.Errorf("%w: it answers with no date", ErrDown)
			}
			card.ExpiresOn = day
		}
		card.Status = a.Card.Status
		return nil
	})
	return card, err
}
