package web

import (
	"net/http"
	"time"

	"eidgate/eid"
)

// waysSamples are the pages of second factors, of first passwords and of passports.
func waysSamples(common Common, noon time.Time) []sample {
	sms := CodeData{Common: common, Level: eid.Level2, By: eid.SecondSMS, SentTo: "••• ••• ••• 678", Until: noon, Others: []eid.Second{eid.SecondTOTP, eid.SecondEmail}}
	wrong := sms
	wrong.Problem = ProblemCode
	email := CodeData{Common: common, Level: eid.Level2, By: eid.SecondEmail, SentTo: "m•••@example.test", Until: noon}
	app := CodeData{Common: common, Name: "••• ••• ••• 001", NotMe: true, By: eid.SecondTOTP, Others: []eid.Second{eid.SecondSMS}}
	list := []sample{
		{"code-sms", Page{Name: "code", Data: sms}},
		{"code-sms-wrong", Page{Name: "code", Status: http.StatusUnprocessableEntity, Data: wrong}},
		{"code-email", Page{Name: "code", Data: email}},
		{"code-app-or-sms", Page{Name: "code", Data: app}},
		{"passport", Page{Name: "passport", Data: PassportData{Common: common, Level: eid.Level1}}},
		{"passport-wrong", Page{Name: "passport", Status: http.StatusUnprocessableEntity, Data: PassportData{
			Common: common, Level: eid.Level1, Country: "LAO", Passport: "PA0000001", Problem: ProblemPassportCredentials}}},
		{"passport-hostile", Page{Name: "passport", Data: PassportData{Common: common, Level: eid.Level1, Country: hostile, Passport: hostile, Problem: ProblemPassport}}},
		{"new_password", Page{Name: "new_password", Data: NewPasswordData{Common: common, Least: 8}}},
	}
	for _, problem := range append(weakPasswords(), ProblemPassword, ProblemSame, ProblemBusy) {
		list = append(list, sample{"new_password-" + problem, Page{Name: "new_password", Status: http.StatusUnprocessableEntity, Data: NewPasswordData{Common: common, Least: 8, Problem: problem}}})
	}
	for _, mode := range []string{WaysRecover, WaysActivate} {
		form := common
		form.Portal, form.PortalURL = Label{}, ""
		step := RecoverStep{Common: form, For: mode}
		failed := func(problem string) RecoverStep { return RecoverStep{Common: form, For: mode, Problem: problem} }
		list = append(list,
			sample{mode, Page{Name: "recover_number", Data: RecoverNumberData{RecoverStep: step}}},
			sample{mode + "-number", Page{Name: "recover_number", Status: http.StatusUnprocessableEntity, Data: RecoverNumberData{RecoverStep: failed(ProblemNumberMissing), Given: hostile}}},
			sample{mode + "-passport", Page{Name: "recover_number", Data: RecoverNumberData{RecoverStep: failed(ProblemPassport), Passport: true, Country: "LAO", Given: "PA 0000001"}}},
			sample{mode + "-code", Page{Name: "recover_code", Data: RecoverCodeData{Until: noon, RecoverStep: step}}},
			sample{mode + "-code-again", Page{Name: "recover_code", Data: RecoverCodeData{Until: noon, RecoverStep: step, Again: true}}},
			sample{mode + "-code-wrong", Page{Name: "recover_code", Data: RecoverCodeData{Until: noon, RecoverStep: failed(ProblemSentCode)}}},
			sample{mode + "-password", Page{Name: "recover_password", Data: RecoverPasswordData{RecoverStep: step, Number: "000000000001", Least: 8}}},
			sample{mode + "-password-weak", Page{Name: "recover_password", Data: RecoverPasswordData{RecoverStep: failed(ProblemOfPassword("guessable")), Least: 8}}},
		)
		for _, why := range recoverEnds(mode) {
			list = append(list, sample{mode + "-" + why, Page{Name: "recover_end", Data: RecoverEndData{Common: Common{Ref: common.Ref}, For: mode, Why: why, At: noon}}})
		}
	}
	return append(list, sample{"recover-app", Page{Name: "recover_code", Data: RecoverCodeData{RecoverStep: RecoverStep{Common: common, For: WaysRecover}, App: true}}})
}

// weakPasswords are the messages of what package credential finds wrong with a password,
// which may not be imported here: a test of package provider holds them against it.
func weakPasswords() []string {
	var list []string
	for _, word := range []string{"short", "long", "personal", "guessable", "leaked"} {
		list = append(list, ProblemOfPassword(word))
	}
	return list
}

// recoverEnds are those that a way has.
func recoverEnds(mode string) []string {
	if mode == WaysActivate {
		return []string{RecoverDone, RecoverGone, RecoverLater}
	}
	return []string{RecoverDone, RecoverGone, RecoverElsewhere, RecoverLater}
}

// waysMessages are those that pages name by what they show.
func waysMessages() []string {
	list := append(weakPasswords(), ProblemPassport, ProblemPassportCredentials, ProblemSame, ProblemSentCode)
	for _, s := range eid.Seconds() {
		list = append(list, "code.way_"+string(s))
	}
	for _, mode := range []string{WaysRecover, WaysActivate} {
		for _, part := range []string{"title", "what", "password", "password_what", "go"} {
			list = append(list, mode+"."+part)
		}
		for _, why := range recoverEnds(mode) {
			list = append(list, mode+"."+why+".title")
			if why != RecoverLater || mode == WaysRecover {
				list = append(list, mode+"."+why+".why")
			}
		}
	}
	return list
}
