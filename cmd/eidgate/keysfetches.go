package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/keys"
)

// keyFetch is a client that awaits keys, with a key that may sign for it.
type keyFetch struct {
	Client    string         `json:"client"`
	ID        string         `json:"kid"`
	Purpose   keys.Purpose   `json:"purpose"`
	Algorithm keys.Algorithm `json:"alg"`
	State     string         `json:"state"`
	FetchedAt time.Time      `json:"fetched_at,omitzero"` // left out: not yet
	From      []string       `json:"fetches_from"`        // addresses from which the common key set counts; its own counts from anywhere
}

func (f keyFetch) when() string {
	if f.FetchedAt.IsZero() {
		return "has not fetched it"
	}
	return "fetched it " + local(f.FetchedAt)
}

func newKeysFetches() *cobra.Command {
	c := &cobra.Command{
		Use: "fetches", Short: "show which clients have fetched which key, and who has not", Args: noArgs,
		Long: `fetches shows each client with await_key_fetch and each live key that signs for it,
or will: when the client first fetched it, or that it has not. A rotation waits for
those who have not. It only reads.

With --check it exits with 1 while somebody lacks a key that stands by.`,
		Example: `  eidgate keys fetches
  eidgate keys fetches --client portal --check`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	client := c.Flags().String("client", "", "one client alone")
	check := c.Flags().Bool("check", false, "exit with 1 while a key that stands by was not fetched by everybody")
	completeFlag(c, "client", where, clientsOf)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return where.open(c.Context(), func(d *durable) error {
			if err := knownClient(c.Context(), d, *client); err != nil {
				return err
			}
			rows, err := keyRows(c.Context(), d)
			if err != nil {
				return err
			}
			list, err := keyFetches(c.Context(), d, rows, *client)
			if err != nil {
				return err
			}
			err = out.print(c.OutOrStdout(), list, func(w io.Writer) { printFetches(w, list) })
			if lacking := lackingStandby(list); err == nil && *check && len(lacking) > 0 {
				err = fmt.Errorf("a key that stands by was not fetched by %s", printable(strings.Join(lacking, ", ")))
			}
			return err
		})
	}
	return c
}

func knownClient(ctx context.Context, d *durable, id string) error {
	if id == "" {
		return nil
	}
	_, err := d.db.RelyingParty(ctx, id)
	if errors.Is(err, eid.ErrNotFound) {
		return fmt.Errorf("no client %q is registered", printable(id))
	}
	return err
}

// keyFetches lists who awaits the live ones of some keys, all clients or one.
func keyFetches(ctx context.Context, d *durable, rows []keyRow, client string) ([]keyFetch, error) {
	parties, err := d.db.AwaitingParties(ctx)
	if err != nil {
		return nil, err
	}
	fetches, err := d.db.Fetches(ctx)
	if err != nil {
		return nil, err
	}
	list := []keyFetch{}
	for i := range parties {
		p := &parties[i]
		if client != "" && p.ID != client {
			continue
		}
		for j := range rows {
			r := &rows[j]
			if !r.RetiredAt.IsZero() || r.Purpose != keys.Tokens && r.Purpose != keys.LogoutTokens || !p.SignedWith(string(r.Algorithm)) {
				continue
			}
			f := keyFetch{Client: p.ID, ID: r.ID, Purpose: r.Purpose, Algorithm: r.Algorithm, State: r.State, From: []string{}}
			for _, prefix := range p.KeyFetchFrom {
				f.From = append(f.From, prefix.String())
			}
			if at := slices.IndexFunc(fetches, func(known eid.KeyFetch) bool { return known.Client == p.ID && known.KeyID == r.ID }); at >= 0 {
				f.FetchedAt = fetches[at].At
			}
			list = append(list, f)
		}
	}
	return list, nil
}

// lackingStandby names the clients that have not fetched a key that stands by.
func lackingStandby(list []keyFetch) []string {
	var names []string
	for _, f := range list {
		if f.State == string(keys.Published) && f.FetchedAt.IsZero() && !slices.Contains(names, f.Client) {
			names = append(names, f.Client)
		}
	}
	return names
}

func printFetches(w io.Writer, list []keyFetch) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no client awaits keys: await_key_fetch in clients lets a new key wait for one")
		return
	}
	fmt.Fprintln(w, "CLIENT\tFOR\tALG\tSTATE\tKEY\tFETCHED\tCOUNTS FROM")
	for _, f := range list {
		fetched, from := "NOT YET", "/keys/"+f.Client
		if !f.FetchedAt.IsZero() {
			fetched = local(f.FetchedAt)
		}
		if len(f.From) > 0 {
			from += ", " + strings.Join(f.From, ", ")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(f.Client), f.Purpose, f.Algorithm, f.State, f.ID, fetched, printable(from))
	}
}
