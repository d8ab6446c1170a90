package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
)

const number = "999190000001" // synthetic: no such place code is in use

var hanoi = time.FixedZone("+07", 7*60*60)

func clock() time.Time { return time.Date(2026, 3, 1, 5, 0, 0, 123456789, hanoi) }

// stamp is clock as stores keep it.
func stamp() time.Time { return time.Date(2026, 2, 28, 22, 0, 0, 123456000, time.UTC) }

// fake keeps what it was told to write, and err is what it answers.
type fake struct {
	err     error
	link    eid.Link // the one alive
	records []accounts.Record
	links   []accounts.LinkRecord
	entries []eid.AuditEntry
}

var _ accounts.Store = (*fake)(nil)

func (f *fake) CreateAccount(_ context.Context, r accounts.Record, e eid.AuditEntry) error {
	f.records, f.entries = append(f.records, r), append(f.entries, e)
	return f.err
}

func (f *fake) AddLink(_ context.Context, r accounts.LinkRecord, e eid.AuditEntry) error {
	f.links, f.entries = append(f.links, r), append(f.entries, e)
	return f.err
}

func (f *fake) EndLink(_ context.Context, _ string, _ time.Time, entry func(eid.Link) (eid.AuditEntry, error)) error {
	e, err := entry(f.link)
	if err != nil {
		return err
	}
	f.entries = append(f.entries, e)
	return f.err
}

func citizen() accounts.NewAccount {
	return accounts.NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.NewIdentifier(eid.KindPersonalNumber, "VNM", number),
			Name: "Nguyễn Thử Nghiệm", BirthDate: "1990-02-28", Gender: "male",
		},
		Level: eid.Level1, Status: eid.Active,
	}
}

func foreigner() accounts.NewAccount {
	n := citizen()
	n.Person.Type, n.Person.Nationality = eid.Foreigner, "LAO"
	n.Person.Identifier = eid.NewIdentifier(eid.KindPassport, "LAO", "P1234567")
	return n
}

func declared() eid.Declared {
	return eid.Declared{
		Nickname: "Thử", PreferredUsername: "thu-nghiem", Profile: "https://example.test/thu?a=b#c",
		Picture: "https://example.test:8443/thu.png", Website: "https://thử.example.test/",
	}
}

func declares(d eid.Declared) func(*accounts.NewAccount) {
	return func(n *accounts.NewAccount) { n.Declared = d }
}

