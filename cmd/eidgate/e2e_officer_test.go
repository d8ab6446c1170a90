package main_test

import (
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// office makes somebody of a demo an officer, or ends it.
func (d *demoRun) office(t *testing.T, who accountReport, words ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), binary, append([]string{"officers", words[0], "--data", d.Dir}, words[1:]...)...)
	cmd.Stdin = strings.NewReader(who.PersonalNumber)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("officers %v: %v\n%s", words, err, out)
	}
}

const testOffice = "Công an phường Mẫu"

// officer is a browser in which somebody signed in at the counter.
func (d *demoRun) officer(t *testing.T, who accountReport) *agent {
	t.Helper()
	a := d.visit(t)
	if p := a.fill(a.get(d.Issuer+"/officer"), who); p.address.Path != "/officer" {
		t.Fatalf("the sign-in at the counter ends at %s %d %q", p.address.Path, p.status, p.title())
	}
	return a
}

// TestOfficerRoutes goes to every page of officers as everybody who may not be there, and
// reads and posts (threats: Admin and privacy).
func TestOfficerRoutes(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	holder, weak, intake, ended := d.account("001"), d.account("002"), d.account("005"), d.account("005")
	d.office(t, intake, "add", "--office", testOffice, "--tasks", "intake")
	routes := []string{
		"", "/new/citizen", "/new/foreigner", "/a/x", "/a/x/data", "/a/x/dependent", "/a/x/document", "/a/x/match", "/a/x/check", "/a/x/withdraw", "/a/x/decide", "/r/x", "/locks", "/q/x",
	}
	others := []string{"/r/x", "/locks", "/q/x"} // pages of tasks that an intake officer does not have
	nobody, of2, clerk := d.browser(t), d.officer(t, holder), d.officer(t, intake)
	level1 := d.visit(t)
	level1.fill(level1.get(d.Issuer+"/me"), weak)
	form := url.Values{"csrf": {"x"}, "action": {"approve"}, "reason": {"x"}}
	for _, route := range routes {
		address := d.Issuer + "/officer" + route
		if p := nobody.get(address); p.address.Path != "/login" {
			t.Errorf("GET %s by nobody = %d at %s, want a sign-in", route, p.status, p.address.Path)
		}
		if p := nobody.post(address, form); p.status != http.StatusForbidden {
			t.Errorf("POST %s by nobody = %d, want 403", route, p.status)
		}
		if p := level1.get(address); p.status == http.StatusOK && p.address.Path != "/login" {
			t.Errorf("GET %s at Level 1 = %d at %s, want what leads to Level 2", route, p.status, p.address.Path)
		}
		if p := of2.get(address); p.status != http.StatusForbidden || p.title() != "Trang này dành cho cán bộ" {
			t.Errorf("GET %s by a holder = %d %q, want 403", route, p.status, p.title())
		}
		if p := of2.post(address, form); p.status != http.StatusForbidden {
			t.Errorf("POST %s by a holder = %d, want 403", route, p.status)
		}
		want := http.StatusOK
		switch {
		case slices.Contains(others, route):
			want = http.StatusForbidden
		case strings.HasPrefix(route, "/a/"):
			want = http.StatusNotFound
		}
		if p := clerk.get(address); p.status != want {
			t.Errorf("GET %s by an intake officer = %d %q, want %d", route, p.status, p.title(), want)
		}
		if p := clerk.post(address, form); p.status != http.StatusForbidden {
			t.Errorf("POST %s without the mark = %d, want 403", route, p.status)
		}
	}
	d.office(t, ended, "end")
	if p := clerk.get(d.Issuer + "/officer"); p.status != http.StatusForbidden {
		t.Errorf("an officer who ended = %d, want 403 at the next request", p.status)
	}
}

var applicationPage = regexp.MustCompile(`/officer/a/[A-Z2-7]+`)

