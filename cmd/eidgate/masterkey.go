package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// newKeysMaster makes `eidgate keys master`.
func newKeysMaster() *cobra.Command {
	c := &cobra.Command{
		Use: "master", Short: "make and change the master key, which seals secrets at rest", Args: noArgs,
		Long: `master makes the master key and changes it while gateways run. Its keyset holds one
key that seals and any others that still open what they sealed. To change it: add a
key, give the keyset to every process, promote the key, reseal, and remove the old
one later; status shows how far that is. Keep copies apart from the database: what is
sealed opens with nothing else.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMasterNew(), newMasterStatus(), newMasterAdd(), newMasterPromote(), newMasterReseal(), newMasterRemove())
	return c
}

// newMasterNew makes `eidgate keys master new`, for a master key that comes from
// elsewhere than the data directory, where the first start makes one by itself.
func newMasterNew() *cobra.Command {
	c := &cobra.Command{
		Use: "new", Short: "make a master key for a new installation", Args: noArgs,
		Long: `new writes a new master key to a file that is not there yet, for a credential of
systemd or another vault. On a plain installation the first start makes master.key in
the data directory by itself.

With --kms the keyset is encrypted under the key master_key_transit of the
configuration, which is made in custody.transit if it is not there: the file alone
opens nothing.`,
		Example: `  eidgate keys master new --out master.key
  eidgate keys master new --kms --config /etc/eidgate/eidgate.yaml`,
	}
	path := configFlag(c)
	out := c.Flags().String("out", "", "file to write; with --kms, instead of the configuration's")
	kms := c.Flags().Bool("kms", false, "encrypt it under the KMS of the configuration")
	c.RunE = func(c *cobra.Command, _ []string) error {
		master := keys.MasterKey{File: *out}
		if *kms {
			var err error
			if master, err = wrappedMasterKey(c.Context(), *path, *out); err != nil {
				return err
			}
		}
		if master.File == "" {
			return usageError{errors.New("--out: name the file to write")}
		}
		made, err := master.Create(c.Context())
		if err != nil {
			return fmt.Errorf("writing the master key: %w", err)
		}
		if !made {
			return fmt.Errorf("%s is there already, and a master key is never replaced", master.File)
		}
		fmt.Fprintf(c.OutOrStdout(), "made: %s; back it up apart from the database\n", master.File)
		return nil
	}
	return c
}

// wrappedMasterKey makes the key of the KMS that the configuration names.
func wrappedMasterKey(ctx context.Context, path, out string) (keys.MasterKey, error) {
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return keys.MasterKey{}, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	if cfg.MasterKeyTransit == "" {
		return keys.MasterKey{}, errors.New("master_key_transit: missing; name the key of custody.transit to encrypt under")
	}
	held, master, err := openMasterKey(cfg, time.Now)
	if err != nil {
		return keys.MasterKey{}, err
	}
	wrapping, err := held.transit.Wrapping(cfg.MasterKeyTransit)
	if err == nil {
		err = wrapping.Make(ctx)
	}
	if out != "" {
		master.File = out
	}
	return master, err
}

// masterStatus is how the master key stands.
type masterStatus struct {
	Keys      []masterKeyStatus `json:"keys"`
	Processes []masterProcess   `json:"processes"`
}

type masterKeyStatus struct {
	ID    uint32         `json:"id"`
	Seals bool           `json:"seals"`
	Held  bool           `json:"in_keyset"`
	Rows  int            `json:"rows"`
	In    map[string]int `json:"rows_by_table,omitempty"`
}

type masterProcess struct {
	Process string    `json:"process"`
	Seals   uint32    `json:"seals"`
	Holds   []uint32  `json:"holds"`
	At      time.Time `json:"at"`
}

func newMasterStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "show its keys, what each has sealed, and which processes have it", Args: noArgs,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return where.open(c.Context(), func(d *durable) error {
			s, err := masterStatusOf(c.Context(), d)
			if err != nil {
				return err
			}
			return out.print(c.OutOrStdout(), s, s.table)
		})
	}
	return c
}

func masterStatusOf(ctx context.Context, d *durable) (masterStatus, error) {
	rows, err := d.db.Sealed(ctx)
	if err != nil {
		return masterStatus{}, err
	}
	processes, err := d.db.MasterKeyProcesses(ctx, heldFor)
	if err != nil {
		return masterStatus{}, err
	}
	s := masterStatus{Processes: []masterProcess{}}
	for _, id := range d.sealer.KeyIDs() {
		s.Keys = append(s.Keys, masterKeyStatus{ID: id, Seals: id == d.sealer.Primary(), Held: true, In: map[string]int{}})
	}
	for _, r := range rows {
		i := slices.IndexFunc(s.Keys, func(k masterKeyStatus) bool { return k.ID == r.Key })
		if i < 0 {
			i = len(s.Keys)
			s.Keys = append(s.Keys, masterKeyStatus{ID: r.Key, In: map[string]int{}})
		}
		s.Keys[i].Rows += r.Rows
		s.Keys[i].In[r.Table] += r.Rows
	}
	for _, p := range processes {
		s.Processes = append(s.Processes, masterProcess{Process: p.Process, Seals: p.Seals, Holds: p.Holds, At: p.At})
	}
	return s, nil
}

func (s masterStatus) table(w io.Writer) {
	fmt.Fprintln(w, "KEY\tIS\tROWS SEALED")
	for _, k := range s.Keys {
		is := "opens"
		switch {
		case k.Seals:
			is = "seals"
		case !k.Held:
			is = "NOT IN THE KEYSET"
		}
		fmt.Fprintf(w, "%d\t%s\t%d\n", k.ID, is, k.Rows)
	}
	fmt.Fprintln(w, "\nPROCESS\tSEALS WITH\tHOLDS")
	for _, p := range s.Processes {
		fmt.Fprintf(w, "%s\t%d\t%s\n", p.Process, p.Seals, strings.Trim(fmt.Sprint(p.Holds), "[]"))
	}
	if len(s.Processes) == 0 {
		fmt.Fprintln(w, "none runs\t\t")
	}
}

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
func (m masterChange) run(c *cobra.Command, action string, key uint32, may func(*durable) error, act func(*durable) (string, error)) error {
	why := strings.TrimSpace(*m.reason)
	if len([]rune(why)) > maxReason || strings.ContainsFunc(why, unicode.IsControl) || m.forced() && why == "" {
		return usageError{fmt.Errorf("--reason: say why in a line of %d characters at most; the audit keeps it", maxReason)}
	}
	return m.where.open(c.Context(), func(d *durable) error {
		if *m.out == "" && !d.master.Writable() {
			return usageError{errors.New("--out: the master key stands in the environment; name a file to write the changed keyset to, and put it in its place")}
		}
		if err := may(d); err != nil {
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
		said, err := act(d)
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
		return change.run(c, eid.ActionMasterKeyAdded, 0, func(*durable) error { return nil }, func(d *durable) (string, error) {
			id, err := d.master.Add(c.Context(), *change.out)
			return fmt.Sprintf("added: key %d in %s; back the file up again, give it to every process, then: eidgate keys master promote %[1]d", id, change.place(d)), err
		})
	}
	return c
}

func newMasterPromote() *cobra.Command {
	c := &cobra.Command{
		Use: "promote KEY", Short: "have a key of the keyset seal from now on", Args: masterKeyID,
		Long: `promote has a key seal what is written from now on. It refuses while a running process
has not loaded the key: that one could not open what the others seal. --force goes on
all the same, for a process that is known to be gone.`,
	}
	change := newMasterChange(c).forceable(c, "even if a running process has not loaded the key")
	c.RunE = func(c *cobra.Command, words []string) error {
		id := parsedKeyID(words[0])
		may := func(d *durable) error {
			switch {
			case d.sealer.Primary() == id:
				return fmt.Errorf("key %d seals already", id)
			case !d.sealer.Has(id):
				return fmt.Errorf("the keyset has no key %d; eidgate keys master status shows those it has", id)
			}
			return lackers(c.Context(), d, id, change.forced())
		}
		return change.run(c, eid.ActionMasterKeyPromoted, id, may, func(d *durable) (string, error) {
			err := d.master.Promote(c.Context(), *change.out, id)
			return fmt.Sprintf("promoted: key %d seals, in every process once it has loaded %s; next: eidgate keys master reseal", id, change.place(d)), err
		})
	}
	return c
}

// lackers refuses where a running process has not loaded a key.
func lackers(ctx context.Context, d *durable, id uint32, forced bool) error {
	running, err := d.db.MasterKeyProcesses(ctx, heldFor)
	if err != nil || forced {
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

func newMasterReseal() *cobra.Command {
	c := &cobra.Command{
		Use: "reseal", Short: "seal anew what other keys than the one that seals have sealed", Args: noArgs,
		Long: `reseal goes through every table while gateways run, a hundred rows at a time, and
changes nothing of what the rows say: blind indexes and sectors' secrets stay what they
are. Broken off, it goes on where it was when it is called again.`,
	}
	where := newBesideFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return where.open(c.Context(), func(d *durable) error { return reseal(c.Context(), d, c.OutOrStdout(), c.ErrOrStderr()) })
	}
	return c
}

func reseal(ctx context.Context, d *durable, stdout, stderr io.Writer) error {
	if err := lackers(ctx, d, d.sealer.Primary(), false); err != nil {
		return err
	}
	var done, failed int
	so := map[string]sqlstore.Resealed{}
	err := d.db.Reseal(ctx, d.sealer, func(r sqlstore.Resealed) {
		if r.Done+r.Failed > so[r.Table].Done+so[r.Table].Failed {
			fmt.Fprintf(stderr, "%s: %d rows\n", r.Table, r.Done)
		}
		so[r.Table] = r
	})
	for _, r := range so {
		done, failed = done+r.Done, failed+r.Failed
	}
	if done > 0 || failed > 0 {
		detail, marshalErr := json.Marshal(map[string]any{"key": d.sealer.Primary(), "rows": done, "failed": failed})
		entry := eid.AuditEntry{At: time.Now(), Actor: "operator:" + operator(), Action: eid.ActionMasterKeyResealed, Detail: detail}
		err = errors.Join(err, marshalErr, d.db.Record(context.WithoutCancel(ctx), entry))
	}
	if err != nil {
		return fmt.Errorf("after %d rows, and it goes on there next time: %w", done, err)
	}
	status, err := masterStatusOf(ctx, d)
	if err != nil {
		return err
	}
	left := 0
	for _, k := range status.Keys {
		if !k.Seals {
			left += k.Rows
		}
	}
	fmt.Fprintf(stdout, "resealed: %d rows under key %d\n", done, d.sealer.Primary())
	if failed > 0 {
		return fmt.Errorf("%d rows do not open: they were altered or moved, or sealed by a key that is gone; they stay as they are", failed)
	}
	if left > 0 {
		return fmt.Errorf("%d rows were sealed by other keys meanwhile, by processes that have not loaded the keyset: run it again", left)
	}
	return nil
}

func newMasterRemove() *cobra.Command {
	c := &cobra.Command{
		Use: "remove KEY", Short: "take a key out of the keyset for good", Args: masterKeyID,
		Long: `remove takes out a key that seals no more. It refuses while a row is sealed under it,
while a running process seals with it, and for as long as a session may hold what it
sealed. Backups from before the re-sealing open with it alone: keep a copy as long as
these. --force overcomes sessions and processes, never rows.`,
	}
	change := newMasterChange(c).forceable(c, "even if a session or a process may need it")
	c.RunE = func(c *cobra.Command, words []string) error {
		id := parsedKeyID(words[0])
		may := func(d *durable) error { return removable(c.Context(), d, id, change) }
		return change.run(c, eid.ActionMasterKeyRemoved, id, may, func(d *durable) (string, error) {
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
		if k.ID == id && k.Seals {
			return fmt.Errorf("key %d is the one that seals; promote another first", id)
		}
		if k.ID == id && k.Rows > 0 {
			return fmt.Errorf("%d rows are sealed under key %d: eidgate keys master reseal", k.Rows, id)
		}
		if k.ID == 0 && k.Rows > 0 {
			return fmt.Errorf("%d rows do not say which key sealed them: eidgate keys master reseal", k.Rows)
		}
	}
	if !d.sealer.Has(id) {
		return fmt.Errorf("the keyset has no key %d", id)
	}
	if change.forced() {
		return nil
	}
	for _, p := range s.Processes {
		if p.Seals == id {
			return fmt.Errorf("%s still seals with key %d: give it the keyset of today", p.Process, id)
		}
	}
	cfg, err := change.where.load()
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

// masterKeyID wants the id of a key.
func masterKeyID(c *cobra.Command, words []string) error {
	if len(words) == 1 && parsedKeyID(words[0]) != 0 {
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
