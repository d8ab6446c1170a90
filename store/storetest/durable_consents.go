package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/sqlstore"
)

func consentEntry(at time.Time, action string) eid.AuditEntry {
	return eid.AuditEntry{At: at, Actor: "holder", Action: action, Ref: "ref-1"}
}

func (s durableSuite) consents(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, other := d.person(t, numberA), d.person(t, numberB)
	var seen int64
	d.actions(t, &seen)
	now := d.clock.Now()
	given := consentEntry(now, eid.ActionConsentGiven)
	withdrawn := consentEntry(now, eid.ActionConsentEnded)

	first := eid.ConsentGiven{
		Account: id, Client: "portal", Claims: []string{"phone_number", "name", "name"},
		GivenAt: now, Until: now.Add(time.Hour),
	}
	must(t, d.GiveConsent(ctx, first, given))
	equal(t, "claims of the caller", first.Claims, []string{"phone_number", "name", "name"})
	first.Claims = []string{"name", "phone_number"}
	got, err := d.Consent(ctx, id, "portal")
	wantErr(t, "Consent()", err, nil)
	equal(t, "Consent()", got, first)

	// One that asks for nothing is a consent too.
	second := eid.ConsentGiven{Account: id, Client: "bank", GivenAt: now, Until: now.Add(time.Minute)}
	must(t, d.GiveConsent(ctx, second, given))
	d.clock.Advance(2 * time.Minute)
	again := eid.ConsentGiven{
		Account: id, Client: "portal", Claims: []string{"email"}, GivenAt: d.clock.Now(), Until: d.clock.Now().Add(time.Hour),
	}
	must(t, d.GiveConsent(ctx, again, given))
	list, err := d.ConsentsOf(ctx, id)
	wantErr(t, "ConsentsOf()", err, nil)
	equal(t, "ConsentsOf() by client", list, []eid.ConsentGiven{second, again})

	for _, key := range []struct {
		account eid.AccountID
		client  string
	}{{other, "portal"}, {id, "Portal"}, {id, ""}, {"", "portal"}} {
		_, err := d.Consent(ctx, key.account, key.client)
		wantErr(t, "Consent() of another", err, eid.ErrNotFound)
		wantErr(t, "WithdrawConsent() of another", d.WithdrawConsent(ctx, key.account, key.client, withdrawn), eid.ErrNotFound)
	}
	// One answer is changed and changed back, within the consent and for its time.
	for _, share := range []bool{false, true} {
		must(t, d.AnswerConsent(ctx, id, "portal", "email", share, consentEntry(d.clock.Now(), eid.ActionConsentGiven)))
		got, err := d.Consent(ctx, id, "portal")
		wantErr(t, "Consent() after another answer", err, nil)
		equal(t, "Covers() after another answer", got.Covers([]string{"email"}, d.clock.Now()), share)
		equal(t, "Answers() after another answer", got.Answers([]string{"email"}, d.clock.Now()) && got.Until.Equal(again.Until), true)
	}
	for _, key := range []struct{ client, claim string }{{"portal", "name"}, {"Portal", "email"}, {"bank", "name"}} {
		err := d.AnswerConsent(ctx, id, key.client, key.claim, true, consentEntry(d.clock.Now(), eid.ActionConsentGiven))
		wantErr(t, "AnswerConsent() of what was not asked", err, eid.ErrNotFound)
	}
	late := consentEntry(again.Until, eid.ActionConsentGiven)
	wantErr(t, "AnswerConsent() after its end", d.AnswerConsent(ctx, id, "portal", "email", false, late), eid.ErrNotFound)

	must(t, d.WithdrawConsent(ctx, id, "portal", withdrawn))
	_, err = d.Consent(ctx, id, "portal")
	wantErr(t, "Consent() after its withdrawal", err, eid.ErrNotFound)
	wantErr(t, "WithdrawConsent() again", d.WithdrawConsent(ctx, id, "portal", withdrawn), eid.ErrNotFound)
	list, err = d.ConsentsOf(ctx, id)
	wantErr(t, "ConsentsOf()", err, nil)
	equal(t, "ConsentsOf() after a withdrawal", list, []eid.ConsentGiven{second})

	rows, err := d.Audit(ctx, sqlstore.AuditFilter{After: seen})
	must(t, err)
	var told []eid.ConsentGiven
	var acts []string
	for _, row := range rows {
		var detail struct {
			Claims []string  `json:"claims"`
			Until  time.Time `json:"until"`
		}
		must(t, json.Unmarshal(row.Detail, &detail))
		told = append(told, eid.ConsentGiven{Account: row.Account, Client: row.Client, Claims: detail.Claims, Until: detail.Until})
		acts = append(acts, row.Action)
	}
	for _, c := range []*eid.ConsentGiven{&first, &second, &again} {
		c.GivenAt = time.Time{}
	}
	declined := again
	declined.Claims = []string{}
	equal(t, "evidence in the audit", told, []eid.ConsentGiven{first, second, again, declined, again, again})
	equal(t, "acts in the audit", acts, []string{given.Action, given.Action, given.Action, given.Action, given.Action, withdrawn.Action})
}

func (s durableSuite) refusedConsents(t *testing.T) {
	d, ctx := s.desk(t), t.Context()
	id, now := d.person(t, numberA), d.clock.Now()
	standing := eid.ConsentGiven{Account: id, Client: "portal", Claims: []string{"name"}, GivenAt: now, Until: now.Add(time.Hour)}
	given := consentEntry(now, eid.ActionConsentGiven)
	must(t, d.GiveConsent(ctx, standing, given))
	var seen int64
	d.actions(t, &seen)

	wider := standing
	wider.Claims = []string{"name", "email"}
	nobody, noClient, over := wider, wider, wider
	nobody.Account, noClient.Client, over.Until = "nobody", "", wider.GivenAt
	wantErr(t, "GiveConsent() of nobody", d.GiveConsent(ctx, nobody, given), eid.ErrNotFound)
	for name, err := range map[string]error{
		"no client":             d.GiveConsent(ctx, noClient, given),
		"over at once":          d.GiveConsent(ctx, over, given),
		"no actor":              d.GiveConsent(ctx, wider, eid.AuditEntry{At: now, Action: eid.ActionConsentGiven}),
		"withdrawn by no actor": d.WithdrawConsent(ctx, id, "portal", eid.AuditEntry{At: now, Action: eid.ActionConsentEnded}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	list, err := d.ConsentsOf(ctx, id)
	wantErr(t, "ConsentsOf()", err, nil)
	equal(t, "ConsentsOf() after refusals", list, []eid.ConsentGiven{standing})
	equal(t, "audit of refusals", d.actions(t, &seen), []string(nil))
}
