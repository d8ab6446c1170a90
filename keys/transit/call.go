package transit

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"eidgate/keys"
)

const (
	maxAnswer = 256 << 10 // bytes of an answer
	maxToken  = 4 << 10   // bytes of a token's file
	maxCA     = 256 << 10 // bytes of the authorities' file

	tries      = 3 // of what only reads
	retryAfter = 100 * time.Millisecond
)

// errNotFound says that the engine has no such key.
var errNotFound = fmt.Errorf("%w: there is no such key", keys.ErrCustody)

// passing is a failure that a second try may cure.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

// call asks the server, and reads the data of its answer into answer unless that is
// nil. What only reads is tried three times while the server does not answer or says
// that it cannot; all of it within the deadline. Errors wrap keys.ErrCustody, and hold
// nothing that the server said beside its status.
func (c *Client) call(ctx context.Context, method, at string, ask, answer any) error {
	timeout := c.cfg.Timeout
	if _, makes := ask.(newKey); makes {
		timeout *= 10 // the search for primes
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for i := 1; ; i++ {
		err := c.once(ctx, method, at, ask, answer)
		if err == nil || method != http.MethodGet || i == tries || !errors.As(err, new(passing)) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryAfter):
		}
	}
}

func (c *Client) once(ctx context.Context, method, at string, ask, answer any) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	var body io.Reader
	if ask != nil {
		raw, err := json.Marshal(ask)
		if err != nil {
			return fmt.Errorf("writing the request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath("v1", at).String(), body)
	if err != nil {
		return errors.New("making the request: not an address")
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true")
	if c.cfg.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.cfg.Namespace)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return passing{fmt.Errorf("%w: %s does not answer: %w", keys.ErrCustody, c.base.Host, reason(err))}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent:
		return refusal(c.base.Host, res.StatusCode, raw)
	case err != nil:
		return passing{fmt.Errorf("%w: the answer of %s breaks off", keys.ErrCustody, c.base.Host)}
	case answer == nil:
		return nil
	}
	var whole struct {
		Data json.RawMessage `json:"data"`
	}
	if len(raw) > maxAnswer || json.Unmarshal(raw, &whole) != nil || json.Unmarshal(whole.Data, answer) != nil {
		return fmt.Errorf("%w: %s answers something else than Transit does", keys.ErrCustody, c.base.Host)
	}
	return nil
}

// refusal says what a status means to the operator. A key that is not there is told
// from a path that leads nowhere by the list of errors, which is empty then.
func refusal(host string, status int, body []byte) error {
	why, again := "unexpected", status >= http.StatusInternalServerError
	switch status {
	case http.StatusNotFound:
		var answer struct{ Errors *[]string }
		if json.Unmarshal(body, &answer) == nil && answer.Errors != nil && len(*answer.Errors) == 0 {
			return errNotFound
		}
		why = "no Transit engine is mounted there"
	case http.StatusForbidden:
		why = "it does not take the token, or its policy does not allow this"
	case http.StatusServiceUnavailable:
		why = "it is sealed or in maintenance"
	case http.StatusTooManyRequests:
		why, again = "it limits our calls", true
	case http.StatusTemporaryRedirect:
		why = "it is not the active server and forwards nothing"
	}
	err := fmt.Errorf("%w: %s answers %d: %s", keys.ErrCustody, host, status, why)
	if again {
		return passing{err}
	}
	return err
}

// reason strips the address from an error of the client: with the key's name in it.
func reason(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if errors.Is(inner, context.DeadlineExceeded) {
			return errors.New("too slow")
		}
		if errors.Unwrap(inner) == nil {
			return inner
		}
	}
	return err
}

// token reads the token's file.
func (c *Client) token() (string, error) {
	raw, err := readFile(c.cfg.TokenFile, maxToken)
	if err != nil {
		return "", fmt.Errorf("%w: reading the token's file: %w", keys.ErrCustody, err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: the token's file %s holds no token", keys.ErrCustody, c.cfg.TokenFile)
	}
	return token, nil
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return raw, err
}

func newTransport(cfg Config) (*http.Transport, error) {
	t := &http.Transport{
		ForceAttemptHTTP2: true, MaxConnsPerHost: maxCalls, MaxIdleConnsPerHost: maxCalls,
		IdleConnTimeout: time.Minute, TLSHandshakeTimeout: cfg.Timeout, MaxResponseHeaderBytes: 32 << 10,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if cfg.CAFile == "" {
		return t, nil
	}
	raw, err := readFile(cfg.CAFile, maxCA)
	if err != nil {
		return nil, fmt.Errorf("transit: reading the authorities' file: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("transit: %s holds no certificate in PEM", cfg.CAFile)
	}
	return t, nil
}
