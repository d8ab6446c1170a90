package main_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"eidgate/web/browsertest"
)

// TestAccessible holds the pages of a sign-in, of its end and of the portal in
// between to the same as packages web and demo hold theirs: here with the data,
// headers and redirects of a running gateway.
func TestAccessible(t *testing.T) {
	t.Parallel()
	axe, err := browsertest.AxeSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chromium := browsertest.Start(t)
	v := &visit{tab: newTab(chromium, t), demo: startDemo(t), chromium: chromium}
	v.start("portal-2")
	v.at(headChoose)
	v.press(national)
	v.at(headPassword)
	v.accessible(axe)
	v.fill("personal_number", v.demo.account("001").PersonalNumber)
	v.fill("password", "sai-mat-khau")
	v.press("Đăng nhập")
	v.corrected(headPassword, "Số định danh hoặc mật khẩu chưa đúng.")
	v.accessible(axe)
	v.fill("password", v.demo.account("001").Password)
	v.press("Đăng nhập")
	v.at(headCode)
	v.accessible(axe)
	v.submitCode("001")
	v.at(headConsent)
	v.accessible(axe)
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
	v.accessible(axe)
	v.start("portal-1")
	v.accessible(axe)
	v.agree()
	v.press("Chỉ nhận lần đăng nhập mới")
	v.at(headChoose)
	v.accessible(axe)
	v.open(v.demo.Issuer + "/logout")
	v.at(headAskOut)
	v.accessible(axe)
	v.open(v.demo.Issuer + "/login")
	v.at(headExpired)
	v.accessible(axe)
}

// accessible inspects the page, and leaves the tab as it was.
func (v *visit) accessible(axe string) {
	v.t.Helper()
	faults, err := browsertest.Inspect(v.ctx, axe, browsertest.Page{Lang: "vi"})
	if err != nil {
		v.t.Fatalf("inspecting %q: %v", v.page.H1, err)
	}
	for _, fault := range faults {
		v.t.Errorf("page %q: %s", v.page.H1, fault)
	}
	v.do(chromedp.EmulateViewport(phoneWidth, phoneHeight, chromedp.EmulateMobile))
	v.scheme("light")
}
