package main_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"eidgate/web/browsertest"
)

// What the pages call things.
const (
	toSignIn    = "Đăng nhập bằng tài khoản định danh điện tử" // the portals' button
	national    = "Tài khoản định danh điện tử"
	legacy      = "Tài khoản cổng cũ"
	legacyEnded = "Tài khoản cổng cũ, giai đoạn 2021–2022"

	headChoose   = "Chọn tài khoản để đăng nhập"
	headConsent  = "Xác nhận chia sẻ"
	headPassword = "Đăng nhập"
	headCode     = "Nhập mã xác nhận"
	headStepUp   = "Dịch vụ này cần định danh mức 2"
	headTooLow   = "Chưa đủ mức định danh"
	headAnother  = "Tài khoản này là của người khác"
	headExpired  = "Lượt đăng nhập đã hết hạn"
	headSignedIn = "Quý vị đã đăng nhập"
	headStopped  = "Chưa đăng nhập" // a portal after a cancel
)

// TestBrowser drives the demo as people do: in Chromium, on a phone, without
// script. The gateway and the portals differ in their ports only, since a demo
// has one address; they are one site to the browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	tests := []struct {
		name string
		run  func(*visit)
	}{
		{"level 1", visitLevel1},
		{"level 2 with a code", visitLevel2},
		{"second portal without a new sign-in", visitSecondPortal},
		{"step-up in a living session", visitStepUp},
		{"another person", visitAnotherPerson},
		{"step-up offered and declined", visitStepUpDeclined},
		{"not me", visitNotMe},
		{"level too low", visitTooLow},
		{"one more check needed", visitOneMoreCheck},
		{"not activated", visitNotActivated},
		{"locked", visitLocked},
		{"closed window", visitClosedWindow},
		{"own minimum level", visitOwnFloor},
		{"cancel", visitCancel},
		{"legacy provider", visitLegacy},
		{"legacy provider, not linked", visitLegacyNotLinked},
		{"legacy provider, declined", visitLegacyDeclined},
		{"old account linked, and the link undone", visitLink},
		{"old account, conflict", visitLinkConflict},
		{"old account, declined", visitLinkDeclined},
		{"old account, not me", visitLinkNotMe},
		{"old account, another person", visitLinkAnother},
		{"old account, in English", visitLinkInEnglish},
		{"old accounts of a portal", visitOldAccounts},
		{"old account of a portal, overdue", visitOverdue},
		{"old account of a portal, claimed by another", visitOldAccountOfAnother},
		{"VNeID", visitVNeID},
		{"step-up through VNeID", visitBrokeredStepUp},
		{"step-up through VNeID, another person", visitBrokeredOther},
		{"SAML", visitSAML},
		{"CAS, declined and mismatched", visitCAS},
		{"directory", visitDirectory},
		{"code by SMS, and a password that is recovered", visitRecovery},
		{"wrong password", visitWrongPassword},
		{"wrong code", visitWrongCode},
		{"too many guesses", visitTooManyGuesses},
		{"back after the sign-in", visitBack},
		{"back before the sign-in", visitBackBefore},
		{"double click", visitDoubleClick},
		{"expired login", visitExpired},
		{"keyboard only", visitKeyboard},
		{"language", visitLanguage},
		{"language of a refused request", visitLanguageOfRefusal},
		{"consent", visitConsent},
		{"consent declined", visitConsentDeclined},
		{"consent, not me", visitConsentNotMe},
		{"documents", visitDocuments},
		{"history of use", visitHistory},
		{"sign out of all", visitSignOutOfAll},
		{"sign out, asked first", visitSignOutAsked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each has a demo and cookies of its own
			tt.run(&visit{tab: newTab(chromium, t), demo: startDemo(t), chromium: chromium})
		})
	}
	t.Run("form post", func(t *testing.T) { visitFormPost(chromium, t) })
}

// visit is one person's dealings with one demo.
type visit struct {
	*tab
	demo     *demoRun
	chromium context.Context
}

// start opens a portal and presses its button.
func (v *visit) start(portal string) {
	v.t.Helper()
	v.open(v.demo.portal(portal).URL)
	v.screens = nil
	v.press(toSignIn)
}

// signIn goes from a portal's button through the national source's password
// form, and stops at the page behind it.
func (v *visit) signIn(portal, tail string) {
	v.t.Helper()
	v.start(portal)
	if v.page.H1[0] == headChoose {
		v.press(national)
	}
	v.at(headPassword)
	v.submitPassword(tail)
}

func (v *visit) submitPassword(tail string) {
	v.t.Helper()
	a := v.demo.account(tail)
	v.fill("personal_number", a.PersonalNumber)
	v.fill("password", a.Password)
	v.press("Đăng nhập")
}

