package provider_test

import (
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"eidgate/eid"
)

// lease is what a world needs of a test, for one run of many: what was opened is
// closed at the end of the run, and a failure is the run's.
type lease struct {
	testing.TB
	rt    *rapid.T
	after []func()
}

func (l *lease) Cleanup(f func())          { l.after = append(l.after, f) }
func (l *lease) Helper()                   {}
func (l *lease) Fatal(args ...any)         { l.rt.Fatal(args...) }
func (l *lease) Fatalf(f string, a ...any) { l.rt.Fatalf(f, a...) }
func (l *lease) Errorf(f string, a ...any) { l.rt.Errorf(f, a...) }

func (l *lease) TempDir() string {
	dir, err := os.MkdirTemp("", "eidgate-model")
	must(l.TB, err)
	l.Cleanup(func() { must(l.TB, os.RemoveAll(dir)) })
	return dir
}

func (l *lease) close() {
	for _, f := range slices.Backward(l.after) {
		f()
	}
}

// checkLinks compares the links that are there with those that the truth permits.
func (r *run) checkLinks(rt *rapid.T) {
	for _, x := range []person{thu, cau} {
		link, err := r.db.LinkBySubject(r.t.Context(), sourceOld, sourceOld+"-"+x.name)
		if err != nil && !errors.Is(err, eid.ErrNotFound) {
			rt.Fatal(err)
		}
		known := r.truth.ties[x.name]
		switch {
		case link.ID == "" && known == nil || known != nil && link.ID == known.id:
			continue
		case link.ID == "":
			rt.Fatalf("the link of %s is gone", x.name)
		}
		holds := map[eid.AccountID]string{thu.account(r.world): thu.name, cau.account(r.world): cau.name}[link.Account]
		if why := r.truth.mayTie(x.name, holds, link.Cap, r.confirm); why != "" {
			rt.Fatalf("%s is linked to %s, and %s", x.name, holds, why)
		}
		account, err := r.db.Account(r.t.Context(), link.Account)
		if err != nil {
			rt.Fatal(err)
		}
		if !strings.Contains(r.confirm.body, account.Person.Name) {
			rt.Fatalf("%s is linked to %s, whom the page did not name", x.name, holds)
		}
		r.truth.tied(x.name, tie{id: link.ID, holds: holds, limit: link.Cap, logins: []string{r.confirm.login}})
		r.seen["linked"]++
	}
}

// checkLocks compares the locks that are in force with those that the truth knows: what
// ended without its word was ended by a browser, and has to be permitted.
func (r *run) checkLocks(rt *rapid.T) {
	for _, p := range []person{thu, cau} {
		account, err := r.db.Account(r.t.Context(), p.account(r.world))
		if err != nil {
			rt.Fatal(err)
		}
		for reason := range r.truth.locks[p.name] {
			if slices.ContainsFunc(account.Locks, func(l eid.Lock) bool { return l.Reason == reason }) {
				continue
			}
			if why := r.truth.mayUnlock(p.name, reason); why != "" {
				rt.Fatalf("the lock %q of %s has ended, and %s", reason, p.name, why)
			}
			delete(r.truth.locks[p.name], reason)
			r.seen["unlocked at a page"]++
		}
		if len(account.Locks) != len(r.truth.locks[p.name]) {
			rt.Fatalf("%s has the locks %v, want %v", p.name, account.Locks, r.truth.locks[p.name])
		}
	}
}

// permits reports whether tokens may still be good.
func (r *run) permits(g *given) bool {
	return !r.truth.hands[g.asked.browser].killed[g.epoch] && slices.ContainsFunc(g.grounds, r.truth.stands)
}

// holds checks the latest tokens against the truth.
func (r *run) holds(rt *rapid.T) {
	for i, g := range slices.Backward(r.given) {
		if i < len(r.given)-3 {
			break
		}
		lives, may := r.active(g.AccessToken), r.permits(g)
		if introspected := r.backChannel("/introspect", url.Values{"token": {g.AccessToken}}, asPortal).json["active"] == true; introspected && !may {
			rt.Fatalf("introspection says that a token of %s is active", g.who)
		}
		switch {
		case lives && !may:
			rt.Fatalf("a token of %s at %s through %+v is alive; locked %v, open %v, ended %v", g.who, g.asked.client, g.grounds, r.truth.locks, r.truth.open, r.truth.hands)
		case lives:
			r.seen["token lives"]++
		case !may:
			r.seen["token ended"]++
		}
	}
}
