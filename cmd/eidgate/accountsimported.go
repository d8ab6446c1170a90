package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/eid/portability"
)

// importedFlags choose what is shown of old accounts.
type importedFlags struct {
	portal, source              *string
	list                        *bool
	state, after                *string
	limit                       *int
	login, export, role, reason *string
}

func newAccountsImported() *cobra.Command {
	c := &cobra.Command{
		Use: "imported", Short: "how far portals' old accounts have come, and where one of them stands", Args: noArgs,
		Long: `imported counts the old accounts that were imported for portals: by state, by what
the accounts in use say of them, verified by week, and how many are overdue.

--list shows them a page at a time, login names masked. --login-file reads a login
name and shows that account; the look-up goes on record, and its holder sees it once
it is verified. --export writes the login names of those that wait to a new file of
yours alone, as CSV, for the portal's own mailing; that goes on record, too.`,
		Example: `  eidgate accounts imported --portal so-y-te
  eidgate accounts imported --portal so-y-te --list --state contested
  eidgate accounts imported --portal so-y-te --login-file - --role officer --reason "Case 7/2026" < login.txt
  eidgate accounts imported --portal so-y-te --export waiting.csv --reason "Mailing 3/2026"`,
	}
	beside := newBesideFlags(c)
	f := importedFlags{
		portal: c.Flags().String("portal", "", "id of the client whose old accounts they are; all, if empty"),
		source: c.Flags().String("source", "", "id of the source, where a portal has several"),
		list:   c.Flags().Bool("list", false, "show accounts, login names masked"),
		state:  c.Flags().String("state", string(eid.ImportedWaiting), "of --list and --export: waiting, contested, verified or rejected"),
		after:  c.Flags().String("after", "", "of --list: id of the last account that was seen"),
		limit:  c.Flags().Int("limit", 100, "of --list: how many accounts, 1000 at most"),
		login:  c.Flags().String("login-file", "", "file of a login name to look up, - for standard input"),
		export: c.Flags().String("export", "", "file to write login names to"),
		role:   c.Flags().String("role", "", "of --login-file: officer, operator or auditor; the holder is told"),
		reason: c.Flags().String("reason", "", "of --login-file and --export: why, such as the number of a document; the audit keeps it"),
	}
	c.MarkFlagsMutuallyExclusive("list", "login-file", "export")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(stateWords(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(audit.Roles(), cobra.ShellCompDirectiveNoFileComp))
	format := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return beside.open(c.Context(), func(d *durable) error {
			sources, err := portalSources(c.Context(), d, *f.portal, *f.source)
			switch {
			case err != nil:
				return err
			case *f.list:
				return f.page(c, d, sources, format)
			case *f.login != "":
				return f.lookUp(c, d, sources, format)
			case *f.export != "":
				return f.write(c, d, sources)
			}
			return printProgress(c, d, sources, format)
		})
	}
	return c
}

func stateWords() []string {
	var words []string
	for _, s := range eid.ImportedStates() {
		words = append(words, string(s))
	}
	return words
}

func (f importedFlags) check() error {
	switch {
	case !slices.Contains(stateWords(), *f.state):
		return usageError{errors.New("--state: want " + strings.Join(stateWords(), ", "))}
	case *f.limit < 1 || *f.limit > 1000:
		return usageError{errors.New("--limit: want 1 to 1000")}
	case *f.login != "" && !slices.Contains(audit.Roles(), *f.role):
		return usageError{errRole}
	case *f.login != "" || *f.export != "":
		return checkReason(*f.reason)
	}
	return nil
}

// portalSources are the sources of portals' own old accounts: of one portal, one of
// them, or all.
func portalSources(ctx context.Context, d *durable, portal, source string) ([]eid.Source, error) {
	list, err := oldSources(ctx, d, portal, source)
	switch {
	case err != nil || len(list) > 0:
		return list, err
	case portal == "" && source == "":
		return nil, errors.New("no source has the old accounts of a portal: see kind: portal in the operator guide")
	case source == "":
		return nil, fmt.Errorf("no source has the old accounts of %s: see eidgate sources list", portal)
	}
	return nil, fmt.Errorf("%s is no source of a portal's old accounts, or of another portal: see eidgate sources list", source)
}

