package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/web"
)

// farewell is what the last page of a logout says. It names no holder, and lives
// apart from the browser, whose cookie is gone by then.
type farewell struct {
	NotTold  []string `json:"not_told,omitempty"`
	Back     string   `json:"back,omitempty"`
	BackName string   `json:"back_name,omitempty"`
}

const (
	kindFarewell = "farewell"
	farewellTime = 10 * time.Minute
)

// farewellOf names the parties that no channel reaches, or whose back channel
// fails these days: there the holder has to sign out as well.
func (p *Provider) farewellOf(req *logoutRequest, parties []eid.RelyingParty) farewell {
	var f farewell
	if req.rp != nil {
		f.Back, f.BackName = req.rp.URL, req.rp.Name
	}
	for _, rp := range parties {
		told := rp.Logout.FrontchannelURI != "" || rp.Logout.BackchannelURI != "" && !p.courier.failing(rp.ID) ||
			req.rp != nil && rp.ID == req.rp.ID // it asked for the logout
		if !told {
			f.NotTold = append(f.NotTold, rp.Name)
		}
	}
	return f
}

// keepFarewell keeps the page and gives its address.
func (p *Provider) keepFarewell(ctx context.Context, f farewell) (string, error) {
	raw, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("writing farewell: %w", err)
	}
	h := newHandle()
	if err := p.applyAll(ctx, h.slot, store.PutIfAbsent(h.key(kindFarewell), raw, farewellTime)); err != nil {
		return "", fmt.Errorf("keeping farewell: %w", err)
	}
	return pathLoggedOut + "?" + url.Values{"page": {h.String()}}.Encode(), nil
}

// loggedOut takes browsers back from a source, and shows the last page of a
// logout. It says the same, without names, once the record is gone.
func (p *Provider) loggedOut(c *gin.Context) {
	if next, ok := p.takeReturn(c); ok {
		p.leave(c, next)
		return
	}
	var f farewell
	if h, ok := parseHandle(c.Query("page")); ok {
		results, err := p.deps.State.Apply(c.Request.Context(), h.slot, store.Get(h.key(kindFarewell)))
		if err == nil && results[0].OK {
			err = json.Unmarshal(results[0].Value, &f)
		}
		if err != nil {
			note(c, "err", err)
		}
	}
	p.showLoggedOut(c, f)
}

func (p *Provider) showLoggedOut(c *gin.Context, f farewell) {
	p.render(c, web.Page{Name: "loggedout", Status: http.StatusOK, Data: web.LoggedOutData{
		Common: web.Common{Ref: ref(c)}, NotTold: f.NotTold, Back: f.Back, BackName: f.BackName,
	}})
}