func TestCreateChecks(t *testing.T) {
	id := func(kind eid.IdentifierKind, country, number string) func(*accounts.NewAccount) {
		return func(n *accounts.NewAccount) { n.Person.Identifier = eid.NewIdentifier(kind, country, number) }
	}
	tests := []struct {
		name  string
		base  func() accounts.NewAccount
		with  func(*accounts.NewAccount)
		fault string // empty: accepted
	}{
		{"citizen", citizen, func(*accounts.NewAccount) {}, ""},
		{"foreigner", foreigner, func(*accounts.NewAccount) {}, ""},
		{"foreigner with a number", foreigner, id(eid.KindPersonalNumber, "VNM", number), ""},
		{"single name", citizen, func(n *accounts.NewAccount) { n.Person.Name = "Thử" }, ""},
		{"pending", citizen, func(n *accounts.NewAccount) { n.Status = eid.PendingActivation }, ""},
		{"own floor at the level", citizen, func(n *accounts.NewAccount) { n.OwnFloor = eid.Level1 }, ""},
		{"born today", citizen, func(n *accounts.NewAccount) { n.Person.BirthDate = "2026-03-01" }, ""},

		{"declared", citizen, declares(declared()), ""},
		{"username with digits", citizen, declares(eid.Declared{PreferredUsername: "mau1990"}), ""},
		{"short username of digits", citizen, declares(eid.Declared{PreferredUsername: "12345678"}), ""},
		{"long username of digits", citizen, declares(eid.Declared{PreferredUsername: "1234567890123"}), ""},
		{"username in Vietnamese", citizen, declares(eid.Declared{PreferredUsername: "Thử Nghiệm"}), ""},

		{"username a number", citizen, declares(eid.Declared{PreferredUsername: "001188000901"}), "preferred username is like"},
		{"username the own number", citizen, declares(eid.Declared{PreferredUsername: number}), "preferred username is like"},
		{"username a spaced number", citizen, declares(eid.Declared{PreferredUsername: "001 188\u00a0000-901"}), "preferred username is like"},
		{"username an underscored number", citizen, declares(eid.Declared{PreferredUsername: "001_188_000_901"}), "preferred username is like"},
		{"username a number in wide digits", citizen, declares(eid.Declared{PreferredUsername: "００１１８８０００９０１"}), "preferred username is like"},
		{"username a number of no century", citizen, declares(eid.Declared{PreferredUsername: "001988000901"}), "preferred username is like"},
		{"username an old number", citizen, declares(eid.Declared{PreferredUsername: "012345678"}), "preferred username is like"},
		{"username of ten digits", citizen, declares(eid.Declared{PreferredUsername: "0123456789"}), "preferred username is like"},
		{"username the own passport", foreigner, declares(eid.Declared{PreferredUsername: "p-1234567"}), "preferred username is like"},
		{"long username", citizen, declares(eid.Declared{PreferredUsername: strings.Repeat("a", 201)}), "preferred username is too long"},
		{"long nickname", citizen, declares(eid.Declared{Nickname: strings.Repeat("ễ", 67)}), "nickname is too long"},
		{"CRLF in nickname", citizen, declares(eid.Declared{Nickname: "a\r\nb"}), "nickname holds control"},
		{"http profile", citizen, declares(eid.Declared{Profile: "http://a.example.test/"}), "profile is not an https URL"},
		{"script as profile", citizen, declares(eid.Declared{Profile: "javascript:alert(1)"}), "profile is not an https URL"},
		{"picture in the text", citizen, declares(eid.Declared{Picture: "data:image/png;base64,AA=="}), "picture is not an https URL"},
		{"relative picture", citizen, declares(eid.Declared{Picture: "/a.png"}), "picture is not an https URL"},
		{"picture of no host", citizen, declares(eid.Declared{Picture: "https://:443/a.png"}), "picture is not an https URL"},
		{"opaque picture", citizen, declares(eid.Declared{Picture: "https:a.png"}), "picture is not an https URL"},
		{"user in website", citizen, declares(eid.Declared{Website: "https://bank.example@a.example.test/"}), "website is not an https URL"},
		{"space in website", citizen, declares(eid.Declared{Website: "https://a.example.test/b c"}), "website is not an https URL"},
		{"broken website", citizen, declares(eid.Declared{Website: "https://a.example.test/%zz"}), "website is not an https URL"},
		{"long website", citizen, declares(eid.Declared{Website: "https://a.example.test/" + strings.Repeat("a", 200)}), "website is too long"},
		{"NUL in website", citizen, declares(eid.Declared{Website: "https://a.example.test/\x00"}), "website holds control"},

		{"no level", citizen, func(n *accounts.NewAccount) { n.Level = eid.LevelNone }, "level"},
		{"level 3", citizen, func(n *accounts.NewAccount) { n.Level = 3 }, "level"},
		{"no status", citizen, func(n *accounts.NewAccount) { n.Status = "" }, "status"},
		{"closed", citizen, func(n *accounts.NewAccount) { n.Status = eid.Closed }, "status"},
		{"own floor above", citizen, func(n *accounts.NewAccount) { n.OwnFloor = eid.Level2 }, "own floor"},
		{"own floor below", citizen, func(n *accounts.NewAccount) { n.OwnFloor = -1 }, "own floor"},
		{"TOTP alone", citizen, func(n *accounts.NewAccount) { n.TOTPSecret = eid.NewSecret("JBSWY3DP") }, "TOTP"},
		{"no name", citizen, func(n *accounts.NewAccount) { n.Person.Name = " " }, "name is missing"},
		{"long name", citizen, func(n *accounts.NewAccount) { n.Person.Name = strings.Repeat("ễ", 100) }, "name is too long"},
		{"CRLF in name", citizen, func(n *accounts.NewAccount) { n.Person.Name = "A\r\nB" }, "name holds control"},
		{"broken UTF-8 in name", citizen, func(n *accounts.NewAccount) { n.Person.Name = "A\xffB" }, "name holds control"},
		{"NUL in email", citizen, func(n *accounts.NewAccount) { n.Email.Value = "a\x00@b.vn" }, "email holds control"},
		{"no gender", citizen, func(n *accounts.NewAccount) { n.Person.Gender = "" }, "gender"},
		{"year only", citizen, func(n *accounts.NewAccount) { n.Person.BirthDate = "1990" }, "birth date"},
		{"no such day", citizen, func(n *accounts.NewAccount) { n.Person.BirthDate = "1990-02-30" }, "birth date"},
		{"unborn", citizen, func(n *accounts.NewAccount) { n.Person.BirthDate = "2026-03-02" }, "birth date lies ahead"},
		{"no type", citizen, func(n *accounts.NewAccount) { n.Person.Type = "" }, "subject type"},
		{"no identifier", citizen, func(n *accounts.NewAccount) { n.Person.Identifier = eid.Identifier{} }, "identifier is missing"},
		{"citizen by passport", citizen, id(eid.KindPassport, "VNM", "B1234567"), "known by a personal number"},
		{"11 digits", citizen, id(eid.KindPersonalNumber, "VNM", number[:11]), "personal number is not one"},
		{"spaced digits", citizen, id(eid.KindPersonalNumber, "VNM", "999 190 000 001"), "personal number is not one"},
		{"number of another country", citizen, id(eid.KindPersonalNumber, "LAO", number), "personal number is not one"},
		{"small passport letters", foreigner, id(eid.KindPassport, "LAO", "p1234567"), "passport number"},
		{"long passport", foreigner, id(eid.KindPassport, "LAO", strings.Repeat("A", 33)), "passport number"},
		{"passport of nowhere", foreigner, id(eid.KindPassport, "", "P1234567"), "issuing country"},
		{"no nationality", foreigner, func(n *accounts.NewAccount) { n.Person.Nationality = "" }, "needs a nationality"},
		{"alpha-2 nationality", foreigner, func(n *accounts.NewAccount) { n.Person.Nationality = "LA" }, "needs a nationality"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, store := tt.base(), &fake{}
			tt.with(&n)
			id, err := accounts.New(store, clock).Create(t.Context(), n, "operator:A")
			if tt.fault == "" {
				if err != nil || id == "" || len(store.records) != 1 {
					t.Errorf("Create() = %q, %v, want an account", id, err)
				}
				return
			}
			if !errors.Is(err, accounts.ErrInvalid) || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("Create() error = %v, want ErrInvalid naming %q", err, tt.fault)
			}
			if len(store.records) != 0 {
				t.Error("an invalid account was written")
			}
			if strings.Contains(err.Error(), number) || strings.Contains(err.Error(), n.Person.Name+" ") {
				t.Errorf("Create() error tells personal data: %v", err)
			}
		})
	}
}

