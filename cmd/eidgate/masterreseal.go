package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

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
	if err := lackers(ctx, d, d.sealer.Primary()); err != nil {
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
