package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/keys"
	"eidgate/store"
)

// keyRevocation is what revoke does, or would do.
type keyRevocation struct {
	Done      bool           `json:"done"` // false: --dry-run, or it was done before
	Revoked   []string       `json:"revoked"`
	Purpose   keys.Purpose   `json:"purpose"`
	Algorithm keys.Algorithm `json:"alg"`
	At        time.Time      `json:"at"`
	// Signing is the kid that signs from then on; left out before it is made.
	Signing string `json:"signing,omitempty"`
	Standby string `json:"standby,omitempty"`
	// TokensUntil is when the last token under it would have expired; left out where
	// all have.
	TokensUntil time.Time   `json:"tokens_until,omitzero"`
	Clients     []partyTold `json:"clients"`
	Effects     []string    `json:"effects"`

	before bool // it was revoked already
}

// partyTold is a client that got ID tokens under a key.
type partyTold struct {
	ID       string `json:"client"`
	Subjects int    `json:"subjects"` // people whose sessions there end
	Told     bool   `json:"told"`     // by back-channel logout; false: it has none
}

func newKeysRevoke() *cobra.Command {
	c := &cobra.Command{
		Use: "revoke [KID]", Short: "in an emergency: end a key at once, and replace it", Args: cobraAtMostOne,
		Long: `revoke ends a key whose private part somebody else may have: nothing that it signed is
believed any more. If it signs, the key that stands by takes over in the same step,
and a new one is published. Every running gateway follows within two seconds, and
refuses its tokens from then on. Clients whose ID tokens it signed are told by
back-channel logout to end the sessions of everybody who signed in with it. Sessions at
the gateway and opaque tokens do not hang on keys, and go on.

With --all every key of a line ends, the one that stands by too: for when whatever
holds them all was open to a stranger. A new key signs at once; portals that do not
fetch the key set again when they meet an unknown key fail until their caches run out.

It says first what will happen, and asks on a terminal; elsewhere --yes has to be
given. It cannot be undone.`,
		Example: `  eidgate keys revoke KID --dry-run
  eidgate keys revoke KID --reason "backup of the HSM was stolen"
  eidgate keys revoke --all --purpose tokens --alg ES256 --reason "server was open" --yes`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	filter := newKeyFilter(c, where, "")
	all := c.Flags().Bool("all", false, "every live key of the line of --purpose and --alg")
	act := newActFlags(c, "do not ask")
	completeKeys(c, where, func(r *keyRow) bool { return r.RevokedAt.IsZero() })
	c.RunE = func(c *cobra.Command, words []string) error {
		why, err := act.why()
		switch {
		case err != nil:
			return err
		case *all == (len(words) == 1):
			return usageError{errors.New("name one KID, or a line by --all --purpose --alg; eidgate keys list shows them")}
		case !*all && *filter.purpose+*filter.alg != "":
			return usageError{errors.New("--purpose and --alg: only with --all; KID says which key")}
		}
		if err := filter.check(); err != nil {
			return err
		}
		return where.openAnyway(c.Context(), func(d *durable) error {
			chosen, rows, err := chooseKeys(c.Context(), d, filter, words)
			if err != nil {
				return err
			}
			planned, err := planRevocation(c.Context(), d, chosen, rows, *all)
			if err != nil {
				return err
			}
			if planned.before || *act.dryRun {
				return out.print(c.OutOrStdout(), planned, planned.print)
			}
			printEffects(c.ErrOrStderr(), "this will happen", planned.Effects)
			if err := act.agree(c, "Revoke it? It cannot be undone."); err != nil {
				return err
			}
			var done keys.Revocation
			if *all {
				done, err = d.ring.RevokeLine(c.Context(), planned.Purpose, planned.Algorithm, "operator:"+operator(), why)
			} else {
				done, err = d.ring.Revoke(c.Context(), chosen[0].ID, "operator:"+operator(), why)
			}
			if err != nil {
				return nextStep(err)
			}
			planned.Done, planned.Revoked, planned.At = true, done.Revoked, done.At
			planned.Signing, planned.Standby = done.Signing, done.Standby
			return out.print(c.OutOrStdout(), planned, planned.print)
		})
	}
	return c
}

// cobraAtMostOne takes one argument or none.
func cobraAtMostOne(c *cobra.Command, words []string) error {
	if len(words) > 1 {
		return usageError{fmt.Errorf("name one at most; see '%s --help'", c.CommandPath())}
	}
	return nil
}

// chooseKeys finds what a call names: one key, or the live ones of a line.
func chooseKeys(ctx context.Context, d *durable, filter keyFilter, words []string) (chosen []*keyRow, rows []keyRow, err error) {
	if rows, err = keyRows(ctx, d); err != nil {
		return nil, nil, err
	}
	if len(words) == 1 {
		row, err := findKey(rows, words[0])
		return []*keyRow{row}, rows, err
	}
	alg, err := filter.line(rows)
	if err != nil {
		return nil, nil, err
	}
	for i := range rows {
		if r := &rows[i]; string(r.Purpose) == *filter.purpose && r.Algorithm == alg && r.RetiredAt.IsZero() {
			chosen = append(chosen, r)
		}
	}
	return chosen, rows, nil
}

// planRevocation says what revoking keys of one line would do.
func planRevocation(ctx context.Context, d *durable, chosen []*keyRow, rows []keyRow, all bool) (*keyRevocation, error) {
	now := time.Now().UTC().Truncate(time.Second)
	first := chosen[0]
	rev := &keyRevocation{Purpose: first.Purpose, Algorithm: first.Algorithm, At: now, Revoked: []string{}, Clients: []partyTold{}, Effects: []string{}}
	if !all && !first.RevokedAt.IsZero() {
		rev.At, rev.Revoked, rev.before = first.RevokedAt, []string{first.ID}, true
		rev.says("%s was revoked at %s", first.ID, local(first.RevokedAt))
		line := lineOf(rows, first.Purpose, first.Algorithm)
		if line.signing != nil {
			rev.Signing = line.signing.ID
		}
		if line.standby != nil {
			rev.Standby = line.standby.ID
		}
		return rev, nil
	}
	since, signs := time.Time{}, false
	for _, r := range chosen {
		rev.Revoked = append(rev.Revoked, r.ID)
		what := "nothing it signed is believed any more"
		if r.SignedFrom.IsZero() {
			what = "it will never sign"
		}
		rev.says("%s (%s) ends: %s, at every running gateway within two seconds", r.ID, r.State, what)
		if !r.SignedFrom.IsZero() && (since.IsZero() || r.SignedFrom.Before(since)) {
			since = r.SignedFrom
		}
		signs = signs || r.State == string(keys.Signing)
		rev.expire(r, now)
	}
	rev.succession(lineOf(rows, first.Purpose, first.Algorithm), signs, all, now)
	if err := rev.reach(ctx, d, since, now); err != nil {
		return nil, err
	}
	rev.consequences(first)
	return rev, nil
}

func (rev *keyRevocation) says(format string, args ...any) {
	rev.Effects = append(rev.Effects, fmt.Sprintf(format, args...))
}

// expire notes how long tokens of a key would have lived.
func (rev *keyRevocation) expire(r *keyRow, now time.Time) {
	last := now // signs still
	switch {
	case r.SignedFrom.IsZero():
		return
	case !r.SignedUntil.IsZero():
		last = r.SignedUntil
	}
	if until := last.Add(config.MaxTokenLifetime); until.After(now) && until.After(rev.TokensUntil) {
		rev.TokensUntil = until
	}
}

// succession says which key signs from then on.
func (rev *keyRevocation) succession(line keyLine, signs, all bool, now time.Time) {
	switch {
	case all:
		rev.says("a new key is made and signs at once: no cache has it; who does not fetch the key set again on an unknown key fails until its cache runs out")
	case !signs && line.signing != nil:
		rev.Signing = line.signing.ID
		rev.says("%s goes on signing", rev.Signing)
	case !signs:
		rev.says("no key of the line signs")
	case line.standby == nil:
		rev.says("no key stands by: a new one is made and signs at once, which no cache has")
	default:
		rev.Signing = line.standby.ID
		rev.says("%s takes over in the same step", rev.Signing)
		if line.standby.ReadyAt.After(now) {
			rev.says("caches may lack it until %s: who does not fetch the key set again on an unknown key refuses what it signs until then", local(line.standby.ReadyAt))
		}
		if len(line.standby.Lacking) > 0 {
			rev.says("these registered to be waited for and have not fetched it: %s", printable(strings.Join(line.standby.Lacking, ", ")))
		}
	}
	if signs || all || line.standby != nil && len(rev.Revoked) == 1 && rev.Revoked[0] == line.standby.ID {
		rev.says("a new key is published to stand by")
	}
}

// reach finds the clients that got ID tokens under keys of tokens.
func (rev *keyRevocation) reach(ctx context.Context, d *durable, since, now time.Time) error {
	if rev.Purpose != keys.Tokens || since.IsZero() {
		return nil
	}
	if oldest := now.Add(-store.MaxTTL); since.Before(oldest) {
		since = oldest // no session is older
	}
	reached, err := d.db.SubjectsByParty(ctx, since)
	if err != nil {
		return err
	}
	parties, err := d.portals(ctx)
	if err != nil {
		return err
	}
	subjects := map[string]int{}
	for _, r := range reached {
		subjects[r.Client] = r.Subjects
	}
	for i := range parties {
		if p := &parties[i]; p.IDTokenAlg == string(rev.Algorithm) && subjects[p.ID] > 0 {
			rev.Clients = append(rev.Clients, partyTold{ID: p.ID, Subjects: subjects[p.ID], Told: p.Logout.BackchannelURI != ""})
		}
	}
	return nil
}

// consequences says what it means for those who relied on the key.
func (rev *keyRevocation) consequences(first *keyRow) {
	switch source := rev.Purpose.Source(); {
	case rev.Purpose == keys.Tokens && rev.TokensUntil.IsZero():
		rev.says("every token it signed has expired; an old one is refused by eidgate keys verify from now on")
	case rev.Purpose == keys.Tokens:
		rev.says("its tokens are refused where the gateway is asked; a portal that verifies by itself takes them until it fetches the key set, and until %s at the latest", local(rev.TokensUntil))
	case rev.Purpose == keys.LogoutTokens:
		rev.says("portals refuse logout notices that it signed, once they have fetched the key set")
	case rev.Purpose == keys.Checkpoints:
		rev.says("checkpoints that it signed prove nothing by themselves any more: compare them with those that were shipped elsewhere before")
	case source != "" && first.Purpose == keys.SourceDecryption(source):
		rev.says("what %s still encrypts to it does not open: sign-ins there may fail until it uses the next key", source)
		rev.says("tell the owner of %s to use the next key now", source)
	case source != "":
		rev.says("tell the owner of %s to believe the old key no more: until it has the next one, sign-ins there may fail", source)
	}
	for _, c := range rev.Clients {
		how := "is told to end the sessions of %d people by back-channel logout"
		if !c.Told {
			how = "has no back-channel logout: tell its people to end the sessions of %d people"
		}
		rev.says("client %s "+how, printable(c.ID), c.Subjects)
	}
}

func (rev *keyRevocation) print(w io.Writer) {
	switch {
	case rev.before:
		printEffects(w, "nothing is left to do", rev.Effects)
		return
	case !rev.Done:
		printEffects(w, "would happen", rev.Effects)
		return
	}
	fmt.Fprintf(w, "revoked: %s, at %s\n", strings.Join(rev.Revoked, ", "), local(rev.At))
	switch {
	case rev.Signing == "":
		fmt.Fprintln(w, "signs now: none until a key can be made; the log says why, see eidgate doctor")
	default:
		fmt.Fprintf(w, "signs now: %s\n", rev.Signing)
	}
	if rev.Standby != "" {
		fmt.Fprintf(w, "stands by: %s\n", rev.Standby)
	}
	for _, c := range rev.Clients {
		told := "is being told"
		if !c.Told {
			told = "CANNOT BE TOLD, it has no back-channel logout"
		}
		fmt.Fprintf(w, "client %s: %d people; it %s\n", printable(c.ID), c.Subjects, told)
	}
	fmt.Fprintln(w, "next: see that /keys has it no more; eidgate keys list; and find out how it got out")
}
