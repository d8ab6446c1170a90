package registration_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/credential"
	"eidgate/eid/notify"
	"eidgate/eid/registration"
)

func with(change func(*registration.Form)) registration.Form {
	f := citizen()
	change(&f)
	return f
}

// refusals are all reasons for the one answer, by name.
func refusals() map[string]registration.Form {
	return map[string]registration.Form{
		"nobody":           with(func(f *registration.Form) { f.Number = numberNobody }),
		"another name":     with(func(f *registration.Form) { f.Name = "Trần Văn Hòa" }),
		"another day":      with(func(f *registration.Form) { f.Day = "3" }),
		"another year":     with(func(f *registration.Form) { f.Year = "1991" }),
		"accents":          with(func(f *registration.Form) { f.Name = "Nguyen Van Hoa" }),
		"year of the form": with(func(f *registration.Form) { f.YearOnly = true }),
		"year held": with(func(f *registration.Form) {
			f.Number, f.Name, f.Year, f.Gender = numberYear, "Trần Thị Bình", "1950", "female"
		}),
		"contradiction": with(func(f *registration.Form) { f.Number = numberTwice }),
		"gender":        with(func(f *registration.Form) { f.Number, f.Name = numberGender, "Lê Văn An" }),
		"passport":      func() registration.Form { f := foreigner(); f.Number = "P7654321"; return f }(),
		"nationality":   func() registration.Form { f := foreigner(); f.Nationality = "THA"; return f }(),
	}
}

// TestRow19OneAnswer: before the code nothing depends on who is declared; after it there
// is one refusal, and doubts alone reach an officer.
func TestRow19OneAnswer(t *testing.T) {
	doubts := map[string]registration.Doubt{
		"accents": registration.DoubtAccents, "year of the form": registration.DoubtYearOnly, "year held": registration.DoubtYearOnly,
		"contradiction": registration.DoubtContradiction, "gender": registration.DoubtGender,
	}
	all := refusals()
	all["match"] = citizen()
	var work, sealed int64
	for name, form := range all {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			token := w.fill(t, form)
			before := w.state.runs.Load()
			must(t, w.service.Send(t.Context(), token, somewhere(1)))
			if did := w.state.runs.Load() - before; work != 0 && did != work {
				t.Errorf("sending made %d runs on the passing state, another outcome %d", did, work)
			} else {
				work = did
			}
			if asked := w.registry.asked.Load(); asked != 0 || len(w.outbox.posts) != 1 || w.outbox.last().Kind != notify.Activation {
				t.Errorf("before the code: %d questions to registries, %d messages; want none and one", asked, len(w.outbox.posts))
			}
			if _, err := w.holder(t, form); !errors.Is(err, eid.ErrNotFound) {
				t.Errorf("an account before the code: %v", err)
			}
			next, err := w.service.Prove(t.Context(), token, w.outbox.last().Code.Reveal())
			must(t, err)
			stage, err := w.service.Settle(t.Context(), next, somewhere(1))
			must(t, err)
			cases, err := w.cases.Open(t.Context(), 10)
			must(t, err)
			draft, err := w.service.Draft(t.Context(), next)
			must(t, err)
			if name == "match" {
				if stage != registration.StageProved || len(cases) != 0 {
					t.Errorf("a match ends at %q with %d cases", stage, len(cases))
				}
				return
			}
			if size := int64(len(fmt.Sprintf("%+v", draft.Sent))); stage != registration.StageRefused || draft.Form != (registration.Form{}) || sealed != 0 && size != sealed {
				t.Errorf("the refusal is %q with %+v", stage, draft.Sent)
			} else {
				sealed = size
			}
			if len(w.outbox.posts) != 1 {
				t.Errorf("%d messages after the refusal, want the code alone", len(w.outbox.posts))
			}
			if want := doubts[name]; want == "" && len(cases) != 0 || want != "" && (len(cases) != 1 || cases[0].Doubt != want) {
				t.Errorf("cases are %+v, want one of %q", cases, want)
			}
			if _, err := w.holder(t, form); !errors.Is(err, eid.ErrNotFound) {
				t.Errorf("an account without a match: %v", err)
			}
		})
	}
}

