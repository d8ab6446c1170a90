package civil

import (
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

// Card is the card of a number. Its number is not kept.
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
