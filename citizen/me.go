package citizen

import (
	"context"
	"errors"
	"net/http"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/eid/credential"
	"eidgate/store"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// Where the holder's own pages are.
const (
	pathMe       = "/me"
	pathWays     = "/me/ways"
	pathPasskey  = "/me/ways/passkey"
	pathApp      = "/me/ways/app"
	pathRemove   = "/me/ways/remove"
	pathPassword = "/me/ways/password"
	pathLock     = "/me/lock"
	pathShared   = "/me/shared"
)

// Holders reads what holders see of themselves.
type Holders interface {
	Account(ctx context.Context, id eid.AccountID) (eid.Account, error)
	Passkeys(ctx context.Context, account eid.AccountID) ([]eid.PasskeyRecord, error)
	PasswordHash(ctx context.Context, id eid.AccountID) (string, error)
	// History gives the rows of an account that tell of its use, newest first.
	History(ctx context.Context, account eid.AccountID, before int64, limit int) ([]audit.Row, error)
	RelyingParty(ctx context.Context, id string) (eid.RelyingParty, error)
}

// WayWriter changes what holders sign in with.
type WayWriter interface {
	AddPasskey(ctx context.Context, p eid.PasskeyRecord, act accounts.Act) (string, error)
	RemovePasskey(ctx context.Context, account eid.AccountID, id string, act accounts.Act) error
	EnrolTOTP(ctx context.Context, id eid.AccountID, secret eid.Secret, act accounts.Act) error
	RemoveFactor(ctx context.Context, id eid.AccountID, f eid.Factor, act accounts.Act) error
	SetPassword(ctx context.Context, id eid.AccountID, p accounts.PasswordChange) error
}

// Sealer encrypts what passing state must not hold in the clear.
type Sealer interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// MeDeps are what the holder's own pages work with. All are needed but Passkeys.
type MeDeps struct {
	Holders Holders
	Ways    WayWriter
	// Passkeys is nil where browsers have none for this address.
	Passkeys  *credential.Passkeys
	Passwords Hasher
	Policy    *credential.Policy
	State     store.State
	Sealer    Sealer
	Locks     LockSetter
	Sharing   Sharing
	// Key hides accounts in the marks of used codes, as it does at the sign-in: a code
	// counts once, wherever it is shown.
	Key []byte
	// Carriage is what methods carry at the account system now.
	Carriage func(ctx context.Context) (eid.Carriage, error)
	// Issuer is what authenticator apps show: the host of the gateway.
	Issuer string
	Now    func() time.Time
}

func (d *MeDeps) check() error {
	if d.Holders == nil || d.Ways == nil || d.Passwords == nil || d.Policy == nil || d.State == nil || d.Sealer == nil ||
		d.Locks == nil || d.Sharing == nil || len(d.Key) < 32 || d.Carriage == nil || d.Issuer == "" || d.Now == nil {
		return errors.New("citizen: every dependency of the holder's own pages is needed")
	}
	return nil
}

// mountMe routes to the holder's own pages.
func (p *Pages) mountMe() {
	p.mux.Handle("GET "+pathMe, p.d.Me.Guard(signin.Need{}, p.me))
	p.mux.Handle(pathWays, p.d.Me.Guard(signin.Need{}, p.ways))
	p.mux.Handle(pathPasskey, p.fresh([]string{web.FieldName}, wait, p.toChange, p.passkey))
	p.mux.Handle(pathApp, p.fresh(nil, wait, p.toReach2, p.app))
	p.mux.Handle(pathRemove, p.fresh([]string{web.FieldWay}, prompt, p.toChange, p.remove))
	p.mux.Handle(pathPassword, p.fresh(nil, prompt, p.toChange, p.password))
	p.mux.Handle(pathShared, p.d.Me.Guard(signin.Need{}, p.shared))
	p.mux.Handle(pathLock, p.fresh(nil, wait, p.toLock, p.lock))
}

// me shows the account.
func (p *Pages) me(w http.ResponseWriter, r *http.Request, who signin.Person) {
	a, err := p.d.My.Holders.Account(r.Context(), who.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	data := web.MeData{
		Common: shell.Common(r), HolderName: a.Person.Name, MaskedNumber: a.Person.Identifier.String(), Level: a.Level,
		SignOut: web.Hidden{Action: who.SignOut, CSRF: who.CSRF},
	}
	if data.UsedAt, data.UsedAtPortal, err = p.lastUse(r.Context(), a.ID); err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	p.d.Shell.Render(w, r, web.Page{Name: "me", Data: data})
}

// looked is how many rows back the last use at a service is looked for: our own pages
// leave rows too.
const looked = 50

// lastUse is when the account was last used at a service, and where.
func (p *Pages) lastUse(ctx context.Context, id eid.AccountID) (time.Time, web.Label, error) {
	rows, err := p.d.My.Holders.History(ctx, id, 0, looked)
	if err != nil {
		return time.Time{}, web.Label{}, err
	}
	for _, row := range rows {
		if row.Action != eid.ActionGrantIssued || row.Client == eid.ClientMe || row.Client == eid.ClientOfficer {
			continue
		}
		party, err := p.d.My.Holders.RelyingParty(ctx, row.Client)
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			return time.Time{}, web.Label{}, err
		}
		return row.Time(), web.Label{Text: party.Name, English: party.NameEN}, nil
	}
	return time.Time{}, web.Label{}, nil
}
