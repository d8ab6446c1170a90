package provider_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/federation/fedtest"
)

// both has the portal take both sources.
func (w *world) both() {
	w.t.Helper()
	w.registerWith(func(rp *eid.RelyingParty) { rp.Sources = []string{"upstream", "national"} })
	w.linked("upstream")
}

// offered are the ids of the sources on a page, in order.
func (p page) offered() (ids []string) {
	for part := range strings.SplitSeq(p.body, `name="source" value="`) {
		if id, _, ok := strings.Cut(part, `"`); ok && !strings.Contains(id, "<") {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestSourceHint: a hint begins at a source that might have been chosen, and is
// otherwise as good as none.
func TestSourceHint(t *testing.T) {
	w := newWorld(t)
	w.both()
	for hint, want := range map[string]string{
		"upstream": `name="username"`, "national": `name="personal_number"`, "": "Chọn tài khoản", "second": "Chọn tài khoản", "UPSTREAM": "Chọn tài khoản",
		strings.Repeat("a", 3000): "Chọn tài khoản", "<script>": "Chọn tài khoản",
	} {
		a := w.browser()
		a.toPortal()
		wantPage(t, a.get(w.authorizeURL("portal", "idp_hint", hint)), http.StatusOK, want)
	}
	// Another way stays open from there.
	a := w.browser()
	p := a.submit(a.get(w.authorizeURL("portal", "idp_hint", "national")), "action", "other_sources")
	wantPage(t, p, http.StatusOK, "Chọn tài khoản", `href="/register"`)
	wantPage(t, a.get(w.server.URL+"/login?login="+loginOf(t, p)), http.StatusOK, "Chọn tài khoản")
	// One that cannot be used is ignored, never an error.
	w.switched("upstream", true)
	wantPage(t, w.browser().get(w.authorizeURL("portal", "idp_hint", "upstream")), http.StatusOK, `name="personal_number"`)
	w.registerWith(func(rp *eid.RelyingParty) {
		rp.Sources, rp.Category = []string{"upstream", "national"}, eid.Administrative
	})
	wantPage(t, w.browser().get(w.authorizeURL("portal", "idp_hint", "upstream")), http.StatusOK, `name="personal_number"`)
	// Nobody is asked, and it asks nobody.
	wantError(t, w.browser().get(w.authorizeURL("portal", "idp_hint", "national", "prompt", "none")), "login_required")
}

func loginOf(t *testing.T, p page) string {
	t.Helper()
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		if m[1] == "login" {
			return m[2]
		}
	}
	t.Fatalf("no login on the page:\n%s", p.body)
	return ""
}

// TestLastSource: the device remembers which source was used, and nothing else; it
// comes first, and is forgotten on demand.
func TestLastSource(t *testing.T) {
	w := newWorld(t)
	w.both()
	a := w.browser()
	p := a.get(w.authorizeURL("portal"))
	if got, want := p.offered(), []string{"national", "upstream"}; !slices.Equal(got, want) {
		t.Errorf("a new device is offered %v, want %v", got, want)
	}
	if strings.Contains(p.body, "Đã dùng gần nhất") {
		t.Error("a new device remembers a choice")
	}
	a.toPortal()
	p = a.share(a.answersUpstream(a.submit(p, "source", "upstream")))
	if p.back == nil || !p.back.Query().Has("code") {
		t.Fatalf("no code: status %d\n%s", p.status, p.body)
	}
	u, err := url.Parse(w.server.URL)
	must(t, err)
	value := func() string {
		for _, c := range a.client.Jar.Cookies(u) {
			if c.Name == "eidgate-source" {
				return c.Value
			}
		}
		return ""
	}
	if got := value(); got != "upstream" {
		t.Errorf("the cookie says %q, want the id of the source", got)
	}
	p = a.get(w.authorizeURL("portal", "prompt", "login"))
	if got, want := p.offered(), []string{"upstream", "national"}; !slices.Equal(got, want) {
		t.Errorf("the same device is offered %v, want %v", got, want)
	}
	wantPage(t, p, http.StatusOK, "Đã dùng gần nhất", "Quên lựa chọn trên thiết bị này")
	p = a.submit(p, "action", "forget_source")
	if got, want := p.offered(), []string{"national", "upstream"}; !slices.Equal(got, want) || value() != "" || strings.Contains(p.body, "Đã dùng gần nhất") {
		t.Errorf("afterwards it is offered %v with the cookie %q, want %v and none", got, value(), want)
	}
	// What somebody wrote into the cookie shows nothing and chooses nothing.
	for _, forged := range []string{"second", "<script>", strings.Repeat("x", 3000)} {
		a.client.Jar.SetCookies(u, []*http.Cookie{{Name: "eidgate-source", Value: forged, Path: "/"}})
		p = a.get(w.authorizeURL("portal", "prompt", "login"))
		if got, want := p.offered(), []string{"national", "upstream"}; !slices.Equal(got, want) || strings.Contains(p.body, "<script>") {
			t.Errorf("cookie %.10q: offered %v, want %v", forged, got, want)
		}
	}
}

// many registers so many more sources that nobody can sign in at, and has the portal
// take them.
func (w *world) many(n int) {
	w.t.Helper()
	w.both()
	sources, err := w.db.Sources(w.t.Context())
	must(w.t, err)
	for i := range n {
		s := sources[len(sources)-1]
		s.ID, s.Name, s.NameEN = fmt.Sprintf("more-%02d", i), fmt.Sprintf("Điện lực số %02d", i), fmt.Sprintf("Power %02d", i)
		sources = append(sources[:len(sources)-1:len(sources)-1], s, sources[len(sources)-1])
		w.parties[0].Sources = append(w.parties[0].Sources, s.ID)
	}
	must(w.t, w.db.ApplyRegistrations(w.t.Context(), w.parties, sources, "file", "system"))
}

func TestSearchAmongSources(t *testing.T) {
	w := newWorld(t)
	w.many(38)
	a := w.browser()
	p := a.get(w.authorizeURL("portal"))
	if got := p.offered(); len(got) != 40 || got[0] != "national" || got[1] != "more-00" || got[39] != "upstream" {
		t.Fatalf("offered %v, want 40: the national one, then by name", got)
	}
	at := w.server.URL + "/login?login=" + loginOf(t, p)
	for query, want := range map[string][]string{
		"dien luc so 07": {"more-07"}, "Điện 0": {"more-00", "more-01", "more-02", "more-03", "more-04", "more-05", "more-06", "more-07", "more-08", "more-09", "more-10", "more-20", "more-30"},
		"power 11": {"more-11"}, "khong co": nil, "<script>alert(1)</script>": nil,
	} {
		p = a.get(at + "&q=" + url.QueryEscape(query))
		if got := p.offered(); p.status != http.StatusOK || !slices.Equal(got, want) {
			t.Errorf("searching %q = %d %v, want %v", query, p.status, got, want)
		}
		if strings.Contains(p.body, "<script") {
			t.Errorf("searching %q puts a script on the page", query)
		}
	}
	for _, all := range []string{"", "%20", strings.Repeat("a", 300), "%ff"} {
		if got := a.get(at + "&q=" + all).offered(); len(got) != 40 {
			t.Errorf("searching %.10q offers %d, want all 40", all, len(got))
		}
	}
	// What was searched for outlives a switch of the language, and a choice is one more
	// screen away.
	p = a.submit(a.get(at+"&q=luc+07"), "language", "en")
	if got := p.offered(); !slices.Equal(got, []string{"more-07"}) || !strings.Contains(p.body, `lang="en"`) {
		t.Errorf("in English the search offers %v, want more-07", got)
	}
	if strings.Contains(w.log.String(), "luc") {
		t.Error("what was searched for is in the log")
	}
	p = a.submit(a.get(at+"&q=tai+khoan"), "source", "national")
	wantPage(t, p, http.StatusOK, `name="personal_number"`)
}

// TestWhyASourceCannotBeUsed: a way forward behind each reason, and no look at what
// the portal does not take.
func TestWhyASourceCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	w.tweakSources = func(sources []eid.Source) { sources[1].MayAssert = []eid.Level{eid.Level1} }
	w.both()
	w.addParty("third", func(rp *eid.RelyingParty) { rp.Sources = []string{"national"} })
	a := w.browser()
	a.toPortal()
	w.upstream.Break(fedtest.PathDiscovery, fedtest.Garbage)
	p := a.submit(a.get(w.authorizeURL("portal")), "source", "upstream")
	wantPage(t, p, http.StatusOK, "Nguồn ngoài thử chưa đăng nhập được")
	at := w.server.URL + "/login?login=" + loginOf(t, p)
	for range 5 { // it does not answer: after some failures it is left alone
		p = a.submit(p, "source", "upstream")
	}
	wantPage(t, p, http.StatusOK, "Đang gián đoạn", "Nguồn ngoài thử chưa đăng nhập được")
	wantPage(t, a.get(w.server.URL+p.href("why=upstream")), http.StatusOK, "Cách đăng nhập này đang gián đoạn", "Xem các cách đăng nhập")
	for _, other := range []string{"national", "second", "", "<script>", strings.Repeat("a", 3000)} {
		p := a.get(at + "&why=" + url.QueryEscape(other))
		wantPage(t, p, http.StatusOK, "Chọn tài khoản")
	}
}
