package doctor

import (
	"context"
	"net/http"
	"net/url"

	"eidgate/eid"
)

// Registry is a civil registry, or the matcher, as the gateway reaches it.
type Registry struct {
	Key     string // of the configuration
	URL     string
	Token   eid.Secret // sent as a bearer token where it is given
	Without string     // what does not work without it
	// Invented says that it is a file of people who do not exist, Public that others than
	// this machine reach the gateway.
	Invented, Public bool
	HTTP             *http.Client
}

// Look asks whether it answers us, and about nobody.
func (r Registry) Look(ctx context.Context) []Finding {
	switch {
	case r.Invented && r.Public:
		return []Finding{warning("name "+r.Key+".url, as its owner gave it", "its people are invented, and others than this machine reach the gateway")}
	case r.Invented:
		return []Finding{ok("its people are invented: for a test bed")}
	case r.URL == "":
		return []Finding{ok("none is named: %s", r.Without)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.URL, http.NoBody)
	if err != nil {
		return []Finding{fault("mend "+r.Key+".url", "its address cannot be used")}
	}
	if !r.Token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.Token.Reveal())
	}
	res, err := r.HTTP.Do(req)
	if err != nil {
		return []Finding{unreached(err, r.Key+".url")}
	}
	_ = res.Body.Close()
	host := ""
	if u, err := url.Parse(r.URL); err == nil {
		host = u.Host
	}
	switch {
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return []Finding{fault("compare its token, or its certificate and key, with what its owner gave", "%s answers %d: it does not take us", host, res.StatusCode)}
	case res.StatusCode >= http.StatusInternalServerError:
		return []Finding{warning("tell its owner", "%s answers %d", host, res.StatusCode)}
	}
	return []Finding{ok("%s answers; it was asked about nobody", host)}
}
