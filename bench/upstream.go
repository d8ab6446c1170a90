package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"eidgate/federation/fedtest"
)

// acrUpstream is what the upstream provider calls its only level.
const acrUpstream = "urn:example:level:1"

// upstream is an OpenID provider for federated flows. It runs in the bench's own
// process, so that its cost is not the gateway's.
type upstream struct {
	issuer, secret string
	server         *http.Server
}

// startUpstream serves a provider that knows the linked people.
func startUpstream(ctx context.Context, people []person, secret string, callbacks []string) (*upstream, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{issuer: "http://" + l.Addr().String(), secret: secret}
	var known []fedtest.Person
	for _, p := range people {
		if p.upstream != "" {
			known = append(known, fedtest.Person{Subject: p.upstream, Login: p.upstream, Password: password, ACR: acrUpstream, Name: "Nguyễn Thị Đo Thử"})
		}
	}
	op, err := fedtest.NewOpenID(fedtest.Config{
		Issuer: u.issuer, People: known,
		Clients: []fedtest.Client{{ID: "eidgate", Secret: secret, RedirectURIs: callbacks}},
	})
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	u.server = &http.Server{Handler: op.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = u.server.Serve(l) }() // ends by stop
	return u, nil
}

func (u *upstream) stop() error { return u.server.Close() }
