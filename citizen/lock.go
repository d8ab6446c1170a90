package citizen

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// LockSetter puts locks in force, as far as the rules let.
type LockSetter interface {
	Set(ctx context.Context, id eid.AccountID, reason eid.LockReason, act accounts.LockAct) (eid.Lock, error)
}

// lock locks the holder's own account (Decision 34/2021, Art. 11). The end of the lock is
// at the sign-in that it refuses: a locked account opens no page here.
func (p *Pages) lock(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account) {
	data := web.MyLockData{Common: shell.Form(r, who.CSRF)}
	if r.Method == http.MethodPost {
		_, err := p.d.My.Locks.Set(r.Context(), a.ID, eid.LockSelf, accounts.LockAct{
			By: eid.ByHolder, Proof: strings.Join(who.AMR, " "), Actor: "holder", Ref: web.VisitOf(r).Ref,
		})
		if err != nil && !errors.Is(err, eid.ErrExists) {
			p.d.Shell.Failure(w, r, err)
			return
		}
		data = web.MyLockData{Common: shell.Common(r), Done: true}
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_lock", Data: data})
}
