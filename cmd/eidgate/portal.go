package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
)

// newPortal makes `eidgate portal`.
func newPortal() *cobra.Command {
	c := &cobra.Command{
		Use: "portal", Short: "run a portal on this machine, to try a gateway with", Args: noArgs,
		Long: `portal signs people in at the gateway of a configuration, as one of its clients,
and shows what was asked, what was granted and the token. It is for trying: it
listens on loopback only, where the client's redirect URI points.`,
	}
	path := configFlag(c)
	id := c.Flags().String("client", "portal", "client to run as")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		i := slices.IndexFunc(cfg.Clients, func(cl config.Client) bool { return cl.ID == *id })
		if i < 0 {
			return usageError{fmt.Errorf("--client %s: the configuration has no such client", *id)}
		}
		addr, err := portalAddress(&cfg.Clients[i])
		if err != nil {
			return fmt.Errorf("client %s cannot be tried here: %w", *id, err)
		}
		return runPortal(c.Context(), cfg, &cfg.Clients[i], addr, c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

// portalAddress is the host and port where a client's codes arrive, if a portal on
// this machine can take them.
func portalAddress(cl *config.Client) (string, error) {
	redirect, err := url.Parse(cl.RedirectURIs[0])
	if err != nil {
		return "", fmt.Errorf("redirect_uris[0]: %w", err)
	}
	ip := net.ParseIP(redirect.Hostname())
	switch {
	case cl.AuthMethod != string(eid.AuthSecretBasic):
		return "", errors.New("auth_method: want client_secret_basic")
	case redirect.Scheme != "http" || ip == nil || !ip.IsLoopback() || redirect.Port() == "" || redirect.RequestURI() != demo.CallbackPath:
		return "", errors.New("redirect_uris[0]: want http://127.0.0.1:PORT" + demo.CallbackPath)
	}
	return redirect.Host, nil
}

func runPortal(ctx context.Context, cfg *config.Config, cl *config.Client, addr string, stdout, stderr io.Writer) error {
	portal, err := newDemoPortal(cfg, cl, "http://"+addr, time.Now)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Fprintf(stdout, "open http://%s: a portal to try %s with. Ctrl-C stops it.\n", addr, cfg.Issuer)
	return serveHTTP(ctx, l, portal.Handler(), config.Default().Limits.Connections, newLog(stderr, cfg.Log.Format, cfg.Log.Severity()), func() {})
}

// newDemoPortal makes a portal that is a client of the configuration.
func newDemoPortal(cfg *config.Config, cl *config.Client, base string, now func() time.Time) (*demo.Portal, error) {
	portal, err := demo.New(demo.Config{
		Name: cl.ID, Title: cl.Name, TitleEN: cl.NameEN, BaseURL: base, Issuer: cfg.Issuer,
		ClientID: cl.ID, ClientSecret: cl.Secrets[0], Scopes: cl.Scopes,
		MinLevel: cl.MinLevel, ACR: cfg.Vocabulary(), Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("making portal %s: %w", cl.ID, err)
	}
	return portal, nil
}
