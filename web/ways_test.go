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
	for _, problem := range []string{ProblemPassword, ProblemShort, ProblemLong, ProblemPersonal, ProblemGuessable, ProblemLeaked, ProblemSame, ProblemBusy} {
		list = append(list, sample{"new_password-" + problem, Page{Name: "new_password", Status: http.StatusUnprocessableEntity, Data: NewPasswordData{Common: common, Least: 8, Problem: problem}}})
	}
	return list
}

// waysMessages are those that pages name by what they show.
func waysMessages() []string {
	list := []string{ProblemPassport, ProblemPassportCredentials, ProblemShort, ProblemLong, ProblemPersonal, ProblemGuessable, ProblemLeaked, ProblemSame, ProblemSentCode}
	for _, s := range eid.Seconds() {
		list = append(list, "code.way_"+string(s))
	}
	return list
}
