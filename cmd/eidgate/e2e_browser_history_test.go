package main_test

// visitHistory reads the history of one's own account, in both languages, and finds
// nothing once signed out.
func visitHistory(v *visit) {
	v.bothPortals()
	v.open(v.demo.Issuer + "/")
	v.press("Xem lịch sử sử dụng")
	v.at("Lịch sử sử dụng")
	v.sees("Cổng dịch vụ thử nghiệm mức 1", "Cổng dịch vụ thử nghiệm mức 2", "định danh mức 2", "Đăng nhập qua")
	v.misses("Nguyễn Thị Thử")
	v.press("English")
	v.at("History of use")
	v.sees("Signed in through")
	v.press("Tiếng Việt")
	v.at("Lịch sử sử dụng")
	v.open(v.demo.Issuer + "/logout")
	v.at(headAskOut)
	v.press("Đăng xuất tất cả")
	v.at(headGoingOut)
	v.press("Tiếp tục")
	v.at(headOut)
	v.open(v.demo.Issuer + "/history")
	v.sees("Quý vị chưa đăng nhập.")
	v.misses("Cổng dịch vụ thử nghiệm mức 1")
}
