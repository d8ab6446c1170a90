package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"eidgate/eid"
	"eidgate/store"
)

// ending says how a session ends.
type ending struct {
	why    string // for the audit
	client string // of the request that brought it about; may be empty
	source string // that said so; empty without one
	ref    string
	// conditions must hold, or the session lives on; after follows once it is
	// gone. Both run in the one step that removes the session.
	conditions, after []store.Op
}

// Why sessions end.
const (
	endedLogout      = "logout"
	endedNotMe       = "not_me"
	endedOtherPerson = "other_person"
	endedLocked      = "locked"
	endedSourceOff   = "source_off"
	endedReset       = "reset" // credentials were changed, or the account was locked for a while
	endedUpstream    = "upstream_logout"
	endedTooMany     = "too_many" // of one person at one source: see trail
)

// maxRaces is how often a change of a session is tried again after another tab
// of the same browser was faster.
const maxRaces = 8

// endSession ends the session of a browser: it puts the end on record together
// with the notices to the parties, kills the tokens, and removes the session,
// in this order. A step that fails leaves the session alive, so that whoever
// ended it can try again; no party is forgotten and no token outlives the
// session. errGone says that the session had ended, or a condition did not hold.
//
// It returns the session as it was at its end.
func (p *Provider) endSession(ctx context.Context, b browser, e ending) (session, error) {
	var dealtWith []sessionGrant
	for range maxRaces {
		s := b.session
		grants := slices.DeleteFunc(slices.Clone(s.Grants), func(g sessionGrant) bool { return slices.Contains(dealtWith, g) })
		if err := p.recordEnd(ctx, s, grants, e, dealtWith == nil); err != nil {
			return session{}, err
		}
		for _, g := range grants {
			if err := p.burn(ctx, g); err != nil {
				return session{}, err
			}
		}
		dealtWith = append(dealtWith, s.Grants...)
		ended, err := p.removeSession(ctx, b, e)
		if err != nil {
			return session{}, err
		}
		if ended {
			p.poke()
			return s, nil
		}
		if b, _, err = p.load(ctx, b); err != nil {
			return session{}, err
		}
		if b.session.ID != s.ID || b.session.Account != s.Account {
			return session{}, errGone
		}
	}
	return session{}, errGone
}

// removeSession takes the session out of its slot if it is as b knows it.
func (p *Provider) removeSession(ctx context.Context, b browser, e ending) (bool, error) {
	key := b.key()
	ops := []store.Op{store.CompareAndSet(key, b.raw, b.raw, p.keepFor(b.session))}
	ops = append(append(append(ops, e.conditions...), store.Take(key)), e.after...)
	results, err := p.deps.State.Apply(ctx, b.handle.slot, ops...)
	switch {
	case err != nil:
		return false, fmt.Errorf("ending session: %w", err)
	case !results[0].OK:
		return false, nil
	case len(results) < len(ops) || !results[len(results)-1].OK:
		return false, errGone
	}
	return true, nil
}

// recordEnd puts the end of a session on record, once, and queues a notice for
// each party that has one of these grants.
func (p *Provider) recordEnd(ctx context.Context, s session, grants []sessionGrant, e ending, first bool) error {
	if s.Account == "" || !first && len(grants) == 0 {
		return nil // nobody signed in, or nothing new since the record
	}
	parties, err := p.partiesOf(ctx, grants)
	if err != nil {
		return err
	}
	var notices []eid.LogoutNotice
	for _, rp := range parties {
		if rp.Logout.BackchannelURI == "" {
			continue
		}
		sub, err := p.namedTo(ctx, &rp, s.Account)
		if err != nil {
			return err
		}
		for _, sid := range (session{Grants: grants}).sids(rp.ID) {
			notices = append(notices, eid.LogoutNotice{ID: randomText(16), Client: rp.ID, Subject: sub, SID: sid, CreatedAt: p.deps.Now()})
		}
	}
	entry := eid.AuditEntry{
		At: p.deps.Now(), Actor: "holder", Action: eid.ActionSessionEnded, Account: s.Account, Client: e.client, Ref: e.ref,
		Detail: detail(map[string]any{"why": e.why, "parties": len(parties)}),
	}
	switch e.why {
	case endedLocked, endedSourceOff, endedReset:
		entry.Actor = "system"
	case endedUpstream, endedTooMany:
		entry.Actor = "system"
		entry.Detail = detail(map[string]any{"why": e.why, "source": e.source, "parties": len(parties)})
	}
	if err := p.deps.Outbox.AddLogouts(ctx, notices, entry); err != nil {
		return fmt.Errorf("recording the end of a session: %w", err)
	}
	return nil
}

