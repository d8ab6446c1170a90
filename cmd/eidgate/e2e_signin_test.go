package main_test

import (
	"strings"
	"testing"
)

func TestLevel1(t *testing.T) {
	d := sharedDemo(t)
	portal := d.party(t, "portal-1")
	got := portal.signIn(d.browser(t), d.account("002"))
	got.wants(t, acr1, "pwd")
	info, err := portal.userinfo(got.access)
	must(t, err)
	if info["sub"] != got.Subject || info["name"] != "Trần Văn Mẫu" || info["eid_personal_number"] != d.account("002").PersonalNumber {
		t.Errorf("userinfo has sub %v, name %v, want sub %s and the person's name and number", info["sub"], info["name"], got.Subject)
	}
	if age := d.now().Unix() - got.AuthTime; age < 0 || age > 30 {
		t.Errorf("auth_time is %d s ago, want now", age)
	}
}

func TestLevel2(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal, a := d.party(t, "portal-2"), d.browser(t)
	portal.signIn(a, d.account("001")).wants(t, acr2, "pwd", "otp")
	// A session at 2 answers 1 where 1 is asked, in the dialect of the asking.
	portal1 := d.party(t, "portal-1")
	portal1.silent(a, "acr_values", acr1).wants(t, acr1, "pwd", "otp")
	portal1.silent(a, "acr_values", "LoA1").wants(t, "LoA1", "pwd", "otp")
	portal1.silent(a, "acr_values", "LoA2").wants(t, "LoA2", "pwd", "otp")
	portal1.silent(a).wants(t, acr2, "pwd", "otp")
	// What is asked raises the registered minimum and never lowers it.
	portal.silent(a, "acr_values", acr1).wants(t, acr2, "pwd", "otp")
}

func TestStepUpInLivingSession(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	portal1, portal2, a := d.party(t, "portal-1"), d.party(t, "portal-2"), d.browser(t)
	before := portal1.signIn(a, d.account("001"))
	before.wants(t, acr1, "pwd")
	cookie := a.session()

	r := portal2.request()
	p := a.get(r.address)
	if !p.offers("action", "step_up") || p.offers("action", "stay") {
		t.Fatalf("page is %q, want the step-up without a way around it", p.title())
	}
	if p = a.press(p, "action", "step_up"); !p.offers("code", "") || p.offers("password", "") {
		t.Fatalf("page is %q, want the missing factor alone", p.title())
	}
	p = a.submit(p, "code", "000000")
	if p.status != 422 || !p.offers("code", "") {
		t.Fatalf("a wrong code gives %d %q, want the form again", p.status, p.title())
	}
	got := portal2.redeem(r, a.submit(p, "code", d.code(d.account("001").TOTPSecret)))
	if got.ACR != acr2 {
		t.Errorf("acr = %s, want %s", got.ACR, acr2)
	}
	if got.Subject == before.Subject {
		t.Errorf("both portals have sub %s, want pairwise ones", got.Subject)
	}
	if a.session() == cookie {
		t.Errorf("the session's cookie is the same after the step-up")
	}
	if after := portal1.silent(a); after.Subject != before.Subject {
		t.Errorf("sub at the other portal = %s, want %s as before", after.Subject, before.Subject)
	}
	// The cookie of before opens nothing.
	old := d.browser(t)
	old.setSession(cookie)
	r = portal1.request("prompt", "none")
	portal1.refused(r, old.get(r.address), "login_required")
}

func TestSecondPortalWithoutSignIn(t *testing.T) {
	d := sharedDemo(t)
	portal1, portal2, a := d.party(t, "portal-1"), d.party(t, "portal-2"), d.browser(t)
	first := portal2.signIn(a, d.account("001"))
	r := portal1.request()
	second := portal1.redeem(r, a.get(r.address)) // no page in between
	if second.AuthTime != first.AuthTime || second.Subject == first.Subject {
		t.Errorf("second portal has auth_time %d, sub %s, want %d and another sub than %s",
			second.AuthTime, second.Subject, first.AuthTime, first.Subject)
	}
}

func TestRefusedAtLevel2WithTheWayForward(t *testing.T) {
	d := sharedDemo(t)
	for _, tt := range []struct{ tail, title, way string }{
		{"002", "Chưa đủ mức định danh", "công an"},
		{"003", "Chưa đủ mức định danh", "công an"}, // a second factor does not verify anybody
		{"004", "Cần thêm một cách xác nhận", "khai số điện thoại nhận mã"},
	} {
		t.Run(tt.tail, func(t *testing.T) {
			portal, a := d.party(t, "portal-2"), d.browser(t)
			r := portal.request()
			p := a.fill(a.get(r.address), d.account(tt.tail))
			if p.status != 403 || p.title() != tt.title || !strings.Contains(p.body, tt.way) {
				t.Fatalf("page is %d %q, want 403 %q with the way forward", p.status, p.title(), tt.title)
			}
			portal.refused(r, a.press(p, "action", "cancel"), "unmet_authentication_requirements")
			r = portal.request("prompt", "none")
			q := portal.answer(r, a.get(r.address))
			if q.Has("code") || q.Get("error") == "" {
				t.Errorf("prompt=none gives error %q, want one", q.Get("error"))
			}
		})
	}
}

