package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

// conflictView is a conflict as JSON shows it.
type conflictView struct {
	ID          string           `json:"id"`
	Kind        eid.ConflictKind `json:"kind"`
	Source      string           `json:"source"`
	Account     eid.AccountID    `json:"account,omitempty"`
	Other       eid.AccountID    `json:"other,omitempty"`
	OpenedAt    time.Time        `json:"opened_at"`
	Ref         string           `json:"ref"`
	ProposedBy  string           `json:"proposed_by,omitempty"`
	ProposedAt  time.Time        `json:"proposed_at,omitzero"`
	ProposedWhy string           `json:"proposed_reason,omitempty"`
	Decision    eid.Ruling       `json:"decision"`
	DecidedAt   time.Time        `json:"decided_at,omitzero"`
	DecidedBy   string           `json:"decided_by,omitempty"`
	Why         string           `json:"reason,omitempty"`
}

func viewConflict(c *eid.Conflict) conflictView {
	return conflictView{
		c.ID, c.Kind, c.Source, c.Account, c.Other, c.OpenedAt, c.Ref, c.ProposedBy, c.ProposedAt, c.ProposedWhy, c.Decision, c.DecidedAt, c.DecidedBy, c.Why,
	}
}

// standingView is a conflict with both sides and what its parts are now.
type standingView struct {
	conflictView
	Legacy        accounts.ConflictSide `json:"legacy"`
	National      accounts.ConflictSide `json:"national"`
	Client        string                `json:"client,omitempty"` // that the sign-in was for
	AccountStatus string                `json:"account_status,omitempty"`
	LinkedTo      eid.AccountID         `json:"linked_to,omitempty"` // whose the old account is now
	Imported      *importedView         `json:"imported,omitempty"`
	Sharing       []sharingView         `json:"sharing_number,omitempty"`
	Meaning       string                `json:"meaning"`
	Accepting     string                `json:"accepting"`
	Rejecting     string                `json:"rejecting"`
}

// sharingView is another old account that states the same number.
type sharingView struct {
	importedView
	Name      string `json:"name,omitempty"`
	BirthDate string `json:"birth_date,omitempty"`
}

// sharing are the first ten of them.
func sharing(ctx context.Context, d *durable, id string) ([]sharingView, error) {
	const most = 10
	found, err := d.db.SharingNumber(ctx, id, most)
	var list []sharingView
	for _, i := range found {
		list = append(list, sharingView{viewImported(i), i.Old.Name, i.Old.BirthDate})
	}
	return list, err
}

func viewStanding(s accounts.ConflictStanding) (standingView, error) {
	v := standingView{conflictView: viewConflict(&s.Conflict)}
	var sides accounts.ConflictSides
	if err := json.Unmarshal(s.Sides, &sides); err != nil {
		return v, errors.New("the sides of the conflict cannot be read")
	}
	v.Legacy, v.National, v.Client = sides.Legacy, sides.National, sides.Client
	v.Legacy.Subject = maskedLogin(v.Legacy.Subject)
	if s.Account.ID != "" {
		v.AccountStatus = string(s.Account.Status)
		if s.Account.Status == eid.Active && s.Account.Usable() != nil {
			v.AccountStatus = "locked"
		}
	}
	if s.Link.ID != "" && !s.StandIn {
		v.LinkedTo = s.Link.Account
	}
	if s.Imported.ID != "" {
		i := viewImported(s.Imported)
		v.Imported = &i
	}
	v.Meaning, v.Accepting, v.Rejecting = effects(&s)
	return v, nil
}

// effects says in words what a conflict is, and what either decision does.
func effects(s *accounts.ConflictStanding) (meaning, accepting, rejecting string) {
	const next = "the holder of the account may link the old account at the next sign-in that proves both"
	rejecting = "this account can never link this old account; whoever it belongs to still can"
	switch s.Kind {
	case eid.ConflictOtherNumber:
		return "the old account has another personal number than the account", next + ", in spite of the number", rejecting
	case eid.ConflictDetails:
		return "names or dates of birth differ", next + ", in spite of the difference", rejecting
	case eid.ConflictLinked:
		accepting = next
		if s.Loses() {
			accepting = fmt.Sprintf("account %s loses the old account at once, with every sign-in through it and the old subject at the portal; then %s", s.Other, next)
		}
		return fmt.Sprintf("the old account is linked to another person, account %s", s.Other), accepting, rejecting
	case eid.ConflictFormer:
		return fmt.Sprintf("the old account was linked to another person before, account %s", s.Other),
			fmt.Sprintf("%s, with the old subject at the portal; account %s cannot link it again without officers", next, s.Other), rejecting
	case eid.ConflictSecond:
		return "the account has another old account linked at this source", next + " as well; both then sign in as one person", rejecting
	case eid.ConflictRows:
		return "several old accounts of this portal state the same personal number", "this one waits for its holder again; the others are decided on their own",
			"this one is nobody's: it is refused for good"
	}
	return string(s.Kind), next, rejecting
}

func (v standingView) table(w io.Writer) {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(text))
		}
	}
	line("conflict", v.ID)
	line("since", local(v.OpenedAt))
	line("reference", v.Ref)
	line("kind", string(v.Kind)+": "+v.Meaning)
	if v.ProposedBy != "" {
		line("proposed", fmt.Sprintf("%s by %s: %s", local(v.ProposedAt), v.ProposedBy, v.ProposedWhy))
	}
	if v.Decision != eid.Undecided {
		line(string(v.Decision), fmt.Sprintf("%s by %s: %s", local(v.DecidedAt), v.DecidedBy, v.Why))
	}
	line("account", strings.TrimSpace(string(v.Account)+" "+v.AccountStatus))
	line("linked now", string(v.LinkedTo))
	if v.Imported != nil {
		line("imported", fmt.Sprintf("%s, number %s, since %s", v.Imported.State, v.Imported.Match, local(v.Imported.CreatedAt)))
	}
	fmt.Fprintf(w, "\n\tOLD ACCOUNT\tNATIONAL IDENTITY\n")
	old, national := v.Legacy, v.National
	for _, row := range [][3]string{
		{"source", old.Source, national.Source},
		{"called", old.Subject, ""},
		{"number", old.Number, national.Number},
		{"name", old.Name, national.Name},
		{"born", old.BirthDate, national.BirthDate},
		{"proved", proved(old), proved(national)},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row[0], printable(row[1]), printable(row[2]))
	}
	for _, other := range v.Sharing {
		line("the number, too", fmt.Sprintf("%s, %s, %s, %s", other.Login, other.Name, other.BirthDate, other.State))
	}
	fmt.Fprintln(w)
	if v.Decision == eid.Undecided {
		line("accepting", v.Accepting)
		line("rejecting", v.Rejecting)
	}
}

// proved says how and when a side was proved; empty where it was not.
func proved(s accounts.ConflictSide) string {
	if s.At.IsZero() || len(s.Methods) == 0 && s.Level == eid.LevelNone { // of a file: nobody was there
		return ""
	}
	return fmt.Sprintf("%s, %s, level %s", local(s.At), strings.Join(s.Methods, " "), s.Level)
}
