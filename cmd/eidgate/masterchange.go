package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

// change is what the changing verbs have in common.
type masterChange struct {
	where  *besideFlags
	out    *string
	reason *string
	force  *bool
}

func newMasterChange(c *cobra.Command) masterChange {
	return masterChange{
		where:  newBesideFlags(c),
		out:    c.Flags().String("out", "", "file to write the changed keyset to, instead of changing it where it is"),
		reason: c.Flags().String("reason", "", "why, for the audit (required with --force)"),
	}
}

// forceable adds --force.
func (m masterChange) forceable(c *cobra.Command, against string) masterChange {
	m.force = c.Flags().Bool("force", false, against)
	return m
}

func (m masterChange) forced() bool { return m.force != nil && *m.force }

// run opens the data and, once act has nothing against it, writes the audit row before
// the keyset changes: a change that is not on record is not made.
func (m masterChange) run(c *cobra.Command, action string, may func(*durable) (key uint32, err error), act func(*durable, uint32) (string, error)) error {
	why := strings.TrimSpace(*m.reason)
	if len([]rune(why)) > maxReason || strings.ContainsFunc(why, unicode.IsControl) || m.forced() && why == "" {
		return usageError{fmt.Errorf("--reason: say why in a line of %d characters at most; the audit keeps it", maxReason)}
	}
	return m.where.open(c.Context(), func(d *durable) error {
		if *m.out == "" && !d.master.Writable() {
			return usageError{errors.New("--out: the master key stands in the environment; name a file to write the changed keyset to, and put it in its place")}
		}
		key, err := may(d)
		if err != nil {
			return err
		}
		detail, err := json.Marshal(struct {
			Key    uint32 `json:"key,omitempty"`
			Reason string `json:"reason,omitempty"`
			Forced bool   `json:"forced,omitempty"`
		}{key, why, m.forced()})
		if err != nil {
			return fmt.Errorf("writing audit detail: %w", err)
		}
		entry := eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator(), Action: action, Detail: detail}
		if err := d.db.Record(c.Context(), entry); err != nil {
			return err
		}
		said, err := act(d, key)
		if err == nil {
			fmt.Fprintln(c.OutOrStdout(), said)
		}
		return err
	})
}

// place is where the changed keyset is.
func (m masterChange) place(d *durable) string {
	if *m.out != "" {
		return *m.out
	}
	return d.master.File
}

func newMasterAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add", Short: "add a key to the keyset, which opens and does not seal yet", Args: noArgs,
		Long: `add puts a new key into the keyset; what is there goes on sealing. Running gateways
load a changed file by themselves. Where each has a copy of its own, give it to all.
Then promote the key.`,
	}
	change := newMasterChange(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		may := func(*durable) (uint32, error) { return 0, nil }
		return change.run(c, eid.ActionMasterKeyAdded, may, func(d *durable, _ uint32) (string, error) {
			id, err := d.master.Add(c.Context(), *change.out)
			return fmt.Sprintf("added: key %d in %s; back the file up again, give it to every process, then: eidgate keys master promote", id, change.place(d)), err
		})
	}
	return c
}

func newMasterPromote() *cobra.Command {
	c := &cobra.Command{
		Use: "promote [KEY]", Short: "have a key of the keyset seal from now on", Args: masterKeyID,
		Long: `promote has a key seal what is written from now on: the one named, or the only one that
does not seal. It refuses while a running process has not loaded the key: that one could
not open what the others seal. --wait gives them time, before and after. --force goes on
all the same, for a process that is known to be gone.`,
	}
	change := newMasterChange(c).forceable(c, "even if a running process has not loaded the key")
	wait := c.Flags().Duration("wait", 0, "how long to wait until running processes have loaded the key, and then seal with it")
	c.RunE = func(c *cobra.Command, words []string) error {
		may := func(d *durable) (uint32, error) {
			id, err := chosenKey(d, words)
			if err != nil || change.forced() {
				return id, err
			}
			return id, patiently(c.Context(), *wait, func() error { return lackers(c.Context(), d, id) })
		}
		return change.run(c, eid.ActionMasterKeyPromoted, may, func(d *durable, id uint32) (string, error) {
			if err := d.master.Promote(c.Context(), *change.out, id); err != nil {
				return "", err
			}
			if *wait > 0 && *change.out == "" {
				if err := patiently(c.Context(), *wait, func() error { return laggards(c.Context(), d, id) }); err != nil {
					return "", fmt.Errorf("promoted, but %w", err)
				}
			}
			return fmt.Sprintf("promoted: key %d seals, in every process once it has loaded %s; next: eidgate keys master reseal", id, change.place(d)), nil
		})
	}
	return c
}

