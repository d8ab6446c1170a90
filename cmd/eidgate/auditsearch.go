package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/eid/audit"
	"eidgate/store/sqlstore"
)

// searchFlags choose rows.
type searchFlags struct {
	search       sqlstore.AuditSearch
	since, until *string
}

func newSearchFlags(c *cobra.Command) *searchFlags {
	f := &searchFlags{since: sinceFlag(c, ""), until: c.Flags().String("until", "", "first day or time that is not wanted any more")}
	for _, flag := range []struct {
		value       *string
		name, usage string
	}{
		{&f.search.Account, "account", "id of an account"},
		{&f.search.Client, "client", "id of a client"},
		{&f.search.Actor, "actor", "who did it: holder, system, client:ID or operator:NAME"},
		{&f.search.Action, "action", "what was done, such as grant.issued"},
		{&f.search.Ref, "ref", "reference of a request, as pages and logs show it"},
		{&f.search.Kid, "kid", "id of a key"},
	} {
		c.Flags().StringVar(flag.value, flag.name, "", flag.usage)
	}
	return f
}

var kidShape = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// parse checks the flags.
func (f *searchFlags) parse() (s sqlstore.AuditSearch, err error) {
	s = f.search
	if !kidShape.MatchString(s.Kid) {
		return s, usageError{errors.New("--kid: want the id of a key, as eidgate keys list shows it")}
	}
	if s.Since, err = parseSince(*f.since); err != nil {
		return s, err
	}
	if *f.until != "" {
		if s.Until, err = parseMoment("--until", *f.until); err != nil {
			return s, err
		}
	}
	if !s.Until.IsZero() && s.Until.Before(s.Since) {
		return s, usageError{errors.New("--until: before --since")}
	}
	return s, nil
}

func newAuditSearch() *cobra.Command {
	c := &cobra.Command{
		Use: "search", Short: "list rows of the audit", Args: noArgs,
		Long: `search lists the rows that fit every flag, oldest first, a page at a time; the
next page begins --after the last row shown. To find the rows of a person use
'eidgate audit person', which leaves a row itself.`,
		Example: `  eidgate audit search --action key.signing
  eidgate audit search --client portal-1 --since 2026-01-31 --until 2026-02-01 --output json`,
	}
	beside := newBesideFlags(c)
	flags := newSearchFlags(c)
	c.Flags().Int64Var(&flags.search.After, "after", 0, "id of the last row that was seen")
	limit := c.Flags().Int("limit", 100, "how many rows, 1000 at most")
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := flags.parse()
		if err != nil {
			return err
		}
		if *limit < 1 || *limit > 1000 {
			return usageError{errors.New("--limit: want 1 to 1000")}
		}
		s.Limit = *limit
		return beside.look(c.Context(), func(e evidence) error {
			rows, err := e.Search(c.Context(), s)
			if err != nil {
				return err
			}
			return printRows(c.OutOrStdout(), format, rows, *limit)
		})
	}
	return c
}

// auditPage is a page of rows, and where the next begins.
type auditPage struct {
	Rows []audit.Row `json:"rows"`
	Next int64       `json:"next,omitempty"` // for --after; 0 on the last page
}

func printRows(out io.Writer, format *output, rows []audit.Row, limit int) error {
	page := auditPage{Rows: rows}
	if page.Rows == nil {
		page.Rows = []audit.Row{}
	}
	if len(rows) == limit {
		page.Next = rows[len(rows)-1].ID
	}
	return format.print(out, page, func(w io.Writer) {
		fmt.Fprintln(w, "ROW\tTIME\tACTOR\tACTION\tCLIENT\tACCOUNT\tREF\tDETAIL")
		for _, r := range rows {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, local(r.Time()), printable(r.Actor), printable(r.Action), dash(r.Client), dash(r.Account), dash(r.Ref), short(r.Detail))
		}
		if page.Next != 0 {
			fmt.Fprintf(w, "there may be more: --after %d\n", page.Next)
		}
	})
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return printable(text)
}

// short is what of a detail a line of a table holds.
func short(detail string) string {
	const most = 60
	text := []rune(printable(strings.TrimSpace(detail)))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	if string(text) == "{}" {
		return "-"
	}
	return string(text)
}

// endOf is the time of a statement that was read before, whether its signature is good
// or not: an export only needs to know where to stop.
func endOf(jws string) (time.Time, int64, error) {
	parts := strings.Split(jws, ".")
	var s audit.Statement
	if len(parts) == 3 {
		if raw, err := base64url(parts[1]); err == nil && json.Unmarshal(raw, &s) == nil {
			return s.At, s.Last, nil
		}
	}
	return time.Time{}, 0, errors.New("a checkpoint cannot be read; run eidgate audit verify")
}
