package cas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"eidgate/federation"
)

const maxAnswer = 256 << 10 // bytes

// validate has the server look at a ticket, once (CAS Protocol 3.0 §2.5, §2.8).
// /p3/serviceValidate takes service tickets only, so that no proxy speaks for a
// person. Errors hold nothing of the ticket, which stands in the address.
func (s *Source) validate(ctx context.Context, service, ticket string, fresh bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, federation.CallTimeout)
	defer cancel()
	params := url.Values{"service": {service}, "ticket": {ticket}}
	if fresh {
		params.Set("renew", "true") // only a ticket from a login just made is good (§2.5.1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.settings.Server+"/p3/serviceValidate?"+params.Encode(), nil)
	if err != nil {
		return nil, errors.New("validating a ticket: address of the server malformed")
	}
	req.Header.Set("Accept", "application/xml, text/xml")
	res, err := s.http.Do(req)
	var unreached *url.Error
	if errors.As(err, &unreached) {
		err = unreached.Err
	}
	if err != nil {
		return nil, down(fmt.Errorf("validating a ticket: %w", err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		err := fmt.Errorf("validating a ticket: status %d", res.StatusCode)
		// The ticket may be one that a browser made up, and some servers stumble over
		// it: 4xx and 500 tell of the request, the rest tells of the server.
		if res.StatusCode >= http.StatusBadRequest && res.StatusCode <= http.StatusInternalServerError {
			return nil, err
		}
		return nil, down(err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, down(errors.New("validating a ticket: answer cut off"))
	}
	if len(body) > maxAnswer {
		return nil, down(federation.ErrBodyTooLarge)
	}
	return body, nil
}
