package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	callTimeout    = 5 * time.Second
	maxAnswer      = 64 << 10 // bytes of one answer of the gateway
	discoveryTries = 5
	discoveryPause = 300 * time.Millisecond
)

// upstream is the gateway as its discovery document describes it.
type upstream struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	// endSession is the end_session_endpoint, empty where there is none.
	endSession string
	// introspection is where a resource asks about tokens; empty without.
	introspection string
}

// discover finds the gateway's endpoints once, at the first need. A gateway that
// is still starting is asked again a few times.
func (p *Portal) discover(ctx context.Context) (*upstream, error) {
	p.mu.Lock()
	known := p.upstream
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var provider *oidc.Provider
	var err error
	for try := range discoveryTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(discoveryPause):
			}
		}
		if provider, err = oidc.NewProvider(p.outbound(ctx), p.cfg.Issuer); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("discovering %s: %w", p.cfg.Issuer, err)
	}

	var more struct {
		EndSession    string `json:"end_session_endpoint"`
		Introspection string `json:"introspection_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("reading the metadata of %s: %w", p.cfg.Issuer, err)
	}
	endpoint := provider.Endpoint()
	// Named, not probed: the library's probe would send a code twice.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	found := &upstream{
		provider:      provider,
		endSession:    more.EndSession,
		introspection: more.Introspection,
		verifier: provider.VerifierContext(p.outbound(ctx), &oidc.Config{
			ClientID:             p.cfg.ClientID,
			SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256},
			Now:                  p.cfg.Now,
		}),
		oauth: oauth2.Config{
			ClientID:     p.cfg.ClientID,
			ClientSecret: p.cfg.ClientSecret.Reveal(),
			Endpoint:     endpoint,
			RedirectURL:  p.RedirectURI(),
			Scopes:       p.cfg.Scopes,
		},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.upstream = found
	return found, nil
}

// outbound carries the portal's client to the two libraries, which look for it
// under one key.
func (p *Portal) outbound(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

// newClient makes a client that waits for a bounded time, reads a bounded answer
// and follows no redirect: no endpoint of a provider has cause to send one.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       callTimeout,
		Transport:     capped{http.DefaultTransport}, //nolint:forbidigo // a portal calls the one issuer it was given
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// capped fails the reading of an answer longer than maxAnswer.
type capped struct{ next http.RoundTripper }

var errAnswerTooLong = errors.New("answer too long")

// RoundTrip implements http.RoundTripper.
func (c capped) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

type cappedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *cappedBody) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	if b.left -= n; b.left < 0 {
		return 0, errAnswerTooLong
	}
	return n, err
}
