package citizen

import (
	"context"
	"net/http"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// How old the proof may be behind a change of what somebody signs in with.
const (
	prompt = 5 * time.Minute
	// wait is for pages where a device is fetched or an app installed between the page
	// and its form: what the form answers was made under a proof that was prompt.
	wait = 10 * time.Minute
)

// fresh lets in who proved to be the holder a few minutes ago, at the level that level
// gives. The proof is the account system's or a national source's, since our own pages
// take no other.
func (p *Pages) fresh(keep []string, posted time.Duration, level func(context.Context, *eid.Account) (eid.Level, error),
	next func(http.ResponseWriter, *http.Request, signin.Person, eid.Account),
) http.Handler {
	return p.d.Me.Guard(signin.Need{Keep: keep}, func(w http.ResponseWriter, r *http.Request, who signin.Person) {
		need := signin.Need{MaxAge: prompt, Keep: keep}
		a, err := p.d.My.Holders.Account(r.Context(), who.Account)
		if err == nil {
			need.Level, err = level(r.Context(), &a)
		}
		if err != nil {
			p.d.Shell.Failure(w, r, err)
			return
		}
		if r.Method == http.MethodPost {
			need.MaxAge = posted
		}
		typed := who.Typed
		p.d.Me.Guard(need, func(w http.ResponseWriter, r *http.Request, who signin.Person) {
			if who.Typed == nil {
				who.Typed = typed
			}
			if who.Account != a.ID { // signed in anew meanwhile, as somebody else
				shell.SeeOther(w, pathMe)
				return
			}
			next(w, r, who, a)
		}).ServeHTTP(w, r)
	})
}

// toReach2 is the level of a proof that adds what reaches Level 2: the account's own. So
// whoever has one factor adds no second.
func (p *Pages) toReach2(_ context.Context, a *eid.Account) (eid.Level, error) { return a.Level, nil }

// toChange is the level of a proof that changes what the holder signs in with: the most
// that they can prove with it. So whoever has one factor of two takes none away, and who
// has no more than one may change it. Without any the national source proves the
// account's own level.
func (p *Pages) toChange(ctx context.Context, a *eid.Account) (eid.Level, error) {
	most, err := p.provable(ctx, a)
	if most == eid.LevelNone {
		most = a.Level
	}
	return most, err
}

// toLock is the level of a proof that locks: never more than the holder can prove here,
// and without any means here what the national source gives.
func (p *Pages) toLock(ctx context.Context, a *eid.Account) (eid.Level, error) {
	return p.provable(ctx, a)
}

// provable is the most that a holder can prove with what they have to sign in with here,
// by what methods carry now; eid.LevelNone for who has nothing here.
func (p *Pages) provable(ctx context.Context, a *eid.Account) (eid.Level, error) {
	carriage, err := p.d.My.Carriage(ctx)
	if err != nil {
		return eid.LevelNone, err
	}
	list, err := p.d.My.Holders.Passkeys(ctx, a.ID)
	if err != nil {
		return eid.LevelNone, err
	}
	beside := *a
	beside.Factors = without(a.Factors, eid.Passkey)
	most := carriage.Reach(&beside)
	for _, k := range list { // one that was made at Level 1 carries no more
		most = max(most, min(carriage.Passkey, k.Level))
	}
	return min(most, a.Level), nil
}

func without(factors []eid.Factor, gone eid.Factor) []eid.Factor {
	return slices.DeleteFunc(slices.Clone(factors), func(f eid.Factor) bool { return f == gone })
}

// done are what the list of ways may say was done.
var done = []string{web.DoneAdded, web.DoneApp}

// ways shows what the holder signs in with.
func (p *Pages) ways(w http.ResponseWriter, r *http.Request, who signin.Person) {
	ctx := r.Context()
	a, err := p.d.My.Holders.Account(ctx, who.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	carriage, err := p.d.My.Carriage(ctx)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	list, err := p.d.My.Holders.Passkeys(ctx, a.ID)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	most, err := p.provable(ctx, &a)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	short := most.Valid() && most < a.Level
	seconds := carriage.Seconds(&a)
	data := web.WaysData{
		Common: shell.Common(r), HasPassword: a.Has(eid.Password), App: a.Has(eid.OneTimeCode),
		AddApp: a.Level >= eid.Level2 && !a.Has(eid.OneTimeCode) && a.Has(eid.Password) && carriage.TOTP >= eid.Level2 &&
			(!short || who.Level >= eid.Level2), // a national source proved what is short here
		AddPasskey: p.d.My.Passkeys != nil && carriage.Passkey.Valid() && len(list) < accounts.MaxPasskeys,
		Short:      short,
	}
	if slices.Contains(seconds, eid.SecondSMS) {
		data.Phone = eid.MaskPhone(a.Phone.Value)
	}
	if slices.Contains(seconds, eid.SecondEmail) {
		data.Email = eid.MaskEmail(a.Email.Value)
	}
	for _, k := range list {
		data.Passkeys = append(data.Passkeys, web.Way{ID: k.ID, Name: k.Name, Added: k.CreatedAt, Used: k.UsedAt, Synced: k.BackupEligible})
	}
	if said := r.URL.Query().Get("done"); slices.Contains(done, said) {
		data.Done = said
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_ways", Data: data})
}

// remove takes a way to sign in away, after a page that says what follows.
func (p *Pages) remove(w http.ResponseWriter, r *http.Request, who signin.Person, a eid.Account) {
	ctx := r.Context()
	way := r.URL.Query().Get(web.FieldWay)
	if r.Method == http.MethodPost {
		way = r.PostForm.Get(web.FieldWay)
	} else if way == "" {
		way = who.Typed.Get(web.FieldWay)
	}
	list, err := p.d.My.Holders.Passkeys(ctx, a.ID)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	i := slices.IndexFunc(list, func(k eid.PasskeyRecord) bool { return k.ID == way })
	if app := way == wayApp && a.Has(eid.OneTimeCode); i < 0 && !app {
		shell.SeeOther(w, pathWays) // it is gone already
		return
	}
	last := i >= 0 && len(list) == 1 && !a.Has(eid.Password)
	if r.Method == http.MethodPost && !last {
		p.removeNow(w, r, a, way)
		return
	}
	carriage, err := p.d.My.Carriage(ctx)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	left, gone := a, eid.OneTimeCode
	if i >= 0 {
		gone = eid.Passkey
	}
	if i < 0 || len(list) == 1 {
		left.Factors = without(a.Factors, gone)
	}
	data := web.WayRemoveData{
		Common: shell.Form(r, who.CSRF), Way: way, Last: last,
		Lowers: min(carriage.Reach(&left), a.Level) < min(carriage.Reach(&a), a.Level),
	}
	if i >= 0 {
		data.Name = list[i].Name
	}
	if last {
		data.Common = shell.Common(r)
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_remove", Data: data})
}

// wayApp names the authenticator app among ways.
const wayApp = "app"

func (p *Pages) removeNow(w http.ResponseWriter, r *http.Request, a eid.Account, way string) {
	var err error
	if way == wayApp {
		err = p.d.My.Ways.RemoveFactor(r.Context(), a.ID, eid.OneTimeCode, act(r))
	} else {
		err = p.d.My.Ways.RemovePasskey(r.Context(), a.ID, way, act(r))
	}
	if raced(err) { // two at once: the list shows what is left
		shell.SeeOther(w, pathWays)
		return
	}
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	gone := web.DoneRemoved
	if way == wayApp {
		gone = web.DoneAppGone
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me_done", Data: web.WayDoneData{Common: shell.Common(r), What: gone}})
}

// act is the holder's own, in this request.
func act(r *http.Request) accounts.Act {
	return accounts.Act{Actor: "holder", Ref: web.VisitOf(r).Ref}
}
