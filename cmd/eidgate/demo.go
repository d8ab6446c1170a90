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
	"eidgate/eid/accounts"
)

// demoOptions are the flags of `eidgate demo`.
type demoOptions struct {
	addr  string
	data  string
	state string
	at    string
	// people is how many invented people there are beside those with a story.
	people int
	reset  bool
	open   bool
	json   bool
}

// newDemo makes `eidgate demo`.
func newDemo() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use: "demo", Short: "run the gateway with two portals, a source of each kind and synthetic people", Args: noArgs,
		Long: `demo runs everything on loopback, with nothing to install, on five ports: the
gateway; a portal that asks for Level 1; one that needs Level 2; stand-ins of
VNeID and of legacy providers that speak OpenID Connect, SAML and CAS; and a
directory (LDAP). All people are synthetic, and so is the population registry
that legacy providers are compared with.`,
	}
	c.Flags().StringVar(&o.addr, "addr", "127.0.0.1:8400", "address of the gateway, such as localhost:8400 to try passkeys; the next four ports are used too")
	c.Flags().StringVar(&o.data, "data", "demo-data", "directory that keeps everything")
	c.Flags().StringVar(&o.state, "state", "", "Redis that keeps passing state, such as redis://127.0.0.1:6379; a file if empty")
	c.Flags().StringVar(&o.at, "at", "", "time on the gateway's clock at the start, such as 2027-01-01T00:00:00+07:00")
	c.Flags().IntVar(&o.people, "people", 0, "invented people to make besides, such as 1000000; they stay in --data, and a run that was broken off goes on")
	c.Flags().BoolVar(&o.reset, "reset", false, "begin with fresh data")
	c.Flags().BoolVar(&o.open, "open", false, "open the first portal in a browser")
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON document once all is ready")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return runDemo(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// demoPorts are the addresses of a demo, in one block.
type demoPorts struct{ gateway, portal1, portal2, sources, directory string }

func (p demoPorts) all() []string {
	return []string{p.gateway, p.portal1, p.portal2, p.sources, p.directory}
}

// portsFrom makes the block that begins at addr, on loopback only: its people's
// passwords are printed for everybody.
func portsFrom(addr string) (demoPorts, error) {
	host, port, err := net.SplitHostPort(addr)
	first, portErr := strconv.Atoi(port)
	// A browser has passkeys for localhost, and none for an address that is a number.
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	if err != nil || portErr != nil || !loopback || first < 1 || first > 65531 {
		return demoPorts{}, usageError{fmt.Errorf("--addr %s: want a loopback address and a port up to 65531, such as 127.0.0.1:8400", addr)}
	}
	at := func(i int) string { return net.JoinHostPort(host, strconv.Itoa(first+i)) }
	return demoPorts{at(0), at(1), at(2), at(3), at(4)}, nil
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
	if o.people < 0 || o.people > accounts.MaxSynthetic {
		return usageError{fmt.Errorf("--people %d: want 0 to %d", o.people, accounts.MaxSynthetic)}
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
	if err := errors.Join(files.writePopulation(), files.writeRegistries()); err != nil {
		return err
	}
	sources, err := newStandIns(ports, files, now)
	if err != nil {
		return fmt.Errorf("making the stand-ins of sources: %w", err)
	}
	cfg, err := demoConfig(ports, files, sources, o.state, time.Now())
	if err != nil {
		return err
	}
	messages, err := openDemoMessages(ctx, now)
	if err != nil {
		return err
	}
	defer messages.close()
	messages.configure(&cfg.Notify)
	log := newLog(stderr, cfg.Log.Format, cfg.Log.Severity())
	g, err := openGateway(ctx, cfg, log, now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := seedPeople(ctx, g, now); err != nil {
		return fmt.Errorf("making the synthetic people: %w", err)
	}
	if err := seedOldAccounts(ctx, g, cfg, now); err != nil {
		return fmt.Errorf("making the first portal's old accounts: %w", err)
	}
	crowd, err := fillDemo(ctx, g, o.people, stderr, now)
	if err != nil {
		return fmt.Errorf("making %d people: %w", o.people, err)
	}
	if err := g.openMonitor(ctx, cfg); err != nil {
		return err
	}
	others, err := demoServers(cfg, ports, sources, now)
	if err != nil {
		return err
	}
	others[ports.sources] = messages.beside(others[ports.sources])
	group, ctx := errgroup.WithContext(ctx)
	messages.run(ctx, group)
	group.Go(func() error { return g.serve(ctx, listeners[ports.gateway], 0) })
	for addr, handler := range others {
		group.Go(func() error {
			return serveHTTP(ctx, listeners[addr], handler, config.Default().Limits.Connections, log, func() {})
		})
	}
	group.Go(func() error { return sources.serveDirectory(ctx, listeners[ports.directory]) })
	report := newDemoReport(cfg, files, now())
	report.Metrics = "http://" + g.monitor.address() + "/metrics"
	report.Crowd = crowd
	report.Messages = "http://" + ports.sources + demo.MessagesPath
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

// demoServers makes the two portals and what stands in for sources, by address.
func demoServers(cfg *config.Config, ports demoPorts, sources *standIns, now func() time.Time) (map[string]http.Handler, error) {
	servers := map[string]http.Handler{}
	for i, addr := range []string{ports.portal1, ports.portal2} {
		portal, err := newDemoPortal(cfg, &cfg.Clients[i], "http://"+addr, now)
		if err != nil {
			return nil, err
		}
		servers[addr] = portal.Handler()
	}
	servers[ports.sources] = sources.handler(cfg, now)
	return servers, nil
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
	for _, addr := range p.all() {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			open.close()
			return nil, fmt.Errorf("%w; use another block of five ports with --addr", err)
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
