package main_test

// What the pages call the demo's sources of other kinds.
const (
	vneidName     = "VNeID (bản mô phỏng)"
	insuranceName = "Bảo hiểm thử nghiệm"
	postName      = "Bưu điện thử nghiệm"
	libraryName   = "Thư viện thử nghiệm"
)

// signInAt fills the form of a source's own page, which says that it is synthetic.
func (v *visit) signInAt(source, name string) {
	v.t.Helper()
	v.at("Đăng nhập")
	v.sees("giả định", "Không nhập thông tin thật.")
	who := v.demo.at(v.t, source, name)
	v.fill("username", who.Username)
	v.fill("password", who.Password)
	v.press("Đăng nhập")
}

func visitVNeID(v *visit) {
	v.start("portal-2")
	v.at(headChoose)
	v.sees(vneidName, "Tài khoản định danh quốc gia")
	v.press("English")
	v.at("Choose an account to sign in with")
	v.sees("VNeID (stand-in)", "Trial insurance", "Trial post", "Trial library")
	v.press("VNeID (stand-in)")
	v.sees("Đây không phải VNeID thật")
	v.signInAt(sourceVNeID, "048191000013")
	v.at("Confirm sharing")
	v.press("Share")
	v.at(headSignedIn)
	v.sees("Mai Thị Liên Thông", "Định danh mức 2", `"acr": "urn:vn:eid:level:2"`)
}

// Without script the provider's answer goes on by a button, and comes back to the
// login that it was asked for.
func visitSAML(v *visit) {
	v.start("portal-1")
	v.press(insuranceName)
	v.signInAt(sourceSAML, "bao-hiem-1")
	v.at("Tiếp tục")
	v.press("Tiếp tục")
	v.arrived("portal-1", 1, "Lê Thị Giả")
}

func visitCAS(v *visit) {
	v.start("portal-1")
	v.press(postName)
	v.at("Đăng nhập")
	v.press("Hủy")
	v.at(headChoose)
	v.sees(postName + " chưa đăng nhập được. Thử lại hoặc chọn cách khác.")
	v.press(postName)
	v.signInAt(sourceCAS, "buu-dien-2")
	v.refused("Thông tin chưa khớp", "portal-1", denied, headStopped, postName, "Mã tra cứu")
	v.misses("Lê Thị Giả", "1992")

	// Accents alone wait for an officer.
	v.open(v.demo.portal("portal-1").URL)
	v.press("Đăng nhập lại")
	v.press(insuranceName)
	v.signInAt(sourceSAML, "bao-hiem-2")
	v.press("Tiếp tục")
	v.at("Thông tin đang được xem xét")
	v.misses("Phạm Văn")
}

func visitDirectory(v *visit) {
	who := v.demo.at(v.t, sourceLDAP, "thu-vien-1")
	v.start("portal-1")
	v.press(libraryName)
	v.at("Đăng nhập bằng " + libraryName)
	v.fill("login_name", who.Username)
	v.fill("password", "sai-mat-khau")
	v.press("Đăng nhập")
	v.corrected("Đăng nhập bằng "+libraryName, "Tên đăng nhập hoặc mật khẩu chưa đúng.")
	v.fill("password", who.Password)
	v.press("Đăng nhập")
	v.arrived("portal-1", 1, "Phạm Văn Thí")
}
