package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

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