// TestRow19TwelveSpellings of one name are that person, or for an officer; never another.
func TestRow19TwelveSpellings(t *testing.T) {
	for spelling, want := range map[string]registration.Stage{
		"Nguyễn Văn Hòa": registration.StageProved, "Nguyễn Văn Hoà": registration.StageProved, "NGUYỄN VĂN HÒA": registration.StageProved,
		"nguyễn văn hòa": registration.StageProved, "  Nguyễn\u00a0 Văn\tHòa ": registration.StageProved,
		"Nguye\u0302\u0303n Va\u0306n Ho\u0300a": registration.StageProved, "Nguye\u0303\u0302n Văn Hoà": registration.StageProved,
		"nguyễn VĂN hoà": registration.StageProved, "Nguyễn Văn Hóa": registration.StageRefused, "Nguyen Van Hoa": registration.StageRefused,
		"Nguyễn Hòa": registration.StageRefused, "NguyễnVăn Hòa": registration.StageRefused,
	} {
		w := newWorld(t)
		if _, stage := w.through(t, with(func(f *registration.Form) { f.Name = spelling }), somewhere(1)); stage != want {
			t.Errorf("%q ends at %s, want %s", spelling, stage, want)
		}
	}
}

// TestRow20ThreeTries for a number a day, over all spellings, browsers and addresses, and
// counted before anything is compared.
func TestRow20ThreeTries(t *testing.T) {
	w := newWorld(t)
	spellings := []string{"011090000001", "011 090 000 001", "011.090.000.001", "011-090-000-001", "\u00a0011090000001 "}
	for i, number := range spellings {
		stage := tried(t, w, with(func(f *registration.Form) {
			f.Number, f.Name, f.Phone = number, "Trần Văn Khác", fmt.Sprintf("091234560%d", i)
		}), i)
		if asked := min(int64(i)+1, 3); stage != registration.StageRefused || w.registry.asked.Load() != asked {
			t.Errorf("try %d: %s after %d questions, want %d", i+1, stage, w.registry.asked.Load(), asked)
		}
	}
	if stage := tried(t, w, citizen(), 9); stage != registration.StageRefused {
		t.Errorf("the right data after three tries: %s", stage)
	}
	w.pass(24*time.Hour + time.Minute)
	if stage := tried(t, w, citizen(), 9); stage != registration.StageProved {
		t.Errorf("the right data on the next day: %s", stage)
	}
}

func tried(t *testing.T, w *world, f registration.Form, from int) registration.Stage {
	t.Helper()
	_, stage := w.through(t, f, somewhere(from))
	return stage
}

// Sixteen at a time have three tries together.
func TestRow20Race(t *testing.T) {
	w := newWorld(t)
	var tokens []registration.Token
	for i := range 16 {
		tokens = append(tokens, w.prove(t, with(func(f *registration.Form) { f.Name, f.Phone = "Trần Văn Khác", fmt.Sprintf("09123456%02d", i) }), somewhere(i)))
	}
	together(16, func(i int) { _, _ = w.service.Settle(t.Context(), tokens[i], somewhere(i)) })
	if got := w.registry.asked.Load(); got != 3 {
		t.Errorf("%d questions to the registry, want 3", got)
	}
}

