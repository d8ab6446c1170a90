package citizen

import (
	"errors"
	"net/http"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// password changes the password. The proof of a few minutes ago stands for the old one.
// Everybody is signed out by it, here too.
func (p *Pages) password(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account) {
	ctx := r.Context()
	show := func(problem string) {
		p.d.Shell.Render(w, r, web.Page{Name: "me_password", Status: web.StatusOf(problem), Data: web.WayPasswordData{
			Common: shell.Form(r, who.CSRF), Least: p.d.My.Policy.Least(), Problem: problem,
		}})
	}
	if r.Method != http.MethodPost {
		show("")
		return
	}
	chosen := eid.NewSecret(r.PostForm.Get(web.FieldNewPassword))
	weak, err := p.d.My.Policy.Judge(ctx, chosen, credential.OwnWords(&a))
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	if weak != "" {
		show(web.ProblemOfPassword(string(weak)))
		return
	}
	before, err := p.d.My.Holders.PasswordHash(ctx, a.ID)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		p.d.Shell.Failure(w, r, err)
		return
	}
	hash, err := p.d.My.Passwords.Hash(ctx, chosen)
	if err == nil {
		err = p.d.My.Ways.SetPassword(ctx, a.ID, accounts.PasswordChange{Act: act(r), PasswordHash: hash, Expected: before})
	}
	switch {
	case errors.Is(err, credential.ErrBusy):
		w.Header().Set("Retry-After", "5")
		show(web.ProblemBusy)
	case errors.Is(err, accounts.ErrCredentialGone):
		shell.SeeOther(w, pathWays) // another form was faster; that one signed out
	case err != nil:
		p.d.Shell.Failure(w, r, err)
	default:
		p.d.Shell.Render(w, r, web.Page{Name: "me_done", Data: web.WayDoneData{Common: shell.Common(r), What: web.DonePassword}})
	}
}
