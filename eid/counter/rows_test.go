package counter_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
)

// obstacles are the kinds of what keeps an application from going on.
func (w *world) obstacles(t *testing.T, a counter.Application) []string {
	t.Helper()
	list, err := w.Obstacles(&a)
	must(t, err)
	var kinds []string
	for _, o := range list {
		kinds = append(kinds, strings.TrimSpace(fmt.Sprintf("%s %s%s", o.Kind, o.Field, o.Card)))
	}
	return kinds
}

func same(t *testing.T, doing string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", doing, got, want)
	}
}

func wantErr(t *testing.T, doing string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s error = %v, want %v", doing, got, want)
	}
}

// What is core comes from the registry, and of a biometric there is a reference alone.
func TestRow5And16CoreDataIsTheRegistrys(t *testing.T) {
	w := newWorld(t)
	a := w.confirmed(t, citizen(numberA))
	a, err := w.Approve(t.Context(), w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	account := w.account(t, citizen(numberA))
	if account.Person.Name != "Nguyễn Thử Nghiệm" || account.ID != a.Account {
		t.Errorf("the account has the name as it was typed, want the registry's")
	}
	evidence, err := w.db.LevelEvidence(t.Context(), account.ID)
	wantErr(t, "LevelEvidence()", err, nil)
	biometric := slices.IndexFunc(evidence, func(e accounts.EvidenceRecord) bool { return e.Kind == eid.EvidenceBiometric })
	if biometric < 0 || evidence[biometric].Reference != "match-1" || strings.Contains(fmt.Sprint(evidence), "capture") {
		t.Errorf("evidence = %v, want the matcher's reference and nothing of the capture", evidence)
	}
}

// A foreigner is known by a passport and a nationality, and needs no card.
func TestRow6AForeignerAtTheCounter(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(in *counter.Intake){
		"without a nationality":  func(in *counter.Intake) { in.Person.Nationality = "" },
		"with a personal number": func(in *counter.Intake) { in.Person.Identifier = citizen(numberA).Person.Identifier },
		"with a card's issue":    func(in *counter.Intake) { in.CardIssue = "HS-1" },
	} {
		in := foreigner()
		change(&in)
		_, err := w.Open(t.Context(), w.first, eid.Level2, in, counter.Papers{})
		wantErr(t, "Open() "+name, err, accounts.ErrInvalid)
	}
	a := w.confirmed(t, foreigner())
	_, err := w.Approve(t.Context(), w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	account := w.account(t, foreigner())
	if account.Person.Type != eid.Foreigner || account.Person.Name != "KIM MIN SU" || account.Level != eid.Level2 || account.Status != eid.PendingActivation {
		t.Errorf("account of type %s, level %v, %s, want a foreigner's at level 2 that waits", account.Person.Type, account.Level, account.Status)
	}
	posts, _ := w.posted(t)
	same(t, "messages", posts, []string{"first_password kim@example.kr"})
}

// Without a valid card nothing is confirmed; who has it issued at this visit may go on,
// and is approved once the registry says that it is being issued.
func TestRow11ACardOrItsIssue(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name    string
		card    civil.Card
		issue   string
		confirm bool
		approve bool
	}{
		{"valid", civil.Card{Status: civil.CardValid}, "", true, true},
		{"none", civil.Card{}, "", false, false},
		{"lost", civil.Card{Status: civil.CardLost}, "", false, false},
		{"expired by its date", civil.Card{Status: civil.CardValid, ExpiresOn: civil.Date{Year: 2026, Month: time.February, Day: 28}}, "", false, false},
		{"cancelled", civil.Card{Status: civil.CardCancelled}, "", false, false},
		{"being issued, unsaid", civil.Card{Status: civil.CardBeingIssued}, "", false, false},
		{"being issued", civil.Card{Status: civil.CardBeingIssued}, "HS-1", true, true},
		{"lost, to be issued", civil.Card{Status: civil.CardLost}, "HS-1", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := citizen(numberA)
			w.cards[numberA], in.CardIssue = tt.card, tt.issue
			a := w.open(t, in)
			a, err := w.Match(t.Context(), w.first, a.ID, a.Revision, eid.Portrait, eid.CitizenCard, "capture-1")
			wantErr(t, "Match()", err, nil)
			a, err = w.ReadBack(t.Context(), w.first, a.ID, a.Revision)
			wantErr(t, "ReadBack()", err, nil)
			confirmed, err := w.Confirm(t.Context(), w.first, a.ID, a.Revision)
			if !tt.confirm {
				var o *counter.ObstacleError
				if !errors.As(err, &o) || len(o.Obstacles) != 1 || o.Obstacles[0].Kind != counter.ObstacleCard {
					t.Errorf("Confirm() = %v, want the card in its way", err)
				}
				_, err = w.Withdraw(t.Context(), w.first, a.ID, a.Revision)
				wantErr(t, "Withdraw()", err, nil)
				return
			}
			wantErr(t, "Confirm()", err, nil)
			_, err = w.Approve(t.Context(), w.second, confirmed.ID, confirmed.Revision)
			if (err == nil) != tt.approve {
				t.Errorf("Approve() = %v, want it to go through: %t", err, tt.approve)
			}
			if !tt.approve {
				w.cards[numberA] = civil.Card{Status: civil.CardBeingIssued}
				_, err = w.Approve(t.Context(), w.second, confirmed.ID, confirmed.Revision)
				wantErr(t, "Approve() once the card is being issued", err, nil)
			}
		})
	}
}

