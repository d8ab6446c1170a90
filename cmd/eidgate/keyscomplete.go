package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// completion gives the words that may stand somewhere, with a tab before what they
// mean. It only reads.
type completion func(c *cobra.Command, d *durable) ([]string, error)

// complete makes a completion of a shell from the data that the flags name. Where
// these cannot be opened there is nothing to offer, and the verb itself says why.
func complete(where *besideFlags, words completion) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var list []string
		err := where.open(c.Context(), func(d *durable) (err error) {
			list, err = words(c, d)
			return err
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag completes the value of a flag.
func completeFlag(c *cobra.Command, flag string, where *besideFlags, words completion) {
	_ = c.RegisterFlagCompletionFunc(flag, complete(where, words)) // fails for a flag that is not there
}

// completeKeys completes the one argument of a verb: the kids that it takes.
func completeKeys(c *cobra.Command, where *besideFlags, takes func(*keyRow) bool) {
	kids := complete(where, func(c *cobra.Command, d *durable) ([]string, error) {
		rows, err := keyRows(c.Context(), d)
		var list []string
		for i := range rows {
			if r := &rows[i]; takes(r) {
				list = append(list, r.ID+"\t"+r.State+" "+string(r.Purpose)+" "+string(r.Algorithm))
			}
		}
		return list, err
	})
	c.ValidArgsFunction = func(c *cobra.Command, words []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(words) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return kids(c, words, begun)
	}
}

func purposesOf(c *cobra.Command, d *durable) ([]string, error) {
	return distinct(c, d, func(r *keyRow) string { return string(r.Purpose) })
}

func algorithmsOf(c *cobra.Command, d *durable) ([]string, error) {
	return distinct(c, d, func(r *keyRow) string { return string(r.Algorithm) })
}

func distinct(c *cobra.Command, d *durable, of func(*keyRow) string) ([]string, error) {
	rows, err := keyRows(c.Context(), d)
	var list []string
	for i := range rows {
		list = append(list, of(&rows[i]))
	}
	slices.Sort(list)
	return slices.Compact(list), err
}

func clientsOf(c *cobra.Command, d *durable) ([]string, error) {
	parties, err := d.portals(c.Context())
	var list []string
	for i := range parties {
		list = append(list, parties[i].ID+"\t"+printable(parties[i].Name))
	}
	return list, err
}