// TestCounterToAccount takes in an application, has its person confirm it, and approves
// it as another officer (rows 13 to 18, 22): the account waits for its activation, and the
// first password is on its way.
func TestCounterToAccount(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	first, second := d.account("001"), d.account("005")
	d.office(t, first, "add", "--office", testOffice, "--tasks", "intake,approve")
	d.office(t, second, "add", "--office", testOffice, "--tasks", "approve")
	desk := d.officer(t, first)
	page := desk.get(d.Issuer + "/officer/new/citizen")
	page = desk.submit(page, "scan", "011091000021||Lò Văn Mới|12041991|Nam|Số 1 đường Mẫu|01012021")
	for _, want := range []string{`value="011 091 000 021"`, `value="Lò Văn Mới"`, `value="12/04/1991"`, `value="male" selected`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the scanned card fills no %s", want)
		}
	}
	taken := desk.submit(page, "scan", "", "number", "011091000021", "name", "Lò Văn Mới", "birth_date", "12/04/1991", "gender", "male", "email", "moi@example.test")
	path := applicationPage.FindString(taken.address.Path)
	if path == "" {
		t.Fatalf("intake ends at %s %d %q", taken.address.Path, taken.status, taken.title())
	}
	// Without a match there is nothing to confirm.
	read := desk.press(taken, "action", "read_back")
	if p := desk.press(read, "action", "confirm"); p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, "Chưa có đối chiếu sinh trắc học nào trùng khớp") {
		t.Errorf("confirmed without a match: %d %q", p.status, p.title())
	}
	matched := desk.submit(desk.get(d.Issuer+path+"/match"), "method", "portrait", "database", "population", "capture", "cap-1")
	read = desk.press(matched, "action", "read_back")
	if !strings.Contains(read.body, "011 091 000 021") || strings.Contains(read.body, "Đối chiếu sinh trắc học") {
		t.Errorf("the read-back shows no whole number, or an officer's note:\n%s", read.body)
	}
	confirmed := desk.press(read, "action", "confirm")
	if !strings.Contains(confirmed.body, "chờ duyệt") {
		t.Fatalf("confirming gives %d %q", confirmed.status, confirmed.title())
	}
	// Who took it in does not approve it.
	if p := desk.get(d.Issuer + path + "/decide"); p.offers("action", "approve") || p.offers("reason", "") {
		t.Error("who took it in is offered to decide on it")
	}
	own := desk.get(d.Issuer + path + "/withdraw").hidden() // its mark and revision are right
	own.Set("action", "approve")
	if p := desk.post(d.Issuer+path+"/decide", own); p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, "Cần cán bộ khác") {
		t.Errorf("approving one's own intake = %d %q, want 422", p.status, p.title())
	}
	other := d.officer(t, second)
	decide := other.get(d.Issuer + path + "/decide")
	approved := other.press(decide, "action", "approve")
	if !strings.Contains(approved.body, "Đã duyệt") {
		t.Fatalf("approving gives %d %q", approved.status, approved.title())
	}
	if p := other.press(decide, "action", "approve"); p.status == http.StatusOK && strings.Contains(p.body, "action=\"approve\"") {
		t.Errorf("approved twice: %d", p.status)
	}
	// Another office has no such application.
	d.office(t, second, "add", "--office", "Công an phường Khác", "--tasks", "intake,approve")
	if p := other.get(d.Issuer + path); p.status != http.StatusNotFound {
		t.Errorf("another office's application = %d, want 404", p.status)
	}
}

// TestOfficerLocks locks an account and unlocks it, within a case alone (rows 31 and 33).
func TestOfficerLocks(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	clerk, holder := d.account("001"), d.account("005")
	d.office(t, clerk, "add", "--office", testOffice, "--tasks", "locks")
	desk := d.officer(t, clerk)
	find := func(number string) screen {
		return desk.submit(desk.get(d.Issuer+"/officer/locks"), "party", "authority", "requester", "Tòa án Mẫu", "request_document", "12/QĐ-TA", "number", number)
	}
	found := find(holder.PersonalNumber)
	if locked := desk.submit(found, "action", "set", "lock", "authority"); locked.status != http.StatusOK || !strings.Contains(locked.body, `value="lift.`) {
		t.Fatalf("locking = %d %q, want a lock that can be lifted\n%s", locked.status, locked.title(), locked.body)
	}
	again := find(holder.PersonalNumber)
	lift := regexp.MustCompile(`lift\.[A-Z2-7]+`).FindString(again.body)
	if p := desk.press(again, "action", lift); p.status != http.StatusOK || strings.Contains(p.body, `value="lift.`) {
		t.Errorf("lifting = %d %q, want no lock in force", p.status, p.title())
	}
	if p := desk.submit(find(clerk.PersonalNumber), "action", "set", "lock", "authority"); p.status != http.StatusUnprocessableEntity {
		t.Errorf("locking one's own = %d %q, want 422", p.status, p.title())
	}
	// Each look-up says whether somebody has an account: an officer has 100 of them a day.
	page := desk.get(d.Issuer + "/officer/locks")
	look := func() screen {
		return desk.submit(page, "party", "authority", "requester", "Tòa án Mẫu", "request_document", "12/QĐ-TA", "number", "011090000001")
	}
	for n := 3; n < 100; n++ {
		if p := look(); !strings.Contains(p.body, "Không có tài khoản với số này.") {
			t.Fatalf("look-up %d = %d %q, want nobody found", n+1, p.status, p.title())
		}
	}
	if p := look(); p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, "Đã tìm quá nhiều lần trong 24 giờ.") {
		t.Errorf("a look-up beyond the bound = %d %q, want it refused", p.status, p.title())
	}
}
