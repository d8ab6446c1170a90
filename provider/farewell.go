package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/store"
	"eidgate/web"
)

// farewell is what the last page of a logout says. It names no holder, and lives
// apart from the browser, whose cookie is gone by then.
type farewell struct {
	NotTold  []web.Label `json:"untold,omitempty"`
	Back     string      `json:"back,omitempty"`
	BackName web.Label   `json:"back_label,omitzero"`
	// Frames, where there are any, are loaded first; Next is where it goes then.
	Frames  []string    `json:"frames,omitempty"`
	Portals []web.Label `json:"told,omitempty"`
	Next    string      `json:"next,omitempty"`
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
		f.Back, f.BackName = req.rp.URL, partyLabel(req.rp)
	}
	for _, rp := range parties {
		told := rp.Logout.FrontchannelURI != "" || rp.Logout.BackchannelURI != "" && !p.courier.failing(rp.ID) ||
			req.rp != nil && rp.ID == req.rp.ID // it asked for the logout
		if !told {
			f.NotTold = append(f.NotTold, partyLabel(&rp))
		}
	}
	return f
}

// keepFarewell keeps the page and gives its address, which repeats what the
// request said of languages.
func (p *Provider) keepFarewell(c *gin.Context, f farewell) (string, error) {
	raw, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("writing farewell: %w", err)
	}
	h := newHandle()
	if err := p.applyAll(c.Request.Context(), h.slot, store.PutIfAbsent(h.key(kindFarewell), raw, farewellTime)); err != nil {
		return "", fmt.Errorf("keeping farewell: %w", err)
	}
	query := url.Values{"page": {h.String()}}
	if asked := locales(c); asked != "" {
		query.Set(paramLocales, asked)
	}
	return pathLoggedOut + "?" + query.Encode(), nil
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
	if len(f.Frames) > 0 {
		p.showLoggingOut(c, f)
		return
	}
	p.showLoggedOut(c, f)
}

// framesTime is how long the frames of the front channel have, in seconds.
const framesTime = "3"

// showLoggingOut loads the frames of the front channel and goes on.
func (p *Provider) showLoggingOut(c *gin.Context, f farewell) {
	var origins []string
	for _, frame := range f.Frames {
		if origin := originOf(frame); !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	p.render(c, web.Page{
		Name: "loggingout", Status: http.StatusOK, FrameSrc: origins, Refresh: framesTime + ";url=" + f.Next,
		Data: web.LoggingOutData{Common: shell(c), Portals: f.Portals, Frames: f.Frames, Next: f.Next},
	})
}

func (p *Provider) showLoggedOut(c *gin.Context, f farewell) {
	p.render(c, web.Page{Name: "loggedout", Status: http.StatusOK, Data: web.LoggedOutData{
		Common: shell(c), NotTold: f.NotTold, Back: f.Back, BackName: f.BackName,
	}})
}
