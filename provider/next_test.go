package provider

import (
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// scene is a view to change: a Level 2 holder with both factors, a party that
// accepts the account system and a legacy source, nobody signed in.
func scene() *view {
	past := noon.AddDate(-1, 0, 0)
	v := &view{
		now: noon, level2Proof: 30 * time.Minute,
		sources: []eid.Source{
			{
				ID: "national", Kind: federation.KindAccount, National: true, Window: eid.Window{From: past},
				MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: []eid.Ceiling{{From: past, Level: eid.Level2}},
			},
			{
				ID: "legacy", Kind: federation.KindOpenID, Window: eid.Window{From: past, Until: noon.Add(time.Hour)},
				MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: []eid.Ceiling{{From: past, Level: eid.Level1}},
			},
		},
	}
	v.login.ID, v.login.StartedAt = "this", noon
	v.login.Request.rp = eid.RelyingParty{ID: "portal", Category: eid.OtherCategory, Sources: []string{"national", "legacy"}}
	v.need(eid.LevelPolicy{Minimum: eid.Level1})
	return v
}

// need sets what is required, with the acr values asked.
func (v *view) need(p eid.LevelPolicy, asked ...string) {
	v.login.Request.Need = eid.NewRequirement(p, eid.StandardVocabulary(), eid.Asking{Values: asked})
	v.login.Level = v.login.Request.Need.Floor
}

func holder() *eid.Account {
	return &eid.Account{ID: "a", Level: eid.Level2, Status: eid.Active, Factors: []eid.Factor{eid.Password, eid.OneTimeCode}}
}

// signedIn gives the session a proof of that age.
func (v *view) signedIn(a *eid.Account, source string, level eid.Level, age time.Duration) {
	v.account = a
	v.session.Account = a.ID
	p := federation.Proof{Source: source, Account: a.ID, Level: level, Methods: []string{"pwd"}, At: v.now.Add(-age)}
	if source == "legacy" {
		p.Link = "link"
		v.links = []eid.Link{{ID: "link", Account: a.ID, Source: "legacy", Cap: eid.Level1}}
	}
	v.session.Proofs = append(v.session.Proofs, p)
}

// pending gives the login a side that was proved that long ago.
func (v *view) pending(age time.Duration) *linking {
	v.sources[1].Linking = &eid.Linking{Cap: eid.Level1}
	v.login.Linking = &linking{ID: "k", Source: "legacy", Given: v.now.Add(-age)}
	return v.login.Linking
}

// bothProved gives it both, the national one of an account, in the session of a.
func (v *view) bothProved(account eid.AccountID) {
	v.signedIn(holder(), "national", eid.Level2, time.Minute)
	k := v.pending(time.Minute)
	k.Agreed, k.Proved = true, &federation.Proof{Source: "national", Account: account, Level: eid.Level2}
}

const (
	acr1 = "urn:vn:eid:level:1"
	acr2 = "urn:vn:eid:level:2"
)

func TestNext(t *testing.T) {
	level1, level2 := eid.LevelPolicy{Minimum: eid.Level1}, eid.LevelPolicy{Minimum: eid.Level2}
	tests := []struct {
		name   string
		change func(v *view)
		stage  stage
		source string
		reason reason
		silent string // for prompt=none; "" at stageIssue
	}{
		{"nobody, two sources", func(*view) {}, stageChoose, "", "", codeLoginRequired},
		{"nobody, one source fits", func(v *view) { v.need(level2) }, stageSource, "national", "", codeLoginRequired},
		{"nobody, the source failed: no loop", func(v *view) { v.need(level2); v.login.Failed = "national" }, stageChoose, "", "", codeLoginRequired},
		{"the source was asked for 2 and gave 1: not in circles", func(v *view) {
			v.sources[1].MayAssert, v.sources[1].GrantsAtMost[0].Level = []eid.Level{eid.Level1, eid.Level2}, eid.Level2
			v.login.Request.rp.Sources = []string{"legacy"}
			v.need(level2)
			v.signedIn(holder(), "legacy", eid.Level1, time.Minute)
			v.links[0].Cap = eid.Level2
			v.login.gave(v.sources[1], eid.Level1, true)
		}, stageRefuse, "", reasonLevelTooLow, codeUnmet},
		{"the source gave 1, and 1 was asked", func(v *view) {
			v.sources[1].MayAssert, v.sources[1].GrantsAtMost[0].Level = []eid.Level{eid.Level1, eid.Level2}, eid.Level2
			v.login.Request.rp.Sources = []string{"legacy"}
			v.login.gave(v.sources[1], eid.Level1, true)
			v.need(level2)
			v.signedIn(holder(), "legacy", eid.Level1, time.Minute)
			v.links[0].Cap = eid.Level2
		}, stageStepUp, "", "", codeInteractionRequired},
		{"chosen", func(v *view) { v.login.Source = "legacy" }, stageSource, "legacy", "", codeLoginRequired},
		{"chosen, then its window closed", func(v *view) { v.login.Source = "legacy"; v.now = noon.Add(time.Hour) }, stageSource, "national", "", codeLoginRequired},
		{"chosen, not this party's", func(v *view) { v.login.Source = "other" }, stageChoose, "", "", codeLoginRequired},
		{"no source at all", func(v *view) { v.login.Request.rp.Sources = nil }, stageRefuse, "", reasonNoSource, codeLoginRequired},
		{"a pending side", func(v *view) { v.pending(time.Minute) }, stageLink, "", "", codeInteractionRequired},
		{"a pending side, agreed", func(v *view) { v.pending(time.Minute).Agreed = true }, stageSource, "national", "", codeInteractionRequired},
		{"a pending side in a session, agreed", func(v *view) {
			v.signedIn(holder(), "national", eid.Level2, time.Minute)
			v.pending(time.Minute).Agreed = true
		}, stageSource, "national", "", codeInteractionRequired},
		{"a pending side that was remembered", func(v *view) { k := v.pending(time.Minute); k.Agreed, k.Stale = true, true }, stageSource, "legacy", "", codeInteractionRequired},
		{"a pending side, five minutes", func(v *view) { v.pending(5 * time.Minute).Agreed = true }, stageSource, "national", "", codeInteractionRequired},
		{"a pending side, a second more", func(v *view) { v.pending(5*time.Minute + time.Second).Agreed = true }, stageSource, "legacy", "", codeInteractionRequired},
		{"both sides", func(v *view) { v.bothProved("a") }, stageConfirmLink, "", "", codeInteractionRequired},
		{"both sides, the session is another's", func(v *view) { v.bothProved("b") }, stageSource, "national", "", codeInteractionRequired},
		{"both sides, not agreed", func(v *view) { v.bothProved("a"); v.login.Linking.Agreed = false }, stageLink, "", "", codeInteractionRequired},
		{"both sides, locked", func(v *view) { v.bothProved("a"); v.account.Locks = []eid.Lock{{Reason: eid.LockSelf}} }, stageRefuse, "", reasonLocked, codeLoginRequired},
		{"both sides, the window closed", func(v *view) { v.bothProved("a"); v.sources[1].Window.Until = v.now }, stageRefuse, "", reasonSourceEnded, codeAccessDenied},
		{"both sides, switched off", func(v *view) { v.bothProved("a"); v.sources[1].Switch = eid.Switch{Off: true, At: v.now} }, stageRefuse, "", reasonSourceOff, codeAccessDenied},
		{"both sides, off and on again", func(v *view) { v.bothProved("a"); v.sources[1].Switch = eid.Switch{At: v.now} }, stageRefuse, "", reasonSourceOff, codeAccessDenied},
		{"both sides, linked by holders no more", func(v *view) { v.bothProved("a"); v.sources[1].Linking = nil }, stageRefuse, "", reasonNotLinked, codeAccessDenied},
		{"both sides, of a source that is gone", func(v *view) { v.bothProved("a"); v.sources = v.sources[:1] }, stageRefuse, "", reasonNotLinked, codeAccessDenied},
		{"both sides, after somebody else came back", func(v *view) { v.bothProved("a"); v.login.OtherPerson = true }, stageOtherPerson, "", "", codeLoginRequired},
		{"a pending side, no national source", func(v *view) { v.pending(0).Agreed = true; v.sources = v.sources[1:] }, stageRefuse, "", reasonNoSource, codeUnmet},
		{"a pending side, the national source is not this party's", func(v *view) {
			v.pending(0).Agreed = true
			v.login.Request.rp.Sources = []string{"legacy"}
		}, stageSource, "national", "", codeInteractionRequired},
		{"zero view", func(v *view) { *v = view{} }, stageRefuse, "", reasonNoSource, codeLoginRequired},
		{"unmet at once", func(v *view) {
			v.login.Request.Need = eid.NewRequirement(level1, eid.StandardVocabulary(), eid.Asking{Claim: &eid.ACRClaim{Essential: true, Values: []string{"x"}}})
		}, stageRefuse, "", reasonUnmet, codeUnmet},

		{"session at 1, asks 1", func(v *view) { v.signedIn(holder(), "national", eid.Level1, 0) }, stageIssue, "", "", ""},
		{"session at 2, asks 1", func(v *view) { v.signedIn(holder(), "national", eid.Level2, 0); v.need(level1, acr1) }, stageIssue, "", "", ""},
		{"session at 1, needs 2", func(v *view) { v.signedIn(holder(), "national", eid.Level1, 0); v.need(level2) }, stageStepUp, "", "", codeInteractionRequired},
		{"session at 1, needs 2, agreed", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.need(level2)
			v.login.SteppingUp = true
		}, stageSource, "national", "", codeInteractionRequired},
		{"session at 1 through legacy, needs 2", func(v *view) { v.signedIn(holder(), "legacy", eid.Level1, 0); v.need(level2) }, stageStepUp, "", "", codeInteractionRequired},
		{"level-2 proof aged out, needs 2", func(v *view) { v.signedIn(holder(), "national", eid.Level2, 31*time.Minute); v.need(level2) }, stageStepUp, "", "", codeInteractionRequired},
		{"level-2 proof aged out, asks 1", func(v *view) { v.signedIn(holder(), "national", eid.Level2, 31*time.Minute) }, stageIssue, "", "", ""},
		{"wants 2 rather than 1", func(v *view) { v.signedIn(holder(), "national", eid.Level1, 0); v.need(level1, acr2, acr1) }, stageStepUp, "", "", codeInteractionRequired},
		{"wants 2 rather than 1, stayed", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.need(level1, acr2, acr1)
			v.login.Stayed = true
		}, stageIssue, "", "", ""},
		{"wants 2 rather than 1, prompt none", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.need(level1, acr2, acr1)
			v.login.Request.Prompt = []string{promptNone}
		}, stageIssue, "", "", ""},

		{"level too low", func(v *view) {
			a := holder()
			a.Level = eid.Level1
			v.signedIn(a, "national", eid.Level2, 0)
			v.need(level2)
		}, stageRefuse, "", reasonLevelTooLow, codeUnmet},
		{"no second factor", func(v *view) {
			a := holder()
			a.Factors = []eid.Factor{eid.Password}
			v.signedIn(a, "national", eid.Level1, 0)
			v.need(level2)
		}, stageRefuse, "", reasonOneMoreCheck, codeUnmet},
		{"no source of this party gives 2", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.need(level2)
			v.login.Request.rp.Sources = []string{"legacy"}
		}, stageRefuse, "", reasonNoSource, codeUnmet},

		{"locked", func(v *view) {
			a := holder()
			a.Locks = []eid.Lock{{Reason: eid.LockSelf}}
			v.signedIn(a, "national", eid.Level2, 0)
		}, stageRefuse, "", reasonLocked, codeLoginRequired},
		{"not activated", func(v *view) {
			a := holder()
			a.Status = eid.PendingActivation
			v.signedIn(a, "national", eid.Level2, 0)
		}, stageRefuse, "", reasonNotActivated, codeLoginRequired},

		{"own floor 2, at 1, can step up", func(v *view) {
			a := holder()
			a.OwnFloor = eid.Level2
			v.signedIn(a, "national", eid.Level1, 0)
		}, stageStepUp, "", "", codeInteractionRequired},
		{"own floor 2, at 1, cannot", func(v *view) {
			a := holder()
			a.OwnFloor, a.Factors = eid.Level2, []eid.Factor{eid.Password}
			v.signedIn(a, "national", eid.Level1, 0)
		}, stageRefuse, "", reasonOwnFloor, codeAccessDenied},

		{"prompt login, session from before", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, time.Minute)
			v.login.Request.Prompt = []string{promptLogin}
		}, stageChoose, "", "", codeLoginRequired},
		{"prompt login, proved since", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.login.Request.Prompt, v.session.Proofs[0].Login = []string{promptLogin}, "this"
		}, stageIssue, "", "", ""},
		{"prompt login, a proof of this instant", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.login.Request.Prompt = []string{promptLogin}
		}, stageChoose, "", "", codeLoginRequired},
		{"prompt login, proved since by a clock that is behind", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, time.Minute)
			v.login.Request.Prompt, v.session.Proofs[0].Login = []string{promptLogin}, "this"
		}, stageIssue, "", "", ""},
		{"max_age over for the higher proof, not for the lower", func(v *view) {
			v.signedIn(holder(), "national", eid.Level2, 10*time.Minute)
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.session.Proofs[1].Login = "this"
			v.login.Request.MaxAge = pointer(60)
			v.need(level2)
		}, stageStepUp, "", "", codeInteractionRequired},
		{"max_age not over", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, time.Minute)
			v.login.Request.MaxAge = pointer(60)
		}, stageIssue, "", "", ""},
		{"max_age over", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, time.Minute+1)
			v.login.Request.MaxAge = pointer(60)
		}, stageChoose, "", "", codeLoginRequired},
		{"max_age 0", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 1)
			v.login.Request.MaxAge = pointer(0)
		}, stageChoose, "", "", codeLoginRequired},

		{"window of the proof's source closed", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.now = noon.Add(time.Hour)
		}, stageSource, "national", "", codeLoginRequired},
		{"window closes in a second", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.now = noon.Add(time.Hour - time.Second)
		}, stageIssue, "", "", ""},
		{"one window closed, the other proof carries on", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.now = noon.Add(time.Hour)
		}, stageIssue, "", "", ""},
		{"link ended", func(v *view) { v.signedIn(holder(), "legacy", eid.Level1, 0); v.links = nil }, stageChoose, "", "", codeLoginRequired},
		{"link expired", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.links[0].Expires = noon
		}, stageChoose, "", "", codeLoginRequired},
		{"proof of somebody else", func(v *view) {
			v.signedIn(holder(), "national", eid.Level2, 0)
			v.session.Proofs[0].Account = "b"
		}, stageChoose, "", "", codeLoginRequired},
		{"source this party does not accept", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.login.Request.rp.Sources = []string{"national"}
		}, stageSource, "national", "", codeLoginRequired},
		{"administrative: the legacy source is not taken", func(v *view) { v.login.Request.rp.Category = "" }, stageSource, "national", "", codeLoginRequired},
		{"administrative: a proof of the legacy source counts nothing", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.login.Request.rp.Category = eid.Administrative
		}, stageSource, "national", "", codeLoginRequired},
		{"administrative with an exception: it counts", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.login.Request.rp.Category, v.login.Request.rp.NotReady = "", &eid.NotReady{Decision: "d", SignIn: true}
		}, stageIssue, "", "", ""},
		{"switched off: nobody can choose it", func(v *view) { v.sources[1].Switch.Off = true }, stageSource, "national", "", codeLoginRequired},
		{"switched off: the proof counts nothing, the other carries on", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.sources[1].Switch.Off = true
		}, stageIssue, "", "", ""},
		{"all switched off", func(v *view) { v.sources[0].Switch.Off, v.sources[1].Switch.Off = true, true }, stageChoose, "", "", codeLoginRequired},
		{"resting: the other one is used", func(v *view) { v.resting = []string{"legacy"} }, stageSource, "national", "", codeLoginRequired},
		{"resting: what was proved there counts", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.resting = []string{"legacy"}
		}, stageIssue, "", "", ""},
		{"the source of the step-up rests: it is no refusal", func(v *view) {
			v.signedIn(holder(), "legacy", eid.Level1, 0)
			v.need(level2)
			v.login.SteppingUp, v.resting = true, []string{"national"}
		}, stageChoose, "", "", codeInteractionRequired},
		{"other person came back", func(v *view) {
			v.signedIn(holder(), "national", eid.Level1, 0)
			v.login.OtherPerson = true
		}, stageOtherPerson, "", "", codeLoginRequired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := scene()
			tt.change(v)
			d := next(*v)
			if d.stage != tt.stage || d.source != tt.source || d.refusal.Reason != tt.reason || d.silent != tt.silent {
				t.Errorf("next() = stage %d source %q reason %q silent %q, want stage %d source %q reason %q silent %q",
					d.stage, d.source, d.refusal.Reason, d.silent, tt.stage, tt.source, tt.reason, tt.silent)
			}
		})
	}
}

