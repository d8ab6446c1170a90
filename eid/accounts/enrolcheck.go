package accounts

import (
	"slices"
	"time"

	"eidgate/eid"
)

// Bounds of what an enrolment brings.
const (
	maxEvidenceRows   = 16
	maxDocumentNumber = 64 // bytes
	// maxFirstPassword is how long a first password may wait for its holder.
	maxFirstPassword = 7 * 24 * time.Hour
)

// check names every rule that an enrolment breaks, without repeating what it holds. What
// a level rests on has to be there, whoever asks (Decision 34/2021, Arts. 7 and 8).
func (e Enrolment) check(now time.Time) error {
	var f faults
	f = append(f, e.account().check(now))
	f.add(e.Phone.Value == "" && e.Email.Value == "", "neither phone nor e-mail")
	f.add(e.Actor == "", "actor is missing")
	f.text("rules", e.Rules, 1, maxText)
	f.text("reference", e.Ref, 0, maxText)
	f.add((e.FirstPasswordHash == "") != e.FirstPasswordUntil.IsZero(), "a first password and its end go together")
	f.add(e.FirstPasswordHash != "" && (!e.FirstPasswordUntil.After(now) || e.FirstPasswordUntil.After(now.Add(maxFirstPassword))), "first password ends in the past or too late")
	f.add(e.Replace && e.FirstPasswordHash == "", "who replaces needs a first password")
	f.add(e.Unlock != nil && (e.Unlock.Rules == nil || e.Unlock.Proof == "" || e.Unlock.Officer == ""), "what unlocks lacks its rules, its proof or its officer")
	f.evidence(e.Person.Type, e.Level, e.Evidence, now)
	f.documents(e.Documents, now)
	return f.err()
}

// evidence checks what a level rests on: for level 1 that what was declared matched the
// registry of the subject type; for level 2 a biometric that matched, the person's own
// confirmation and, of a citizen, a valid card.
func (f *faults) evidence(of eid.SubjectType, level eid.Level, list []eid.Evidence, now time.Time) {
	f.add(len(list) > maxEvidenceRows, "too much evidence")
	registries := map[eid.SubjectType][]eid.Database{
		eid.Citizen:   {eid.Population, eid.CitizenCard},
		eid.Foreigner: {eid.Immigration},
	}[of]
	has := map[eid.EvidenceKind]bool{}
	for _, e := range list {
		f.text("method of evidence", string(e.Method), 0, maxText)
		f.text("reference of evidence", e.Reference, 0, maxText)
		f.text("officer of evidence", string(e.Officer), 0, maxText)
		f.add(e.At.IsZero() || e.At.After(now), "evidence is of no time, or of one ahead")
		switch e.Kind {
		case eid.EvidenceRegistry:
			f.add(!slices.Contains(registries, e.Database), "evidence of a registry that does not know such people")
		case eid.EvidenceBiometric:
			f.add(e.Method != eid.Portrait && e.Method != eid.Fingerprint, "biometric by no method")
			f.add(e.Database != eid.Population && e.Database != eid.CitizenCard && e.Database != eid.Immigration, "biometric against no database")
			f.add(e.Reference == "" || e.Officer == "", "biometric without reference or officer")
		case eid.EvidenceCard:
			f.add(e.Database != eid.CitizenCard || e.Officer == "", "card without its registry or an officer")
		case eid.EvidenceConfirmation:
			f.add(e.Officer == "", "confirmation without an officer")
		default:
			f.add(true, "evidence of no kind")
		}
		has[e.Kind] = true
	}
	f.add(!has[eid.EvidenceRegistry], "no registry matched")
	if level == eid.Level2 {
		f.add(!has[eid.EvidenceBiometric], "level 2 without a biometric that matched")
		f.add(!has[eid.EvidenceConfirmation], "level 2 without the person's confirmation")
		f.add(of == eid.Citizen && !has[eid.EvidenceCard], "level 2 without a valid card")
	}
}

// documents checks the papers whose originals were compared, one of a kind at most.
func (f *faults) documents(list []eid.Document, now time.Time) {
	kinds := map[eid.DocumentKind]bool{}
	for _, d := range list {
		f.add(!slices.Contains(eid.DocumentKinds(), d.Kind), "document of no kind")
		f.add(kinds[d.Kind], "two documents of a kind")
		kinds[d.Kind] = true
		f.text("number of a document", d.Number.Reveal(), 1, maxDocumentNumber)
		f.text("issuer of a document", d.Issuer, 1, maxText)
		f.add(d.VerifiedAt.IsZero() || d.VerifiedAt.After(now) || d.VerifiedBy == "", "document that no officer compared")
		_, err := time.Parse(time.DateOnly, d.ExpiresOn)
		f.add(d.ExpiresOn != "" && err != nil, "end of a document is not a date")
	}
}