// A registry that is down costs no try, makes nothing, and asks for nothing twice.
func TestRegistryDown(t *testing.T) {
	w := newWorld(t)
	token := w.prove(t, citizen(), somewhere(1))
	w.registry.down.Store(true)
	for range 5 {
		_, err := w.service.Settle(t.Context(), token, somewhere(1))
		wantErr(t, "Settle()", err, civil.ErrDown)
	}
	if _, err := w.holder(t, citizen()); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("an account is half made: %v", err)
	}
	draft, err := w.service.Draft(t.Context(), token)
	if err != nil || draft.Stage != registration.StageChecking || draft.Form != citizen() {
		t.Errorf("Draft() = %q, %v, want all that was typed", draft.Stage, err)
	}
	w.registry.down.Store(false)
	if stage, err := w.service.Settle(t.Context(), token, somewhere(1)); err != nil || stage != registration.StageProved {
		t.Errorf("Settle() = %q, %v", stage, err)
	}
}

// TestRow10OneActiveAccount: of sixteen registrations of one person at a time one becomes
// an account; afterwards there is the one answer, and the holder hears of it.
func TestRow10OneActiveAccount(t *testing.T) {
	w := newWorld(t)
	var tokens []registration.Token
	for i := range 16 {
		tokens = append(tokens, w.prove(t, with(func(f *registration.Form) { f.Phone = fmt.Sprintf("09123456%02d", i) }), somewhere(i)))
	}
	// The tries of a day are not what this is about.
	w.deps.Rules = manyTries{t}
	var err error
	w.service, err = registration.New(w.deps)
	must(t, err)
	var active atomic.Int64
	together(16, func(i int) {
		if stage, err := w.service.Settle(t.Context(), tokens[i], somewhere(i)); err != nil || stage != registration.StageProved {
			return
		}
		if stage, err := w.service.Activate(t.Context(), tokens[i], "hash", somewhere(i)); err == nil && stage == registration.StageDone {
			active.Add(1)
		}
	})
	holder, err := w.holder(t, citizen())
	must(t, err)
	if active.Load() != 1 || holder.Status != eid.Active || holder.Level != eid.Level1 {
		t.Fatalf("%d activations, the account is %s at %s", active.Load(), holder.Status, holder.Level)
	}
	told := len(w.outbox.of(notify.RegisteredAgain))
	_, stage := w.through(t, with(func(f *registration.Form) { f.Phone = "0987654321" }), somewhere(20))
	again := w.outbox.of(notify.RegisteredAgain)
	if stage != registration.StageRefused || len(again) != 1 || told > 1 {
		t.Fatalf("a second registration ends at %s, the holder is told %d times", stage, len(again))
	}
	if again[0].To.Reveal() != holder.Phone.Value || !holder.Phone.Verified {
		t.Errorf("told elsewhere than at the holder's own contact")
	}
	if after, err := w.holder(t, citizen()); err != nil || after.ID != holder.ID || after.Phone != holder.Phone {
		t.Errorf("the account was changed by a second registration: %v", err)
	}
}

type manyTries struct{ t *testing.T }

func (m manyTries) At(at time.Time) (eid.RuleSet, error) {
	r := *rulesAt(m.t, at)
	r.Times.TriesPerDay = 100
	return r, nil
}

// A counter enrols the person anew: a draft of before that has the same phone activates
// nothing (the counter's account is of Level 2, and its first password alone opens it).
func TestRow23ActivationOfBeforeTheCounter(t *testing.T) {
	w := newWorld(t)
	draft, stage := w.through(t, citizen(), somewhere(1))
	held, err := w.holder(t, citizen())
	must(t, err)
	at := w.clock()
	_, err = accounts.NewEnroller(w.db, w.clock).Enrol(t.Context(), accounts.Enrolment{
		Person: held.Person, Phone: held.Phone, Level: eid.Level2, Replace: true, Rules: "decree-69-2024", Actor: "officer:o2",
		FirstPasswordHash: "$first", FirstPasswordUntil: at.Add(time.Hour),
		Evidence: []eid.Evidence{
			{Kind: eid.EvidenceRegistry, Database: eid.Population, At: at},
			{Kind: eid.EvidenceCard, Database: eid.CitizenCard, Officer: "o1", At: at},
			{Kind: eid.EvidenceBiometric, Method: eid.Portrait, Database: eid.Population, Reference: "m", Officer: "o1", At: at},
			{Kind: eid.EvidenceConfirmation, Officer: "o1", At: at},
		},
	})
	must(t, err)
	if got, err := w.service.Activate(t.Context(), draft, "of the app", somewhere(1)); err != nil || stage != registration.StageProved || got != registration.StageRefused {
		t.Errorf("Activate() = %q, %v, want %q", got, err, registration.StageRefused)
	}
	held, err = w.holder(t, citizen())
	must(t, err)
	wantErr(t, "Usable()", held.Usable(), eid.ErrNotActivated)
}