// A grant is issued only where the terms of the proof meet what is required and
// what the holder allows: over every combination that a view is made of.
func TestNextNeverIssuesBelow(t *testing.T) {
	levels := []eid.Level{eid.LevelNone, eid.Level1, eid.Level2}
	issued := 0
	for _, account := range levels {
		for _, own := range levels {
			for _, method := range levels {
				for _, ceiling := range levels {
					for _, minimum := range levels {
						for _, asked := range [][]string{nil, {acr1}, {acr2}, {acr2, acr1}} {
							for _, age := range []time.Duration{-time.Minute, 0, time.Hour} {
								for _, source := range []string{"national", "legacy"} {
									for _, may := range [][]eid.Level{nil, {eid.Level1}, {eid.Level1, eid.Level2}} {
										v := scene()
										a := holder()
										a.Level, a.OwnFloor = account, own
										v.signedIn(a, source, method, age)
										v.need(eid.LevelPolicy{Minimum: minimum}, asked...)
										v.login.Stayed = true
										for i := range v.sources {
											v.sources[i].MayAssert = may
											v.sources[i].GrantsAtMost = []eid.Ceiling{{From: noon.AddDate(-1, 0, 0), Level: ceiling}}
										}
										d := next(*v)
										if d.stage != stageIssue {
											continue
										}
										issued++
										achieved := min(account, method, ceiling)
										if source == "legacy" {
											achieved = min(achieved, eid.Level1)
										}
										if age == time.Hour {
											achieved = min(achieved, eid.Level1)
										}
										if got := d.terms.Achieved(); got > achieved || got < minimum || got < own || minimum == eid.LevelNone {
											t.Fatalf("issued at %v: account %v own %v method %v ceiling %v minimum %v asked %v age %v source %s may %v",
												got, account, own, method, ceiling, minimum, asked, age, source, may)
										}
										value, ok := v.login.Request.Need.ACR(eid.StandardVocabulary(), d.terms.Achieved())
										if !ok || value.Level > achieved {
											t.Fatalf("acr %v of achieved %v", value, achieved)
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if issued == 0 {
		t.Fatal("nothing was issued: the enumeration checks nothing")
	}
}

func pointer(n int64) *int64 { return &n }
