package federation_test

import (
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

// The dates of TestConsider, each a day apart.
var day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("+07", 7*60*60))

func day(n int) time.Time { return day0.AddDate(0, 0, n) }

// TestConsider goes over category × national × exception × window × switch ×
// maintenance × health, at every edge and a second beside it, and compares with the
// rule said another way: as the set of times at which a sign-in may be begun.
func TestConsider(t *testing.T) {
	const none = "none"
	exceptions := map[string]*eid.NotReady{
		none: nil, "no decision": {SignIn: true}, "accounts only": {Decision: "d"}, "as long as the source": {Decision: "d", SignIn: true},
		"inside": {Decision: "d", SignIn: true, From: day(4), Until: day(8)}, "outlives the source": {Decision: "d", SignIn: true, From: day(4), Until: day(20)},
		"begins before": {Decision: "d", SignIn: true, Until: day(6)}, "over before it begins": {Decision: "d", SignIn: true, Until: day(1)},
	}
	spans := map[string][2]int{"as long as the source": {2, 10}, "inside": {4, 8}, "outlives the source": {4, 10}, "begins before": {2, 6}}
	cases, usable := 0, 0
	for _, category := range []eid.Category{"", eid.Administrative, eid.OtherCategory, "anything else"} {
		for _, national := range []bool{false, true} {
			for exception, notReady := range exceptions {
				for _, listed := range []bool{false, true} {
					for _, off := range []bool{false, true} {
						for _, down := range []bool{false, true} {
							src := &eid.Source{
								ID: "s", National: national, Window: eid.Window{From: day(2), Until: day(10)}, Switch: eid.Switch{Off: off, At: day(3)},
								Maintenance: []eid.Window{{From: day(5), Until: day(7)}}, MayAssert: []eid.Level{eid.Level1},
								GrantsAtMost: []eid.Ceiling{{From: day0, Level: eid.Level1}},
							}
							rp := &eid.RelyingParty{Category: category, NotReady: notReady}
							if listed {
								rp.Sources = []string{"s"}
							}
							span, takes := [2]int{2, 10}, true
							if category != eid.OtherCategory && !national {
								if span, takes = spans[exception]; exception == "over before it begins" {
									takes = false
								}
							}
							for n := 1; n <= 21; n++ {
								for _, by := range []time.Duration{-time.Second, 0, time.Second} {
									at := day(n).Add(by)
									cases++
									stands := takes && listed && !off && !at.Before(day(span[0])) && at.Before(day(span[1]))
									begins := stands && !down && (at.Before(day(5)) || !at.Before(day(7)))
									c := federation.Consider(src, rp, federation.Wanted{Level: eid.Level1, Down: down}, at)
									if c.Stands() != stands || c.Usable != begins || c.Usable != (c.Why == "") || c.Reach.Valid() != stands {
										t.Errorf("Consider() at day %d%+v, category %q, national %v, exception %s, listed %v, off %v, down %v = %q, stands %v, usable %v, reach %v; want stands %v, usable %v",
											n, by, category, national, exception, listed, off, down, c.Why, c.Stands(), c.Usable, c.Reach, stands, begins)
									}
									admits := stands && !at.Before(src.Switch.At)
									if err := federation.Admit(src, rp, at, at); (err == nil) != admits {
										t.Errorf("Admit() at day %d%+v = %v, want an error %v", n, by, err, !admits)
									}
									if c.Usable {
										usable++
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if usable == 0 || usable == cases {
		t.Fatalf("%d of %d cases usable: the table checks nothing", usable, cases)
	}
}

// TestReasons names what a holder is told where several things stand in the way,
// and when it changes.
func TestReasons(t *testing.T) {
	base := func() (*eid.Source, *eid.RelyingParty, federation.Wanted) {
		return &eid.Source{
				ID: "s", Window: eid.Window{From: day(2), Until: day(10)}, Maintenance: []eid.Window{{From: day(5), Until: day(7)}, {From: day(8), Until: day(9)}},
				MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: []eid.Ceiling{{From: day0, Level: eid.Level1}},
			},
			&eid.RelyingParty{Category: eid.OtherCategory, Sources: []string{"s"}}, federation.Wanted{Level: eid.Level1}
	}
	administrative := func(_ *eid.Source, rp *eid.RelyingParty, _ *federation.Wanted) {
		rp.Category, rp.NotReady = eid.Administrative, &eid.NotReady{Decision: "d", SignIn: true, From: day(3), Until: day(4)}
	}
	tests := map[string]struct {
		change func(*eid.Source, *eid.RelyingParty, *federation.Wanted)
		at     time.Time
		why    federation.Reason
		until  time.Time
	}{
		"usable":                            {nil, day(4), "", time.Time{}},
		"before":                            {nil, day(1), federation.ReasonNotYet, day(2)},
		"after":                             {nil, day(11), federation.ReasonEnded, day(10)},
		"maintenance":                       {nil, day(5), federation.ReasonMaintenance, day(7)},
		"the second maintenance":            {nil, day(8), federation.ReasonMaintenance, day(9)},
		"off and after":                     {func(s *eid.Source, _ *eid.RelyingParty, _ *federation.Wanted) { s.Switch.Off = true }, day(11), federation.ReasonOff, time.Time{}},
		"not listed and off":                {func(s *eid.Source, rp *eid.RelyingParty, _ *federation.Wanted) { s.Switch.Off, rp.Sources = true, nil }, day(4), federation.ReasonNotAccepted, time.Time{}},
		"too low and under maintenance":     {func(_ *eid.Source, _ *eid.RelyingParty, w *federation.Wanted) { w.Level = eid.Level2 }, day(5), federation.ReasonLevelTooLow, time.Time{}},
		"below the own floor":               {func(_ *eid.Source, _ *eid.RelyingParty, w *federation.Wanted) { w.OwnFloor = eid.Level2 }, day(5), federation.ReasonOwnFloor, time.Time{}},
		"under maintenance and down":        {func(_ *eid.Source, _ *eid.RelyingParty, w *federation.Wanted) { w.Down = true }, day(5), federation.ReasonMaintenance, day(7)},
		"down":                              {func(_ *eid.Source, _ *eid.RelyingParty, w *federation.Wanted) { w.Down = true }, day(4), federation.ReasonDown, time.Time{}},
		"administrative, before exception":  {administrative, day(2), federation.ReasonNotYet, day(3)},
		"administrative, after exception":   {administrative, day(4), federation.ReasonEnded, day(4)},
		"administrative, without exception": {func(_ *eid.Source, rp *eid.RelyingParty, _ *federation.Wanted) { rp.Category = "" }, day(4), federation.ReasonNotAccepted, time.Time{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src, rp, want := base()
			if tt.change != nil {
				tt.change(src, rp, &want)
			}
			if c := federation.Consider(src, rp, want, tt.at); c.Why != tt.why || !c.At.Equal(tt.until) {
				t.Errorf("Consider() = %q until %v, want %q until %v", c.Why, c.At, tt.why, tt.until)
			}
		})
	}
}

// TestSupports: what a proof is worth later falls with the source's dates, and an
// operator's switch ends it for good.
func TestSupports(t *testing.T) {
	src := eid.Source{
		ID: "s", Window: eid.Window{From: day(1), Until: day(10)}, MayAssert: []eid.Level{eid.Level1, eid.Level2},
		GrantsAtMost: []eid.Ceiling{{From: day0, Level: eid.Level2}, {From: day(5), Level: eid.Level1}},
		Maintenance:  []eid.Window{{From: day(3), Until: day(4)}},
	}
	rp := &eid.RelyingParty{Category: eid.OtherCategory, Sources: []string{"s"}}
	proof := federation.Proof{Source: "s", Level: eid.Level2, At: day(1), Given: day(2)}
	off, on := eid.Switch{Off: true, At: day(2).Add(time.Hour)}, eid.Switch{At: day(2).Add(time.Hour)}
	again, old := proof, proof
	again.Given = day(2).Add(time.Hour) // while the source still remembered the person
	old.Given = time.Time{}             // of before there was Given
	for name, tt := range map[string]struct {
		sw    eid.Switch
		proof federation.Proof
		at    time.Time
		want  eid.Level
	}{
		"at once":                         {eid.Switch{}, proof, day(2), eid.Level2},
		"under maintenance":               {eid.Switch{}, proof, day(3), eid.Level2},
		"a second before the ceiling":     {eid.Switch{}, proof, day(5).Add(-time.Second), eid.Level2},
		"at the ceiling":                  {eid.Switch{}, proof, day(5), eid.Level1},
		"a second before the end":         {eid.Switch{}, proof, day(10).Add(-time.Second), eid.Level1},
		"at the end":                      {eid.Switch{}, proof, day(10), eid.LevelNone},
		"switched off":                    {off, proof, day(3), eid.LevelNone},
		"switched off, by a stale reader": {off, again, day(3), eid.LevelNone},
		"on again, given before":          {on, proof, day(3), eid.LevelNone},
		"on again, given before Given":    {on, old, day(3), eid.LevelNone},
		"on again, given since":           {on, again, day(3), eid.Level2},
		"a level it may not state":        {eid.Switch{}, federation.Proof{Source: "s", Level: 3, Given: day(2)}, day(2), eid.LevelNone},
	} {
		src.Switch = tt.sw
		if got := federation.Supports(&src, rp, tt.proof, tt.at); got != tt.want {
			t.Errorf("%s: Supports() = %v, want %v", name, got, tt.want)
		}
	}
}
