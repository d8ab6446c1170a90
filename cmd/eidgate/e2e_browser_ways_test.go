package main_test

import "regexp"

var sentCode = regexp.MustCompile(`([0-9]{6}): mã xác nhận`)

// sent is the latest code that went out by SMS, which is not the one before.
func (v *visit) sent(before string) string {
	v.t.Helper()
	code := ""
	v.until("a code is sent", func() bool {
		m := sentCode.FindStringSubmatch(v.demo.reads(v.t, "mã xác nhận"))
		if m != nil {
			code = m[1]
		}
		return code != "" && code != before
	})
	return code
}

// visitRecovery signs in at Level 2 with a code by SMS in place of the app's, then sets a
// new password with both and signs in with it. The session of before is over.
func visitRecovery(v *visit) {
	v.signIn("portal-2", "001")
	v.at("Nhập mã xác nhận")
	v.press("Gửi mã bằng tin nhắn")
	v.sees("••• ••• ••• 001", "Dùng được đến")
	first := v.sent("")
	v.fill("code", first)
	v.press("Xác nhận")
	v.agree()
	v.arrived("portal-2", 2, "Nguyễn Thị Thử")

	const chosen = "trâu vàng uống nước ao"
	v.open(v.demo.Issuer + "/recover")
	v.at("Khôi phục mật khẩu")
	v.fill("personal_number", v.demo.account("001").PersonalNumber)
	v.press("Nhận mã")
	v.at("Nhập mã đã gửi")
	v.misses("001188000001", "Nguyễn Thị Thử")
	v.fill("code", v.sent(first))
	v.press("Xác nhận")
	v.at("Nhập mã từ ứng dụng")
	v.fill("code", v.demo.code(v.demo.account("001").TOTPSecret))
	v.press("Xác nhận")
	v.at("Đặt mật khẩu mới")
	v.fill("new_password", "matkhau123")
	v.press("Đặt mật khẩu mới")
	v.corrected("Đặt mật khẩu mới", "Mật khẩu này dễ đoán.")
	v.fill("new_password", chosen)
	v.press("Đặt mật khẩu mới")
	v.at("Đã đặt mật khẩu mới")

	v.start("portal-1")
	v.press(national)
	v.at(headPassword) // the living session was ended
	v.fill("personal_number", v.demo.account("001").PersonalNumber)
	v.fill("password", chosen)
	v.press("Đăng nhập")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")
}
