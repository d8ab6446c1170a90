package transit

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// renewEvery is how often the token is looked at.
const renewEvery = time.Minute

// Run renews the token in time until ctx ends, then returns nil: a token that has
// lived half of its time is renewed, if it can be. failed is told of each failure, and
// nil when it is over.
func (c *Client) Run(ctx context.Context, failed func(error)) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		if err := c.renew(ctx); ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// renew prolongs the token if half of its time is over.
func (c *Client) renew(ctx context.Context) error {
	const self = "auth/token/"
	var token struct {
		TTL       int64 `json:"ttl"` // seconds; 0: it never ends
		Created   int64 `json:"creation_ttl"`
		Renewable bool  `json:"renewable"`
	}
	if err := c.call(ctx, http.MethodGet, self+"lookup-self", nil, &token); err != nil {
		return fmt.Errorf("looking at the token: %w", err)
	}
	if token.TTL == 0 || !token.Renewable || token.TTL > token.Created/2 {
		return nil
	}
	if err := c.call(ctx, http.MethodPost, self+"renew-self", struct{}{}, nil); err != nil {
		return fmt.Errorf("renewing the token: %w", err)
	}
	return nil
}