func TestCreateNamesEveryFault(t *testing.T) {
	_, err := accounts.New(&fake{}, clock).Create(t.Context(), accounts.NewAccount{}, "system")
	for _, fault := range []string{"level", "status", "name", "gender", "birth date", "subject type", "identifier"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("Create() of nothing: %v, want a fault on %s", err, fault)
		}
	}
}

func TestCreateNormalises(t *testing.T) {
	n, store := citizen(), &fake{}
	n.Person.Name = "  Nguye\u0302\u0303n Thu\u031b\u0309 "
	n.Declared = eid.Declared{
		Nickname: " Thu\u031b\u0309 ", PreferredUsername: "thu\u031b\u0309\n", Profile: " https://a.test/thu\u031b",
		Picture: "https://a.test/thu\u031b\t", Website: "https://thu\u031b.test ",
	}
	n.PasswordHash, n.TOTPSecret = "hash", eid.NewSecret("JBSWY3DP")
	id, err := accounts.New(store, clock).Create(t.Context(), n, "operator:A")
	if err != nil {
		t.Fatalf("Create(): %v", err)
	}
	r := store.records[0]
	if r.Person.Name != "Nguyễn Thử" {
		t.Errorf("name = %+q, want NFC without outer space", r.Person.Name)
	}
	told := eid.Declared{
		Nickname: "Thử", PreferredUsername: "thử", Profile: "https://a.test/thư", Picture: "https://a.test/thư", Website: "https://thư.test",
	}
	if r.Declared != told {
		t.Errorf("declared = %+q, want NFC without outer space", r.Declared)
	}
	if r.ID != id || !r.CreatedAt.Equal(stamp()) || !r.UpdatedAt.Equal(stamp()) {
		t.Errorf("record %s of %v, want %s of %v", r.ID, r.CreatedAt, id, stamp())
	}
	if !r.Has(eid.Password) || !r.Has(eid.OneTimeCode) {
		t.Errorf("factors = %v, want both", r.Factors)
	}
	e := store.entries[0]
	if !e.At.Equal(stamp()) || e.Actor != "operator:A" || e.Action != eid.ActionAccountCreated || e.Account != id {
		t.Errorf("audit entry = %+v, want the creation by operator:A", e)
	}
	const want = `{"subject_type":"citizen","level":1,"status":"active"}`
	if string(e.Detail) != want {
		t.Errorf("audit detail = %s, want %s", e.Detail, want)
	}
}