// TestRow21Foreigner is compared with the immigration registry, by passport.
func TestRow21Foreigner(t *testing.T) {
	w := newWorld(t)
	token, stage := w.through(t, foreigner(), somewhere(1))
	if stage != registration.StageProved {
		t.Fatalf("a foreigner ends at %s", stage)
	}
	if stage, err := w.service.Activate(t.Context(), token, "hash", somewhere(1)); err != nil || stage != registration.StageDone {
		t.Fatalf("Activate() = %q, %v", stage, err)
	}
	got, err := w.holder(t, foreigner())
	must(t, err)
	if got.Person.Type != eid.Foreigner || got.Person.Nationality != "LAO" || got.Person.Name != "SOMSAK MAU" || got.Level != eid.Level1 || !got.Email.Verified {
		t.Errorf("the account is of %s, %s, level %s", got.Person.Type, got.Person.Nationality, got.Level)
	}
}

// TestRow23Activation: an account that waits cannot be used; it is activated once, by who
// proved its contact.
func TestRow23Activation(t *testing.T) {
	w := newWorld(t)
	first, stage := w.through(t, citizen(), somewhere(1))
	held, err := w.holder(t, citizen())
	must(t, err)
	if stage != registration.StageProved || held.Status != eid.PendingActivation || held.Has(eid.Password) || held.Phone.Verified {
		t.Fatalf("before the activation: %s, %s", stage, held.Status)
	}
	wantErr(t, "Usable()", held.Usable(), eid.ErrNotActivated)
	// Another one takes it over, with a contact of their own: the first can do nothing now.
	second, stage := w.through(t, with(func(f *registration.Form) { f.Phone = "0987654321" }), somewhere(2))
	if stage != registration.StageProved {
		t.Fatalf("the second: %s", stage)
	}
	if stage, err := w.service.Activate(t.Context(), first, "of the first", somewhere(1)); err != nil || stage != registration.StageRefused {
		t.Errorf("Activate() with the older draft = %q, %v", stage, err)
	}
	entries := func() int { return w.audited(t, eid.ActionAccountActivated) }
	together(16, func(i int) {
		if stage, err := w.service.Activate(t.Context(), second, fmt.Sprint("hash ", i), somewhere(2)); err != nil || stage != registration.StageDone {
			t.Errorf("Activate() = %q, %v", stage, err)
		}
	})
	held, err = w.holder(t, citizen())
	must(t, err)
	if entries() != 1 || held.Usable() != nil || !held.Phone.Verified || held.Phone.Value != "+84987654321" || held.Email.Verified {
		t.Errorf("%d activations, then %s", entries(), held.Status)
	}
	if draft, err := w.service.Draft(t.Context(), second); err != nil || draft != (registration.Draft{Stage: registration.StageDone}) {
		t.Errorf("the draft still holds something: %v", err)
	}
	told := 0 // with the change, by the store; nobody tells of it a second time
	for _, lane := range []notify.Lane{{Channel: notify.SMS}, {Channel: notify.Email}} {
		list, err := w.db.ClaimNotices(t.Context(), lane, time.Minute, 10)
		must(t, err)
		for _, n := range list {
			if n.Kind == notify.Activated && n.To.Reveal() == "+84987654321" {
				told++
			}
		}
	}
	if told != 1 || len(w.outbox.of(notify.Activated)) != 0 {
		t.Errorf("told %d times of the activation, want once", told+len(w.outbox.of(notify.Activated)))
	}
}

