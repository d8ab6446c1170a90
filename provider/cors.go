package provider

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/web"
)

// Cross-origin reading (Fetch standard, CORS protocol). What is the same for
// everybody may be read from anywhere. Answers to a client may be read by the
// origins that this client registered. Nothing is ever answered with
// Access-Control-Allow-Credentials: no cookie counts at these endpoints.
const (
	headerAllowOrigin = "Access-Control-Allow-Origin"
	// corsMaxAge is how long a browser keeps the answer to a preflight, in seconds.
	corsMaxAge = "600"
	// originsAge is how long the registered origins are kept; a change is in force
	// after that.
	originsAge = 5 * time.Second
)

// Parties lists the registered relying parties.
type Parties interface {
	RelyingParties(ctx context.Context) ([]eid.RelyingParty, error)
}

// origins knows which origins some party registered. A preflight names no client.
type origins struct {
	parties Parties
	now     func() time.Time

	mu     sync.Mutex
	list   map[string]bool
	readAt time.Time // of the last try
}

// registered reports whether some party registered the origin. While the parties
// cannot be read it goes by what it knew: CORS opens no account.
func (o *origins) registered(ctx context.Context, origin string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if age := now.Sub(o.readAt); o.list != nil && age >= 0 && age < originsAge {
		return o.list[origin], nil
	}
	o.readAt = now
	if o.list == nil {
		o.list = map[string]bool{}
	}
	// Others wait for this answer too: it does not end with its first caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	parties, err := o.parties.RelyingParties(ctx)
	if err != nil {
		return o.list[origin], fmt.Errorf("reading origins: %w", err)
	}
	clear(o.list)
	for i := range parties {
		for _, registered := range parties[i].Origins {
			o.list[registered] = true
		}
	}
	return o.list[origin], nil
}

// anyOrigin lets every origin read: discovery and the key set.
func anyOrigin(c *gin.Context) { c.Header(headerAllowOrigin, "*") }

// preflightAny answers for what any origin may read.
func preflightAny(c *gin.Context) {
	anyOrigin(c)
	c.Header("Access-Control-Allow-Methods", "GET, HEAD")
	c.Header("Access-Control-Max-Age", corsMaxAge)
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// preflight answers a browser that asks whether a page of an origin may call an
// endpoint: yes for every registered one.
func (p *Provider) preflight(methods string) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Writer.Header().Add("Vary", "Origin")
		origin := c.GetHeader("Origin")
		if origin == "" || c.GetHeader("Access-Control-Request-Method") == "" {
			p.noPreflight(c, methods)
			return
		}
		ok, err := p.origins.registered(c.Request.Context(), origin)
		if err != nil {
			note(c, "err", err)
		}
		if !ok {
			p.noPreflight(c, methods)
			return
		}
		c.Header(headerAllowOrigin, origin)
		c.Header("Access-Control-Allow-Methods", methods)
		c.Header("Access-Control-Allow-Headers", "Authorization, Content-Type")
		c.Header("Access-Control-Max-Age", corsMaxAge)
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	}
}

func (p *Provider) noPreflight(c *gin.Context, methods string) {
	c.Header("Allow", methods)
	p.pageError(c, http.StatusMethodNotAllowed, web.ErrorInvalidRequest, "method")
}

// allowOrigin lets a page of one of the party's own origins read the answer. It
// is called once the party is known: by its authentication or by its token.
func allowOrigin(c *gin.Context, rp *eid.RelyingParty) {
	if origin := c.GetHeader("Origin"); origin != "" && slices.Contains(rp.Origins, origin) {
		c.Header(headerAllowOrigin, origin)
		c.Header("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	}
}

// varyOrigin keeps caches from giving one origin's answer to another.
func varyOrigin(c *gin.Context) { c.Writer.Header().Add("Vary", "Origin") }
