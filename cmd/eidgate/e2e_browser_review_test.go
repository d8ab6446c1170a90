package main_test

import (
	"regexp"
	"strings"
)

var waitingReview = regexp.MustCompile(`Đăng ký cần xem xét ([0-9A-Z]{4}-[0-9A-Z]{4})`)

// visitReview has an officer accept the registration of somebody whose name lacks its
// accents, after a look at both sides. The account waits for its holder, who is told and
// activates it.
func visitReview(v *visit, number, address, said, held string) {
	o := v.another()
	o.officer()
	m := waitingReview.FindStringSubmatch(strings.Join(strings.Fields(o.page.Text), " "))
	if m == nil {
		v.t.Fatalf("nothing waits for a review:\n%s", o.page.Text)
	}
	o.press(m[0])
	o.at("Xem xét đăng ký")
	o.sees(said, held, "khác nhau")
	o.misses(number)
	o.press("Duyệt")
	o.at("Xem xét đăng ký") // nothing is decided without a reason
	o.fill("reason", "Cùng một người, tên gõ không dấu")
	o.press("Duyệt")
	o.at(headTodo)
	o.misses(m[1])

	before := v.mailedCode(address)
	v.open(v.demo.Issuer + "/activate")
	v.at("Kích hoạt tài khoản")
	v.fill("personal_number", number)
	v.press("Nhận mã")
	v.at("Nhập mã đã gửi")
	code := ""
	v.until("a code is mailed", func() bool {
		code = v.mailedCode(address)
		return code != before
	})
	v.fill("code", code)
	v.press("Xác nhận")
	v.at("Chọn mật khẩu")
	v.fill("new_password", "gà trống gáy bên sông")
	v.press("Kích hoạt")
	v.at("Tài khoản đã được kích hoạt")
}