// chosenKey is the key that was named, or the only one that does not seal.
func chosenKey(d *durable, words []string) (uint32, error) {
	others := slices.DeleteFunc(d.sealer.KeyIDs(), func(id uint32) bool { return id == d.sealer.Primary() })
	switch {
	case len(words) == 0 && len(others) == 1:
		return others[0], nil
	case len(words) == 0 && len(others) == 0:
		return 0, errors.New("the keyset has no key but the one that seals; eidgate keys master add adds one")
	case len(words) == 0:
		return 0, usageError{fmt.Errorf("name one of the keys that do not seal: %s", strings.Trim(fmt.Sprint(others), "[]"))}
	}
	id := parsedKeyID(words[0])
	switch {
	case id == d.sealer.Primary():
		return 0, fmt.Errorf("key %d is the one that seals", id)
	case !d.sealer.Has(id):
		return 0, fmt.Errorf("the keyset has no key %d; eidgate keys master status shows those it has", id)
	}
	return id, nil
}

// patiently tries until it goes well or the time is over.
func patiently(ctx context.Context, limit time.Duration, try func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// laggards refuses while a running process seals with another key.
func laggards(ctx context.Context, d *durable, id uint32) error {
	running, err := d.db.MasterKeyProcesses(ctx, heldFor)
	if err != nil {
		return err
	}
	for _, p := range running {
		if p.Seals != id {
			return fmt.Errorf("%s still seals with key %d: give it the keyset of today", p.Process, p.Seals)
		}
	}
	return nil
}

// lackers refuses where a running process has not loaded a key.
func lackers(ctx context.Context, d *durable, id uint32) error {
	running, err := d.db.MasterKeyProcesses(ctx, heldFor)
	if err != nil {
		return err
	}
	var lack []string
	for _, p := range running {
		if !p.Has(id) {
			lack = append(lack, p.Process)
		}
	}
	if len(lack) > 0 {
		return fmt.Errorf("key %d is not loaded yet by %s: give it the keyset, or wait until it is seen no more (%v)", id, strings.Join(lack, ", "), heldFor)
	}
	return nil
}

func newMasterRemove() *cobra.Command {
	c := &cobra.Command{
		Use: "remove [KEY]", Short: "take a key out of the keyset for good", Args: masterKeyID,
		Long: `remove takes out a key that seals no more: the one named, or the only one. It refuses while a row is sealed under it,
while a running process seals with it, and for as long as a session may hold what it
sealed. Backups from before the re-sealing open with it alone: keep a copy as long as
these. --force overcomes sessions and processes, never rows.`,
	}
	change := newMasterChange(c).forceable(c, "even if a session or a process may need it")
	c.RunE = func(c *cobra.Command, words []string) error {
		may := func(d *durable) (uint32, error) {
			id, err := chosenKey(d, words)
			if err == nil {
				err = removable(c.Context(), d, id, change)
			}
			return id, err
		}
		return change.run(c, eid.ActionMasterKeyRemoved, may, func(d *durable, id uint32) (string, error) {
			err := d.master.Remove(c.Context(), *change.out, id)
			return fmt.Sprintf("removed: key %d from %s; keep a copy of the old file for as long as backups from before the re-sealing", id, change.place(d)), err
		})
	}
	return c
}

func removable(ctx context.Context, d *durable, id uint32, change masterChange) error {
	s, err := masterStatusOf(ctx, d)
	if err != nil {
		return err
	}
	for _, k := range s.Keys {
		if k.ID == id && k.Rows > 0 {
			return fmt.Errorf("%d rows are sealed under key %d: eidgate keys master reseal", k.Rows, id)
		}
		if k.ID == 0 && k.Rows > 0 {
			return fmt.Errorf("%d rows do not say which key sealed them: eidgate keys master reseal", k.Rows)
		}
	}
	if change.forced() {
		return nil
	}
	if err := laggards(ctx, d, d.sealer.Primary()); err != nil {
		return err
	}
	cfg, err := change.where.settings()
	if err != nil {
		return err
	}
	return quietSince(ctx, d, cfg.Lifetimes.SessionAbsolute)
}

// quietSince refuses until what was sealed before the last promotion has ended:
// sessions, the longest of what is sealed outside the database.
func quietSince(ctx context.Context, d *durable, lifetime time.Duration) error {
	var last time.Time
	for after := int64(0); ; {
		rows, err := d.db.Audit(ctx, sqlstore.AuditFilter{Action: eid.ActionMasterKeyPromoted, After: after})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		after, last = rows[len(rows)-1].ID, rows[len(rows)-1].At
	}
	if until := last.Add(lifetime + heldFor); time.Now().Before(until) {
		return fmt.Errorf("sessions from before the promotion may hold what it sealed until %s; with --force, signing out of these may not reach their sources", local(until))
	}
	return nil
}

// masterKeyID wants the id of a key, or nothing.
func masterKeyID(c *cobra.Command, words []string) error {
	if len(words) == 0 || len(words) == 1 && parsedKeyID(words[0]) != 0 {
		return nil
	}
	return usageError{fmt.Errorf("name a key by its number, such as '%s 1234567890'; eidgate keys master status lists them", c.CommandPath())}
}

func parsedKeyID(text string) uint32 {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(id)
}
