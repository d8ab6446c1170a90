package main_test

import (
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"eidgate/web/browsertest"
)

// count counts the elements that an XPath finds.
func (b *tab) count(xpath string) int {
	b.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](
		"document.evaluate('count("+xpath+")', document, null, XPathResult.NUMBER_TYPE, null).numberValue"))
	must(b.t, err)
	return n
}

// corrected fails unless the page is a form given back with one problem: the
// title says so first, and the focus is on the summary.
func (v *visit) corrected(heading, problem string) {
	v.t.Helper()
	v.at(heading)
	v.sees("Có 1 lỗi cần sửa", problem)
	if !strings.HasPrefix(v.page.Title, "Lỗi: "+heading) {
		v.t.Errorf("title = %q, want it to begin with %q", v.page.Title, "Lỗi: "+heading)
	}
	v.until("the focus is on the summary", func() bool { return v.read().Focus == "loi" })
	if got := v.status(); got != 422 {
		v.t.Errorf("status = %d, want 422", got)
	}
	if strings.Contains(v.page.URL, "#") {
		v.t.Errorf("address = %s, want no fragment", v.page.URL)
	}
}

func visitWrongPassword(v *visit) {
	a := v.demo.account("002")
	v.start("portal-1")
	v.press(national)
	if v.page.Focus != "" {
		v.t.Errorf("focus is on %q, want none on a clean page", v.page.Focus)
	}
	v.fill("personal_number", a.PersonalNumber)
	v.fill("password", "sai-mat-khau")
	v.press("Đăng nhập")
	v.corrected(headPassword, "Số định danh hoặc mật khẩu chưa đúng.")
	if got, want := v.value("personal_number"), "001 090 000 002"; got != want {
		v.t.Errorf("number = %q, want %q as typed", got, want)
	}
	if got := v.value("password"); got != "" {
		v.t.Errorf("the password came back")
	}
	v.clear("personal_number")
	v.fill("personal_number", "12345")
	v.fill("password", a.Password)
	v.press("Đăng nhập")
	v.corrected(headPassword, "Nhập số định danh gồm 12 chữ số.")
	v.clear("personal_number")
	v.fill("personal_number", "001.090.000.002")
	v.press("Đăng nhập")
	v.corrected(headPassword, "Nhập mật khẩu.")
	v.fill("password", a.Password)
	v.press("Đăng nhập")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
}

func visitWrongCode(v *visit) {
	secret := v.demo.account("001").TOTPSecret
	v.signIn("portal-2", "001")
	right := v.demo.code(secret)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	v.fill("code", wrong)
	v.press("Xác nhận")
	v.corrected(headCode, "Mã chưa đúng hoặc đã hết hạn.")
	if got := v.value("code"); got != "" {
		v.t.Errorf("the code came back")
	}
	v.press("Xác nhận")
	v.corrected(headCode, "Nhập mã gồm 6 chữ số.")
	v.fill("code", right)
	v.press("Xác nhận")
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
}

func visitTooManyGuesses(v *visit) {
	a := v.demo.account("002")
	v.start("portal-1")
	v.press(national)
	v.fill("personal_number", a.PersonalNumber)
	for range 20 {
		v.fill("password", "sai-mat-khau")
		v.press("Đăng nhập")
		if v.status() != 422 {
			break
		}
	}
	if len(v.page.H1) != 1 || !strings.HasPrefix(v.page.H1[0], "Thử lại sau ") {
		v.t.Fatalf("h1 = %q after many wrong passwords", v.page.H1)
	}
	if got := v.status(); got != 429 {
		v.t.Errorf("status = %d, want 429", got)
	}
	v.sees("Hệ thống tạm dừng để bảo vệ tài khoản.", "Mã tra cứu")
	v.press("Quay lại " + v.demo.portal("portal-1").Name)
	v.at(headStopped)
}

// Back after the sign-in meets a page that says the attempt is over. It neither
// signs in again nor loses the sign-in.
func visitBack(v *visit) {
	v.signIn("portal-1", "002")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.back()
	v.at(headExpired)
	v.misses("Trần Văn Mẫu", v.demo.account("002").PersonalNumber)
	v.open(v.demo.portal("portal-1").URL)
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
}

// Back on the way may show the page before as it was left. What is sent from
// there again is not held against the page that waits.
func visitBackBefore(v *visit) {
	v.signIn("portal-2", "001")
	v.at(headCode)
	v.back()
	if v.page.H1[0] == headPassword {
		v.retype("personal_number", v.demo.account("001").PersonalNumber)
		v.retype("password", v.demo.account("001").Password)
		v.enter()
	}
	v.at(headCode)
	v.misses("lỗi cần sửa")
	v.submitCode("001")
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
}

