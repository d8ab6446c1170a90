package civil

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"eidgate/eid"
)

// Bounds of a look-up.
const (
	lookupTimeout = 4 * time.Second
	maxAnswer     = 256 << 10 // bytes

	// A registry that failed so often among its last calls is not called for a
	// while; then one call finds out.
	breakerFailures = 5
	breakerCalls    = 10
	breakerPause    = 10 * time.Second
)

// Exchange looks people up in a registry through the data exchange platform: a
// post of name, number and year of birth, answered with a SOAP envelope written as
// JSON. It is safe for concurrent use.
//
// No official description of the format was found; what is here was seen in
// public code of integrators.
type Exchange struct {
	address string
	token   eid.Secret
	http    *http.Client
	breaker circuitbreaker.CircuitBreaker[any]
}

var _ Registry = (*Exchange)(nil)

// NewExchange makes the client of the look-up at an address. token is sent as a
// bearer token where it is given (RFC 6750 §2.1); client carries the certificate
// for mutual TLS.
func NewExchange(address string, token eid.Secret, client *http.Client) (*Exchange, error) {
	if address == "" || client == nil {
		return nil, errors.New("a registry needs an address and a client")
	}
	return &Exchange{
		address: address, token: token, http: client,
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(breakerFailures, breakerCalls).WithDelay(breakerPause).Build(),
	}, nil
}

// Find implements Registry.
func (e *Exchange) Find(ctx context.Context, asked Person) (Person, error) {
	if !e.breaker.TryAcquirePermit() {
		return Person{}, fmt.Errorf("%w: it failed too often", ErrDown)
	}
	held, err := e.find(ctx, asked)
	switch {
	case errors.Is(err, ErrDown) && ctx.Err() == nil:
		e.breaker.RecordFailure()
	case ctx.Err() == nil, e.breaker.IsHalfOpen():
		e.breaker.RecordSuccess()
	}
	return held, err
}

func (e *Exchange) find(ctx context.Context, asked Person) (Person, error) {
	body, err := json.Marshal(question{
		Request: rand.Text(), Number: asked.Number.Reveal(), Name: searchName(asked.Name), Birth: birthYear{fmt.Sprintf("%04d", asked.BirthDate.Year)},
	})
	if err != nil {
		return Person{}, fmt.Errorf("writing a look-up: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.address, bytes.NewReader(body))
	if err != nil {
		return Person{}, errors.New("writing a look-up: the address is wrong")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if !e.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+e.token.Reveal())
	}
	res, err := e.http.Do(req)
	if err != nil {
		return Person{}, fmt.Errorf("%w: %w", ErrDown, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return Person{}, fmt.Errorf("%w: reading the answer: %w", ErrDown, err)
	case res.StatusCode != http.StatusOK:
		return Person{}, fmt.Errorf("%w: status %d", ErrDown, res.StatusCode)
	case len(answer) > maxAnswer:
		return Person{}, fmt.Errorf("%w: the answer is too large", ErrDown)
	}
	return parseAnswer(answer)
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
