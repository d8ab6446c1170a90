package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/federation/fedtest"
)

// demoOptions are the flags of `eidgate demo`.
type demoOptions struct {
	addr  string
	data  string
	state string
	at    string
	reset bool
	open  bool
	json  bool
}

// newDemo makes `eidgate demo`.
func newDemo() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use: "demo", Short: "run the gateway with two portals, a legacy provider and synthetic people", Args: noArgs,
		Long: `demo runs everything on loopback, with nothing to install: the gateway, a portal
that asks for Level 1 and one that needs Level 2 on the next two ports, and a
legacy OpenID provider on the third. All people are synthetic.`,
	}
	c.Flags().StringVar(&o.addr, "addr", "127.0.0.1:8400", "address of the gateway; the next three ports are used too")
	c.Flags().StringVar(&o.data, "data", "demo-data", "directory that keeps everything")
	c.Flags().StringVar(&o.state, "state", "", "Redis that keeps passing state, such as redis://127.0.0.1:6379; a file if empty")
	c.Flags().StringVar(&o.at, "at", "", "time on the gateway's clock at the start, such as 2027-01-01T00:00:00+07:00")
	c.Flags().BoolVar(&o.reset, "reset", false, "begin with fresh data")
	c.Flags().BoolVar(&o.open, "open", false, "open the first portal in a browser")
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON document once all is ready")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return runDemo(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// demoPorts are the addresses of a demo, in one block.
type demoPorts struct{ gateway, portal1, portal2, legacy string }

// portsFrom makes the block that begins at addr, on loopback only: its people's
// passwords are printed for everybody.
func portsFrom(addr string) (demoPorts, error) {
	host, port, err := net.SplitHostPort(addr)
	first, portErr := strconv.Atoi(port)
	if ip := net.ParseIP(host); err != nil || portErr != nil || ip == nil || !ip.IsLoopback() || first < 1 || first > 65532 {
		return demoPorts{}, usageError{fmt.Errorf("--addr %s: want a loopback address and a port up to 65532, such as 127.0.0.1:8400", addr)}
	}
	at := func(i int) string { return net.JoinHostPort(host, strconv.Itoa(first+i)) }
	return demoPorts{at(0), at(1), at(2), at(3)}, nil
}

func runDemo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) (err error) {
	ports, err := portsFrom(o.addr)
	if err != nil {
		return err
	}
	now, err := clockAt(o.at)
	if err != nil {
		return err
	}
	listeners, err := listenAll(ctx, ports)
	if err != nil {
		return err
	}
	defer listeners.close()
	files, err := openDemoFiles(o.data, o.reset)
	if err != nil {
		return err
	}
	cfg, err := demoConfig(ports, files, o.state, time.Now())
	if err != nil {
		return err
	}
	log := newLog(stderr, cfg.Log.Format, cfg.Log.Severity())
	g, err := openGateway(ctx, cfg, log, now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := seedPeople(ctx, g, now); err != nil {
		return fmt.Errorf("making the synthetic people: %w", err)
	}
	if err := g.openMonitor(ctx, cfg); err != nil {
		return err
	}
	others, err := demoServers(cfg, ports, files, now)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.serve(ctx, listeners[ports.gateway], 0) })
	for addr, handler := range others {
		group.Go(func() error {
			return serveHTTP(ctx, listeners[addr], handler, config.Default().Limits.Connections, log, func() {})
		})
	}
	report := newDemoReport(cfg, files, now())
	report.Metrics = "http://" + g.monitor.address() + "/metrics"
	if err := report.print(stdout, o.json); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if o.open {
		if err := openBrowser(ctx, report.Portals[0].URL); err != nil {
			log.Warn("opening a browser", "err", err)
		}
	}
	return group.Wait()
}

// demoServers makes the two portals and the legacy provider, by address.
func demoServers(cfg *config.Config, ports demoPorts, files *demoFiles, now func() time.Time) (map[string]http.Handler, error) {
	servers := map[string]http.Handler{}
	for i, addr := range []string{ports.portal1, ports.portal2} {
		portal, err := newDemoPortal(cfg, &cfg.Clients[i], "http://"+addr, now)
		if err != nil {
			return nil, err
		}
		servers[addr] = portal.Handler()
	}
	legacy, err := legacyProvider(cfg, ports, files, now)
	if err != nil {
		return nil, fmt.Errorf("making the legacy provider: %w", err)
	}
	servers[ports.legacy] = legacy.Handler()
	return servers, nil
}

func legacyProvider(cfg *config.Config, ports demoPorts, files *demoFiles, now func() time.Time) (*fedtest.OpenID, error) {
	c := fedtest.Config{Issuer: "http://" + ports.legacy, Title: legacyTitle, Now: now}
	for _, src := range cfg.Sources {
		if src.OpenID == nil {
			continue
		}
		c.Clients = append(c.Clients, fedtest.Client{
			ID: src.OpenID.ClientID, Secret: files.LegacySecret,
			RedirectURIs:   []string{cfg.Issuer + "/callback/" + src.ID},
			PostLogoutURIs: []string{cfg.Issuer + "/logout/done"},
		})
	}
	for _, u := range demo.LegacyUsers() {
		c.People = append(c.People, fedtest.Person{Subject: u.Subject, Login: u.Login, Password: u.Password, ACR: u.ACR, Name: u.Name})
	}
	return fedtest.NewOpenID(c)
}

// clockAt is the machine's clock, moved so that it shows at when the demo starts.
func clockAt(at string) (func() time.Time, error) {
	if at == "" {
		return time.Now, nil
	}
	start, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return nil, usageError{fmt.Errorf("--at %s: want a time such as 2027-01-01T00:00:00+07:00", at)}
	}
	offset := time.Until(start)
	return func() time.Time { return time.Now().Add(offset) }, nil
}

// listeners are the open sockets of a demo, by address.
type listeners map[string]net.Listener

// listenAll opens every port before anything else happens, so that a taken one
// is told at once.
func listenAll(ctx context.Context, p demoPorts) (listeners, error) {
	open := listeners{}
	for _, addr := range []string{p.gateway, p.portal1, p.portal2, p.legacy} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			open.close()
			return nil, fmt.Errorf("%w; use another block of four ports with --addr", err)
		}
		open[addr] = l
	}
	return open, nil
}

func (l listeners) close() {
	for _, listener := range l {
		_ = listener.Close() // closed already where it was served
	}
}

func openBrowser(ctx context.Context, address string) error {
	opener, err := exec.LookPath("xdg-open")
	if err != nil {
		return fmt.Errorf("finding xdg-open: %w", err)
	}
	return exec.CommandContext(ctx, opener, address).Start()
}
