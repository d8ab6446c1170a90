package civil

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"eidgate/eid"
)

// Capture asks whether what a reader captured of a person is theirs. No image passes
// here: Reference is what the reader calls the capture, which the matcher has.
type Capture struct {
	Person    eid.Identifier
	Method    eid.BiometricMethod
	Database  eid.Database // to compare with
	Reference string
}

// Matched is what a matcher answers.
type Matched struct {
	OK        bool
	Reference string // what it calls the comparison
	At        time.Time
	// Development: nothing was compared. It is said wherever the evidence is shown.
	Development bool
}

// Bounds of a matcher's answer.
const (
	maxReference = 128
	maxMatchAge  = 5 * time.Minute // the answer is of this very visit
)

// Matching asks a biometric matcher. It is safe for concurrent use.
//
// No official description of such a service was found: the contract is ours and assumed.
// The question is {"request", "person": {"kind", "country", "number"}, "method": portrait
// or fingerprint, "database": population, citizen_card or immigration, "capture"}; the
// answer repeats request and has {"matched", "reference", "at"}, a time as RFC 3339 says.
type Matching struct {
	client client
	now    func() time.Time
}

// NewMatching makes the client of the matcher at an address, as NewExchange does.
func NewMatching(address string, token eid.Secret, client *http.Client, now func() time.Time) (*Matching, error) {
	c, err := newClient(address, token, client)
	return &Matching{c, now}, err
}

type matchQuestion struct {
	asked
	Person   matchPerson         `json:"person"`
	Method   eid.BiometricMethod `json:"method"`
	Database eid.Database        `json:"database"`
	Capture  string              `json:"capture"`
}

type matchPerson struct {
	Kind    eid.IdentifierKind `json:"kind"`
	Country string             `json:"country"`
	Number  string             `json:"number"`
}

type matchAnswer struct {
	Matched   *bool     `json:"matched"`
	Reference string    `json:"reference"`
	At        time.Time `json:"at"`
}

// Match returns what the matcher found, or ErrDown: an answer that does not say yes or no
// to this very question, of now, is none.
func (m *Matching) Match(ctx context.Context, c Capture) (got Matched, err error) {
	q := matchQuestion{ask(), matchPerson{c.Person.Kind(), c.Person.Country(), c.Person.Reveal()}, c.Method, c.Database, c.Reference}
	err = m.client.call(ctx, q, func(text []byte) error {
		var a matchAnswer
		if err := q.answered(text, &a); err != nil {
			return err
		}
		age := m.now().Sub(a.At)
		switch {
		case a.Matched == nil:
			return fmt.Errorf("%w: it answers neither yes nor no", ErrDown)
		case a.Reference == "" || len(a.Reference) > maxReference || strings.ContainsFunc(a.Reference, unplain):
			return fmt.Errorf("%w: it answers without a reference", ErrDown)
		case age > maxMatchAge || age < -maxMatchAge:
			return fmt.Errorf("%w: its answer is not of now", ErrDown)
		}
		got = Matched{OK: *a.Matched, Reference: a.Reference, At: a.At}
		if age < 0 { // its clock is ahead: evidence is of no time to come
			got.At = m.now()
		}
		return nil
	})
	return got, err
}

// unplain reports signs that a reference does not hold.
func unplain(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) }
