package provider

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/web"
)

// How an operator asks which address a request comes from.
const (
	PathSeen    = "/seen"
	ProbeHeader = "Eidgate-Probe"
)

const (
	probeContext = "probe"
	// probeLife leaves room for the clocks that are to be compared.
	probeLife = 10 * time.Minute
	maxProbe  = 512 // characters
)

// Seen is what the gateway sees of a request, and what it serves.
type Seen struct {
	Address   string    `json:"address"`   // the client's, as limits count it
	Peer      string    `json:"peer"`      // host and port of who made the connection
	Forwarded string    `json:"forwarded"` // X-Forwarded-For as it came
	Version   string    `json:"version"`   // of the configuration that is live
	At        time.Time `json:"at"`        // the gateway's clock
}

// NewProbe makes the value of ProbeHeader: the time, sealed under the master key, so
// that nobody but the installation's operators can ask.
func NewProbe(s Sealer, now time.Time) (string, error) {
	text, err := now.UTC().MarshalText()
	if err != nil {
		return "", fmt.Errorf("making a probe: %w", err)
	}
	sealed, err := s.Seal(text, probeContext)
	if err != nil {
		return "", fmt.Errorf("making a probe: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// isProbe reports whether somebody with the master key made a probe lately.
func (p *Provider) isProbe(probe string) bool {
	if probe == "" || len(probe) > maxProbe {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(probe)
	if err != nil {
		return false
	}
	text, err := p.deps.Sealer.Open(sealed, probeContext)
	var at time.Time
	return err == nil && at.UnmarshalText(text) == nil && p.deps.Now().Sub(at).Abs() <= probeLife
}

// seen answers `eidgate doctor`, and nobody else: for others there is no such page.
func (p *Provider) seen(c *gin.Context) {
	if !p.isProbe(c.GetHeader(ProbeHeader)) {
		p.pageError(c, http.StatusNotFound, web.ErrorNotFound, "")
		return
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, Seen{
		Address: clientAddress(c).String(), Peer: c.Request.RemoteAddr, Forwarded: c.GetHeader(forwardedFor),
		Version: p.cfg.Version, At: p.deps.Now(),
	})
}
