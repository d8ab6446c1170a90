package provider_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/audit"
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
	_, err := w.accounts.Lock(t.Context(), id, eid.LockSelf, "", "", "holder")
	must(t, err)
	if p := a.get(w.server.URL + "/history"); strings.Contains(p.body, "vụ 1") {
		t.Error("a locked account's history is shown")
	}
}
