package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// registerWhys are the words of package registration, which may not be imported here: a
// test there holds them against the messages.
var registerWhys = []string{
	"kind_missing", "number_missing", "number_letters", "number_other_digits", "number_length", "number_century",
	"passport_missing", "passport_letters", "passport_length", "country_missing", "country_vietnam", "nationality_missing", "nationality_vietnam",
	"name_missing", "name_digits", "name_signs", "name_invisible", "name_long",
	"birth_missing", "birth_digits", "birth_year", "birth_impossible", "birth_future", "birth_long_ago", "gender_missing",
	"contact_missing", "contact_phone", "contact_email", "phone_wrong", "email_wrong",
}

// registerMessages are the ids that data name on the pages of registering.
func registerMessages() []string {
	ids := []string{"register.country", "register.nationality", "register.day", "register.month", "register.year", "register.kind_row"}
	for _, why := range registerWhys {
		ids = append(ids, ProblemRegister(why))
	}
	for _, caution := range []string{"place", "year", "gender", "script"} {
		ids = append(ids, "register.caution."+caution)
	}
	return ids
}

// givenBack are fields that show what was typed, and those whose value is an answer.
func givenBack(in *element) bool {
	return in.attrs["type"] == "radio" || in.attrs["type"] == "checkbox" ||
		slices.Contains([]string{FieldPassport, FieldName, FieldDay, FieldMonth, FieldYear, FieldPhone, FieldEmail, "username"}, in.attrs["name"])
}

func registerSamples(noon time.Time) []sample {
	step := func(n int, at string, wrong ...FieldProblem) RegisterStep {
		return RegisterStep{Common: Common{Ref: "K7QF-2M9D", Form: Hidden{Action: "/register/" + at, CSRF: "csrf-of-a-sample-draft"}}, Step: n, Wrong: wrong}
	}
	back := func(s RegisterStep) RegisterStep { s.Back = "/register/kind"; return s }
	is := func(field, why string) FieldProblem { return FieldProblem{field, ProblemRegister(why)} }
	var list []sample
	add := func(name string, p Page) { list = append(list, sample{name, p}) }
	common := Common{Ref: "K7QF-2M9D", Form: Hidden{CSRF: "csrf-of-a-sample-draft"}}
	start := RegisterData{Common: common, Citizens: true, Foreigners: true, Age: 14, Days: 7, Next: "/register/kind"}
	add("register", PageOf(start))
	start.Draft = true
	add("register-draft", PageOf(start))
	add("register-closed", PageOf(RegisterData{Common: Common{Ref: "K7QF-2M9D"}}))
	add("register_kind", PageOf(RegisterKindData{RegisterStep: step(1, "kind"), Citizens: true, Foreigners: true}))
	add("register_kind-wrong", PageOf(RegisterKindData{RegisterStep: step(1, "kind", is(FieldKind, "kind_missing")), Citizens: true, Foreigners: true}))
	add("register_kind-one", PageOf(RegisterKindData{RegisterStep: step(1, "kind"), Foreigners: true}))
	add("register_number", PageOf(RegisterNumberData{RegisterStep: back(step(2, "number"))}))
	add("register_number-wrong", PageOf(RegisterNumberData{RegisterStep: step(2, "number", is(FieldPersonalNumber, "number_length")), Given: "00119000000"}))
	add("register_passport", PageOf(RegisterNumberData{RegisterStep: step(2, "number"), Foreigner: true}))
	add("register_passport-wrong", PageOf(RegisterNumberData{
		RegisterStep: step(2, "number", is(FieldPassport, "passport_length"), is(FieldCountry, "country_missing"), is(FieldNationality, "nationality_missing")),
		Foreigner:    true, Given: "X12345678910", Country: "LAO", Nationality: "KHM",
	}))
	add("register_name", PageOf(RegisterNameData{RegisterStep: step(3, "name"), Name: "Nguyễn Phúc Bảo Long Thiên Ân Minh Đức"}))
	add("register_name-wrong", PageOf(RegisterNameData{RegisterStep: step(3, "name", is(FieldName, "name_signs")), Name: hostile}))
	add("register_birth", PageOf(RegisterBirthData{RegisterStep: step(4, "birth")}))
	add("register_birth-wrong", PageOf(RegisterBirthData{RegisterStep: step(4, "birth", is(FieldDay, "birth_impossible"), is(FieldGender, "gender_missing")), Day: "31", Month: "2", Year: "1990"}))
	add("register_birth-year", PageOf(RegisterBirthData{RegisterStep: step(4, "birth"), Year: "1950", YearOnly: true, Gender: "female"}))
	add("register_contact", PageOf(RegisterContactData{RegisterStep: step(5, "contact"), SMS: true, Mail: true}))
	add("register_contact-sms", PageOf(RegisterContactData{RegisterStep: step(5, "contact"), SMS: true}))
	add("register_contact-wrong", PageOf(RegisterContactData{RegisterStep: step(5, "contact", is(FieldPhone, "phone_wrong"), is(FieldEmail, "email_wrong")), Mail: true, Phone: "0123", Email: hostile}))
	check := RegisterCheckData{
		RegisterStep: step(6, "check"), Number: "001190000001", Name: "Nguyễn Thị Mẫu", Born: "27/03/1990", Gender: "female",
		Phone: "+84912345678", Email: "nguoi.thu.voi.dia.chi.rat.dai@thu-dien-tu.example.test",
	}
	add("register_check", PageOf(check))
	check.Cautions = []string{"place", "year", "gender", "script"}
	add("register_check-cautions", PageOf(check))
	add("register_check-foreigner", PageOf(RegisterCheckData{
		RegisterStep: step(6, "check"), Foreigner: true, Number: "P1234567", Country: "LAO", Nation: "LAO", Name: hostile, Born: "1950", YearOnly: true, Gender: "male", Email: hostile,
	}))
	add("register_code", PageOf(RegisterCodeData{RegisterStep: step(0, "code"), Until: noon, Phone: "••• ••• 678"}))
	add("register_code-again", PageOf(RegisterCodeData{RegisterStep: step(0, "code"), Until: noon, Email: "n•••@example.test", Again: true}))
	add("register_code-wrong", PageOf(RegisterCodeData{RegisterStep: step(0, "code", FieldProblem{FieldCode, ProblemSentCode}), Until: noon, Phone: "••• ••• 678"}))
	add("register_password", PageOf(RegisterPasswordData{RegisterStep: step(0, "password"), Number: "001190000001", Least: 8}))
	add("register_password-wrong", PageOf(RegisterPasswordData{RegisterStep: step(0, "password", FieldProblem{FieldNewPassword, ProblemOfPassword("guessable")}), Least: 8}))
	add("register_later", Page{Name: "register_later", Status: http.StatusTooManyRequests, Data: RegisterLaterData{Common{Ref: "K7QF-2M9D"}, noon}})
	add("register_waiting", Page{Name: "register_waiting", Status: http.StatusServiceUnavailable, Data: RegisterWaitingData{RegisterStep: step(0, "waiting"), Again: noon}})
	add("register_ended", PageOf(RegisterEndedData{common}))
	add("register_young", PageOf(RegisterYoungData{common, 14}))
	add("register_done", PageOf(RegisterDoneData{Common{Ref: "K7QF-2M9D"}}))
	return list
}

