package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Poster receives checkpoints at an HTTPS address of somebody else's. Each try is one
// POST of the lines that a file would get (application/x-ndjson). Any answer but 2xx
// means that nothing was kept, and the same checkpoints come again: a receiver takes a
// number that it has, with the same text, as kept.
type Poster struct {
	address string
	token   func() (string, error)
	client  *http.Client
}

var _ Receiver = (*Poster)(nil)

// NewPoster posts over a transport that guards where it connects to. token gives the
// bearer token of each try (RFC 6750 §2.1), empty for none. It calls nobody yet.
func NewPoster(address string, token func() (string, error), over http.RoundTripper) *Poster {
	return &Poster{address, token, &http.Client{
		Transport: over,
		// An answer from elsewhere would be nobody's word that they are kept.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// maxAnswer bounds what is read of an answer, in bytes: nothing in it is used.
const maxAnswer = 4 << 10

// errPost is a try that found nobody; what the transport says may hold the address.
var errPost = errors.New("the receiver does not answer")

// Receive posts checkpoints. Its error holds neither the address nor anything of the
// answer but its status.
func (p *Poster) Receive(ctx context.Context, list []Checkpoint) error {
	var text bytes.Buffer
	w := NewWriter(&text)
	for _, c := range list {
		if err := w.Checkpoint(c); err != nil {
			return err
		}
	}
	token, err := p.token()
	if err != nil {
		return fmt.Errorf("reading the token: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address, &text)
	if err != nil {
		return errPost
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	// A page that comes again has the same key: the chain's numbers never repeat.
	req.Header.Set("Idempotency-Key", strconv.FormatInt(list[0].N, 10)+"-"+Digest(list[len(list)-1].JWS))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := p.client.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w in time", errPost)
		}
		return errPost
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // so that the connection is used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("the receiver answers %d", res.StatusCode)
	}
	return nil
}