// Documents are each on its own, and none is needed; their originals are compared.
func TestRow12And15Documents(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	a := w.open(t, citizen(numberA))
	licence := eid.Document{Kind: eid.DrivingLicence, Number: eid.NewSecret("790000000001"), Issuer: "Sở Giao thông vận tải", ExpiresOn: "2036-01-01"}
	a, err := w.AddDocument(ctx, w.first, a.ID, a.Revision, licence)
	wantErr(t, "AddDocument()", err, nil)
	if d := a.Papers.Documents; len(d) != 1 || d[0].VerifiedBy != w.first.Officer.Account || !d[0].VerifiedAt.Equal(w.clock.Now()) {
		t.Errorf("documents = %v, want one that the officer compared now", d)
	}
	licence.Number = eid.NewSecret("790000000002")
	a, err = w.AddDocument(ctx, w.first, a.ID, a.Revision, licence)
	wantErr(t, "AddDocument() of a kind again", err, nil)
	for name, change := range map[string]func(d *eid.Document){
		"of no kind":       func(d *eid.Document) { d.Kind = "passport" },
		"without a number": func(d *eid.Document) { d.Number = eid.Secret{} },
		"without issuer":   func(d *eid.Document) { d.Issuer = " " },
		"that has ended":   func(d *eid.Document) { d.ExpiresOn = "2026-02-28" },
		"of no day":        func(d *eid.Document) { d.ExpiresOn = "2036-02-30" },
		"with CRLF":        func(d *eid.Document) { d.Issuer = "A\r\nB" },
	} {
		d := eid.Document{Kind: eid.HealthInsurance, Number: eid.NewSecret("HC4010000000001"), Issuer: "BHXH"}
		change(&d)
		_, err := w.AddDocument(ctx, w.first, a.ID, a.Revision, d)
		wantErr(t, "AddDocument() "+name, err, accounts.ErrInvalid)
	}
	a, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Fingerprint, eid.Population, "capture-1")
	wantErr(t, "Match()", err, nil)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	a, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	kept, err := w.db.Documents(ctx, a.Account)
	wantErr(t, "Documents()", err, nil)
	if len(kept) != 1 || kept[0].Number.Reveal() != "790000000002" || kept[0].Issuer != licence.Issuer || kept[0].VerifiedBy != w.first.Officer.Account {
		t.Errorf("integrated documents = %v, want the second licence", kept)
	}
}

