package citizen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/store"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// passkey makes a passkey. What the device has to sign is kept for this sign-in, sealed,
// and taken once.
func (p *Pages) passkey(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account) {
	if p.d.My.Passkeys == nil {
		shell.SeeOther(w, pathWays)
		return
	}
	if r.Method != http.MethodPost {
		p.showPasskey(w, r, who, a, http.StatusOK, who.Typed.Get(web.FieldName), "")
		return
	}
	name := strings.Join(strings.Fields(r.PostForm.Get(web.FieldName)), " ")
	again := func(problem string) { p.showPasskey(w, r, who, a, http.StatusUnprocessableEntity, name, problem) }
	if name == "" || utf8.RuneCountInString(name) > accounts.MaxPasskeyName {
		again(web.ProblemName)
		return
	}
	var e credential.Enrolment
	found, err := p.takeBegun(r.Context(), who, begunPasskey, &e)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	if !found || e.Account != a.ID {
		again(web.ProblemNewPasskey)
		return
	}
	record, err := p.d.My.Passkeys.Enrolled(e, r.PostForm.Get(web.FieldPasskey))
	if errors.Is(err, credential.ErrPasskey) {
		web.VisitOf(r).Note("refused", "passkey", "err", err)
		again(web.ProblemNewPasskey)
		return
	}
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	record.Name, record.Level = name, min(who.Level, a.Level)
	_, err = p.d.My.Ways.AddPasskey(r.Context(), record, act(r))
	switch {
	case errors.Is(err, eid.ErrExists):
		again(web.ProblemKnown)
	case errors.Is(err, accounts.ErrTooManyPasskeys):
		again(web.ProblemMany)
	case errors.Is(err, accounts.ErrInvalid):
		again(web.ProblemName)
	case err != nil:
		p.d.Shell.Failure(w, r, err)
	default:
		shell.SeeOther(w, pathWays+"?done="+web.DoneAdded)
	}
}

func (p *Pages) showPasskey(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account, status int, name, problem string) {
	have, err := p.d.My.Holders.Passkeys(r.Context(), a.ID)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	options, e, err := p.d.My.Passkeys.Enrol(a.ID, a.Person.Identifier.String(), have)
	if err == nil {
		err = p.begin(r.Context(), who, begunPasskey, e)
	}
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_passkey", Status: status, Data: web.WayPasskeyData{
		Common: shell.Form(r, who.CSRF), Name: name, Today: p.d.My.Now(), Passkey: web.PasskeyMake(options), Problem: problem,
	}})
}

// app gives an authenticator app its secret, which counts once a code of it was typed.
func (p *Pages) app(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account) {
	ctx := r.Context()
	if a.Has(eid.OneTimeCode) || a.Level < eid.Level2 { // below, no code is ever asked for
		shell.SeeOther(w, pathWays)
		return
	}
	var kept begunApp
	found, err := p.begun(ctx, who, begunTOTP, &kept)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	if found = found && kept.Account == a.ID; !found && r.Method == http.MethodPost {
		shell.SeeOther(w, pathApp) // its time is over, or another form of it counted
		return
	}
	if !found {
		if kept, err = p.beginApp(ctx, who, a); err != nil {
			p.d.Shell.Failure(w, r, err)
			return
		}
	}
	if r.Method != http.MethodPost {
		p.showApp(w, r, who, a, kept, "")
		return
	}
	code := r.PostForm.Get(web.FieldCode)
	if code == "" {
		p.showApp(w, r, who, a, kept, web.ProblemCodeMissing)
		return
	}
	step, right, err := credential.MatchCode(eid.NewSecret(kept.Secret), code, p.d.My.Now())
	if err == nil && right {
		found, err = p.takeBegun(ctx, who, begunTOTP, &kept)
	}
	if err == nil && right && found {
		// Whoever saw this code signs in with another. That the step may be used already,
		// by the app of before, is no fault.
		_, err = credential.UseStep(ctx, p.d.My.State, p.d.My.Key, a.ID, step)
	}
	switch {
	case err != nil:
		p.d.Shell.Failure(w, r, err)
		return
	case !right:
		p.showApp(w, r, who, a, kept, web.ProblemCode)
		return
	case !found: // of two forms one counts
		shell.SeeOther(w, pathApp)
		return
	}
	err = p.d.My.Ways.EnrolTOTP(ctx, a.ID, eid.NewSecret(kept.Secret), act(r))
	if errors.Is(err, eid.ErrExists) {
		shell.SeeOther(w, pathWays)
		return
	}
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	shell.SeeOther(w, pathWays+"?done="+web.DoneApp)
}