func (v *visit) submitCode(tail string) {
	v.t.Helper()
	v.at(headCode)
	v.fill("code", v.demo.code(v.demo.account(tail).TOTPSecret))
	v.press("Xác nhận")
}

// agree shares the data where the page asks for it.
func (v *visit) agree() {
	v.t.Helper()
	if v.page.H1[0] == headConsent {
		v.press("Chia sẻ")
	}
}

// arrived fails unless a portal shows a sign-in at a level.
func (v *visit) arrived(portal string, level int, name string) {
	v.t.Helper()
	v.agree()
	v.at(headSignedIn)
	if at := v.demo.portal(portal).URL + "/"; v.page.URL != at {
		v.t.Errorf("address = %s, want %s: nothing of the sign-in stays in it", v.page.URL, at)
	}
	v.sees(name, fmt.Sprintf("Định danh mức %d", level), fmt.Sprintf(`"acr": "urn:vn:eid:level:%d"`, level))
}

// between counts the pages between the portal's button and the portal.
func (v *visit) between(most int) {
	v.t.Helper()
	if n := len(v.screens) - 1; n > most {
		v.t.Errorf("%d screens on the way, want at most %d: %q", n, most, v.screens)
	}
}

func visitLevel1(v *visit) {
	v.start("portal-1")
	v.at(headChoose)
	v.sees("Cổng dịch vụ thử nghiệm mức 1", "Định danh mức 1", national, "Tài khoản định danh quốc gia", legacy)
	v.press(national)
	v.at(headPassword)
	if !strings.HasPrefix(v.page.Title, "Đăng nhập") {
		v.t.Errorf("title = %q", v.page.Title)
	}
	v.submitPassword("002")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.between(3)
}

func visitLevel2(v *visit) {
	v.signIn("portal-2", "001")
	v.at(headCode)
	v.sees("Không đưa mã cho ai, kể cả người tự xưng là cán bộ.")
	v.submitCode("001")
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
	v.between(4)
}

func visitSecondPortal(v *visit) {
	v.signIn("portal-2", "001")
	v.submitCode("001")
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
	v.start("portal-1")
	v.arrived("portal-1", 2, "Nguyễn Thị Thử")
	v.between(1)
	v.open(v.demo.portal("portal-2").URL)
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
}

func visitStepUp(v *visit) {
	v.signIn("portal-1", "001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")

	v.start("portal-2")
	v.at(headStepUp)
	v.sees("Quý vị vẫn đăng nhập ở nơi khác.", "Nguyễn Thị Thử", "••• ••• ••• 001")
	v.misses(v.demo.account("001").PersonalNumber)
	v.press("Tiếp tục")
	v.at(headCode)
	v.misses("Mật khẩu")
	v.submitCode("001")
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
	v.between(3) // two for the step-up, one because the portal is new

	v.open(v.demo.portal("portal-1").URL)
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
	v.screens = nil
	v.press("Hỏi mức 1")
	v.at(headSignedIn)
	v.between(0)
}

func visitStepUpDeclined(v *visit) {
	v.signIn("portal-1", "001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
	v.press("Muốn mức 2, nhận cả mức 1")
	v.at("Dịch vụ này đề nghị định danh mức 2")
	v.sees("Quý vị cũng có thể tiếp tục với mức 1.")
	v.press("Tiếp tục với mức 1")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
}

// The step-up itself asks the holder's own code. Somebody else can come back
// where a portal wants the sign-in anew.
func visitAnotherPerson(v *visit) {
	v.signIn("portal-1", "001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
	again := func() {
		if v.page.H1[0] == headChoose {
			v.press(national)
		}
		v.at(headPassword)
	}
	v.press("Chỉ nhận lần đăng nhập mới")
	again()
	v.submitPassword("002")
	v.at(headAnother)
	v.sees("Chưa có gì thay đổi.")
	v.misses("Trần Văn Mẫu", "Nguyễn Thị Thử")

	v.press("Thử lại")
	again()
	v.submitPassword("002")
	v.at(headAnother)

	v.press("Bắt đầu lại")
	again()
	v.submitPassword("002")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
}

func visitNotMe(v *visit) {
	v.signIn("portal-1", "001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
	v.start("portal-2")
	v.at(headStepUp)
	v.press("Không phải tôi")
	v.at(headChoose)
	v.misses("Nguyễn Thị Thử")
	v.press(national)
	v.at(headPassword)
	v.misses("Nguyễn Thị Thử")
	if got := v.value("personal_number"); got != "" {
		v.t.Errorf("number = %q, want none: the person before is forgotten", got)
	}
	v.submitPassword("005")
	v.submitCode("005")
	v.arrived("portal-2", 2, "Hoàng Văn Ngưỡng")
}
