package main_test

import "strings"

const (
	headEverywhere = "Đã đăng xuất khỏi tất cả" // a portal
	headAskOut     = "Đăng xuất khỏi các dịch vụ này?"
	headGoingOut   = "Đang đăng xuất…"
	headOut        = "Đã đăng xuất"
	toSignOutOfAll = "Đăng xuất khỏi tất cả"
)

// bothPortals signs a person in at both.
func (v *visit) bothPortals() {
	v.t.Helper()
	v.signIn("portal-2", "001")
	v.submitCode("001")
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")
	v.start("portal-1")
	v.arrived("portal-1", 2, "Nguyễn Thị Thử")
}

// nobody fails unless both portals have forgotten the person, and the gateway
// asks who it is.
func (v *visit) nobody() {
	v.t.Helper()
	for _, id := range []string{"portal-1", "portal-2"} {
		v.until(id+" was told", func() bool {
			v.open(v.demo.portal(id).URL)
			return v.page.H1[0] != headSignedIn
		})
		v.misses("Nguyễn Thị Thử")
	}
	v.start("portal-1")
	v.at(headChoose)
	v.misses("Nguyễn Thị Thử")
}

func visitSignOutOfAll(v *visit) {
	v.bothPortals()
	v.screens = nil
	before := v.loaded()
	v.press(toSignOutOfAll)
	if v.page.H1[0] == headGoingOut {
		v.sees("Đã gửi yêu cầu đăng xuất đến:", "Cổng dịch vụ thử nghiệm mức 1", "Cổng dịch vụ thử nghiệm mức 2")
		v.misses("Nguyễn Thị Thử")
		v.until("the page moves on by itself", func() bool {
			return v.loaded() > before+1 && strings.HasPrefix(v.read().URL, v.demo.portal("portal-1").URL)
		})
		v.look()
	} else {
		v.t.Errorf("screens %q, want the page with the frames first", v.screens)
	}
	v.at(headEverywhere)

	// Back shows nobody who is signed in.
	v.back()
	v.misses("Nguyễn Thị Thử", headSignedIn)
	v.nobody()
}

// Anybody's page can lead a browser to the end session endpoint: it asks.
func visitSignOutAsked(v *visit) {
	v.bothPortals()
	v.open(v.demo.Issuer + "/logout")
	v.at(headAskOut)
	v.sees("Cổng dịch vụ thử nghiệm mức 1", "Cổng dịch vụ thử nghiệm mức 2", "Sau khi đăng xuất, Quý vị cần đăng nhập lại để dùng tiếp.")
	v.press("Ở lại")
	v.open(v.demo.portal("portal-1").URL)
	v.screens = nil
	v.press("Hỏi mức 1")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử") // what was asked for
	v.between(0)

	v.open(v.demo.Issuer + "/logout")
	v.at(headAskOut)
	v.press("Đăng xuất tất cả")
	v.at(headGoingOut)
	v.press("Tiếp tục")
	v.at(headOut)
	v.sees("Trên máy dùng chung, hãy đóng trình duyệt.")
	v.misses("Chưa báo được cho", "Nguyễn Thị Thử")
	v.nobody()

	// With nobody signed in there is nothing to ask.
	v.open(v.demo.Issuer + "/logout")
	v.at(headOut)
}
