package main_test

import (
	"regexp"
	"strings"
	"testing"

	"eidgate/web/browsertest"
)

// TestBrowserRegister makes an account in the app as people do: in Vietnamese, on a
// phone, without script, and signs in with it.
func TestBrowserRegister(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Start(t)
	v := &visit{tab: newTab(chromium, t), demo: startDemo(t), chromium: chromium}

	v.open(v.demo.Issuer + "/register")
	v.screens = v.screens[len(v.screens)-1:]
	v.at("Đăng ký tài khoản định danh")
	v.sees("Người từ đủ 14 tuổi tự đăng ký", "Mất khoảng 5 phút")
	v.press("Bắt đầu")
	v.declare("011091000021", "lò văn mới", "12", "4", "1991", "Nam", "moi@example.test")
	v.at("Kiểm tra lại thông tin")
	v.sees("Bước 6 trong 6", "011 091 000 021", "12/04/1991", "moi@example.test", "Quý vị khẳng định")
	v.press("Gửi và nhận mã")
	v.at("Nhập mã đã gửi")
	v.sees("m•••@example.test", "Không đưa mã cho ai")
	v.misses("011091000021", "lò văn mới")
	v.fill("code", v.mailedCode("moi@example.test"))
	v.press("Xác nhận")
	v.at("Kích hoạt tài khoản")
	v.fill("new_password", "con bò xanh nhảy qua cầu")
	v.press("Kích hoạt")
	v.at("Tài khoản đã được kích hoạt")
	v.sees("Định danh mức 1")
	v.misses("011091000021", "lò văn mới")
	if len(v.screens) > 10 {
		t.Errorf("%d screens from the first to an account, want at most 10: %q", len(v.screens), v.screens)
	}
	v.back()
	v.misses("011091000021", "lò văn mới")

	v.start("portal-1")
	v.press(national)
	v.fill("personal_number", "011091000021")
	v.fill("password", "con bò xanh nhảy qua cầu")
	v.press("Đăng nhập")
	v.agree()
	v.arrived("portal-1", 1, "Lò Văn Mới")

	// Somebody whose accents differ has the one answer, and may go on mending.
	w := v.another()
	w.open(v.demo.Issuer + "/register/kind")
	w.declare("079193000022", "Nguyen Thi Thuy", "1", "9", "1993", "Nữ", "thuy@example.test")
	w.press("Sửa Họ và tên")
	w.at("Họ tên của Quý vị")
	w.press("Tiếp theo")
	w.at("Kiểm tra lại thông tin")
	w.press("Gửi và nhận mã")
	w.fill("code", v.mailedCode("thuy@example.test"))
	w.press("Xác nhận")
	w.at("Thông tin chưa khớp")
	w.sees("Trang này không nêu lý do", "cơ quan công an", "Mã tra cứu")
	w.misses("Thuý", "079193000022")
	w.press("Xóa và đăng ký lại")
	w.at("Đăng ký tài khoản định danh")

	// A child is told whose account to use.
	w.press("Bắt đầu")
	w.press("Người Việt Nam")
	w.fill("personal_number", "001315000023")
	w.press("Tiếp theo")
	w.fill("name", "Phạm Thị Bé Thử")
	w.press("Tiếp theo")
	w.born("1", "6", "2015", "Nữ")
	w.at("Chưa đủ 14 tuổi")
	w.sees("cha, mẹ hoặc người giám hộ")

	visitReview(w, "079193000022", "thuy@example.test", "Nguyen Thi Thuy", "Nguyễn Thị Thuý")
}

// declare fills in the five steps before the check.
func (v *visit) declare(number, name, day, month, year, gender, email string) {
	v.t.Helper()
	v.at("Quý vị là người Việt Nam hay người nước ngoài?")
	v.press("Người Việt Nam")
	v.at("Số định danh của Quý vị")
	v.fill("personal_number", number)
	v.press("Tiếp theo")
	v.at("Họ tên của Quý vị")
	v.fill("name", name)
	v.press("Tiếp theo")
	v.born(day, month, year, gender)
	v.at("Liên hệ với Quý vị")
	v.fill("email", email)
	v.press("Tiếp theo")
}

func (v *visit) born(day, month, year, gender string) {
	v.t.Helper()
	v.at("Ngày sinh và giới tính")
	v.fill("day", day)
	v.fill("month", month)
	v.fill("year", year)
	v.fill("gender", gender) // typing chooses in a list
	v.press("Tiếp theo")
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// mailedCode waits for the letter to an address, and gives the code in it.
func (v *visit) mailedCode(address string) string {
	v.t.Helper()
	page := v.letters(address)
	code := sixDigits.FindString(page[max(strings.Index(page, address), 0):])
	if code == "" {
		v.t.Fatal("the letter holds no code")
	}
	return code
}
