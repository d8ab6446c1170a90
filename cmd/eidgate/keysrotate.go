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

	"eidgate/keys"
)

// keyRotation is what rotate and activate do, or would do.
type keyRotation struct {
	Done      bool           `json:"done"` // false: --dry-run
	Purpose   keys.Purpose   `json:"purpose"`
	Algorithm keys.Algorithm `json:"alg"`
	From      string         `json:"from,omitempty"` // kid that signs before
	To        string         `json:"to"`             // kid that signs after
	At        time.Time      `json:"at"`
	Scheduled bool           `json:"scheduled"` // at is to come, and lacking is waited for
	Forced    bool           `json:"forced"`    // it did not wait
	// CachesUntil is until when caches may lack the key that signs from now on.
	CachesUntil time.Time `json:"caches_until,omitzero"`
	Lacking     []string  `json:"lacking"` // clients that await the key and have not fetched it
	Effects     []string  `json:"effects"`
}

// keyLine is the keys of a line that matter for a change.
type keyLine struct{ signing, standby *keyRow }

// lineOf finds them.
func lineOf(rows []keyRow, purpose keys.Purpose, alg keys.Algorithm) keyLine {
	var l keyLine
	for i := range rows {
		switch r := &rows[i]; {
		case r.Purpose != purpose || r.Algorithm != alg:
		case r.State == string(keys.Signing):
			l.signing = r
		case r.State == string(keys.Published) && (l.standby == nil || r.PublishedAt.Before(l.standby.PublishedAt)):
			l.standby = r
		}
	}
	return l
}

// check refuses a line in which nothing can take over.
func (l keyLine) check(purpose keys.Purpose, alg keys.Algorithm) error {
	switch {
	case l.standby == nil:
		return fmt.Errorf("no %s %s key stands by: eidgate keys list shows what there is, eidgate doctor why", purpose, alg)
	case l.standby.ReadyAt.IsZero():
		return fmt.Errorf("the configuration plans no %s keys for %s any more: these are kept, and not rotated", alg, purpose)
	}
	return nil
}

// rotation says what letting a standby sign would do.
func (l keyLine) rotation(force bool, now time.Time) *keyRotation {
	r := &keyRotation{Purpose: l.standby.Purpose, Algorithm: l.standby.Algorithm, To: l.standby.ID, At: now, Lacking: l.standby.Lacking, Effects: []string{}}
	if l.signing != nil {
		r.From = l.signing.ID
	}
	if l.standby.ReadyAt.After(now) {
		r.CachesUntil = l.standby.ReadyAt
	}
	waits := !r.CachesUntil.IsZero() || len(r.Lacking) > 0
	r.Forced, r.Scheduled = force && waits, waits && !force
	if r.Scheduled && !r.CachesUntil.IsZero() {
		r.At = r.CachesUntil
	}
	r.fill()
	return r
}

// fill makes what is shown of what is known.
func (r *keyRotation) fill() {
	if r.Lacking == nil {
		r.Lacking = []string{}
	}
	says := func(format string, args ...any) { r.Effects = append(r.Effects, fmt.Sprintf(format, args...)) }
	names := printable(strings.Join(r.Lacking, ", "))
	if r.Scheduled {
		says("every cache has %s at %s; it signs from then on", r.To, local(r.At))
		if names != "" {
			says("it waits besides until these have fetched it: %s (eidgate keys fetches)", names)
		}
		if r.From != "" {
			says("%s signs until then", r.From)
		}
		return
	}
	says("%s signs at every gateway within two seconds", r.To)
	if source := r.Purpose.Source(); source != "" {
		says("%s has to have it already; if not, sign-ins there fail", source)
	}
	if !r.CachesUntil.IsZero() {
		says("caches may lack it until %s: who does not fetch the key set again on an unknown key refuses what it signs until then", local(r.CachesUntil))
	}
	if names != "" {
		says("these registered to be waited for, have not fetched it, and may refuse every new token until they do: %s", names)
	}
	if r.From != "" {
		says("%s goes on verifying until what it signed has expired", r.From)
	}
	says("a new key is published to stand by")
}