// A code counts once, in its own sending, for its time; another one gives no new tries.
func TestCodes(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		w := newWorld(t)
		token := w.fill(t, citizen())
		must(t, w.service.Send(t.Context(), token, somewhere(1)))
		code := w.outbox.last().Code.Reveal()
		var right atomic.Int64
		together(16, func(int) {
			if _, err := w.service.Prove(t.Context(), token, code); err == nil {
				right.Add(1)
			}
		})
		if right.Load() != 1 {
			t.Errorf("the code was right %d times", right.Load())
		}
	})
	t.Run("guesses over resends", func(t *testing.T) {
		w := newWorld(t)
		token := w.fill(t, citizen())
		must(t, w.service.Send(t.Context(), token, somewhere(1)))
		for range 4 {
			_, err := w.service.Prove(t.Context(), token, "abc")
			wantErr(t, "Prove()", err, registration.ErrCode)
		}
		w.pass(time.Minute)
		must(t, w.service.Resend(t.Context(), token, somewhere(1)))
		draft, err := w.service.Draft(t.Context(), token)
		if got, want := draft.Sent.CodeUntil, w.outbox.last().Until; err != nil || !got.Equal(want) || !want.Equal(w.clock().Add(credential.SentCodeLife)) {
			t.Errorf("the draft says that its code counts until %v (%v), the message %v, want %v from now", got, err, want, credential.SentCodeLife)
		}
		_, err = w.service.Prove(t.Context(), token, "abc")
		wantErr(t, "Prove()", err, registration.ErrCode)
		_, err = w.service.Prove(t.Context(), token, w.outbox.last().Code.Reveal())
		wantErr(t, "Prove() with the right code after five tries", err, registration.ErrCode)
	})
	t.Run("of another draft", func(t *testing.T) {
		w := newWorld(t)
		mine, other := w.fill(t, citizen()), w.fill(t, citizen())
		must(t, w.service.Send(t.Context(), other, somewhere(1)))
		code := w.outbox.last().Code.Reveal()
		must(t, w.service.Send(t.Context(), mine, somewhere(2)))
		if _, err := w.service.Prove(t.Context(), mine, code); !errors.Is(err, registration.ErrCode) {
			t.Errorf("Prove() = %v", err)
		}
	})
	t.Run("of the sending before", func(t *testing.T) {
		w := newWorld(t)
		token := w.fill(t, citizen())
		must(t, w.service.Send(t.Context(), token, somewhere(1)))
		code := w.outbox.last().Code.Reveal()
		_, err := w.service.Save(t.Context(), token, func(f *registration.Form) { f.Name = "Trần Văn Khác" })
		must(t, err)
		_, err = w.service.Prove(t.Context(), token, code)
		wantErr(t, "Prove() of a form that is being typed", err, registration.ErrIncomplete)
		must(t, w.service.Send(t.Context(), token, somewhere(1)))
		_, err = w.service.Prove(t.Context(), token, code)
		wantErr(t, "Prove() with the older code", err, registration.ErrCode)
	})
	t.Run("late", func(t *testing.T) {
		w := newWorld(t)
		token := w.fill(t, citizen())
		must(t, w.service.Send(t.Context(), token, somewhere(1)))
		w.pass(5*time.Minute + time.Second)
		_, err := w.service.Prove(t.Context(), token, w.outbox.last().Code.Reveal())
		wantErr(t, "Prove() after five minutes", err, registration.ErrCode)
		w.pass(24 * time.Hour)
		_, err = w.service.Prove(t.Context(), token, w.outbox.last().Code.Reveal())
		wantErr(t, "Prove() after a day", err, registration.ErrIncomplete)
		if draft, err := w.service.Draft(t.Context(), token); err != nil || draft.Form != citizen() {
			t.Errorf("what was typed is gone: %v", err)
		}
	})
}

