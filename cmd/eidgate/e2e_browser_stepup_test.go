package main_test

// The holder of account 013 is known at the old portal at Level 1, and at VNeID at 2.
const (
	bridgedOld   = "nguoi-dung-hai"
	bridgedVNeID = "048191000013"
	bridgedName  = "Mai Thị Liên Thông"
)

// toBridge signs in through the old portal, and goes to the portal of Level 2 as far
// as VNeID's own page.
func (v *visit) toBridge() {
	v.t.Helper()
	v.toLegacy()
	v.submitLegacy(bridgedOld)
	v.arrived("portal-1", 1, bridgedName)
	v.start("portal-2")
	v.at(headStepUp)
	v.sees("Quý vị vẫn đăng nhập ở nơi khác.", bridgedName, "••• ••• ••• 013")
	v.press("Tiếp tục")
	v.sees("Đây không phải VNeID thật") // the one source that reaches Level 2: no choice
}

// stillAtPortal1 looks at the first portal again, and signs in there without a page.
func (v *visit) stillAtPortal1(level int) {
	v.t.Helper()
	v.open(v.demo.portal("portal-1").URL)
	v.arrived("portal-1", 1, bridgedName)
	v.screens = nil
	v.press("Hỏi mức 1")
	v.arrived("portal-1", level, bridgedName)
	v.between(0)
}

// A session at Level 1 through the old portal rises at VNeID in two screens, and the
// other portal notices nothing.
func visitBrokeredStepUp(v *visit) {
	v.toBridge()
	v.signInAt(sourceVNeID, bridgedVNeID)
	v.arrived("portal-2", 2, bridgedName)
	v.between(3) // two for the step-up, one because the portal is new
	v.stillAtPortal1(1)
	v.open(v.demo.portal("portal-2").URL)
	v.screens = nil
	v.press("Hỏi mức 2")
	v.arrived("portal-2", 2, bridgedName)
	v.between(0)
}

// Somebody else comes back from VNeID: nothing changed, and the page says so without
// naming anybody. Another try, as the holder, succeeds.
func visitBrokeredOther(v *visit) {
	v.toBridge()
	v.signInAt(sourceVNeID, "001090000002")
	v.at(headAnother)
	v.sees("Chưa có gì thay đổi.")
	v.misses("Trần Văn Mẫu", bridgedName)
	v.press("English")
	v.sees("Nothing has changed.")
	v.misses("Trần Văn Mẫu", bridgedName)
	v.press("Tiếng Việt")
	v.press("Thử lại")
	if v.page.H1[0] == headStepUp {
		v.press("Tiếp tục")
	}
	v.signInAt(sourceVNeID, bridgedVNeID)
	v.arrived("portal-2", 2, bridgedName)
	v.stillAtPortal1(1)
}
