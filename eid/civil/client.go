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

// client posts JSON to one registry, and leaves one alone that fails. Its errors wrap
// ErrDown and tell nothing of who was asked about.
type client struct {
	address string
	token   eid.Secret
	http    *http.Client
	breaker circuitbreaker.CircuitBreaker[any]
}

// newClient makes the client of an address. token is sent as a bearer token where it is
// given (RFC 6750 §2.1); http carries the certificate for mutual TLS.
func newClient(address string, token eid.Secret, http *http.Client) (client, error) {
	if address == "" || http == nil {
		return client{}, errors.New("a registry needs an address and a client")
	}
	return client{
		address: address, token: token, http: http,
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(breakerFailures, breakerCalls).WithDelay(breakerPause).Build(),
	}, nil
}

// call posts a question and has the answer read. What read finds wrong counts as a
// failure of the registry where it wraps ErrDown.
func (c *client) call(ctx context.Context, question any, read func(answer []byte) error) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("writing a look-up: %w", err)
	}
	if !c.breaker.TryAcquirePermit() {
		return fmt.Errorf("%w: it failed too often", ErrDown)
	}
	answer, err := c.post(ctx, body)
	if err == nil {
		err = read(answer)
	}
	switch {
	case errors.Is(err, ErrDown) && ctx.Err() == nil:
		c.breaker.RecordFailure()
	case ctx.Err() == nil, c.breaker.IsHalfOpen():
		c.breaker.RecordSuccess()
	}
	return err
}

func (c *client) post(ctx context.Context, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("writing a look-up: the address is wrong")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: reading the answer: %w", ErrDown, err)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", ErrDown, res.StatusCode)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("%w: the answer is too large", ErrDown)
	}
	return answer, nil
}

// asked is what each question of ours has. The answer repeats it, so that no answer is
// taken for that to another question.
type asked struct {
	Request string `json:"request"`
}

func ask() asked { return asked{rand.Text()} }

// answered reads an answer to a question of ours.
func (a asked) answered(answer []byte, into any) error {
	var echo asked
	if err := json.Unmarshal(answer, &echo); err != nil || echo != a {
		return fmt.Errorf("%w: it answers something else", ErrDown)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%w: the answer is not as it should be", ErrDown)
	}
	return nil
}