// onlySource is for what is asked of one source.
func onlySource(sources []eid.Source) (eid.Source, error) {
	if len(sources) == 1 {
		return sources[0], nil
	}
	var ids []string
	for i := range sources {
		ids = append(ids, sources[i].ID)
	}
	return eid.Source{}, usageError{fmt.Errorf("--source: name one of %s", strings.Join(ids, ", "))}
}

// importedView is an old account as pages show it.
type importedView struct {
	ID         string            `json:"id"`
	Login      string            `json:"login"` // masked
	State      eid.ImportedState `json:"state"`
	Match      eid.ImportedMatch `json:"match"`
	CreatedAt  time.Time         `json:"imported_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
	VerifiedAt time.Time         `json:"verified_at,omitzero"`
}

func viewImported(i accounts.Imported) importedView {
	return importedView{i.ID, maskedLogin(i.Old.Login), i.State, i.Match, i.CreatedAt, i.UpdatedAt, i.VerifiedAt}
}

// maskedLogin hides all of a login name but its ends: many are numbers of persons, or
// addresses.
func maskedLogin(login string) string {
	runes := []rune(login)
	if len(runes) < 6 {
		return "•••"
	}
	return string(runes[:1]) + "•••" + string(runes[len(runes)-2:])
}

func (f importedFlags) page(c *cobra.Command, d *durable, sources []eid.Source, format *output) error {
	src, err := onlySource(sources)
	if err != nil {
		return err
	}
	list, err := d.db.ImportedPage(c.Context(), src.ID, eid.ImportedState(*f.state), *f.after, *f.limit)
	if err != nil {
		return err
	}
	page := struct {
		Accounts []importedView `json:"accounts"`
		Next     string         `json:"next,omitempty"` // for --after; empty on the last page
	}{Accounts: []importedView{}}
	for _, i := range list {
		page.Accounts = append(page.Accounts, viewImported(i))
	}
	if len(list) == *f.limit {
		page.Next = list[len(list)-1].ID
	}
	err = format.print(c.OutOrStdout(), page, func(w io.Writer) {
		fmt.Fprintln(w, "ACCOUNT\tLOGIN\tSTATE\tMATCH\tIMPORTED\tVERIFIED")
		for _, v := range page.Accounts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, printable(v.Login), v.State, v.Match, local(v.CreatedAt), local(v.VerifiedAt))
		}
	})
	if err == nil && page.Next != "" {
		fmt.Fprintf(c.ErrOrStderr(), "There may be more: --after=%s\n", page.Next)
	}
	return err
}

// lookUp shows one old account, once that is on record.
func (f importedFlags) lookUp(c *cobra.Command, d *durable, sources []eid.Source, format *output) error {
	src, err := onlySource(sources)
	if err != nil {
		return err
	}
	raw, err := readSmall(*f.login, c.InOrStdin())
	if err != nil {
		return fmt.Errorf("--login-file: %w", err)
	}
	login := norm.NFC.String(strings.TrimSpace(string(raw)))
	found, err := d.db.Imported(c.Context(), src.ID, login)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return err
	}
	record := audit.LookUp{Role: *f.role, Reason: *f.reason, OldAccount: d.db.OldAccountID(src.ID, login)}
	if err := lookedUp(c.Context(), d, found.Account, record); err != nil {
		return err
	}
	if err != nil {
		return errors.New("the import knows no account of this login name")
	}
	conflicts, err := d.db.ConflictsOf(c.Context(), src.ID, login)
	if err != nil {
		return err
	}
	view := viewOld(found, conflicts)
	return format.print(c.OutOrStdout(), view, view.table)
}

// oldView is an old account as somebody reads it who looked it up: numbers, phone and
// e-mail address are masked.
type oldView struct {
	importedView
	Account   eid.AccountID `json:"account,omitempty"`
	Number    string        `json:"number,omitempty"`
	Name      string        `json:"name,omitempty"`
	BirthDate string        `json:"birth_date,omitempty"`
	Phone     string        `json:"phone,omitempty"`
	Email     string        `json:"email,omitempty"`
	Password  bool          `json:"password"` // it has one
	Reminded  time.Time     `json:"reminded_at,omitzero"`
	Conflicts []string      `json:"conflicts"`
}

func viewOld(i accounts.Imported, conflicts []eid.Conflict) oldView {
	v := oldView{
		importedView: viewImported(i), Account: i.Account, Name: i.Old.Name, BirthDate: i.Old.BirthDate,
		Password: !i.Old.Password.IsZero(), Reminded: i.RemindedAt, Conflicts: []string{},
	}
	if !i.Old.Number.IsZero() {
		v.Number = i.Old.Number.Masked()
	}
	if i.Old.Phone != "" {
		v.Phone = maskedLogin(i.Old.Phone)
	}
	if i.Old.Email != "" {
		v.Email = maskedLogin(i.Old.Email)
	}
	for _, c := range conflicts {
		v.Conflicts = append(v.Conflicts, c.ID)
	}
	return v
}

func (v oldView) table(w io.Writer) {
	password := "none"
	if v.Password {
		password = "there"
	}
	for _, line := range [][2]string{
		{"login", v.Login}, {"state", string(v.State)}, {"match", string(v.Match)}, {"account", string(v.Account)},
		{"number", v.Number}, {"name", v.Name}, {"born", v.BirthDate}, {"phone", v.Phone}, {"e-mail", v.Email}, {"password", password},
		{"imported", local(v.CreatedAt)}, {"updated", local(v.UpdatedAt)}, {"verified", local(v.VerifiedAt)}, {"reminded", local(v.Reminded)},
		{"conflicts", strings.Join(v.Conflicts, " ")},
	} {
		fmt.Fprintf(w, "%s\t%s\n", line[0], printable(line[1]))
	}
}

// write writes login names to a file, once that is on record.
func (f importedFlags) write(c *cobra.Command, d *durable, sources []eid.Source) error {
	src, err := onlySource(sources)
	if err != nil {
		return err
	}
	if *f.export == "-" {
		return usageError{errors.New("--export: name a file; login names do not belong on a screen")}
	}
	entry, err := exportEntry(src.ID, *f.state, *f.reason)
	if err == nil {
		err = d.db.Record(c.Context(), entry)
	}
	if err != nil {
		return err
	}
	n := 0
	err = writeTo(*f.export, nil, func(w io.Writer) (err error) {
		n, err = exportLogins(c.Context(), d, src.ID, eid.ImportedState(*f.state), w)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "written: %s, %d login names; it is for the portal alone\n", *f.export, n)
	return nil
}

// exportLogins writes the login names of a state as CSV, a page at a time.
func exportLogins(ctx context.Context, d *durable, source string, state eid.ImportedState, out io.Writer) (n int, err error) {
	const page = 1000
	w := csv.NewWriter(out)
	if err := w.Write([]string{"login"}); err != nil {
		return 0, err
	}
	for after := ""; ; {
		list, err := d.db.ImportedPage(ctx, source, state, after, page)
		if err != nil {
			return n, err
		}
		for _, i := range list {
			if err := w.Write([]string{portability.Protected(i.Old.Login)}); err != nil {
				return n, err
			}
		}
		if n += len(list); len(list) < page {
			w.Flush()
			return n, w.Error()
		}
		after = list[len(list)-1].ID
	}
}

// oldSources are the sources of portals' old accounts, of one portal or under one id where
// these are given; there may be none.
func oldSources(ctx context.Context, d *durable, portal, source string) ([]eid.Source, error) {
	all, err := d.db.Sources(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s eid.Source) bool {
		return s.Portal == nil || portal != "" && s.Portal.Client != portal || source != "" && s.ID != source
	}), nil
}
