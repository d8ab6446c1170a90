package main_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	headAddApp   = "Thêm ứng dụng tạo mã"
	headNewWord  = "Đổi mật khẩu"
	headLock     = "Khóa tài khoản của tôi"
	headIsLocked = "Tài khoản đang bị khóa"
)

var shownSecret = regexp.MustCompile(`(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}`)

// visitWays takes the app away and adds another one, signs in with it at Level 2 and
// changes the password. What goes ends every session, and the holder is told once of
// each change.
func visitWays(v *visit) {
	const chosen, added = "mèo đen ngồi trên mái ngói", "Vừa thêm một cách đăng nhập"
	before := strings.Count(v.demo.reads(v.t, added), added) // when the demo was made
	v.open(v.demo.Issuer + "/me/ways")
	v.choosePassword()
	v.submitPassword("016")
	v.at(headWays)
	v.sees("Mật khẩu", "Mã gửi qua tin nhắn", "Ứng dụng tạo mã")
	v.misses("Các cách trên chỉ đăng nhập được")
	v.press("Gỡ Ứng dụng tạo mã")
	v.proves("016", func() { v.submitCode("016") })
	v.at("Gỡ cách đăng nhập này?")
	v.sees("Mọi thiết bị phải đăng nhập lại, cả thiết bị này.")
	v.press("Gỡ")
	v.at("Đã gỡ ứng dụng tạo mã")
	v.press("Đăng nhập")
	v.choosePassword() // signed out here too
	v.submitPassword("016")
	v.at(headWays)
	v.misses("Ứng dụng tạo mã")

	// With a code by SMS the holder still reaches Level 2, and enrols another app.
	v.press(headAddApp)
	v.proves("016", func() {
		v.at(headCode)
		v.fill("code", v.sent(""))
		v.press("Xác nhận")
	})
	v.at(headAddApp)
	secret := strings.ReplaceAll(shownSecret.FindString(v.page.Text), " ", "")
	if len(secret) != 32 {
		v.t.Fatalf("the page shows no secret of 160 bits:\n%s", v.page.Text)
	}
	v.demo.keepSecret("one-time secret", secret)
	v.fill("code", "000000")
	v.press("Xác nhận")
	v.corrected(headAddApp, "Mã chưa đúng")
	v.demo.follows(v.demo.account("016").TOTPSecret, secret)
	enrolling := v.demo.code(secret)
	v.fill("code", enrolling)
	v.press("Xác nhận")
	v.at(headWays)
	v.sees("Đã thêm ứng dụng tạo mã.", "Ứng dụng tạo mã")

	// Whoever saw the code that enrolled it signs in with another.
	w := v.another()
	w.signIn("portal-2", "016")
	w.at(headCode)
	w.fill("code", enrolling)
	w.press("Xác nhận")
	w.corrected(headCode, "Mã chưa đúng")
	w.fill("code", v.demo.code(secret))
	w.press("Xác nhận")
	w.arrived("portal-2", 2, "Lý Thị Giấy Tờ")

	v.open(v.demo.Issuer + "/me/ways")
	v.press(headNewWord)
	v.at(headNewWord)
	v.fill("new_password", "matkhau123")
	v.press(headNewWord)
	v.corrected(headNewWord, "Mật khẩu này dễ đoán.")
	v.fill("new_password", chosen)
	v.press(headNewWord)
	v.at("Đã đổi mật khẩu")

	w.start("portal-1")
	w.choosePassword() // the living session was ended
	w.sees("Quên mật khẩu", "Đăng ký tài khoản định danh")
	w.submitPassword("016")
	w.corrected(headPassword, "Số định danh hoặc mật khẩu chưa đúng.")
	w.fill("password", chosen)
	w.press("Đăng nhập")
	w.arrived("portal-1", 1, "Lý Thị Giấy Tờ")

	for told, want := range map[string]int{"Vừa bỏ một cách đăng nhập": 1, added: before + 1, "Mật khẩu vừa đổi": 1} {
		if n := strings.Count(v.demo.reads(v.t, told), told); n != want {
			v.t.Errorf("%q was sent %d times, want %d", told, n, want)
		}
	}
}

// follows has an app go on where the one before it left off: a step of an account counts
// once, whichever app a code of it is from.
func (d *demoRun) follows(before, secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, used := range slices.Collect(maps.Keys(d.steps)) {
		if step, ok := strings.CutPrefix(used, before); ok {
			d.steps[secret+step] = true
		}
	}
}

// proves goes through the sign-in that a change asks for, with all that the holder has.
func (v *visit) proves(tail string, second func()) {
	v.t.Helper()
	v.at(headStepUp)
	v.press("Tiếp tục")
	v.choosePassword()
	v.submitPassword(tail)
	second()
}

// visitLockWithPasswordAlone is at Level 2 with a password alone, which proves Level 1:
// the account is locked and unlocked with what there is, and the page of ways says what
// is missing.
func visitLockWithPasswordAlone(v *visit) {
	v.open(v.demo.Issuer + "/me/ways")
	v.choosePassword()
	v.submitPassword("004")
	v.at(headWays)
	v.sees("Các cách trên chỉ đăng nhập được ở định danh mức 1.")
	v.misses(headAddApp)
	v.press(headNewWord)
	v.at(headNewWord) // the proof is fresh, and the most that there is
	v.open(v.demo.Issuer + "/me")
	v.press(headLock)
	v.at(headLock)
	v.press("Khóa tài khoản")
	v.at("Tài khoản đã khóa")

	v.signIn("portal-1", "004")
	v.at(headIsLocked)
	v.press("Mở khóa")
	v.choosePassword()
	v.submitPassword("004")
	v.arrived("portal-1", 1, "Phạm Văn Thí")
}
