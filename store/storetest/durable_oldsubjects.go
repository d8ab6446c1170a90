package storetest

import (
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
)

// brought are old subjects of a sector, added and taken as far as they can be.
func (d desk) brought(t *testing.T, sector string, rows ...eid.OldSubject) []eid.OldSubjectFate {
	t.Helper()
	fates, err := d.AddOldSubjects(t.Context(), sector, "old", rows, false)
	must(t, err)
	_, last, err := d.TakeOldSubjects(t.Context(), sector, "", 100)
	must(t, err)
	if last != "" {
		if n, last, err := d.TakeOldSubjects(t.Context(), sector, last, 100); n != 0 || last != "" || err != nil {
			t.Errorf("taking once more = %d, %q, %v", n, last, err)
		}
	}
	return fates
}

// party registers the one party of a sector that keeps its old subjects, with sources.
func (d desk) party(t *testing.T, sector string, sources ...eid.Source) {
	t.Helper()
	rp := eid.RelyingParty{ID: sector, Sector: sector, OldSubjects: eid.KeepSubjects, Logout: eid.Logout{BackchannelURI: "https://rp.example/out"}}
	must(t, d.ApplyRegistrations(t.Context(), []eid.RelyingParty{rp}, sources, "file", "system"))
}

func (d desk) link(t *testing.T, id eid.AccountID, subject string) eid.Link {
	t.Helper()
	l, err := d.accounts.Link(t.Context(), eid.Link{Account: id, Source: "old", Cap: eid.Level1}, subject, "both proved", "holder")
	must(t, err)
	return l
}

func (d desk) knownAs(t *testing.T, doing, sector string, id eid.AccountID, want eid.Subjects) {
	t.Helper()
	got, err := d.Subjects(t.Context(), sector, id)
	must(t, err)
	want.Move = true
	equal(t, doing, got, want)
}

func (d desk) grant(t *testing.T, sector, sub string, id eid.AccountID) error {
	t.Helper()
	return d.RecordGrant(t.Context(), sector, sub, eid.Grant{ID: "g", Account: id, Client: sector, Source: "old"}, grantEntry(d.clock.Now()))
}

// portalAccount makes the account that stands for an old one, and its link.
func (d desk) portalAccount(t *testing.T, login string) (eid.AccountID, eid.Link) {
	t.Helper()
	id := eid.AccountID("shadow-of-" + login)
	must(t, d.CreateAccount(t.Context(), accounts.Record{Account: eid.Account{
		ID: id, Level: eid.Level1, Status: eid.Active,
		Person: eid.Person{Type: eid.PortalAccount, Identifier: eid.NewIdentifier(eid.KindPortalAccount, "old", login)},
	}, CreatedAt: d.clock.Now()}, eid.AuditEntry{At: d.clock.Now(), Actor: "system", Action: eid.ActionAccountCreated, Account: id}))
	return id, d.link(t, id, login)
}

// oldSubjects sees old subjects brought, proved, kept, and given back with the link.
func (s durableSuite) oldSubjects(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	a, b := d.person(t, numberA), d.person(t, numberB)
	d.party(t, "portal")
	if got, err := d.Subjects(ctx, "portal", a); got.Move || err != nil {
		t.Fatalf("Subjects() where none were brought = %+v, %v", got, err)
	}
	must(t, d.grant(t, "portal", "new-b", b))
	early := d.link(t, a, "x1")
	fates := d.brought(t, "portal",
		eid.OldSubject{Person: "x1", Subject: "o1"}, eid.OldSubject{Person: "x2", Subject: "o2"}, eid.OldSubject{Person: "x2", Subject: "o1"},
		eid.OldSubject{Person: "x3", Subject: "new-b"}, eid.OldSubject{Person: "x4", Subject: "001088000001"})
	equal(t, "fates", fates, []eid.OldSubjectFate{eid.OldSubjectAdded, eid.OldSubjectAdded, eid.OldSubjectOthers, eid.OldSubjectIssued, eid.OldSubjectRefused})
	dry, err := d.AddOldSubjects(ctx, "portal", "old", []eid.OldSubject{{Person: "x9", Subject: "o9"}, {Person: "x9", Subject: "o1"}, {Person: "x1", Subject: "o1"}}, true)
	must(t, err)
	equal(t, "foretold", dry, []eid.OldSubjectFate{eid.OldSubjectAdded, eid.OldSubjectOthers, eid.OldSubjectThere})
	equal(t, "fates of the same", d.brought(t, "portal", eid.OldSubject{Person: "x1", Subject: "o1"}), []eid.OldSubjectFate{eid.OldSubjectThere})
	d.knownAs(t, "whoever was linked has it", "portal", a, eid.Subjects{Old: []string{"o1"}})

	wantErr(t, "another's old subject", d.grant(t, "portal", "o1", b), eid.ErrSubject)
	wantErr(t, "nobody's old subject", d.grant(t, "portal", "o2", a), eid.ErrSubject)
	must(t, d.grant(t, "portal", "o1", a))
	wantErr(t, "another one later", d.grant(t, "portal", "derived-a", a), eid.ErrSubject)

	must(t, d.accounts.EndLink(ctx, early.ID, "holder"))
	d.knownAs(t, "after the link was undone", "portal", a, eid.Subjects{})
	wantErr(t, "what went back", d.grant(t, "portal", "o1", a), eid.ErrSubject)
	told, err := d.ClaimLogouts(ctx, d.clock.Now(), time.Minute, 10)
	must(t, err)
	if len(told) != 1 || told[0].Subject != "o1" || told[0].Client != "portal" || told[0].SID != "" {
		t.Errorf("told = %+v, want the subject that went back", told)
	}
	must(t, d.grant(t, "portal", "derived-a", a))

	d.link(t, b, "x1")
	d.knownAs(t, "whoever proves it then, and has another", "portal", b, eid.Subjects{Issued: "new-b", Old: []string{"o1"}})
	list, last, err := d.RenamedSubjects(ctx, "portal", "", "", 10)
	must(t, err)
	equal(t, "renamed", list, []eid.RenamedSubject{{Old: "o1", New: "new-b"}})
	equal(t, "last", last, "")
	since, err := d.SubjectsOf(ctx, a, d.clock.Now())
	must(t, err)
	equal(t, "who is told of what befalls the first", since, []eid.LogoutNotice{{Client: "portal", Subject: "derived-a"}})
}

