package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
)

// demoMessages are the servers that take what holders of a demo are told.
type demoMessages struct {
	*demo.Messages
	mail, sms net.Listener
	password  eid.Secret
}

const demoSystemID = "demo"

// openDemoMessages listens on ports of this machine that nobody has.
func openDemoMessages(ctx context.Context, now func() time.Time) (*demoMessages, error) {
	m := &demoMessages{password: eid.NewSecret(rand.Text()[:8])}
	m.Messages = demo.NewMessages(demoSystemID, m.password.Reveal(), now)
	for _, l := range []*net.Listener{&m.mail, &m.sms} {
		var err error
		if *l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			m.close()
			return nil, err
		}
	}
	return m, nil
}

// configure has the gateway send through them.
func (m *demoMessages) configure(cfg *config.Notify) {
	cfg.SMTP = config.SMTP{Address: m.mail.Addr().String(), Security: "none", From: "Đăng nhập thử nghiệm <dangnhap@demo.example>"}
	cfg.SMS.SMPP = config.SMPP{Address: m.sms.Addr().String(), Security: "none", SystemID: demoSystemID, Password: m.password, Source: "EIDGATE"}
}

// run serves until ctx ends.
func (m *demoMessages) run(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return m.ServeMail(ctx, m.mail) })
	group.Go(func() error { return m.ServeSMS(ctx, m.sms) })
}

func (m *demoMessages) close() {
	for _, l := range []net.Listener{m.mail, m.sms} {
		if l != nil {
			_ = l.Close() // closed already where it was served
		}
	}
}

// beside shows the messages beside what stands in for sources.
func (m *demoMessages) beside(sources http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+demo.MessagesPath, m.Messages)
	mux.Handle("/", sources)
	return mux
}
