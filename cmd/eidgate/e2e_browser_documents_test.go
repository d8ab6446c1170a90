package main_test

import (
	"github.com/chromedp/chromedp"
)

// Numbers of the papers of the demo's person 016.
const (
	demoLicence = "999900000016"
	demoHealth  = "GD4999900000016"
)

// visitDocuments shares one of two documents, after a change of the language that keeps
// what was ticked; both answers are remembered, and the history tells of the one.
func visitDocuments(v *visit) {
	v.signIn("portal-2", "016")
	v.submitCode("016")
	v.at(headConsent)
	v.sees("Giấy phép lái xe", "Thẻ bảo hiểm y tế", "Sở Giao thông vận tải (giả định)", "••• 016", "Có giá trị đến 31/12/2046",
		"Giấy tờ không đánh dấu thì không được gửi.")
	v.misses(demoLicence, demoHealth, "Đăng ký xe", "claim.", "documents.")
	if n := v.count(`//input[@type="checkbox" and @checked]`); n != 0 {
		v.t.Errorf("%d boxes are ticked, want none", n)
	}
	v.do(chromedp.Click(chromedp.CSS("#eid_driving_licence"), chromedp.NodeVisible))
	v.press("English")
	v.sees("Driving licence", "What is not ticked is not sent.")
	if n := v.count(`//input[@type="checkbox" and @checked]`); n != 1 {
		v.t.Errorf("%d boxes are ticked after the language changed, want the one", n)
	}
	v.press("Tiếng Việt")
	v.press("Chia sẻ")
	v.arrived("portal-2", 2, "Lý Thị Giấy Tờ")
	v.sees(demoLicence)
	v.misses(demoHealth)

	v.open(v.demo.Issuer + "/history")
	v.sees("Giấy tờ đã chia sẻ: Giấy phép lái xe")
	v.misses(demoLicence, "Thẻ bảo hiểm y tế")

	// Each answer is changed alone, and the portal has what then stands.
	v.open(v.demo.Issuer + "/me")
	v.press("Thông tin đã chia sẻ")
	v.at("Thông tin đã chia sẻ")
	v.sees("Cổng dịch vụ thử nghiệm mức 2", "Họ và tên", "Giấy phép lái xe Đang chia sẻ", "Thẻ bảo hiểm y tế Không chia sẻ")
	v.misses(demoLicence, demoHealth)
	v.press("Ngừng chia sẻ Giấy phép lái xe")
	v.press("Chia sẻ Thẻ bảo hiểm y tế")
	v.sees("Giấy phép lái xe Không chia sẻ", "Thẻ bảo hiểm y tế Đang chia sẻ")
	v.open(v.demo.portal("portal-2").URL)
	v.press("Hỏi mức 2")
	v.at(headSignedIn)
	v.sees(demoHealth)
	v.misses("Sở Giao thông vận tải") // whose licence it is

	v.open(v.demo.Issuer + "/me/shared")
	v.press("Rút lại sự đồng ý Cổng dịch vụ thử nghiệm mức 2")
	v.sees("Quý vị chưa chia sẻ với dịch vụ nào.")
	v.open(v.demo.portal("portal-2").URL)
	v.press("Hỏi mức 2")
	v.at(headConsent)
}
