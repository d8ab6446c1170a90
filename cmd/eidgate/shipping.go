package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"eidgate/config"
	"eidgate/eid/audit"
	"eidgate/federation"
)

// shipment brings checkpoints to one receiver.
type shipment struct {
	*audit.Shipper
	kind   string // as metrics name it
	target string // as the database does
}

// openShipments makes one for each receiver that the configuration names.
func openShipments(cfg *config.Config, g *gateway) ([]shipment, error) {
	var list []shipment
	add := func(kind, target string, r audit.Receiver) {
		list = append(list, shipment{audit.NewShipper(g.db, target, r, g.log), kind, target})
	}
	s := &cfg.Audit.Ship
	if s.File != "" {
		add("file", "file", audit.NewAppender(s.File))
	}
	if s.URL == "" {
		return list, nil
	}
	to, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("audit.ship.url: not a URL")
	}
	over, err := shippingTransport(cfg)
	if err != nil {
		return nil, err
	}
	// A receiver at another address has nothing yet: it is given everything.
	add("url", to.Host+to.Path, audit.NewPoster(s.URL, shippingToken(s.TokenFile), g.metrics.Outbound(over)))
	return list, nil
}

func shippingTransport(cfg *config.Config) (http.RoundTripper, error) {
	allowed, err := federation.ParseDestinations(cfg.Outbound.Allow)
	if err != nil {
		return nil, fmt.Errorf("outbound.allow: %w", err)
	}
	conf, err := clientTLS("audit.ship", cfg.Audit.Ship.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	return federation.NewOutboundTLS(allowed, conf), nil
}

// maxShippingToken bounds the file of a token, in bytes.
const maxShippingToken = 8 << 10

// shippingToken reads the token anew for each try, so that it may be replaced.
func shippingToken(file string) func() (string, error) {
	return func() (string, error) {
		if file == "" {
			return "", nil
		}
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }()
		raw, err := io.ReadAll(io.LimitReader(f, maxShippingToken+1))
		if err != nil {
			return "", err
		}
		token := strings.TrimSpace(string(raw))
		if token == "" || len(raw) > maxShippingToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", errors.New("no bearer token in its file")
		}
		return token, nil
	}
}

// unshipped says for each receiver when the oldest checkpoint was made that it has not
// got; the zero time where it has all.
func (g *gateway) unshipped(ctx context.Context) (map[string]time.Time, error) {
	oldest := map[string]time.Time{}
	for _, s := range g.shipments {
		at, err := g.db.Unshipped(ctx, s.target)
		if err != nil {
			return nil, err
		}
		oldest[s.kind] = at
	}
	return oldest, nil
}