// portalSubjects sees what tokens carried before an account was verified go with it.
func (s durableSuite) portalSubjects(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	d.party(t, "portal", eid.Source{ID: "old", Portal: &eid.Portal{Client: "portal", Sector: "portal"}})
	a, b := d.person(t, numberA), d.person(t, numberB)
	must(t, d.grant(t, "portal", "derived-b", b))
	u, ul := d.portalAccount(t, "x1")
	must(t, d.grant(t, "portal", "derived-u", u))
	v, vl := d.portalAccount(t, "x2")
	must(t, d.grant(t, "portal", "derived-v", v))
	must(t, d.accounts.EndLink(ctx, ul.ID, "system"))
	must(t, d.accounts.EndLink(ctx, vl.ID, "system"))
	var seen int64
	d.actions(t, &seen)
	xa, _ := d.link(t, a, "x1"), d.link(t, b, "x2")
	equal(t, "audit", d.actions(t, &seen), []string{eid.ActionSubjectMoved, eid.ActionLinkCreated, eid.ActionSubjectMoved, eid.ActionLinkCreated})
	d.knownAs(t, "moved", "portal", a, eid.Subjects{Issued: "derived-u", Old: []string{"derived-u"}})
	d.knownAs(t, "left behind", "portal", b, eid.Subjects{Issued: "derived-b", Old: []string{"derived-v"}})
	list, _, err := d.RenamedSubjects(ctx, "portal", "", "", 10)
	must(t, err)
	equal(t, "renamed", list, []eid.RenamedSubject{{Old: "derived-v", New: "derived-b"}})
	list, _, err = d.RenamedSubjects(ctx, "portal", "derived-b", "", 10)
	must(t, err)
	equal(t, "behind one", list, []eid.RenamedSubject{{Old: "derived-v", New: "derived-b"}})
	list, _, err = d.RenamedSubjects(ctx, "portal", "derived-u", "", 10)
	must(t, err)
	equal(t, "behind one that was kept", list, []eid.RenamedSubject{})

	must(t, d.accounts.EndLink(ctx, xa.ID, "holder"))
	d.knownAs(t, "undone", "portal", a, eid.Subjects{})
	wantErr(t, "it is the old account's", d.grant(t, "portal", "derived-u", a), eid.ErrSubject)
	counts, err := d.OldSubjects(ctx)
	must(t, err)
	equal(t, "counts", counts, []sqlstore.OldSubjectCount{{Sector: "portal", Source: "old", Subjects: 2, Taken: 1, Mapped: 1}})
}

// renamedPages sees pages go over all, and over those of no interest.
func (s durableSuite) renamedPages(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	d.party(t, "portal")
	a := d.person(t, numberA)
	must(t, d.grant(t, "portal", "new-a", a))
	var rows []eid.OldSubject
	for _, o := range []string{"o1", "o2", "o3", "o4", "o5", "o6"} {
		rows = append(rows, eid.OldSubject{Person: "x-" + o, Subject: o})
	}
	d.brought(t, "portal", rows...)
	for _, x := range []string{"x-o1", "x-o4", "x-o5"} {
		d.link(t, a, x)
	}
	var all []eid.RenamedSubject
	pages, after := 0, ""
	for {
		list, next, err := d.RenamedSubjects(ctx, "portal", "", after, 2)
		must(t, err)
		all, pages, after = append(all, list...), pages+1, next
		if next == "" {
			break
		}
	}
	equal(t, "all", all, []eid.RenamedSubject{{Old: "o1", New: "new-a"}, {Old: "o4", New: "new-a"}, {Old: "o5", New: "new-a"}})
	equal(t, "pages", pages, 2)
	if list, _, err := d.RenamedSubjects(ctx, "elsewhere", "", "", 10); len(list) != 0 || err != nil {
		t.Errorf("of another sector: %v, %v", list, err)
	}
}
