package main_test

import (
	"regexp"
	"testing"

	"eidgate/web/browsertest"
)

const (
	headLink     = "Liên kết tài khoản cũ"
	headBoth     = "Liên kết hai tài khoản này?"
	headConflict = "Chưa thể liên kết"
	headLinks    = "Tài khoản đã liên kết"
	toNational   = "Đăng nhập bằng định danh quốc gia"

	oldAccount    = "nguoi-dung-chua-lien-ket" // of 002
	secondAccount = "nguoi-dung-thu-hai"       // of 001, who has another there
)

// toLink goes from portal 1 through the old portal to the page that says why its
// account is linked.
func (v *visit) toLink(login string) {
	v.t.Helper()
	v.toLegacy()
	v.submitLegacy(login)
	v.at(headLink)
	v.screens = v.screens[len(v.screens)-1:]
}

// prove goes from there to the page behind the proof of the national identity.
func (v *visit) prove(tail string) {
	v.t.Helper()
	v.press(toNational)
	v.at(headChoose)
	v.misses(legacy, libraryName)
	v.press(national)
	v.at(headPassword)
	v.submitPassword(tail)
}

// visitLink links an old account, is let in by it alone, undoes the link and is asked
// anew.
func visitLink(v *visit) {
	v.toLink(oldAccount)
	v.sees("Cổng dịch vụ thử nghiệm mức 1", legacy, "Chỉ cần làm một lần.", "Chưa có gì thay đổi cho đến khi Quý vị chọn Liên kết.")
	v.prove("002")
	v.at(headBoth)
	v.sees(legacy, "Trần Văn Mẫu", "••• ••• ••• 002", national, "Định danh mức 1", "Đến ", "Không phải tôi", "Chỉ liên kết nếu cả hai tài khoản là của Quý vị.")
	v.misses(v.demo.account("002").PersonalNumber, "legacy-0002")
	v.press("Liên kết")
	v.agree()
	v.between(5)
	v.arrived("portal-1", 1, "Trần Văn Mẫu")

	// The old account is enough by itself from now on.
	w := v.another()
	w.toLegacy()
	w.submitLegacy(oldAccount)
	w.arrived("portal-1", 1, "Trần Văn Mẫu")
	w.sees(`"eid_source": "legacy"`)

	v.undo()
	w.open(v.demo.portal("portal-1").URL)
	w.press("Không mở trang nào")
	w.at("Cần đăng nhập")
	w.sees("login_required")
	w.misses("Trần Văn Mẫu")
	w.press("Đăng nhập")
	w.press(legacy) // which remembers who is there
	w.at(headLink)
	v.open(v.demo.portal("portal-1").URL)
	v.press("Không mở trang nào")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.sees(`"eid_source": "national"`)
}

// another is somebody at another browser.
func (v *visit) another() *visit {
	v.t.Helper()
	return &visit{tab: newTab(v.chromium, v.t), demo: v.demo, chromium: v.chromium}
}

// undo finds the link from the history of use, and ends it.
func (v *visit) undo() {
	v.t.Helper()
	v.open(v.demo.Issuer + "/history")
	v.press("Xem tài khoản đã liên kết")
	v.at(headLinks)
	v.sees(legacy, "Định danh mức 1", "Liên kết từ", "những lần đăng nhập qua tài khoản đó cũng kết thúc")
	v.misses("legacy-0002")
	v.press("Hủy liên kết " + legacy)
	v.at(headLinks)
	v.sees("Đã hủy liên kết với " + legacy + ".")
	v.listed(postName)
}

// linkedTo fails unless these are the holder's linked accounts.
func (v *visit) linkedTo(sources ...string) {
	v.t.Helper()
	v.open(v.demo.Issuer + "/links")
	v.at(headLinks)
	v.listed(sources...)
}

// listed fails unless the page has these linked accounts.
func (v *visit) listed(sources ...string) {
	v.t.Helper()
	v.sees(sources...)
	if n := v.count(`//button[@name="link"]`); n != len(sources) {
		v.t.Errorf("%d links, want %q", n, sources)
	}
}

