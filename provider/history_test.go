package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/store/storetest"
)

// lookedUp puts a look-up of the account on record.
func (w *world) lookedUp(id eid.AccountID, reason string) {
	w.t.Helper()
	must(w.t, w.db.Record(w.t.Context(), eid.AuditEntry{
		At: w.clock(), Actor: "operator:kin", Action: audit.ActionLookedUp, Account: id, Detail: fmt.Appendf(nil, `{"role":"officer","reason":%q}`, reason),
	}))
}

// TestHistory: the holder of a living session reads how the account was used and who
// looked that up; nobody else does.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	wantPage(t, w.browser().get(w.server.URL+"/history"), http.StatusOK, "chưa đăng nhập")
	a, _ := w.signedIn(numberLevel2)
	mine := w.people[numberLevel2]
	w.lookedUp(mine, "Khiếu nại <b>12</b>/2026")
	b, _ := w.signedIn(numberLevel1)

	p := a.get(w.server.URL + "/history")
	wantPage(t, p, http.StatusOK, "Lịch sử sử dụng")
	for _, want := range []string{"cán bộ", "Khiếu nại &lt;b&gt;12&lt;/b&gt;/2026", "đã được tra cứu", "đã xác nhận định danh mức 1"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("history lacks %q:\n%s", want, p.body)
		}
	}
	for _, never := range []string{"kin", numberLevel2, numberLevel2[9:], string(mine), "<b>12"} {
		if strings.Contains(p.body, never) {
			t.Errorf("history shows %q", never)
		}
	}
	if got := p.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store", got)
	}
	p = b.get(w.server.URL + "/history?account=" + string(mine))
	if wantPage(t, p, http.StatusOK, "Lịch sử sử dụng"); strings.Contains(p.body, "Khiếu nại") {
		t.Error("another holder reads the look-up")
	}
	for _, bad := range []string{"0", "-1", "x", "1&before=2", "99999999999999999999", "%00"} {
		wantPage(t, a.get(w.server.URL+"/history?before="+bad), http.StatusBadRequest, "Yêu cầu không hợp lệ")
	}
	w.pass(31 * time.Minute)
	wantPage(t, a.get(w.server.URL+"/history"), http.StatusOK, "chưa đăng nhập")
}

// TestHistoryPages: older lines are a link away, each line once.
func TestHistoryPages(t *testing.T) {
	w := newWorld(t)
	a, _ := w.signedIn(numberLevel2)
	id := w.people[numberLevel2]
	for i := range 44 {
		w.lookedUp(id, fmt.Sprintf("vụ %02d", i))
	}
	seen, address := 0, "/history"
	for pages := 0; address != ""; pages++ {
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
		p := a.get(w.server.URL + address)
		seen += strings.Count(p.body, "<dt>")
		address = ""
		if _, rest, ok := strings.Cut(p.body, `href="/history?before=`); ok {
			row, _, _ := strings.Cut(rest, `"`)
			address = "/history?before=" + row
		}
	}
	if seen != 45 {
		t.Errorf("%d lines on all pages, want 45", seen)
	}
}

// TestHistoryOfLocked: a lock closes the history with everything else.
func TestHistoryOfLocked(t *testing.T) {
	w := newWorld(t)
	a, _ := w.signedIn(numberLevel2)
	id := w.people[numberLevel2]
	w.lookedUp(id, "vụ 1")
	_, err := w.locks.Set(t.Context(), id, eid.LockSelf, storetest.Self())
	must(t, err)
	if p := a.get(w.server.URL + "/history"); strings.Contains(p.body, "vụ 1") {
		t.Error("a locked account's history is shown")
	}
}

// TestHistoryNeedsAProof: a session whose only proof no longer counts shows nothing: whoever
// came in through a source that was then switched off may have been somebody else.
func TestHistoryNeedsAProof(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"the source is off": func(w *world) { w.switched("upstream", true) },
		"off, and on again": func(w *world) { w.switched("upstream", true); w.pass(time.Second); w.switched("upstream", false) },
		"the link ended": func(w *world) {
			link, err := w.db.LinkBySubject(t.Context(), "upstream", "synthetic")
			must(t, err)
			must(t, w.accounts.EndLink(t.Context(), link.ID, "operator:test"))
		},
		"the source's window": func(w *world) {
			all, err := w.db.Sources(t.Context())
			must(t, err)
			for i := range all {
				all[i].Window.Until = w.clock()
			}
			must(t, w.db.ApplyRegistrations(t.Context(), w.parties, all, "file", "system"))
		},
		"nothing (it is shown)": func(*world) {},
	} {
		w := newWorld(t)
		a, _ := w.viaUpstream()
		w.lookedUp(w.people[numberLevel2], "vụ 7")
		w.pass(time.Second)
		end(w)
		got := strings.Contains(a.get(w.server.URL+"/history").body, "vụ 7")
		if want := name == "nothing (it is shown)"; got != want {
			t.Errorf("%s: shown = %v, want %v", name, got, want)
		}
	}
}

// TestHistoryAfterLogout: what was shown is shown to nobody who comes later, whatever is asked with.
func TestHistoryAfterLogout(t *testing.T) {
	w := newWorld(t)
	a, _ := w.signedIn(numberLevel2)
	w.lookedUp(w.people[numberLevel2], "vụ 9")
	if p := a.get(w.server.URL + "/history"); !strings.Contains(p.body, "vụ 9") {
		t.Fatal("the history is not shown")
	}
	res, err := a.client.Head(w.server.URL + "/history")
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD = %d %q, want 200 and no-store", res.StatusCode, res.Header.Get("Cache-Control"))
	}
	a.answer(a.get(w.server.URL+"/logout"), "logout")
	for _, query := range []string{"", "?before=100"} {
		if p := a.get(w.server.URL + "/history" + query); strings.Contains(p.body, "vụ 9") || p.status != http.StatusOK {
			t.Errorf("after the logout, %q: %d, and the look-up is shown", query, p.status)
		}
	}
	res, err = a.client.PostForm(w.server.URL+"/history", nil)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusMethodNotAllowed && res.StatusCode != http.StatusNotFound {
		t.Errorf("POST = %d, want a refusal", res.StatusCode)
	}
}
