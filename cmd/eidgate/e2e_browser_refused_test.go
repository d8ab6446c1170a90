package main_test

import "testing"

// refused checks a page that says no: why, what to do, a reference, and a way
// back on which the portal learns the error and explains it.
func (v *visit) refused(heading string, portal, code, portalHeading string, texts ...string) {
	v.t.Helper()
	v.at(heading)
	v.sees(texts...)
	v.sees("Việc cần làm", "Mã tra cứu")
	if got := v.status(); got != 403 {
		v.t.Errorf("status = %d, want 403", got)
	}
	v.press("Quay lại " + v.demo.portal(portal).Name)
	v.at(portalHeading)
	v.sees(code)
	v.misses(headSignedIn)
}

const (
	unmet  = "unmet_authentication_requirements"
	denied = "access_denied"
)

func visitTooLow(v *visit) {
	v.signIn("portal-2", "002")
	v.between(2) // the refusal itself says how
	v.refused(headTooLow, "portal-2", unmet, headTooLow,
		"Tài khoản của Quý vị chưa đạt mức đó.",
		"Mang thẻ căn cước hoặc hộ chiếu còn hạn đến công an xã, phường gần nhất.",
		"Khi có kết quả, quay lại dịch vụ này và đăng nhập lại.")

	// In a living session the refusal comes at once.
	v.start("portal-1")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
	v.open(v.demo.portal("portal-2").URL)
	v.screens = nil
	v.press("Đăng nhập lại")
	v.at(headTooLow)
	v.between(0)
}

func visitOneMoreCheck(v *visit) {
	v.signIn("portal-2", "004")
	v.refused("Cần thêm một cách xác nhận", "portal-2", unmet, headTooLow,
		"Chỉ có mật khẩu thì chưa đạt mức 2.",
		"Mang thẻ căn cước hoặc hộ chiếu đến công an xã, phường gần nhất khai số điện thoại nhận mã.")
}

func visitNotActivated(v *visit) {
	v.signIn("portal-1", "006")
	v.refused("Tài khoản chưa kích hoạt", "portal-1", denied, headStopped,
		"Tài khoản đã được lập nhưng Quý vị chưa kích hoạt.")
}

func visitLocked(v *visit) {
	tests := []struct{ name, tail, why, step string }{
		{"by the holder", "007", "Quý vị đã tự khóa tài khoản này.", "Bấm Mở khóa."},
		{"by an authority", "008", "theo yêu cầu của cơ quan có thẩm quyền hoặc bên sử dụng dịch vụ", "Mang thẻ căn cước hoặc hộ chiếu đến cơ quan công an và đọc mã tra cứu."},
		{"terms", "009", "do vi phạm điều khoản sử dụng", "Mang thẻ căn cước hoặc hộ chiếu đến cơ quan công an để biết việc cần khắc phục."},
		{"number", "010", "Số định danh đã được xác lập lại hoặc bị hủy.", "Mang giấy tờ tùy thân đến quầy tiếp nhận của công an nơi cư trú."},
		{"death", "011", "Tài khoản đã đóng theo dữ liệu dân cư.", "Nếu nhầm, mang giấy tờ đến công an nơi cư trú."},
	}
	for _, tt := range tests {
		v.t.Run(tt.name, func(t *testing.T) {
			w := &visit{tab: newTab(v.chromium, t), demo: v.demo, chromium: v.chromium}
			w.signIn("portal-1", tt.tail)
			// Who asked for a lock, and under which paper, is nobody's business here.
			w.misses("cơ quan giả định", "QĐ-000")
			w.refused("Tài khoản đang bị khóa", "portal-1", denied, headStopped, tt.why, tt.step)
		})
	}

	// A wrong password learns nothing of the lock.
	v.start("portal-1")
	v.press(national)
	v.fill("personal_number", v.demo.account("008").PersonalNumber)
	v.fill("password", "sai-mat-khau")
	v.press("Đăng nhập")
	v.at(headPassword)
	v.sees("Số định danh hoặc mật khẩu chưa đúng.")
}

func visitClosedWindow(v *visit) {
	v.start("portal-1")
	v.at(headChoose)
	v.sees("Chưa dùng được cho dịch vụ này", legacyEnded, "Ngừng từ 01/01/2023")
	if n := v.count(`//*[self::button or self::input][contains(., "2021–2022")]`); n != 0 {
		v.t.Errorf("%d controls offer the closed source, want plain text", n)
	}
	if n := v.count(`//a[contains(., "2021–2022") and contains(@href, "why=")]`); n != 1 {
		v.t.Errorf("%d links say what to do about it, want one", n)
	}
	if n := v.count(`//button[@disabled]`); n != 0 {
		v.t.Errorf("%d disabled buttons, want none: nobody learns from them why", n)
	}

	// Portal 2 needs a level that no legacy source reaches: one that is open is told as
	// not reaching it, and offered nowhere.
	v.start("portal-2")
	v.at(headChoose)
	if n := v.count(`//button[@name="source"]`); n != 2 {
		v.t.Errorf("%d buttons offer a source, want the two national ones", n)
	}
}

// The holder wants level 2 for every sign-in; the service would take level 1,
// and the page must not say otherwise.
func visitOwnFloor(v *visit) {
	v.signIn("portal-1", "005")
	v.misses(headStepUp)
	v.sees("mức tối thiểu Quý vị đã đặt")
	v.press("Tiếp tục")
	v.submitCode("005")
	v.arrived("portal-1", 2, "Hoàng Văn Ngưỡng")
}

func visitCancel(v *visit) {
	stopped := func() {
		v.t.Helper()
		v.at(headStopped)
		v.sees(denied)
		v.misses(headSignedIn)
	}
	away := func(portal string) { v.t.Helper(); v.press("Quay lại " + v.demo.portal(portal).Name) }

	v.start("portal-1")
	v.at(headChoose)
	away("portal-1")
	stopped()

	v.open(v.demo.portal("portal-1").URL)
	v.press("Đăng nhập lại")
	v.press(national)
	v.at(headPassword)
	away("portal-1")
	stopped()

	v.signIn("portal-2", "001")
	v.at(headCode)
	away("portal-2")
	stopped()

	// Nothing of the half sign-in stays: portal 1 asks again.
	v.open(v.demo.portal("portal-1").URL)
	v.press("Đăng nhập lại")
	v.press(national)
	v.submitPassword("001")
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")

	v.open(v.demo.portal("portal-2").URL)
	v.press("Đăng nhập lại")
	v.at(headStepUp)
	away("portal-2")
	stopped()
	v.press("Đăng nhập lại")
	v.press("Tiếp tục")
	v.at(headCode)
	away("portal-2")
	stopped()
	v.open(v.demo.portal("portal-1").URL)
	v.arrived("portal-1", 1, "Nguyễn Thị Thử")

	// A cancelled change of person leaves the person who is signed in.
	v.press("Chỉ nhận lần đăng nhập mới")
	v.press(national)
	v.submitPassword("002")
	v.at(headAnother)
	away("portal-1")
	v.at(headStopped)
	v.sees("Quý vị vẫn đang đăng nhập", "Nguyễn Thị Thử")
}