// Level 2 comes from the counter, under the rules of the day; the app has no way to it.
func TestRow13InPersonBesideTheApp(t *testing.T) {
	w := newWorld(t)
	for _, set := range w.book.All() {
		rule := set.Level(eid.Level2)
		if slices.Contains(rule.Channels, eid.ChannelApp) || !slices.Contains(rule.Channels, eid.ChannelInPerson) {
			t.Errorf("%s: level 2 through %v, want in person alone", set.ID, rule.Channels)
		}
	}
	a := w.open(t, citizen(numberA))
	if a.Rules != "decree-69-2024" || a.Office != office {
		t.Errorf("under %s at %s, want the rules of the day at the officer's office", a.Rules, a.Office)
	}
	_, err := w.Open(t.Context(), w.first, eid.LevelNone, citizen(numberB), counter.Papers{})
	wantErr(t, "Open() for no level", err, accounts.ErrInvalid)
}

// An intake holds contacts, and dependents with the papers that show them.
func TestRow14TheIntake(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	child := counter.Dependent{Name: "Nguyễn Bé", BirthDate: "2020-05-06", Relation: counter.Child, Paper: "KS-12/2020"}
	for name, change := range map[string]func(in *counter.Intake, d *counter.Dependent){
		"no contact":               func(in *counter.Intake, _ *counter.Dependent) { in.Phone = "" },
		"a landline":               func(in *counter.Intake, _ *counter.Dependent) { in.Phone = "02431234567" },
		"no mailbox":               func(in *counter.Intake, _ *counter.Dependent) { in.Email = "an@@example.vn" },
		"eleven digits":            func(in *counter.Intake, _ *counter.Dependent) { *in = citizen("99919000000") },
		"other digits":             func(in *counter.Intake, _ *counter.Dependent) { *in = citizen("٩٩٩١٩٠٠٠٠٠٠١") },
		"an impossible century":    func(in *counter.Intake, _ *counter.Dependent) { *in = citizen("999990000001") },
		"an impossible date":       func(in *counter.Intake, _ *counter.Dependent) { in.Person.BirthDate = "1990-02-30" },
		"a date ahead":             func(in *counter.Intake, _ *counter.Dependent) { in.Person.BirthDate = "2026-03-02" },
		"no gender":                func(in *counter.Intake, _ *counter.Dependent) { in.Person.Gender = "" },
		"an invisible sign":        func(in *counter.Intake, _ *counter.Dependent) { in.Person.Name = "Nguyễn\u200b An" },
		"no letter":                func(in *counter.Intake, _ *counter.Dependent) { in.Person.Name = "123" },
		"a dependent's paper":      func(_ *counter.Intake, d *counter.Dependent) { d.Paper = "" },
		"a dependent's relation":   func(_ *counter.Intake, d *counter.Dependent) { d.Relation = "friend" },
		"a dependent born ahead":   func(_ *counter.Intake, d *counter.Dependent) { d.BirthDate = "2027-01-01" },
		"a child with an own one":  func(_ *counter.Intake, d *counter.Dependent) { d.BirthDate = "2012-03-01" },
		"a dependent of no number": func(_ *counter.Intake, d *counter.Dependent) { d.Identifier = citizen("1").Person.Identifier },
	} {
		in, d := citizen(numberA), child
		change(&in, &d)
		_, err := w.Open(ctx, w.first, eid.Level2, in, counter.Papers{Dependents: []counter.Dependent{d}})
		wantErr(t, "Open() with "+name, err, accounts.ErrInvalid)
		var fault *counter.IntakeError
		if !errors.As(err, &fault) || len(fault.Faults) == 0 || strings.Contains(err.Error(), "9991900") {
			t.Errorf("Open() with %s = %v, want fields named, and nothing that was typed", name, err)
		}
	}
	if w.asked != 0 {
		t.Errorf("registries were asked %d times about what cannot be", w.asked)
	}
	for _, name := range []string{"An", "Nguyễn Phúc Bảo Long Thiên Ân Minh Đức"} {
		in := citizen(numberB)
		in.Person.Name = name
		a, err := w.Open(ctx, w.first, eid.Level2, in, counter.Papers{Dependents: []counter.Dependent{child}})
		wantErr(t, "Open() of "+name, err, nil)
		shown, err := w.Show(ctx, w.first, a.ID)
		wantErr(t, "Show()", err, nil)
		if shown.Intake.Phone != "+84912345678" || len(shown.Papers.Dependents) != 1 || shown.Papers.Dependents[0] != child {
			t.Errorf("Show() = phone %q, dependents %v, want them as they were said", shown.Intake.Phone, shown.Papers.Dependents)
		}
		_, err = w.Withdraw(ctx, w.first, a.ID, a.Revision)
		wantErr(t, "Withdraw()", err, nil)
	}
}

