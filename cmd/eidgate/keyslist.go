package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/keys"
)

// keyRow is a key as the verbs show it. What has not come to pass is left out.
type keyRow struct {
	ID          string         `json:"kid"`
	Purpose     keys.Purpose   `json:"purpose"`
	Algorithm   keys.Algorithm `json:"alg"`
	State       string         `json:"state"`   // published, signing, verifying, retired or revoked
	Custody     string         `json:"custody"` // where the private key lives; store: sealed in the database
	PublishedAt time.Time      `json:"published_at"`
	SignedFrom  time.Time      `json:"signed_from,omitzero"`
	SignedUntil time.Time      `json:"signed_until,omitzero"`
	RetiredAt   time.Time      `json:"retired_at,omitzero"`
	RevokedAt   time.Time      `json:"revoked_at,omitzero"`
	ReadyAt     time.Time      `json:"ready_at,omitzero"` // of a key that stands by: when every cache holds it
	Next        keys.State     `json:"next,omitempty"`
	NextAt      time.Time      `json:"next_at,omitzero"`
	Waits       keys.Wait      `json:"waits_for,omitempty"` // beyond next_at: fetches, or operator
	Lacking     []string       `json:"lacking,omitempty"`   // clients whose fetch is awaited
	Overdue     bool           `json:"overdue"`             // next_at is over, and it waits
}

// custodyStore is the name of the custody that has none: the database.
const custodyStore = "store"

// stateRevoked is the state that the verbs show of a key that was revoked.
const stateRevoked = "revoked"

func newKeyRow(k keys.Info) keyRow {
	r := keyRow{
		ID: k.ID, Purpose: k.Purpose, Algorithm: k.Algorithm, State: string(k.State), Custody: k.Custody,
		PublishedAt: k.PublishedAt, SignedFrom: k.SigningAt, SignedUntil: k.VerifyingAt, RetiredAt: k.RetiredAt, RevokedAt: k.RevokedAt,
		ReadyAt: k.Ready, Next: k.Next, NextAt: k.NextAt, Waits: k.Waits, Lacking: k.Lacking, Overdue: k.Overdue,
	}
	if r.Custody == "" {
		r.Custody = custodyStore
	}
	if !k.RevokedAt.IsZero() {
		r.State = stateRevoked
	}
	if r.SignedUntil.IsZero() && !r.SignedFrom.IsZero() {
		r.SignedUntil = k.RetiredAt // revoked while it signed
	}
	return r
}

// since is when a key came to its state.
func (r *keyRow) since() time.Time {
	for _, at := range []time.Time{r.RevokedAt, r.RetiredAt, r.SignedUntil, r.SignedFrom} {
		if !at.IsZero() {
			return at
		}
	}
	return r.PublishedAt
}

// waiting says what a key waits for.
func (r *keyRow) waiting(now time.Time) string {
	var list []string
	if r.State == string(keys.Published) && r.ReadyAt.After(now) {
		list = append(list, "caches may lack it until "+local(r.ReadyAt))
	}
	switch r.Waits {
	case keys.WaitsForFetches:
		list = append(list, "waits for a fetch by "+printable(strings.Join(r.Lacking, ", ")))
	case keys.WaitsForOperator:
		list = append(list, "waits for keys activate")
	}
	if r.Overdue {
		list = append(list, "OVERDUE")
	}
	return strings.Join(list, "; ")
}

// next says what comes, and what it waits for.
func (r *keyRow) next(now time.Time) string {
	var list []string
	if r.Next != "" {
		list = append(list, fmt.Sprintf("%s at %s", r.Next, local(r.NextAt)))
	}
	if waiting := r.waiting(now); waiting != "" && r.State == string(keys.Published) {
		list = append(list, waiting)
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, "; ")
}

// keyFilter chooses lines of keys.
type keyFilter struct{ purpose, alg *string }

// newKeyFilter adds the flags that choose a line.
func newKeyFilter(c *cobra.Command, where *besideFlags, purpose string) keyFilter {
	f := keyFilter{
		purpose: c.Flags().String("purpose", purpose, "what the keys are for: tokens, logout, audit, source/ID/sign or source/ID/decrypt"),
		alg:     c.Flags().String("alg", "", "algorithm: ES256, RS256 or PS256; RSA for keys that decrypt"),
	}
	completeFlag(c, "purpose", where, purposesOf)
	completeFlag(c, "alg", where, algorithmsOf)
	return f
}

