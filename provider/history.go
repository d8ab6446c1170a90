package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/web"
)

// History is what is on record of an account's use, for its holder.
type History interface {
	// History gives the rows of an account that tell of use and of look-ups, newest
	// first: those before an id, where it is not zero, limit at most.
	History(ctx context.Context, account eid.AccountID, before int64, limit int) ([]audit.Row, error)
}

// historyPage is how many lines one page has.
const historyPage = 20

// history shows the holder of a living session how the account was used, and who looked
// that up. It names no account and takes none: whose history it is, the session says.
func (p *Provider) history(c *gin.Context) {
	before, ok := beforeOf(c)
	if !ok {
		p.pageError(c, http.StatusBadRequest, web.ErrorInvalidRequest, "before")
		return
	}
	b, living, ok := p.person(c)
	if !ok {
		return
	}
	if living {
		var err error
		if living, err = p.proved(c.Request.Context(), b.session); err != nil {
			p.pageFailure(c, err)
			return
		}
	}
	data := web.HistoryData{Common: shell(c), SignedOut: !living, Paged: before != 0}
	if living {
		var err error
		if data.Lines, data.Older, err = p.historyOf(c.Request.Context(), b.session.Account, before); err != nil {
			p.pageFailure(c, err)
			return
		}
	}
	p.render(c, web.Page{Name: "history", Status: http.StatusOK, Data: data})
}

// proved reports whether a session still shows who its holder is: the account can be
// used, and a proof counts, whatever service asked for it. A source that was switched
// off, a window that closed and a link that ended take their proofs away here as they
// do for portals.
func (p *Provider) proved(ctx context.Context, s session) (bool, error) {
	account, err := p.deps.Accounts.Account(ctx, s.Account)
	if err == nil {
		err = account.Usable()
	}
	if errors.Is(err, eid.ErrLocked) || errors.Is(err, eid.ErrNotActivated) || errors.Is(err, eid.ErrNotFound) {
		return false, nil // its sessions end at this moment
	}
	if err != nil {
		return false, fmt.Errorf("finding account: %w", err)
	}
	v := view{session: s, account: &account, now: p.deps.Now(), level2Proof: p.cfg.Lifetimes.Level2Proof}
	if v.sources, err = p.deps.Sources.Policies(ctx); err != nil {
		return false, fmt.Errorf("reading sources: %w", err)
	}
	if account.Linked {
		if v.links, err = p.deps.Accounts.LinksOf(ctx, account.ID); err != nil {
			return false, fmt.Errorf("reading links: %w", err)
		}
	}
	v.login.Request.rp.Category = eid.OtherCategory
	sectors := []string{""} // a portal's own accounts count in its sector alone
	for _, src := range v.sources {
		v.login.Request.rp.Sources = append(v.login.Request.rp.Sources, src.ID)
		if src.Portal != nil {
			sectors = append(sectors, src.Portal.Sector)
		}
	}
	return slices.ContainsFunc(sectors, func(sector string) bool {
		v.login.Request.rp.Sector = sector
		_, _, ok := v.strongest()
		return ok
	}), nil
}

// beforeOf is the row that the page ends before, zero on the first page.
func beforeOf(c *gin.Context) (int64, bool) {
	values := c.QueryArray("before")
	if len(values) == 0 {
		return 0, true
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	return n, len(values) == 1 && err == nil && n > 0
}

// historyOf reads a page, and the address of the next, empty where there is none.
func (p *Provider) historyOf(ctx context.Context, id eid.AccountID, before int64) ([]web.HistoryLine, string, error) {
	rows, err := p.deps.History.History(ctx, id, before, historyPage+1)
	if err != nil {
		return nil, "", err
	}
	older := ""
	if len(rows) > historyPage {
		rows = rows[:historyPage]
		older = pathHistory + "?before=" + strconv.FormatInt(rows[historyPage-1].ID, 10)
	}
	names, lines := map[string]web.Label{}, make([]web.HistoryLine, 0, len(rows))
	for _, r := range rows {
		lines = append(lines, p.historyLine(ctx, r, names))
	}
	return lines, older, nil
}

// historyLine reads one row. names keeps those of parties for the other lines.
func (p *Provider) historyLine(ctx context.Context, r audit.Row, names map[string]web.Label) web.HistoryLine {
	line := web.HistoryLine{At: r.Time()}
	if r.Action == audit.ActionLookedUp {
		var l audit.LookUp
		_ = json.Unmarshal([]byte(r.Detail), &l) // what cannot be read is told without
		line.LookedUp, line.Role, line.Reason = true, l.Role, l.Reason
		return line
	}
	var g eid.Grant
	if json.Unmarshal([]byte(r.Detail), &g) == nil {
		line.Asked, line.Granted, line.Source = g.Requirement.Target, g.ACR.Level, p.nameOf(ctx, g.Source)
		for _, kind := range g.Documents {
			if name := kind.Claim(); documentKind(name) != "" { // of a later version it may be another
				line.Documents = append(line.Documents, name)
			}
		}
	}
	name, ok := names[r.Client]
	if !ok {
		name = web.Label{Text: r.Client}
		if rp, err := p.deps.Clients.RelyingParty(ctx, r.Client); err == nil {
			name = partyLabel(&rp)
		}
		names[r.Client] = name
	}
	line.Portal = name
	return line
}