// What was proved belongs to the form that it was proved for: another contact, or another
// person, put in afterwards has to be proved anew.
func TestProvedIsOfOneForm(t *testing.T) {
	w := newWorld(t)
	w.registry.down.Store(true)
	token := w.prove(t, citizen(), somewhere(1))
	_, err := w.service.Settle(t.Context(), token, somewhere(1))
	wantErr(t, "Settle()", err, civil.ErrDown)
	_, err = w.service.Save(t.Context(), token, func(f *registration.Form) { f.Phone = "0987654321" })
	must(t, err)
	w.registry.down.Store(false)
	_, err = w.service.Settle(t.Context(), token, somewhere(1))
	wantErr(t, "Settle() of another form", err, registration.ErrIncomplete)
	if _, err := w.holder(t, citizen()); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("an account with a contact that nobody proved: %v", err)
	}
	proved, stage := w.through(t, citizen(), somewhere(2))
	_, err = w.service.Save(t.Context(), proved, func(f *registration.Form) { f.Phone = "0987654321" })
	must(t, err)
	if _, err := w.service.Activate(t.Context(), proved, "hash", somewhere(2)); stage != registration.StageProved || !errors.Is(err, registration.ErrIncomplete) {
		t.Errorf("Activate() of another form = %v", err)
	}
	late, _ := w.through(t, citizen(), somewhere(3))
	w.pass(24*time.Hour + time.Second)
	if _, err := w.service.Activate(t.Context(), late, "hash", somewhere(3)); err == nil {
		t.Errorf("an activation after a day")
	}
}

// Pressing twice sends once, and a sent draft is not sent again.
func TestSendOnce(t *testing.T) {
	w := newWorld(t)
	token := w.fill(t, citizen())
	together(4, func(int) {
		if err := w.service.Send(t.Context(), token, somewhere(1)); err != nil {
			t.Errorf("Send() = %v", err)
		}
	})
	if got := len(w.outbox.of(notify.Activation)); got != 1 {
		t.Errorf("%d codes were sent", got)
	}
}

// What is not complete, or too young, is not sent, and counts nothing.
func TestNotSent(t *testing.T) {
	w := newWorld(t)
	child := with(func(f *registration.Form) {
		f.Number, f.Name, f.Day, f.Month, f.Year, f.Gender = numberChildren, "Phạm Thị Bé", "23", "11", "2012", "female"
	})
	for _, tt := range []struct {
		name string
		form registration.Form
		want error
	}{
		{"faults", with(func(f *registration.Form) { f.Name = "" }), registration.ErrIncomplete},
		{"a day too young", child, registration.ErrTooYoung},
	} {
		err := w.service.Send(t.Context(), w.fill(t, tt.form), somewhere(1))
		wantErr(t, tt.name, err, tt.want)
	}
	w.deps.Registries = civil.Registries{}
	closed, err := registration.New(w.deps)
	must(t, err)
	wantErr(t, "Send() without registries", closed.Send(t.Context(), w.fill(t, citizen()), somewhere(1)), registration.ErrClosed)
	if len(w.outbox.posts) != 0 {
		t.Errorf("%d messages were sent", len(w.outbox.posts))
	}
	if err := w.service.Send(t.Context(), registration.NewToken(), somewhere(1)); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("Send() of no draft = %v", err)
	}
}

