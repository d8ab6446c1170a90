package citizen

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/web"
	"eidgate/web/shell"
	"eidgate/web/signin"
)

// LockDeps are what holders need to lock the account of their own.
type LockDeps struct {
	Accounts AccountReader
	Locks    LockSetter
}

// AccountReader reads accounts.
type AccountReader interface {
	Account(ctx context.Context, id eid.AccountID) (eid.Account, error)
}

// LockSetter puts locks in force, as far as the rules let.
type LockSetter interface {
	Set(ctx context.Context, id eid.AccountID, reason eid.LockReason, act accounts.LockAct) (eid.Lock, error)
}

const (
	pathLock = "/me/lock"
	// lockProof is how old the sign-in of who locks may be, lockPosted when the form
	// comes back.
	lockProof  = 5 * time.Minute
	lockPosted = 10 * time.Minute
)

// locking is the page where a holder locks the account (Decision 34/2021, Art. 11). The
// end of the lock is at the sign-in that it refuses: a locked account opens no page here.
type locking struct {
	shell *shell.Shell
	gate  *signin.Gate
	d     LockDeps
}

// handler lets in who proved at the account's own level to be the holder, a few minutes
// ago: a lock is set by nobody who found a device that was left open.
func (l *locking) handler() http.Handler {
	return l.gate.Guard(signin.Need{}, func(w http.ResponseWriter, r *http.Request, who signin.Person) {
		a, err := l.d.Accounts.Account(r.Context(), who.Account)
		if err != nil {
			l.shell.Failure(w, r, err)
			return
		}
		need := signin.Need{Level: a.Level, MaxAge: lockProof}
		if r.Method == http.MethodPost {
			need.MaxAge = lockPosted
		}
		l.gate.Guard(need, func(w http.ResponseWriter, r *http.Request, who signin.Person) {
			if who.Account != a.ID { // signed in meanwhile as somebody else
				shell.SeeOther(w, pathLock)
				return
			}
			l.page(w, r, who)
		}).ServeHTTP(w, r)
	})
}

func (l *locking) page(w http.ResponseWriter, r *http.Request, who signin.Person) {
	data := web.MyLockData{Common: shell.Form(r, who.CSRF)}
	if r.Method == http.MethodPost {
		_, err := l.d.Locks.Set(r.Context(), who.Account, eid.LockSelf, accounts.LockAct{
			By: eid.ByHolder, Proof: strings.Join(who.AMR, " "), Actor: "holder", Ref: web.VisitOf(r).Ref,
		})
		if err != nil && !errors.Is(err, eid.ErrExists) {
			l.shell.Failure(w, r, err)
			return
		}
		data = web.MyLockData{Common: shell.Common(r), Done: true}
	}
	l.shell.Render(w, r, web.Page{Name: "me_lock", Data: data})
}
