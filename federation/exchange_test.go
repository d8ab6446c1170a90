package federation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
)

// The transition of Decision 34/2021: from its entry into force until before
// 01/01/2023, Vietnamese time.
func transition() eid.Window {
	hanoi := time.FixedZone("+07", 7*60*60)
	return eid.Window{
		From:  time.Date(2021, 11, 9, 0, 0, 0, 0, hanoi),
		Until: time.Date(2023, 1, 1, 0, 0, 0, 0, hanoi),
	}
}

// owners is a service whose owner decides, and takes the source of these tests.
func owners() *eid.RelyingParty {
	return &eid.RelyingParty{ID: "portal", Category: eid.OtherCategory, Sources: []string{"post"}}
}

func TestAdmit(t *testing.T) {
	w := transition()
	tests := map[string]struct {
		window eid.Window
		now    time.Time
		open   bool
	}{
		"a second before":       {w, w.From.Add(-time.Second), false},
		"at the start":          {w, w.From, true},
		"a second before end":   {w, w.Until.Add(-time.Second), true},
		"the last instant":      {w, w.Until.Add(-1), true},
		"at the end":            {w, w.Until, false},
		"a second after":        {w, w.Until.Add(time.Second), false},
		"end, as UTC writes it": {w, time.Date(2022, 12, 31, 17, 0, 0, 0, time.UTC), false},
		"no end":                {eid.Window{From: w.From}, w.Until.AddDate(50, 0, 0), true},
		"no window":             {eid.Window{}, w.From, false},
		"an end only":           {eid.Window{Until: w.Until}, w.From, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := federation.Admit(&eid.Source{ID: "post", Window: tt.window}, owners(), tt.now, tt.now)
			if (err == nil) != tt.open || (!tt.open && !errors.Is(err, federation.ErrWindowClosed)) {
				t.Errorf("Admit() = %v, want open %v", err, tt.open)
			}
		})
	}
}

// A sign-in that was begun before the source was switched on again is refused.
func TestAdmitWhatWasBegunBefore(t *testing.T) {
	w := transition()
	on := w.From.AddDate(0, 1, 0)
	for name, tt := range map[string]struct {
		off   bool
		begun time.Time
		want  error
	}{
		"off":               {true, on, federation.ErrSwitchedOff},
		"before it was on":  {false, on.Add(-time.Second), federation.ErrSwitchedOff},
		"nobody knows when": {false, time.Time{}, federation.ErrSwitchedOff},
		"as it was on":      {false, on, nil},
		"after":             {false, on.Add(time.Second), nil},
	} {
		src := &eid.Source{ID: "post", Window: w, Switch: eid.Switch{Off: tt.off, At: on}}
		if err := federation.Admit(src, owners(), tt.begun, on.Add(time.Minute)); !errors.Is(err, tt.want) {
			t.Errorf("%s: Admit() = %v, want %v", name, err, tt.want)
		}
	}
	src := &eid.Source{ID: "post", Window: w, Switch: eid.Switch{At: on}}
	if err := federation.Admit(src, owners(), on.Add(-time.Second), w.Until); !errors.Is(err, federation.ErrWindowClosed) {
		t.Errorf("Admit() at the window's end = %v, want %v", err, federation.ErrWindowClosed)
	}
}

func TestBelieve(t *testing.T) {
	w := transition()
	now := w.From.AddDate(0, 1, 0)
	levels := func(l ...eid.Level) []eid.Level { return l }
	person := federation.Assertion{Subject: "u-1", Level: eid.Level1, At: now}
	with := func(change func(*federation.Assertion)) federation.Assertion {
		a := person
		change(&a)
		return a
	}
	tests := map[string]struct {
		kind  string
		may   []eid.Level
		said  federation.Assertion
		now   time.Time
		wants error
	}{
		"trusted":                      {"openid", levels(1), person, now, nil},
		"begun before the end":         {"openid", levels(1), with(func(a *federation.Assertion) { a.At = w.Until.Add(-time.Second) }), w.Until.Add(-time.Second), nil},
		"arrives at the end":           {"openid", levels(1), with(func(a *federation.Assertion) { a.At = w.Until.Add(-time.Second) }), w.Until, federation.ErrWindowClosed},
		"arrives after the end":        {"openid", levels(1), with(func(a *federation.Assertion) { a.At = w.Until.Add(-time.Second) }), w.Until.Add(time.Second), federation.ErrWindowClosed},
		"before the start":             {"openid", levels(1), with(func(a *federation.Assertion) { a.At = w.From }), w.From.Add(-time.Second), federation.ErrWindowClosed},
		"raises to 2":                  {"openid", levels(1), with(func(a *federation.Assertion) { a.Level = eid.Level2 }), now, federation.ErrUntrusted},
		"below its set":                {"openid", levels(2), person, now, federation.ErrUntrusted},
		"no level":                     {"openid", levels(1, 2), with(func(a *federation.Assertion) { a.Level = eid.LevelNone }), now, federation.ErrUntrusted},
		"no level, set holds it":       {"openid", levels(0, 1), with(func(a *federation.Assertion) { a.Level = eid.LevelNone }), now, federation.ErrUntrusted},
		"level 3, set holds it":        {"openid", levels(3), with(func(a *federation.Assertion) { a.Level = 3 }), now, federation.ErrUntrusted},
		"nothing registered":           {"openid", nil, person, now, federation.ErrUntrusted},
		"no time":                      {"openid", levels(1), with(func(a *federation.Assertion) { a.At = time.Time{} }), now, federation.ErrUntrusted},
		"5 s ahead":                    {"openid", levels(1), with(func(a *federation.Assertion) { a.At = now.Add(5 * time.Second) }), now, nil},
		"6 s ahead":                    {"openid", levels(1), with(func(a *federation.Assertion) { a.At = now.Add(6 * time.Second) }), now, federation.ErrUntrusted},
		"nobody":                       {"openid", levels(1), with(func(a *federation.Assertion) { a.Subject = "" }), now, federation.ErrUntrusted},
		"upstream names an account":    {"openid", levels(1), with(func(a *federation.Assertion) { a.Account = "a-1" }), now, federation.ErrUntrusted},
		"upstream, account only":       {"openid", levels(1), with(func(a *federation.Assertion) { a.Account, a.Subject = "a-1", "" }), now, federation.ErrUntrusted},
		"kind unknown, account only":   {"", levels(1), with(func(a *federation.Assertion) { a.Account, a.Subject = "a-1", "" }), now, federation.ErrUntrusted},
		"account system":               {federation.KindAccount, levels(1, 2), federation.Assertion{Account: "a-1", Level: eid.Level2, At: now}, now, nil},
		"account system, by a subject": {federation.KindAccount, levels(1, 2), person, now, federation.ErrUntrusted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src := &eid.Source{ID: "post", Kind: tt.kind, Window: w, MayAssert: tt.may}
			if err := federation.Believe(src, owners(), tt.said, tt.now); !errors.Is(err, tt.wants) {
				t.Errorf("Believe() = %v, want %v", err, tt.wants)
			}
		})
	}
}