func TestLocked(t *testing.T) {
	d := sharedDemo(t)
	for tail, category := range map[string]string{
		"007": "tự khóa", "008": "cơ quan có thẩm quyền", "009": "vi phạm điều khoản", "010": "xác lập lại hoặc bị hủy", "011": "đã đóng theo dữ liệu dân cư",
	} {
		t.Run(tail, func(t *testing.T) {
			portal, a := d.party(t, "portal-1"), d.browser(t)
			r := portal.request()
			p := a.fill(a.get(r.address), d.account(tail))
			if p.status != 403 || p.title() != "Tài khoản đang bị khóa" || !strings.Contains(p.body, category) {
				t.Fatalf("page is %d %q, want the lock's category", p.status, p.title())
			}
			for _, hidden := range []string{"cơ quan giả định", "QĐ-000"} {
				if strings.Contains(p.body, hidden) {
					t.Errorf("page tells %q", hidden)
				}
			}
			portal.refused(r, a.press(p, "action", "cancel"), "access_denied")
			r = portal.request("prompt", "none")
			portal.refused(r, a.get(r.address), "login_required")
		})
	}
}

func TestNotActivated(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	r := portal.request()
	p := a.fill(a.get(r.address), d.account("006"))
	if p.status != 403 || p.title() != "Tài khoản chưa kích hoạt" {
		t.Fatalf("page is %d %q, want not activated", p.status, p.title())
	}
	portal.refused(r, a.press(p, "action", "cancel"), "access_denied")
}

// TestOwnFloor: the holder's minimum counts at a portal that asks for less, and
// the portal learns nothing of it.
func TestOwnFloor(t *testing.T) {
	d := sharedDemo(t)
	portal, who := d.party(t, "portal-1"), d.account("005")
	a := d.browser(t)
	r := portal.request()
	p := a.fill(a.get(r.address), who)
	if p.back == nil {
		if !p.offers("action", "step_up") || p.offers("action", "stay") {
			t.Fatalf("page is %d %q, want the step-up without a way around it", p.status, p.title())
		}
		p = a.fill(a.press(p, "action", "step_up"), who)
	}
	portal.redeem(r, p).wants(t, acr2, "pwd", "otp")

	a = d.browser(t)
	r = portal.request()
	who.TOTPSecret = "" // goes no further than the password
	portal.refused(r, a.press(a.fill(a.get(r.address), who), "action", "cancel"), "access_denied")
}

func TestCancelAtEveryPage(t *testing.T) {
	d := sharedDemo(t)
	who := d.account("001")
	pages := map[string]func(*testing.T, *agent) (*party, request, screen){
		"choose": func(t *testing.T, a *agent) (*party, request, screen) {
			portal := d.party(t, "portal-1")
			r := portal.request()
			return portal, r, a.get(r.address)
		},
		"password": func(t *testing.T, a *agent) (*party, request, screen) {
			portal := d.party(t, "portal-2")
			r := portal.request()
			return portal, r, a.national(r)
		},
		"wrong password": func(t *testing.T, a *agent) (*party, request, screen) {
			portal := d.party(t, "portal-2")
			r := portal.request()
			return portal, r, a.submit(a.national(r), "personal_number", "001188000777", "password", "sai")
		},
		"code": func(t *testing.T, a *agent) (*party, request, screen) {
			portal := d.party(t, "portal-2")
			r := portal.request()
			return portal, r, a.submit(a.national(r), "personal_number", who.PersonalNumber, "password", who.Password)
		},
		"step-up": func(t *testing.T, a *agent) (*party, request, screen) {
			d.party(t, "portal-1").signIn(a, who)
			portal := d.party(t, "portal-2")
			r := portal.request()
			return portal, r, a.get(r.address)
		},
		"code of a step-up": func(t *testing.T, a *agent) (*party, request, screen) {
			d.party(t, "portal-1").signIn(a, who)
			portal := d.party(t, "portal-2")
			r := portal.request()
			return portal, r, a.press(a.get(r.address), "action", "step_up")
		},
	}
	for name, reach := range pages {
		t.Run(name, func(t *testing.T) {
			a := d.browser(t)
			portal, r, p := reach(t, a)
			portal.refused(r, a.press(p, "action", "cancel"), "access_denied")
			if again := a.submit(p, "action", "cancel"); again.back != nil {
				t.Errorf("the cancelled login answers once more: %v", again.back)
			}
		})
	}
}

func TestCancelAtLegacyProvider(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	r := portal.request()
	p := a.press(a.get(r.address), "source", sourceLegacy)
	p = a.submit(p, "action", "cancel")
	if p.address.Host != d.Addr || !p.offers("source", sourceNational) {
		t.Fatalf("page is %d %q, want the choice again", p.status, p.title())
	}
	portal.refused(r, a.press(p, "action", "cancel"), "access_denied")
}

func TestClosedWindowIsGreyedWithItsDate(t *testing.T) {
	d := sharedDemo(t)
	portal, a := d.party(t, "portal-1"), d.browser(t)
	r := portal.request()
	p := a.get(r.address)
	if !p.offers("source", sourceNational) || !p.offers("source", sourceLegacy) || p.offers("source", sourceClosed) {
		t.Errorf("page offers the wrong sources")
	}
	if !strings.Contains(p.body, "giai đoạn 2021–2022") || !strings.Contains(p.body, "Ngừng từ 01/01/2023") {
		t.Errorf("page does not show the closed source with its date")
	}
	// Asking for it by hand does not open it.
	forced := a.post(d.Issuer+"/login", withValue(p.hidden(), "source", sourceClosed))
	if forced.address.Host != d.Addr || forced.back != nil || forced.offers("username", "") {
		t.Errorf("a forced choice leads to %v", forced.address)
	}
	if a.get(d.Issuer+"/readyz").status != 200 {
		t.Errorf("not ready")
	}
}
