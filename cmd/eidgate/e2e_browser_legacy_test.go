package main_test

const legacyTitle = "Tài khoản cổng cũ (thử nghiệm)" // on the provider's own page

// toLegacy goes from portal 1 to the page of the legacy provider.
func (v *visit) toLegacy() {
	v.t.Helper()
	v.start("portal-1")
	v.at(headChoose)
	v.press(legacy)
	v.at("Đăng nhập")
	v.sees(legacyTitle, "Không nhập thông tin thật.")
}

func (v *visit) submitLegacy(name string) {
	v.t.Helper()
	for _, src := range v.demo.Sources {
		for _, a := range src.Accounts {
			if a.Username == name {
				v.fill("username", a.Username)
				v.fill("password", a.Password)
				v.press("Đăng nhập")
				return
			}
		}
	}
	v.t.Fatalf("no user %s at the legacy provider", name)
}

func visitLegacy(v *visit) {
	v.toLegacy()
	v.fill("username", "nguoi-dung-cu")
	v.fill("password", "sai-mat-khau")
	v.press("Đăng nhập")
	v.at("Đăng nhập")
	v.sees("Tên đăng nhập hoặc mật khẩu chưa đúng.")
	v.clear("username")
	v.submitLegacy("nguoi-dung-cu")
	v.arrived("portal-1", 1, "Dương Thị Cũ")

	// Level 2 is out of reach for this account.
	v.start("portal-2")
	v.refused(headTooLow, "portal-2", unmet, headTooLow, "Tài khoản của Quý vị chưa đạt mức đó.")
	v.open(v.demo.portal("portal-1").URL)
	v.arrived("portal-1", 1, "Dương Thị Cũ")
}

func visitLegacyNotLinked(v *visit) {
	who := v.demo.at(v.t, sourceLDAP, "thu-vien-2")
	v.start("portal-1")
	v.press(libraryName)
	v.at("Đăng nhập bằng " + libraryName)
	v.fill("login_name", who.Username)
	v.fill("password", who.Password)
	v.press("Đăng nhập")
	v.at("Chưa thể liên kết")
	v.sees(libraryName+" chưa liên kết với định danh quốc gia của Quý vị.", "Việc cần làm", "Mã tra cứu")
	v.misses("thu-vien-2", "Lý Văn Chưa Liên Kết")
	v.press("Chọn cách đăng nhập khác")
	v.at(headChoose)
	v.press(national)
	v.submitPassword("002")
	v.arrived("portal-1", 1, "Trần Văn Mẫu")
}

func visitLegacyDeclined(v *visit) {
	v.toLegacy()
	v.press("Hủy")
	v.at(headChoose)
	v.sees(legacy + " chưa đăng nhập được. Thử lại hoặc chọn cách khác.")
	v.misses("access_denied")
	v.press("Quay lại " + v.demo.portal("portal-1").Name)
	v.at(headStopped)
	v.sees(denied)
}