// burn ends a grant: its token family, its code, and a code that is only about to
// be written, for which a dead one takes the place.
func (p *Provider) burn(ctx context.Context, g sessionGrant) error {
	code := kindCode + strings.TrimPrefix(g.Family, kindFamily)
	_, err := p.deps.State.Apply(ctx, g.Slot,
		store.Delete(g.Family), store.Delete(code), store.PutIfAbsent(code, []byte("{}"), p.cfg.Lifetimes.Code))
	if err != nil {
		return fmt.Errorf("ending tokens: %w", err)
	}
	return nil
}

// partiesOf reads the parties that hold these grants, each once. One that is not
// registered any more is left out.
func (p *Provider) partiesOf(ctx context.Context, grants []sessionGrant) ([]eid.RelyingParty, error) {
	var seen []string
	var parties []eid.RelyingParty
	for _, g := range grants {
		if slices.Contains(seen, g.Client) {
			continue
		}
		seen = append(seen, g.Client)
		rp, err := p.deps.Clients.RelyingParty(ctx, g.Client)
		if errors.Is(err, eid.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("finding client: %w", err)
		}
		parties = append(parties, rp)
	}
	return parties, nil
}

// replaceSession writes the login and the proven session under a new secret in
// one step, and makes the old cookie worthless. Where the proof is another
// person's, the old session ends as by a logout.
func (p *Provider) replaceSession(ctx context.Context, f *flow, prove func(session) session, ref string) error {
	raw, err := json.Marshal(&f.login)
	if err != nil {
		return fmt.Errorf("writing login: %w", err)
	}
	next := handleIn(f.browser.handle.slot)
	keepLogin := store.CompareAndSet(loginKey(f.login.ID), f.raw, raw, p.cfg.Lifetimes.Login)
	// A login that another request finished first must not cost the old session its
	// tokens: they end before the step that would notice.
	now, err := p.deps.State.Apply(ctx, f.browser.handle.slot, store.Get(loginKey(f.login.ID)))
	if err != nil {
		return fmt.Errorf("loading login: %w", err)
	}
	if !now[0].OK || !bytes.Equal(now[0].Value, f.raw) {
		return errGone
	}
	for range maxRaces {
		old := f.browser.session
		proven := prove(old)
		sessionRaw := proven.record()
		e := ending{
			why: endedOtherPerson, client: f.login.Request.Client, ref: ref, conditions: []store.Op{keepLogin},
			after: []store.Op{store.PutIfAbsent(next.key(kindSession), sessionRaw, p.keepFor(proven))},
		}
		if proven.Watched {
			e.after = append(e.after, p.movePlace(proven, next, &f.login.Request.rp)...)
		}
		done := true
		if old.Account != "" && old.Account != proven.Account {
			_, err = p.endSession(ctx, f.browser, e)
		} else {
			done, err = p.removeSession(ctx, f.browser, e)
		}
		if err != nil {
			return fmt.Errorf("saving session: %w", err)
		}
		if done {
			f.browser, f.raw = browser{handle: next, session: proven, raw: sessionRaw}, raw
			return nil
		}
		if f.browser, _, err = p.loadBrowser(ctx, f.browser.handle); err != nil {
			return err
		}
		if f.browser.session.ID != old.ID || f.browser.session.Account != old.Account {
			return errGone
		}
	}
	return errGone
}
