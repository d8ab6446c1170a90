package web

import (
	"net/http"
	"strings"
	"time"

	"eidgate/eid"
)

// meSamples are the holder's own pages.
func meSamples() []sample {
	form := Common{Ref: "K7QF-2M9D", Form: Hidden{Action: "/me/ways/remove", CSRF: "csrf-of-a-sample-page"}}
	bare, out := Common{Ref: "K7QF-2M9D"}, Hidden{Action: "/signin/me/end", CSRF: "csrf-of-a-sample-page"}
	noon := time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)
	code, _ := NewAppCode("otpauth://totp/eidgate:%E2%80%A2%20001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=eidgate")
	creation := PasskeyMake([]byte(`{"challenge":"c2FtcGxl","user":{"id":"c2FtcGxl"}}`))
	keys := []Way{{ID: "one", Name: "Điện thoại của tôi", Added: noon, Used: noon, Synced: true}, {ID: "two", Name: strings.Repeat("Khóa", 10), Added: noon}}
	return []sample{
		{"me", Page{Name: "me", Data: MeData{Common: bare, HolderName: "Nguyễn Thị Mẫu", MaskedNumber: "••• ••• ••• 001", Level: eid.Level2, UsedAt: noon, UsedAtPortal: Label{Text: "Cổng dịch vụ công mẫu"}, SignOut: out}}},
		{"me-new", Page{Name: "me", Data: MeData{Common: bare, HolderName: "Nguyễn Thị Mẫu", Level: eid.Level1, SignOut: out}}},
		{"me-hostile", Page{Name: "me", Data: MeData{Common: bare, HolderName: hostile, MaskedNumber: hostile, UsedAtPortal: Label{hostile, hostile}, UsedAt: noon, Level: eid.Level1, SignOut: out}}},
		{"me-ways", Page{Name: "me_ways", Data: WaysData{Common: bare, HasPassword: true, Phone: "••• ••• 789", Email: "n•••@example.test", App: true, Passkeys: keys, AddPasskey: true, Done: DoneAdded}}},
		{"me-ways-few", Page{Name: "me_ways", Data: WaysData{Common: bare, HasPassword: true, AddApp: true, AddPasskey: true, Short: true}}},
		{"me-ways-hostile", Page{Name: "me_ways", Data: WaysData{Common: bare, Email: hostile, Passkeys: []Way{{ID: hostile, Name: hostile, Added: noon}}}}},
		{"me-passkey", Page{Name: "me_passkey", Data: WayPasskeyData{Common: form, Today: noon, Passkey: creation}}},
		{"me-passkey-failed", Page{Name: "me_passkey", Status: http.StatusUnprocessableEntity, Data: WayPasskeyData{Common: form, Name: hostile, Problem: ProblemNewPasskey, Passkey: creation}}},
		{"me-passkey-named", Page{Name: "me_passkey", Data: WayPasskeyData{Common: form, Problem: ProblemName, Passkey: creation}}},
		{"me-app", Page{Name: "me_app", Data: WayAppData{Common: form, Secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Code: code}}},
		{"me-app-wrong", Page{Name: "me_app", Status: http.StatusUnprocessableEntity, Data: WayAppData{Common: form, Secret: "GEZD GNBV", Code: code, Problem: ProblemCode}}},
		{"me-remove-passkey", Page{Name: "me_remove", Data: WayRemoveData{Common: form, Way: "one", Name: "Điện thoại của tôi", Lowers: true}}},
		{"me-remove-app", Page{Name: "me_remove", Data: WayRemoveData{Common: form, Way: "app"}}},
		{"me-remove-last", Page{Name: "me_remove", Data: WayRemoveData{Common: bare, Way: "one", Name: hostile, Last: true}}},
		{"me-password", Page{Name: "me_password", Data: WayPasswordData{Common: form, Least: 8}}},
		{"me-password-weak", Page{Name: "me_password", Status: http.StatusUnprocessableEntity, Data: WayPasswordData{Common: form, Least: 8, Problem: ProblemOfPassword("guessable")}}},
		{"me-shared-none", Page{Name: "me_shared", Data: SharedData{Common: bare}}},
		{"me-shared", Page{Name: "me_shared", Data: SharedData{Common: bare, Mark: Hidden{Action: "/me/shared", CSRF: "csrf-of-a-sample-page"}, Parties: []SharedParty{
			{ID: "one", Name: Label{Text: "Cổng dịch vụ công mẫu"}, Since: noon, Until: noon, Rows: []string{"name", "email"}, Documents: []SharedDocument{{"eid_driving_licence", true}, {"eid_health_insurance", false}}},
			{ID: hostile, Name: Label{hostile, hostile}, Since: noon, Until: noon, Rows: []string{"name"}, Documents: []SharedDocument{{"eid_driving_licence", false}}, Informed: true},
		}}}},
		{"me-done-password", Page{Name: "me_done", Data: WayDoneData{Common: bare, What: DonePassword}}},
		{"me-done-removed", Page{Name: "me_done", Data: WayDoneData{Common: bare, What: DoneRemoved}}},
	}
}

// meMessages are those whose ids data make.
func meMessages() []string {
	ids := []string{ProblemName, ProblemNewPasskey, ProblemKnown, ProblemMany}
	for _, what := range []string{DoneAdded, DoneApp} {
		ids = append(ids, "ways.done."+what)
	}
	for _, what := range []string{DonePassword, DoneRemoved, DoneAppGone} {
		ids = append(ids, "done."+what+".title", "done."+what+".what")
	}
	return ids
}
