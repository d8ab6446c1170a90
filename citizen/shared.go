package citizen

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"eidgate/eid"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// Sharing keeps what holders agreed to share. Each change is one transaction with its
// audit entry; eid.ErrNotFound where there is nothing such to change.
type Sharing interface {
	ConsentsOf(ctx context.Context, account eid.AccountID) ([]eid.ConsentGiven, error)
	WithdrawConsent(ctx context.Context, account eid.AccountID, client string, entry eid.AuditEntry) error
	// AnswerConsent changes the answer to one claim that a client asked for before.
	AnswerConsent(ctx context.Context, account eid.AccountID, client, claim string, share bool, entry eid.AuditEntry) error
}

// shared shows what the holder shares with whom, and takes another answer: a consent is
// withdrawn whole, a document is given and withdrawn alone (Decree 13/2023, Art. 12).
func (p *Pages) shared(w http.ResponseWriter, r *http.Request, who signin.Person) {
	if r.Method == http.MethodPost {
		if err := p.answer(r, who.Account); err != nil && !errors.Is(err, eid.ErrNotFound) { // changed meanwhile: the page shows it
			p.d.Shell.Failure(w, r, err)
			return
		}
		shell.SeeOther(w, pathShared)
		return
	}
	list, err := p.d.My.Sharing.ConsentsOf(r.Context(), who.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	data := web.SharedData{Common: shell.Common(r), Mark: web.Hidden{Action: pathShared, CSRF: who.CSRF}}
	for _, c := range list {
		if !c.Covers(nil, p.d.My.Now()) || len(c.Claims)+len(c.Declined) == 0 {
			continue // it has run out, or says nothing
		}
		rp, err := p.d.My.Holders.RelyingParty(r.Context(), c.Client)
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			p.d.Shell.Failure(w, r, err)
			return
		}
		data.Parties = append(data.Parties, sharedWith(&c, &rp))
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_shared", Data: data})
}

// answer does what a button says. That a portal gets a document goes by its next sign-in,
// at the level that it asks: here it is an answer and nothing is sent.
func (p *Pages) answer(r *http.Request, account eid.AccountID) error {
	party, action := r.PostForm.Get(web.FieldParty), r.PostForm.Get(web.FieldAction)
	entry := eid.AuditEntry{At: p.d.My.Now(), Actor: "holder", Action: eid.ActionConsentGiven, Ref: web.VisitOf(r).Ref}
	if action == web.ActionWithdraw {
		entry.Action = eid.ActionConsentEnded
		return p.d.My.Sharing.WithdrawConsent(r.Context(), account, party, entry)
	}
	claim, share := strings.CutPrefix(action, web.ActionGive)
	if !share {
		claim = strings.TrimPrefix(action, web.ActionStop)
	}
	if !isDocument(claim) {
		return eid.ErrNotFound
	}
	return p.d.My.Sharing.AnswerConsent(r.Context(), account, party, claim, share, entry)
}

// sharedWith is a consent as the page shows it.
func sharedWith(c *eid.ConsentGiven, rp *eid.RelyingParty) web.SharedParty {
	out := web.SharedParty{
		ID: c.Client, Name: web.Label{Text: rp.Name, English: rp.NameEN}, Since: c.GivenAt, Until: c.Until, Informed: rp.Consent.LegalBasis != "",
	}
	if out.Name.Text == "" {
		out.Name.Text = c.Client
	}
	for _, name := range web.ConsentClaims() {
		if slices.ContainsFunc(c.Claims, func(claim string) bool { return web.ConsentRow(claim) == name }) {
			out.Rows = append(out.Rows, name)
		}
	}
	for _, kind := range eid.DocumentKinds() {
		claim := kind.Claim()
		if given := slices.Contains(c.Claims, claim); given || slices.Contains(c.Declined, claim) {
			out.Documents = append(out.Documents, web.SharedDocument{Claim: claim, Shared: given})
		}
	}
	return out
}

func isDocument(claim string) bool {
	return slices.ContainsFunc(eid.DocumentKinds(), func(kind eid.DocumentKind) bool { return kind.Claim() == claim })
}