// The same conflict stands in the queue once, under one reference.
func visitLinkConflict(v *visit) {
	var refs []string
	for range 2 {
		w := v.another()
		w.toLink(secondAccount)
		w.prove("001")
		w.at(headBoth)
		w.press("Liên kết")
		w.misses("Nguyễn Thị Thử", "legacy-")
		refs = append(refs, reference.FindString(w.page.Text))
		w.refused(headConflict, "portal-1", denied, headStopped, "Tài khoản cũ này ("+legacy+") chưa được liên kết", "Cán bộ đang xem xét.")
		w.linkedTo(legacy, legacyEnded) // the first one, at both
	}
	if refs[0] == "" || refs[0] != refs[1] {
		v.t.Errorf("references = %q, want that of the conflict both times", refs)
	}
}

var reference = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}\b`)

func visitLinkDeclined(v *visit) {
	v.toLink(oldAccount)
	v.prove("002")
	v.at(headBoth)
	v.press("Không liên kết")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.sees(`"eid_source": "national"`)
	v.linkedTo(postName)
}

// What waited for the person before waits for nobody else.
func visitLinkNotMe(v *visit) {
	v.toLink(oldAccount)
	v.prove("002")
	v.at(headBoth)
	v.press("Không phải tôi")
	v.at(headChoose)
	v.sees(legacy, libraryName)
	v.misses("Trần Văn Mẫu")
	v.press(national)
	v.submitPassword("001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
	v.linkedTo(legacy, legacyEnded)
}

// Somebody signed in here; somebody else links nothing in their place.
func visitLinkAnother(v *visit) {
	v.signIn("portal-1", "001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
	v.press("Chỉ nhận lần đăng nhập mới")
	v.at(headChoose)
	v.press(legacy)
	v.at("Đăng nhập")
	v.submitLegacy(oldAccount)
	v.at(headLink)
	v.prove("002")
	v.at(headAnother)
	v.sees("Chưa có gì thay đổi.")
	v.misses("Trần Văn Mẫu", "Nguyễn Thị Thử")
	v.press("Quay lại " + v.demo.portal("portal-1").Name)
	v.at(headStopped)
	v.sees("Quý vị vẫn đang đăng nhập", "Nguyễn Thị Thử")
	v.linkedTo(legacy, legacyEnded) // the own one
	w := v.another()
	w.signIn("portal-1", "002")
	w.arrived("portal-1", 1, "Trần Văn Mẫu")
	w.linkedTo(postName)
}

func visitLinkInEnglish(v *visit) {
	v.toLink(oldAccount)
	v.press("English")
	v.at("Link an old account")
	v.sees("Trial portal, Level 1", "Old portal account", "You do this once.")
	v.press("Sign in with your national identity")
	v.at("Choose an account to sign in with")
	v.press("Electronic identity account")
	v.at("Sign in")
	who := v.demo.account("002")
	v.fill("personal_number", who.PersonalNumber)
	v.fill("password", who.Password)
	v.press("Sign in")
	v.at("Link these two accounts?")
	v.sees("Old portal account", "National identity account", "personal number ending in 002", "Identity Level 1", "Until ", "At any time, on the page Linked accounts")
	v.press("Tiếng Việt")
	v.at(headBoth)
	v.press("English")
	v.press("Link")
	v.at("Confirm sharing")
	v.press("Share")
	v.at(headSignedIn)
	v.open(v.demo.Issuer + "/links")
	v.at("Linked accounts")
	v.sees("Linked on")
	v.press("Tiếng Việt")
	v.listed(legacy, postName) // the switch of the language undid nothing
	v.press("English")
	v.press("Undo the link Old portal account")
	v.at("Linked accounts")
	v.sees("The link with Old portal account is undone.")
}

// TestAccessibleLink holds the pages of linking to what TestAccessible holds others to.
func TestAccessibleLink(t *testing.T) {
	t.Parallel()
	axe, err := browsertest.AxeSource(t.Context())
	must(t, err)
	chromium := browsertest.Start(t)
	v := &visit{tab: newTab(chromium, t), demo: startDemo(t), chromium: chromium}
	v.toLink(oldAccount)
	v.accessible(axe)
	v.prove("002")
	v.at(headBoth)
	v.accessible(axe)
	v.press("Liên kết")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.linkedTo(legacy, postName)
	v.accessible(axe)
	v.press("Hủy liên kết " + legacy)
	v.at(headLinks)
	v.accessible(axe)
	w := v.another()
	w.toLink(secondAccount)
	w.prove("001")
	w.press("Liên kết")
	w.at(headConflict)
	w.accessible(axe)
}