// The states, each act on record, and a decision within the working days of the rules.
func TestRow17UnderTheProcedure(t *testing.T) {
	w, ctx := newWorld(t), t.Context() // Sunday, 1 March 2026
	var seen int64
	w.actions(t, &seen)
	a := w.open(t, citizen(numberA))
	if got := a.DueAt.In(eid.LawTime()).Format(time.DateOnly); a.Status != counter.StatusSubmitted || got < "2026-03-04" || got > "2026-03-05" {
		t.Errorf("%s, due on %s, want submitted and three working days from Sunday", a.Status, got)
	}
	a, err := w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "capture-1")
	wantErr(t, "Match()", err, nil)
	if a.Status != counter.StatusProcessing {
		t.Errorf("after a match: %s, want processing", a.Status)
	}
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	a, err = w.Return(ctx, w.second, a.ID, a.Revision, "thiếu giấy tờ")
	wantErr(t, "Return()", err, nil)
	if a.Status != counter.StatusProcessing || a.Returned == "" || !a.Confirmed.At.IsZero() {
		t.Errorf("returned: %s, confirmed at %v, want processing and to be confirmed again", a.Status, a.Confirmed.At)
	}
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	_, err = w.Reject(ctx, w.second, a.ID, a.Revision, "")
	wantErr(t, "Reject() without a reason", err, counter.ErrReason)
	a, err = w.Reject(ctx, w.second, a.ID, a.Revision, "ảnh không rõ")
	wantErr(t, "Reject()", err, nil)
	shown, err := w.Show(ctx, w.first, a.ID)
	wantErr(t, "Show()", err, nil)
	if shown.Status != counter.StatusRejected || shown.Decision.Reason != "ảnh không rõ" || shown.Decision.By != "officer-2" {
		t.Errorf("Show() = %s, %+v, want rejected with its reason", shown.Status, shown.Decision)
	}
	told, _ := w.posted(t) // of the refusal, once, and of nothing that came back to the counter
	same(t, "messages", told, []string{"application_refused " + a.Intake.Phone})
	same(t, "audit", w.actions(t, &seen), []string{
		eid.ActionApplicationOpened, eid.ActionApplicationMatched, eid.ActionApplicationChanged, eid.ActionApplicationConfirmed, eid.ActionApplicationChanged,
		eid.ActionApplicationChanged, eid.ActionApplicationConfirmed, eid.ActionApplicationDecided, eid.ActionApplicationViewed,
	})
	// The number is free for another one.
	w.open(t, citizen(numberA))
}

