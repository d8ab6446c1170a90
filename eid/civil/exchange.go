package civil

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"eidgate/eid"
)

// Exchange looks people up in a registry through the data exchange platform: a
// post of name, number and year of birth, answered with a SOAP envelope written as
// JSON. It is safe for concurrent use.
//
// No official description of the format was found; what is here was seen in
// public code of integrators.
type Exchange struct{ client client }

var _ Registry = (*Exchange)(nil)

// NewExchange makes the client of the look-up at an address. token is sent as a
// bearer token where it is given (RFC 6750 §2.1); client carries the certificate
// for mutual TLS.
func NewExchange(address string, token eid.Secret, client *http.Client) (*Exchange, error) {
	c, err := newClient(address, token, client)
	return &Exchange{c}, err
}

// Find implements Registry.
func (e *Exchange) Find(ctx context.Context, asked Person) (held Person, err error) {
	q := question{
		Request: rand.Text(), Number: asked.Number.Reveal(), Name: searchName(asked.Name), Birth: birthYear{fmt.Sprintf("%04d", asked.BirthDate.Year)},
	}
	err = e.client.call(ctx, q, func(answer []byte) error {
		held, err = parseAnswer(answer)
		return err
	})
	return held, err
}

// question is a look-up. The year alone is asked for: some people are registered
// with no more than that.
type question struct {
	Request string    `json:"MaYeuCau"`
	Number  string    `json:"SoDinhDanh"`
	Name    string    `json:"HoVaTen"`
	Birth   birthYear `json:"NgayThangNamSinh"`
}

type birthYear struct {
	Year string `json:"Nam"`
}