func visitDoubleClick(v *visit) {
	double := func(label, left, address string) {
		v.t.Helper()
		v.do(chromedp.DoubleClick(labelled(label), chromedp.NodeVisible))
		v.until("the page behind "+label+" is there", func() bool {
			ready, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](
				`document.readyState === "complete" && !document.querySelector("`+left+`") && location.href.startsWith("`+address+`")`))
			return err == nil && ready
		})
		v.look()
	}
	a := v.demo.account("001")
	v.start("portal-2")
	v.press(national)
	v.fill("personal_number", a.PersonalNumber)
	v.fill("password", a.Password)
	double("Đăng nhập", "#password", v.demo.Issuer)
	// The second post may have reached the login when it waited for the code.
	v.at(headCode)
	v.misses("lỗi cần sửa")
	v.fill("code", v.demo.code(a.TOTPSecret))
	double("Xác nhận", "#code", v.demo.Issuer)
	v.at(headConsent)
	double("Chia sẻ", "[value=share]", v.demo.portal("portal-2").URL)
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
}

// A page left open for longer than a login lasts ends with a way on, not with a
// fault.
func visitExpired(v *visit) {
	v.start("portal-1")
	v.press(national)
	v.fill("personal_number", v.demo.account("002").PersonalNumber)
	v.fill("password", v.demo.account("002").Password)

	// Hours pass: the same data under a clock that is ahead.
	v.demo.terminate()
	at := time.Now().Add(3 * time.Hour).Format(time.RFC3339)
	later := startDemo(v.t, "--data", v.demo.Dir, "--addr", v.demo.Addr, "--at", at)
	v.press("Đăng nhập")
	v.at(headExpired)
	v.sees("Chưa có gì thay đổi.", "Quay lại cổng dịch vụ và đăng nhập lại từ đầu.", "Mã tra cứu")
	if got := v.status(); got != 400 {
		v.t.Errorf("status = %d, want 400", got)
	}

	v.demo = later
	v.signIn("portal-1", "002")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
}

// keys presses keys one by one.
func (v *visit) keys(keys string) {
	v.t.Helper()
	v.do(chromedp.KeyEvent(keys))
	v.page.Focus = v.read().Focus
}

// retype replaces what a field holds, on a page that came out of the browser's
// store of pages too: chromedp does not find elements there.
func (v *visit) retype(field, value string) {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void]("document.getElementById('"+field+"').focus()"),
		chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent(value))
}

// tabTo presses Tab until the focus is where it should be, and fails when that
// takes long or the focus cannot be seen.
func (v *visit) tabTo(name string) {
	v.t.Helper()
	var passed []string
	for range 15 {
		v.keys(kb.Tab)
		passed = append(passed, v.page.Focus)
		if strings.Contains(v.page.Focus, name) {
			seen, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](
				`(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 3)(getComputedStyle(document.activeElement))`))
			must(v.t, err)
			if !seen {
				v.t.Errorf("the focus on %q cannot be seen", name)
			}
			return
		}
	}
	v.t.Fatalf("Tab does not reach %q: %q", name, passed)
}

func (v *visit) enter() {
	v.t.Helper()
	v.arriving(browsertest.PressEnter())
}

func visitKeyboard(v *visit) {
	a := v.demo.account("001")
	v.open(v.demo.portal("portal-2").URL)
	v.keys(kb.Tab)
	if v.page.Focus != "Đến nội dung chính" {
		v.t.Errorf("first stop of the portal = %q, want the skip link", v.page.Focus)
	}
	v.tabTo(toSignIn)
	v.enter()
	v.at(headChoose)
	v.tabTo("source") // the first, which is the national account
	v.enter()
	v.at(headPassword)
	v.keys(kb.Tab)
	if v.page.Focus != "Đến nội dung chính" {
		v.t.Errorf("first stop of the gateway = %q, want the skip link", v.page.Focus)
	}
	v.tabTo("personal_number")
	v.keys(a.PersonalNumber)
	v.tabTo("password")
	v.keys("sai-mat-khau")
	v.enter()
	v.corrected(headPassword, "Số định danh hoặc mật khẩu chưa đúng.")
	v.tabTo("Số định danh hoặc mật khẩu chưa đúng.") // the summary's link
	v.do(browsertest.PressEnter())
	v.until("the link leads to the field", func() bool { return v.read().Focus == "personal_number" })
	v.tabTo("password")
	v.keys(a.Password)
	v.enter() // the first button is the one that signs in
	v.at(headCode)
	v.tabTo("code")
	v.keys(v.demo.code(a.TOTPSecret))
	v.enter()
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
}