// One address, one browser and one contact have their limits, whoever is declared.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	w.deps.Limits = registration.Limits{PerDraft: 2, PerAddress: 4, PerNetwork: 4}
	var err error
	w.service, err = registration.New(w.deps)
	must(t, err)
	var later *registration.LaterError
	send := func(token registration.Token, phone string, from int) error {
		_, err := w.service.Save(t.Context(), token, func(f *registration.Form) { *f = citizen(); f.Phone = phone })
		must(t, err)
		return w.service.Send(t.Context(), token, somewhere(from))
	}
	one := registration.NewToken()
	must(t, send(one, "0912345601", 1))
	must(t, send(one, "0912345602", 2))
	if err := send(one, "0912345603", 3); !errors.As(err, &later) || !later.Until.After(w.clock()) {
		t.Errorf("a third sending of one browser: %v", err)
	}
	for i := range 3 {
		must(t, send(registration.NewToken(), fmt.Sprintf("091234561%d", i), 1))
	}
	if err := send(registration.NewToken(), "0912345620", 1); !errors.As(err, &later) {
		t.Errorf("a fifth sending of one address: %v", err)
	}
	sent := 0
	for i := range 10 {
		if err = send(registration.NewToken(), "0912345630", 40+i); err != nil {
			break
		}
		sent++
	}
	if !errors.As(err, &later) || sent < 2 {
		t.Errorf("%d codes to one phone from ten addresses, then %v", sent, err)
	}
	if w.registry.asked.Load() != 0 {
		t.Errorf("registries were asked")
	}
}

// What lies in the passing state tells nothing to who reads it, and a draft opens with
// its own token only.
func TestDraftsAreSealed(t *testing.T) {
	w := newWorld(t)
	spy := &spy{State: w.deps.State}
	w.deps.State = spy
	var err error
	w.service, err = registration.New(w.deps)
	must(t, err)
	token := w.fill(t, citizen())
	must(t, w.service.Send(t.Context(), token, somewhere(1)))
	for _, secret := range []string{numberMatch, "Hòa", "912345678", token.Reveal()[17:], w.outbox.last().Code.Reveal()} {
		if strings.Contains(spy.seen.String(), secret) {
			t.Errorf("the passing state holds a secret in the clear")
		}
	}
	stolen, ok := registration.ParseToken(token.Reveal()[:17] + registration.NewToken().Reveal()[17:])
	if _, err := w.service.Draft(t.Context(), stolen); !ok || !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("a draft opens with another token: %v", err)
	}
	must(t, w.service.Forget(t.Context(), token))
	if _, err := w.service.Draft(t.Context(), token); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("a forgotten draft is there: %v", err)
	}
	again := w.fill(t, citizen())
	w.pass(7*24*time.Hour - time.Minute)
	if _, err := w.service.Draft(t.Context(), again); err != nil {
		t.Errorf("a draft of almost a week: %v", err)
	}
	w.pass(2 * time.Minute)
	if _, err := w.service.Draft(t.Context(), again); !errors.Is(err, eid.ErrNotFound) {
		t.Errorf("a draft of more than a week: %v", err)
	}
}

// Somebody whose account a source or an officer locked does not come in by this door.
func TestAccountsOfOthersStay(t *testing.T) {
	w := newWorld(t)
	id, err := accounts.New(w.db, w.clock).Create(t.Context(), accounts.NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.NewIdentifier(eid.KindPersonalNumber, "VNM", numberMatch), Name: "Nguyễn Văn Hoà", BirthDate: "1990-03-02", Gender: "male", Nationality: "VNM",
		},
		Level: eid.Level2, Status: eid.PendingActivation, Phone: eid.Contact{Value: "+84911111111", Verified: true},
	}, "operator:test")
	must(t, err)
	_, stage := w.through(t, citizen(), somewhere(1))
	got, err := w.db.Account(t.Context(), id)
	must(t, err)
	if stage != registration.StageRefused || got.Level != eid.Level2 || got.Phone.Value != "+84911111111" {
		t.Errorf("a level 2 account that waits was taken over: %s", stage)
	}
	if len(w.outbox.of(notify.RegisteredAgain)) != 1 {
		t.Errorf("its holder was not told")
	}
}

func together(n int, act func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			act(i)
		})
	}
	close(start)
	wg.Wait()
}