// Nothing comes before the person's own word, and it is for what they were shown.
func TestRow18ThePersonConfirms(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	a := w.open(t, citizen(numberA))
	a, err := w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "capture-1")
	wantErr(t, "Match()", err, nil)
	_, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm() of what was not read back", err, counter.ErrNotShown)
	_, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve() of what was not confirmed", err, counter.ErrStatus)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	shown := a.Revision
	changed := citizen(numberA)
	changed.Phone = "0987654321"
	a, err = w.Amend(ctx, w.first, a.ID, a.Revision, changed)
	wantErr(t, "Amend()", err, nil)
	_, err = w.Confirm(ctx, w.first, a.ID, shown)
	wantErr(t, "Confirm() of what was shown before a change", err, counter.ErrStale)
	_, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm() of what changed since", err, counter.ErrNotShown)
	if len(a.Matches) != 1 {
		t.Errorf("%d matches after another phone, want 1", len(a.Matches))
	}
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	_, err = w.Amend(ctx, w.first, a.ID, a.Revision, citizen(numberA))
	wantErr(t, "Amend() of what was confirmed", err, counter.ErrStatus)
	_, err = w.db.AccountByIdentifier(ctx, citizen(numberA).Person.Identifier)
	wantErr(t, "AccountByIdentifier() before approval", err, eid.ErrNotFound)
	_, err = w.Approve(ctx, w.second, a.ID, a.Revision)
	wantErr(t, "Approve()", err, nil)
	posts, code := w.posted(t)
	same(t, "messages", posts, []string{"first_password +84987654321"})
	if len(code) != 10 {
		t.Errorf("a first password of %d signs, want 10", len(code))
	}
}

// Level 2 rests on a portrait or a fingerprint that one of the databases matched.
func TestRow22PortraitOrFingerprint(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	a := w.open(t, citizen(numberA))
	same(t, "obstacles", w.obstacles(t, a), []string{"biometric"})
	for _, tt := range []struct {
		method   eid.BiometricMethod
		database eid.Database
		capture  string
	}{
		{"iris", eid.Population, "c"}, {"", eid.Population, "c"}, {eid.Portrait, eid.Immigration, "c"}, {eid.Portrait, "development", "c"},
		{eid.Portrait, eid.Population, ""}, {eid.Portrait, eid.Population, "a\nb"},
	} {
		_, err := w.Match(ctx, w.first, a.ID, a.Revision, tt.method, tt.database, tt.capture)
		wantErr(t, fmt.Sprintf("Match(%q, %q)", tt.method, tt.database), err, accounts.ErrInvalid)
	}
	w.match.err = civil.ErrDown
	_, err := w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
	wantErr(t, "Match() while the matcher is away", err, civil.ErrDown)
	w.match.err, w.match.no = nil, true
	a, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
	wantErr(t, "Match() of another", err, nil)
	same(t, "obstacles after a mismatch", w.obstacles(t, a), []string{"biometric"})
	w.match.no = false
	a, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Fingerprint, eid.CitizenCard, "c")
	wantErr(t, "Match()", err, nil)
	same(t, "obstacles after a match", w.obstacles(t, a), nil)
	// Another person's data: the match was of somebody else.
	other := citizen(numberB)
	a, err = w.Amend(ctx, w.first, a.ID, a.Revision, other)
	wantErr(t, "Amend()", err, nil)
	same(t, "obstacles of another person", w.obstacles(t, a), []string{"biometric"})
	for range 6 {
		a, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
		wantErr(t, "Match()", err, nil)
	}
	_, err = w.Match(ctx, w.first, a.ID, a.Revision, eid.Portrait, eid.Population, "c")
	wantErr(t, "a seventh Match()", err, counter.ErrTooMany)
}

// Level 1 at a counter needs no biometric, and gives no more than level 1.
func TestRow22Level1HasNoBiometric(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	a, err := w.Open(ctx, w.first, eid.Level1, citizen(numberA), counter.Papers{})
	wantErr(t, "Open()", err, nil)
	a, err = w.ReadBack(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "ReadBack()", err, nil)
	a, err = w.Confirm(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Confirm()", err, nil)
	_, err = w.Approve(ctx, w.first, a.ID, a.Revision)
	wantErr(t, "Approve() by the officer of the intake, as the rules let", err, nil)
	if got := w.account(t, citizen(numberA)); got.Level != eid.Level1 || got.Status != eid.PendingActivation {
		t.Errorf("account at %v, %s, want level 1 that waits", got.Level, got.Status)
	}
}
