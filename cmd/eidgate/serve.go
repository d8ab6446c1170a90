package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid/rules"
)

// newServe makes `eidgate serve`.
func newServe() *cobra.Command {
	c := &cobra.Command{Use: "serve", Short: "run the gateway", Args: noArgs}
	path := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		// From the beginning to the end: by default the signal ends a process.
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP)
		r := &reloader{path: *path, environ: os.Environ()}
		w := &watch{hangup: hangup, every: lookEvery, subjects: []*subject{newSubject(r.files, r.reload)}}
		cfg, err := config.Load(r.path, r.environ)
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		r.level.Set(cfg.Log.Severity())
		log := newLog(c.ErrOrStderr(), cfg.Log.Format, &r.level)
		var cert *certificate
		if cfg.TLS.On() {
			if cert, err = openCertificate(cfg.TLS, time.Now, log); err != nil {
				return fmt.Errorf("reading the server's certificate: %w", err)
			}
			w.subjects = append(w.subjects, cert.watched)
		}
		var g *gateway
		if cfg.MasterKeyFile != "" {
			files := func() []string { return []string{cfg.MasterKeyFile} }
			w.subjects = append(w.subjects, newSubject(files, func(ctx context.Context, asked bool) bool { return g.keeper.reload(ctx, asked) }))
		}
		g, err = openGateway(c.Context(), cfg, log, time.Now)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		g.tls, g.watch = cert, w
		w.subjects = append(w.subjects, newSubject(func() []string { return rules.Files(g.front.Load().cfg.Rules.Directory) }, g.reloadRules))
		r.gateway, r.report = g, g.metrics
		if err := g.openMonitor(c.Context(), cfg); err != nil {
			return err
		}
		l, err := (&net.ListenConfig{}).Listen(c.Context(), "tcp", cfg.Listen)
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		log.Info("serving", "issuer", cfg.Issuer, "listen", l.Addr().String(), "tls", cfg.TLS.On(), "config", cfg.Version(),
			"metrics", g.monitor.address(), "traces", g.tracing != nil)
		settle()
		return g.serve(c.Context(), l, drainDelay)
	}
	return c
}

// settle gives back what the start took, and has garbage collected less often than
// by default unless the environment says how often: little of it lives on.
func settle() {
	debug.FreeOSMemory()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}