func (r *keyRotation) print(w io.Writer) {
	var word string
	switch {
	case !r.Done:
		word = "would happen"
	case r.Scheduled:
		word = "scheduled"
	case r.Forced:
		word = "forced"
	default:
		word = "rotated"
	}
	switch {
	case r.Scheduled && r.Done:
		fmt.Fprintf(w, "%s: %s key %s signs from %s, once every cache has it; %s signs until then\n", word, r.Algorithm, r.To, local(r.At), r.From)
		if len(r.Lacking) > 0 {
			fmt.Fprintf(w, "it waits besides for a fetch by %s: see eidgate keys fetches\n", printable(strings.Join(r.Lacking, ", ")))
		}
	case r.Done:
		fmt.Fprintf(w, "%s: %s key %s signs since %s; %s verifies until its tokens have expired\n", word, r.Algorithm, r.To, local(r.At), orNone(r.From))
	default:
		printEffects(w, word, r.Effects)
	}
}

func printEffects(w io.Writer, word string, effects []string) {
	fmt.Fprintln(w, word+":")
	for _, effect := range effects {
		fmt.Fprintln(w, "  - "+effect)
	}
}

func orNone(kid string) string {
	if kid == "" {
		return "no other key"
	}
	return kid
}

func newKeysRotate() *cobra.Command {
	c := &cobra.Command{
		Use: "rotate", Short: "let the standby of a line sign, once everybody has it", Args: noArgs,
		Long: `rotate lets the published standby of a line sign, publishes a new standby and keeps
the old key for verifying until everything it signed has expired. A standby that
portals may not have fetched yet is scheduled instead: it signs once every cache that
lacks it has run out, and every client with await_key_fetch has fetched it. Nothing
breaks by it, so it asks nobody. Lines rotate by themselves at their time.`,
		Example: `  eidgate keys rotate --alg ES256 --reason "quarterly"
  eidgate keys rotate --purpose logout --alg RS256 --reason "quarterly" --dry-run`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	filter := newKeyFilter(c, where, string(keys.Tokens))
	act := newActFlags(c, "")
	c.RunE = func(c *cobra.Command, _ []string) error {
		why, err := act.why()
		if err == nil {
			err = filter.check()
		}
		if err != nil {
			return err
		}
		return where.open(c.Context(), func(d *durable) error {
			rows, err := keyRows(c.Context(), d)
			if err != nil {
				return err
			}
			alg, err := filter.line(rows)
			if err != nil {
				return err
			}
			purpose := keys.Purpose(*filter.purpose)
			line := lineOf(rows, purpose, alg)
			if err := line.check(purpose, alg); err != nil {
				return err
			}
			if line.standby.Waits == keys.WaitsForOperator {
				return waitsForOperator(line.standby.ID)
			}
			if *act.dryRun {
				rot := line.rotation(false, time.Now().UTC())
				return out.print(c.OutOrStdout(), rot, rot.print)
			}
			if err := d.follow(c.Context()); err != nil {
				return err
			}
			done, err := d.ring.Rotate(c.Context(), purpose, alg, "operator:"+operator(), why)
			if err != nil {
				return nextStep(err)
			}
			rot := rotationDone(done, false)
			return out.print(c.OutOrStdout(), rot, rot.print)
		})
	}
	return c
}

func waitsForOperator(kid string) error {
	return fmt.Errorf("the other side is given this key by hand: once it has it, eidgate keys activate --reason … -- %s", kid)
}

// line is the algorithm of the line that was chosen, which may be left out where there
// is one.
func (f keyFilter) line(rows []keyRow) (keys.Algorithm, error) {
	var algs []string
	for i := range rows {
		if r := &rows[i]; f.fits(r) && r.RetiredAt.IsZero() && !slices.Contains(algs, string(r.Algorithm)) {
			algs = append(algs, string(r.Algorithm))
		}
	}
	switch {
	case *f.purpose == "":
		return "", usageError{errors.New("--purpose: say which keys, such as tokens")}
	case len(algs) == 1:
		return keys.Algorithm(algs[0]), nil
	case len(algs) == 0:
		return "", fmt.Errorf("no key for %s; see eidgate keys list", strings.TrimSpace(*f.purpose+" "+*f.alg))
	}
	return "", usageError{fmt.Errorf("--alg: say which of %s", strings.Join(algs, ", "))}
}

// rotationDone is what a ring did.
func rotationDone(done keys.Rotation, forced bool) *keyRotation {
	r := &keyRotation{
		Done: true, Purpose: done.Purpose, Algorithm: done.Algorithm, From: done.From, To: done.To, At: done.At,
		Scheduled: done.Pending, Forced: forced, Lacking: done.Lacking, Effects: []string{},
	}
	r.fill()
	return r
}

// nextStep says with a refusal of the ring what to do.
func nextStep(err error) error {
	switch {
	case errors.Is(err, keys.ErrNotReady):
		return fmt.Errorf("%w; eidgate keys rotate lets it sign as soon as all have it, --force does not wait", err)
	case errors.Is(err, keys.ErrClock):
		return fmt.Errorf("%w; see to this machine's clock (NTP) and run eidgate doctor", err)
	case errors.Is(err, keys.ErrCustody):
		return fmt.Errorf("%w; what signs goes on; eidgate doctor looks at custodies", err)
	case errors.Is(err, keys.ErrNoKey):
		return fmt.Errorf("%w; see eidgate keys list", err)
	}
	return err
}

func newKeysActivate() *cobra.Command {
	c := &cobra.Command{
		Use: "activate KID", Short: "let a key that stands by sign now", Args: oneArg("KID"),
		Long: `activate lets a key that stands by sign at once. For a source that is given its keys
by hand it is the last step, when the other side has the key. It refuses while caches
or clients with await_key_fetch may lack the key, and names them.

With --force it waits for nobody: those who lack the key refuse what it signs until
they fetch. The audit keeps who lacked it. What will happen is said first, and asked
for on a terminal; elsewhere --yes has to be given.`,
		Example: `  eidgate keys activate KID --reason "the ministry has it, letter 12/2026"
  eidgate keys activate KID --force --reason "old key lost with its HSM" --yes`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	force := c.Flags().Bool("force", false, "do not wait for caches and clients that lack the key")
	act := newActFlags(c, "do not ask")
	completeKeys(c, where, func(r *keyRow) bool { return r.State == string(keys.Published) })
	c.RunE = func(c *cobra.Command, words []string) error {
		why, err := act.why()
		if err != nil {
			return err
		}
		return where.open(c.Context(), func(d *durable) error {
			if !*act.dryRun {
				if err := d.follow(c.Context()); err != nil {
					return err
				}
			}
			planned, err := planActivation(c.Context(), d, words[0], *force)
			if err != nil {
				return err
			}
			if *act.dryRun {
				return out.print(c.OutOrStdout(), planned, planned.print)
			}
			printEffects(c.ErrOrStderr(), "this will happen", planned.Effects)
			if err := act.agree(c, "Let it sign?"); err != nil {
				return err
			}
			done, err := d.ring.Activate(c.Context(), planned.Purpose, planned.Algorithm, "operator:"+operator(), why, *force)
			if err != nil {
				return nextStep(err)
			}
			if done.To != planned.To {
				return fmt.Errorf("somebody changed the keys meanwhile: %s signs, not %s; see eidgate keys list", done.To, planned.To)
			}
			rot := rotationDone(done, planned.Forced)
			rot.CachesUntil = planned.CachesUntil
			return out.print(c.OutOrStdout(), rot, rot.print)
		})
	}
	return c
}

// planActivation says what letting a key sign would do, or refuses as the ring would.
func planActivation(ctx context.Context, d *durable, word string, force bool) (*keyRotation, error) {
	rows, err := keyRows(ctx, d)
	if err != nil {
		return nil, err
	}
	row, err := findKey(rows, word)
	if err != nil {
		return nil, err
	}
	line := lineOf(rows, row.Purpose, row.Algorithm)
	if line.standby == nil || line.standby.ID != row.ID {
		return nil, fmt.Errorf("%s is %s, not the key that stands by; see eidgate keys list", row.ID, row.State)
	}
	if err := line.check(row.Purpose, row.Algorithm); err != nil {
		return nil, err
	}
	planned := line.rotation(force, time.Now().UTC())
	if planned.Scheduled {
		var lacks []string
		if !planned.CachesUntil.IsZero() {
			lacks = append(lacks, "caches may lack it until "+local(planned.CachesUntil))
		}
		if len(planned.Lacking) > 0 {
			lacks = append(lacks, "it was not fetched by "+printable(strings.Join(planned.Lacking, ", ")))
		}
		return nil, nextStep(fmt.Errorf("%w: %s", keys.ErrNotReady, strings.Join(lacks, ", and ")))
	}
	return planned, nil
}