// TestRegisterFaultsAreSaid finds the words for each fault at its field, in both languages.
func TestRegisterFaultsAreSaid(t *testing.T) {
	p := newPages(t)
	for _, lang := range served() {
		for _, why := range registerWhys {
			text, err := catalogueOf(t, lang).text(ProblemRegister(why))
			if err != nil {
				t.Fatal(err)
			}
			page := PageOf(RegisterNameData{RegisterStep: RegisterStep{
				Common: Common{Form: Hidden{Action: "/register/name", CSRF: "c"}}, Step: 3, Wrong: []FieldProblem{{FieldName, ProblemRegister(why)}},
			}})
			page.Language = lang
			if body := render(p, page).Body.String(); strings.Count(body, text) < 2 {
				t.Errorf("%s: %s is not said in the summary and at the field", lang, why)
			}
		}
	}
}

func TestCountries(t *testing.T) {
	for _, lang := range served() {
		list := countries(catalogueOf(t, lang).tag)
		if len(list) < 190 || len(list) > 260 {
			t.Errorf("%s: %d countries", lang, len(list))
		}
		if i := slices.IndexFunc(list, func(c Country) bool { return c.Code == "LAO" }); i < 0 || list[i].Name != "Lào" && list[i].Name != "Laos" {
			t.Errorf("%s: Laos is not among them", lang)
		}
		if slices.ContainsFunc(list, func(c Country) bool { return c.Code == "VNM" }) {
			t.Errorf("%s: Viet Nam is among them", lang)
		}
	}
	if got := countryName(catalogueOf(t, "vi").tag, "KOR"); got != "Hàn Quốc" {
		t.Errorf("countryName(KOR) = %s", got)
	}
	if got := countryName(catalogueOf(t, "vi").tag, "<b>"); got != "<b>" {
		t.Errorf("countryName() of no country = %s", got)
	}
}
