package civil

import (
	"context"
	"fmt"
	"net/http"

	"eidgate/eid"
)

// Border asks the immigration registry for the holder of a passport. It is safe for
// concurrent use.
//
// No official description of such a service was found: the contract is ours and assumed.
// The question is {"request", "passport": {"country", "number"}, "birth_year"}; the answer
// repeats request and has "people", a list of {"passport", "name", "birth_date", "gender",
// "nationality"}: none, one, or several where the registry contradicts itself. Countries
// are ISO 3166-1 alpha-3, dates 2006-01-02 or a year alone, genders male and female.
type Border struct{ client client }

var _ Immigration = (*Border)(nil)

// NewBorder makes the client of the registry at an address, as NewExchange does.
func NewBorder(address string, token eid.Secret, client *http.Client) (*Border, error) {
	c, err := newClient(address, token, client)
	return &Border{c}, err
}

type passport struct {
	Country string `json:"country"`
	Number  string `json:"number"`
}

type borderQuestion struct {
	asked
	Passport  passport `json:"passport"`
	BirthYear int      `json:"birth_year"`
}

type borderAnswer struct {
	People *[]struct {
		Passport    passport `json:"passport"`
		Name        string   `json:"name"`
		BirthDate   string   `json:"birth_date"`
		Gender      string   `json:"gender"`
		Nationality string   `json:"nationality"`
	} `json:"people"`
}

// FindForeigner implements Immigration.
func (b *Border) FindForeigner(ctx context.Context, who eid.Identifier, birthYear int) (held Foreigner, err error) {
	q := borderQuestion{ask(), passport{who.Country(), who.Reveal()}, birthYear}
	err = b.client.call(ctx, q, func(text []byte) error {
		var a borderAnswer
		if err := q.answered(text, &a); err != nil {
			return err
		}
		switch {
		case a.People == nil:
			return fmt.Errorf("%w: it answers without people", ErrDown)
		case len(*a.People) == 0:
			return eid.ErrNotFound
		case len(*a.People) > 1:
			return ErrContradiction
		}
		p := (*a.People)[0]
		born, err := ParseDate(p.BirthDate)
		if err != nil || fold(p.Name) == "" || len(p.Nationality) != 3 || p.Gender != "male" && p.Gender != "female" {
			return fmt.Errorf("%w: it answers without name, date, gender or nationality", ErrDown)
		}
		held = Foreigner{
			Passport: eid.NewIdentifier(eid.KindPassport, p.Passport.Country, p.Passport.Number),
			Name:     p.Name, BirthDate: born, Gender: p.Gender, Nationality: p.Nationality,
		}
		return nil
	})
	return held, err
}
