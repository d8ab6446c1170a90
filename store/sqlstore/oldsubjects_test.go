package sqlstore_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
)

// passing is a model of who may be called what in one sector, beside the store.
type passing struct {
	db     *sqlstore.DB
	writer *accounts.Accounts
	name   string          // of the sector, its party and the portal's old accounts
	people []eid.AccountID // two citizens, and the accounts that stood for old ones
	shadow map[string]eid.AccountID
	links  map[string]eid.Link // by what the source calls the person
	olds   map[string]string   // old subject → person
	issued map[eid.AccountID]string
	begun  map[eid.AccountID]string // what a sign-in under way decided before
}

func (m *passing) derived(id eid.AccountID) string { return "derived-" + m.name + "-" + string(id) }

// decide is what provider.subjectOf does.
func (m *passing) decide(t *rapid.T, id eid.AccountID, wish eid.OldSubjects) string {
	known, err := m.db.Subjects(t.Context(), m.name, id)
	check(t, err)
	if kept := known.Kept(wish); kept != "" {
		return kept
	}
	return m.derived(id)
}

func check(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// record tries to issue a subject, and holds what the store allows against the model.
func (m *passing) record(t *rapid.T, id eid.AccountID, sub string) error {
	g := eid.Grant{ID: "g", Account: id, Client: m.name, Source: m.name}
	err := m.db.RecordGrant(t.Context(), m.name, sub, g, eid.AuditEntry{At: time.Now(), Actor: "holder", Action: eid.ActionGrantIssued})
	if err != nil {
		if !errors.Is(err, eid.ErrSubject) {
			t.Fatalf("RecordGrant(): %v", err)
		}
		return err
	}
	if before := m.issued[id]; before != "" && before != sub {
		t.Fatalf("%s was called %s and is called %s", id, before, sub)
	}
	if person, old := m.olds[sub]; old && m.links[person].Account != id {
		t.Fatalf("%s is called %s, which is %s's", id, sub, person)
	} else if !old && sub != m.derived(id) {
		t.Fatalf("%s is called %s, and nobody said so", id, sub)
	}
	for other, theirs := range m.issued {
		if other != id && theirs == sub {
			t.Fatalf("%s and %s are both called %s", id, other, sub)
		}
	}
	m.issued[id] = sub
	return nil
}

// undo ends the link of a person. What came with it goes.
func (m *passing) undo(t *rapid.T, person string) {
	l := m.links[person]
	check(t, m.writer.EndLink(t.Context(), l.ID, "holder"))
	delete(m.links, person)
	if m.olds[m.issued[l.Account]] == person {
		delete(m.issued, l.Account)
	}
}

func (m *passing) link(t *rapid.T, person string, id eid.AccountID) {
	l, err := m.writer.Link(t.Context(), eid.Link{Account: id, Source: m.name, Cap: eid.Level1}, person, "both proved", "holder")
	check(t, err)
	m.links[person] = l
	// What the old account's own tokens carried is the person's now, whoever that is.
	u := m.shadow[person]
	sub := m.issued[u]
	if sub == "" || u == id {
		return
	}
	delete(m.issued, u)
	m.olds[sub] = person
	if m.issued[id] == "" {
		m.issued[id] = sub
	}
}

// Whatever people, portals and officers do in whatever order: a subject is one
// account's, stays with it, and an old one is of whoever proved to be its person.
func TestSubjectsOverAllInterleavings(t *testing.T) {
	db, runs := open(t, migrated(t), sealer(t), time.Now), 0
	citizens := []eid.AccountID{create(t, db, "999190000001"), create(t, db, "999190000002")}
	rapid.Check(t, func(t *rapid.T) {
		runs++
		name := fmt.Sprint("portal-", runs)
		rp := eid.RelyingParty{ID: name, Sector: name}
		check(t, db.ApplyRegistrations(t.Context(), []eid.RelyingParty{rp}, []eid.Source{{ID: name, Portal: &eid.Portal{Sector: name}}}, "file", "system"))
		m := &passing{
			db: db, writer: accounts.New(db, time.Now), name: name, people: slices.Clone(citizens), shadow: map[string]eid.AccountID{}, links: map[string]eid.Link{}, olds: map[string]string{},
			issued: map[eid.AccountID]string{}, begun: map[eid.AccountID]string{},
		}
		persons := []string{"x1", "x2", "x3"}
		account := rapid.Custom(func(t *rapid.T) eid.AccountID { return rapid.SampledFrom(m.people).Draw(t, "account") })
		wish := rapid.SampledFrom([]eid.OldSubjects{eid.KeepSubjects, eid.MapSubjects, ""})
		t.Repeat(map[string]func(*rapid.T){
			"upload": func(t *rapid.T) {
				person := rapid.SampledFrom(persons).Draw(t, "person")
				sub := rapid.SampledFrom([]string{"o1", "o2", "o3", "o4", m.derived(m.people[0]), m.derived(m.people[1])}).Draw(t, "sub")
				if slices.Contains([]string{m.derived(m.people[0]), m.derived(m.people[1])}, sub) && !slices.Contains(slices.Collect(maps.Values(m.issued)), sub) {
					return // nobody can know it before it was issued
				}
				fates, err := m.db.AddOldSubjects(t.Context(), m.name, m.name, []eid.OldSubject{{Person: person, Subject: sub}}, false)
				check(t, err)
				if fates[0] == eid.OldSubjectAdded {
					m.olds[sub] = person
				}
				_, _, err = m.db.TakeOldSubjects(t.Context(), m.name, "", 100)
				check(t, err)
			},
			"link": func(t *rapid.T) {
				person := rapid.SampledFrom(persons).Draw(t, "person")
				if m.links[person].ID != "" {
					return
				}
				m.link(t, person, rapid.SampledFrom(m.people[:2]).Draw(t, "account"))
			},
			"sign in unverified": func(t *rapid.T) {
				person := rapid.SampledFrom(persons).Draw(t, "person")
				if m.links[person].ID != "" || m.shadow[person] != "" {
					return
				}
				id := eid.AccountID("u-" + name + person)
				check(t, m.db.CreateAccount(t.Context(), m.shadowOf(id, person), eid.AuditEntry{At: time.Now(), Actor: "system", Action: eid.ActionAccountCreated}))
				m.shadow[person], m.people = id, append(m.people, id)
				m.link(t, person, id)
			},
			"undo": func(t *rapid.T) {
				person := rapid.SampledFrom(persons).Draw(t, "person")
				if m.links[person].ID == "" {
					return
				}
				m.undo(t, person)
			},
			"begin": func(t *rapid.T) {
				id := account.Draw(t, "account")
				m.begun[id] = m.decide(t, id, wish.Draw(t, "wish"))
			},
			"finish": func(t *rapid.T) {
				id := account.Draw(t, "account")
				if sub := m.begun[id]; sub != "" {
					_ = m.record(t, id, sub) // it may have come too late
				}
			},
			"issue": func(t *rapid.T) {
				id := account.Draw(t, "account")
				if slices.Index(m.people, id) > 1 && !m.linked(id) {
					return // it stands for nobody any more
				}
				if err := m.record(t, id, m.decide(t, id, wish.Draw(t, "wish"))); err != nil {
					t.Fatalf("issuing what was decided just now: %v", err)
				}
			},
			"": func(t *rapid.T) { m.agrees(t) },
		})
	})
}

func (m *passing) linked(id eid.AccountID) bool {
	for _, l := range m.links {
		if l.Account == id {
			return true
		}
	}
	return false
}

// agrees compares all that the store says with the model.
func (m *passing) agrees(t *rapid.T) {
	for _, id := range m.people {
		got, err := m.db.Subjects(t.Context(), m.name, id)
		check(t, err)
		if got.Issued != m.issued[id] {
			t.Fatalf("%s is called %q, want %q", id, got.Issued, m.issued[id])
		}
		for _, old := range got.Old {
			if m.links[m.olds[old]].Account != id {
				t.Fatalf("%s has the old subject %s of %s", id, old, m.olds[old])
			}
		}
	}
	list, _, err := m.db.RenamedSubjects(t.Context(), m.name, "", "", 100)
	check(t, err)
	for _, r := range list {
		if id := m.links[m.olds[r.Old]].Account; m.issued[id] != r.New || r.Old == r.New {
			t.Fatalf("%+v is told; the person is called %q", r, m.issued[id])
		}
	}
}

// shadowOf is the account that stands for an old one.
func (m *passing) shadowOf(id eid.AccountID, login string) accounts.Record {
	return accounts.Record{Account: eid.Account{
		ID: id, Level: eid.Level1, Status: eid.Active,
		Person: eid.Person{Type: eid.PortalAccount, Identifier: eid.NewIdentifier(eid.KindPortalAccount, m.name, login)},
	}, CreatedAt: time.Now()}
}