func TestChoices(t *testing.T) {
	w := transition()
	always := eid.Window{From: w.From.AddDate(-1, 0, 0)}
	source := func(id string, window eid.Window, may []eid.Level, ceiling eid.Level) eid.Source {
		return eid.Source{ID: id, Window: window, MayAssert: may,
			GrantsAtMost: []eid.Ceiling{{From: always.From, Level: ceiling}}}
	}
	both, one := []eid.Level{eid.Level1, eid.Level2}, []eid.Level{eid.Level1}
	sources := []eid.Source{
		source("post", w, both, eid.Level1),
		source("barred", always, both, eid.Level2),
		source("national", always, both, eid.Level2),
		source("bank", w, one, eid.Level2),
		source("unset", eid.Window{}, both, eid.Level2),
		source("nothing", always, nil, eid.Level2),
	}
	rp := eid.RelyingParty{Category: eid.OtherCategory, Sources: []string{"national", "unset", "gone", "bank", "post", "nothing"}}

	type row struct {
		ID    string
		Why   federation.Reason
		Reach eid.Level
		At    time.Time
	}
	tests := map[string]struct {
		floor, own eid.Level
		now        time.Time
		want       []row
	}{
		"level 1, a second before the start": {eid.Level1, 0, w.From.Add(-time.Second), []row{
			{"national", "", 2, time.Time{}}, {"bank", "not_yet", 0, w.From}, {"post", "not_yet", 0, w.From}, {"nothing", "level_too_low", 0, time.Time{}}}},
		"level 1, at the start": {eid.Level1, 0, w.From, []row{
			{"national", "", 2, time.Time{}}, {"bank", "", 1, time.Time{}}, {"post", "", 1, time.Time{}}, {"nothing", "level_too_low", 0, time.Time{}}}},
		"level 2, a second before the end": {eid.Level2, 0, w.Until.Add(-time.Second), []row{
			{"national", "", 2, time.Time{}}, {"bank", "level_too_low", 1, time.Time{}}, {"post", "level_too_low", 1, time.Time{}}, {"nothing", "level_too_low", 0, time.Time{}}}},
		"level 2, at the end": {eid.Level2, 0, w.Until, []row{
			{"national", "", 2, time.Time{}}, {"bank", "ended", 0, w.Until}, {"post", "ended", 0, w.Until}, {"nothing", "level_too_low", 0, time.Time{}}}},
		"level 1, a second after the end": {eid.Level1, 0, w.Until.Add(time.Second), []row{
			{"national", "", 2, time.Time{}}, {"bank", "ended", 0, w.Until}, {"post", "ended", 0, w.Until}, {"nothing", "level_too_low", 0, time.Time{}}}},
		"own floor above the service's": {eid.Level1, eid.Level2, w.From, []row{
			{"national", "", 2, time.Time{}}, {"bank", "own_floor", 1, time.Time{}}, {"post", "own_floor", 1, time.Time{}}, {"nothing", "level_too_low", 0, time.Time{}}}},
		"no floor at all": {eid.LevelNone, 0, w.From, []row{
			{"national", "", 2, time.Time{}}, {"bank", "", 1, time.Time{}}, {"post", "", 1, time.Time{}}, {"nothing", "level_too_low", 0, time.Time{}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []row
			for _, c := range federation.Choices(sources, &rp, federation.Wanted{Level: tt.floor, OwnFloor: tt.own}, nil, tt.now) {
				got = append(got, row{c.Source.ID, c.Why, c.Reach, c.At})
				if c.Usable != (c.Why == "") {
					t.Errorf("Choices(): %s usable %v for reason %q", c.Source.ID, c.Usable, c.Why)
				}
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("Choices() (-got +want):\n%s", diff)
			}
		})
	}
}