func TestIDsAreRandom(t *testing.T) {
	a, seen := accounts.New(&fake{}, clock), map[eid.AccountID]bool{}
	for range 1000 {
		id, err := a.Create(t.Context(), citizen(), "system")
		if err != nil {
			t.Fatalf("Create(): %v", err)
		}
		// 26 letters of base32 are 130 bits.
		if len(id) != 26 || seen[id] {
			t.Fatalf("id %q: %d letters, seen before: %v", id, len(id), seen[id])
		}
		seen[id] = true
	}
}

func TestLinkChecks(t *testing.T) {
	good := eid.Link{ID: "chosen", Account: "a", Source: "legacy", Cap: eid.Level1}
	with := func(change func(*eid.Link)) eid.Link {
		l := good
		change(&l)
		return l
	}
	for _, tt := range []struct {
		name              string
		link              eid.Link
		subject, evidence string
		ok                bool
	}{
		{"good", good, "s", "e", true},
		{"ends later", with(func(l *eid.Link) { l.Expires = clock().Add(time.Second) }), "s", "e", true},
		{"ended", with(func(l *eid.Link) { l.Expires = stamp() }), "s", "e", false},
		{"no account", with(func(l *eid.Link) { l.Account = "" }), "s", "e", false},
		{"no source", with(func(l *eid.Link) { l.Source = "" }), "s", "e", false},
		{"no cap", with(func(l *eid.Link) { l.Cap = eid.LevelNone }), "s", "e", false},
		{"no subject", good, "", "e", false},
		{"long subject", good, strings.Repeat("s", 501), "e", false},
		{"no evidence", good, "s", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &fake{}
			l, err := accounts.New(store, clock).Link(t.Context(), tt.link, tt.subject, tt.evidence, "system")
			if !tt.ok {
				if !errors.Is(err, accounts.ErrInvalid) || len(store.links) != 0 {
					t.Errorf("Link() = %v and %d written, want ErrInvalid and none", err, len(store.links))
				}
				return
			}
			if err != nil || l.ID == "" || l.ID == "chosen" || store.links[0].Link != l || store.links[0].Subject != tt.subject {
				t.Fatalf("Link() = %+v, %v, want a link of a new id, stored", l, err)
			}
			want := `{"link":"` + l.ID + `","source":"legacy","cap":1}`
			if e := store.entries[0]; string(e.Detail) != want || e.Account != "a" {
				t.Errorf("audit detail = %s, want %s", e.Detail, want)
			}
		})
	}
}

func TestNothingByNobody(t *testing.T) {
	store := &fake{link: eid.Link{ID: "k", Account: "a"}}
	a, ctx := accounts.New(store, clock), t.Context()
	_, create := a.Create(ctx, citizen(), "")
	_, link := a.Link(ctx, eid.Link{Account: "a", Source: "s", Cap: eid.Level1}, "s", "e", "")
	for name, err := range map[string]error{
		"Create": create, "Link": link,
		"EndLink": a.EndLink(ctx, "k", ""),
	} {
		if !errors.Is(err, accounts.ErrInvalid) {
			t.Errorf("%s by nobody: %v, want ErrInvalid", name, err)
		}
	}
	if len(store.entries) != 0 {
		t.Errorf("%d changes were written, want none", len(store.entries))
	}
}

func TestErrorsOfTheStoreAreKept(t *testing.T) {
	a, ctx := accounts.New(&fake{err: eid.ErrExists}, clock), t.Context()
	id, create := a.Create(ctx, citizen(), "system")
	link, linkErr := a.Link(ctx, eid.Link{Account: "a", Source: "s", Cap: eid.Level1}, "s", "e", "system")
	for name, err := range map[string]error{
		"Create": create, "Link": linkErr,
		"EndLink": a.EndLink(ctx, "k", "x"),
	} {
		if !errors.Is(err, eid.ErrExists) {
			t.Errorf("%s: %v, want the store's error", name, err)
		}
	}
	if id != "" || link.ID != "" {
		t.Errorf("a failed change returned %q, %q, want nothing", id, link.ID)
	}
}