// begunApp is a secret that waits for its first code.
type begunApp struct {
	Account eid.AccountID `json:"account"`
	Secret  string        `json:"secret"`
}

func (p *Pages) beginApp(ctx context.Context, who signin.Person, a eid.Account) (begunApp, error) {
	secret, _, err := credential.NewTOTP(p.d.My.Issuer, a.Person.Identifier.String())
	if err != nil {
		return begunApp{}, err
	}
	kept := begunApp{Account: a.ID, Secret: secret.Reveal()}
	return kept, p.begin(ctx, who, begunTOTP, kept)
}

func (p *Pages) showApp(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account, kept begunApp, problem string) {
	address := credential.TOTPAddress(p.d.My.Issuer, a.Person.Identifier.String(), eid.NewSecret(kept.Secret))
	code, err := web.NewAppCode(address.Reveal())
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_app", Status: web.StatusOf(problem), Data: web.WayAppData{
		Common: shell.Form(r, who.CSRF), Secret: inFours(kept.Secret), Code: code, Problem: problem,
	}})
}

// inFours spaces a secret as people type it.
func inFours(text string) string {
	var groups []string
	for ; len(text) > 4; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(append(groups, text), " ")
}

// What may be begun in a sign-in.
const (
	begunPasskey = "passkey"
	begunTOTP    = "app"
)

// place is where what was begun in a sign-in is kept: nobody else's form finds it.
func (p *Pages) place(who signin.Person) string { return "me." + p.d.Shell.Mark("begun", who.CSRF) }

func sealedAs(who signin.Person, what string) string {
	return "me/" + what + "/" + url.PathEscape(string(who.Account))
}

// begin keeps what was begun, sealed, in place of what was begun before.
func (p *Pages) begin(ctx context.Context, who signin.Person, what string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keeping what was begun: %w", err)
	}
	sealed, err := p.d.My.Sealer.Seal(text, sealedAs(who, what))
	if err != nil {
		return fmt.Errorf("sealing what was begun: %w", err)
	}
	if _, err := p.d.My.State.Apply(ctx, p.place(who), store.Delete(what), store.PutIfAbsent(what, sealed, wait)); err != nil {
		return fmt.Errorf("keeping what was begun: %w", err)
	}
	return nil
}

// begun reads what was begun; found is false where there is none, or not any more.
func (p *Pages) begun(ctx context.Context, who signin.Person, what string, v any) (found bool, err error) {
	return p.readBegun(ctx, who, what, store.Get(what), v)
}

// takeBegun does so once.
func (p *Pages) takeBegun(ctx context.Context, who signin.Person, what string, v any) (found bool, err error) {
	return p.readBegun(ctx, who, what, store.Take(what), v)
}

func (p *Pages) readBegun(ctx context.Context, who signin.Person, what string, op store.Op, v any) (bool, error) {
	results, err := p.d.My.State.Apply(ctx, p.place(who), op)
	if err != nil {
		return false, fmt.Errorf("reading what was begun: %w", err)
	}
	if len(results) != 1 || !results[0].OK {
		return false, nil
	}
	text, err := p.d.My.Sealer.Open(results[0].Value, sealedAs(who, what))
	if err != nil {
		return false, fmt.Errorf("opening what was begun: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, errors.New("reading what was begun: malformed")
	}
	return true, nil
}

// raced reports a change that another one was faster than.
func raced(err error) bool {
	return errors.Is(err, eid.ErrNotFound) || errors.Is(err, accounts.ErrLastMeans)
}