// check refuses words that name no line.
func (f keyFilter) check() error {
	if alg := keys.Algorithm(*f.alg); *f.alg != "" && !alg.Valid() && alg != keys.RSA {
		return usageError{fmt.Errorf("--alg %q: want ES256, RS256 or PS256, or RSA for keys that decrypt", *f.alg)}
	}
	switch p := keys.Purpose(*f.purpose); {
	case p == "", p == keys.Tokens, p == keys.LogoutTokens, p == keys.Checkpoints:
	case p.Source() != "" && (p == keys.SourceSigning(p.Source()) || p == keys.SourceDecryption(p.Source())):
	default:
		return usageError{fmt.Errorf("--purpose %q: want tokens, logout, audit, source/ID/sign or source/ID/decrypt", *f.purpose)}
	}
	return nil
}

func (f keyFilter) fits(r *keyRow) bool {
	return (*f.purpose == "" || *f.purpose == string(r.Purpose)) && (*f.alg == "" || *f.alg == string(r.Algorithm))
}

func newKeysList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "list keys with their states, and what comes next", Args: noArgs,
		Long: `list shows the keys that are in use, by line and age, each since when it is in its
state, what comes next and what that waits for. It only reads.`,
		Example: `  eidgate keys list
  eidgate keys list --purpose tokens --alg ES256 --all
  eidgate keys list --output json`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	filter := newKeyFilter(c, where, "")
	all := c.Flags().Bool("all", false, "those too that retired or were revoked")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := filter.check(); err != nil {
			return err
		}
		return where.openAnyway(c.Context(), func(d *durable) error {
			list, err := keyRows(c.Context(), d)
			if err != nil {
				return err
			}
			shown := slices.DeleteFunc(slices.Clone(list), func(r keyRow) bool { return !filter.fits(&r) || !*all && !r.RetiredAt.IsZero() })
			return out.print(c.OutOrStdout(), shown, func(w io.Writer) { printKeys(w, shown, len(list)-len(shown), time.Now()) })
		})
	}
	return c
}

// keyRows lists all keys: those that portals know first, then by line and state.
func keyRows(ctx context.Context, d *durable) ([]keyRow, error) {
	infos, err := d.ring.List(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]keyRow, 0, len(infos))
	for _, info := range infos {
		rows = append(rows, newKeyRow(info))
	}
	purposes := []keys.Purpose{keys.Checkpoints, keys.LogoutTokens, keys.Tokens} // those of sources come last
	states := []string{string(keys.Signing), string(keys.Published), string(keys.Verifying), string(keys.Retired), stateRevoked}
	slices.SortStableFunc(rows, func(a, b keyRow) int {
		return cmp.Or(cmp.Compare(slices.Index(purposes, b.Purpose), slices.Index(purposes, a.Purpose)), cmp.Compare(a.Purpose, b.Purpose),
			cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State)), a.PublishedAt.Compare(b.PublishedAt))
	})
	return rows, nil
}

func printKeys(w io.Writer, rows []keyRow, left int, now time.Time) {
	switch {
	case len(rows) == 0 && left == 0:
		fmt.Fprintln(w, "no keys yet: the first start of the gateway makes them")
		return
	case len(rows) == 0:
		fmt.Fprintf(w, "none of these; %d others, see eidgate keys list --all\n", left)
		return
	}
	apart := slices.ContainsFunc(rows, func(r keyRow) bool { return r.Custody != custodyStore })
	line := func(r []string, custody string) {
		if apart {
			r = append(r, custody)
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	line([]string{"FOR", "ALG", "STATE", "KEY", "SINCE", "NEXT"}, "LIVES IN")
	for i := range rows {
		r := &rows[i]
		line([]string{string(r.Purpose), string(r.Algorithm), r.State, r.ID, local(r.since()), r.next(now)}, r.Custody)
	}
}

// findKey finds a key by its kid, or by a beginning of it that no other has.
func findKey(rows []keyRow, word string) (*keyRow, error) {
	const least = 6 // characters
	var found []*keyRow
	for i := range rows {
		if rows[i].ID == word {
			return &rows[i], nil
		}
		if len(word) >= least && strings.HasPrefix(rows[i].ID, word) {
			found = append(found, &rows[i])
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, fmt.Errorf("no key %q; see eidgate keys list --all", printable(shortened(word)))
	}
	return nil, fmt.Errorf("%d keys begin with %q: write more of it", len(found), printable(word))
}

// shortened is a word that may be anything, such as a token, short enough for an error.
func shortened(word string) string {
	if runes := []rune(word); len(runes) > kidLength {
		return string(runes[:8]) + "…"
	}
	return word
}
