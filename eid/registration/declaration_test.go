package registration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/eid/registration"
	"eidgate/eid/rules"
)

var (
	hanoi = time.FixedZone("+07", 7*60*60)
	today = time.Date(2026, 11, 22, 9, 0, 0, 0, hanoi)
	both  = notify.Channels{SMS: true, Email: true}
)

func rulesAt(t testing.TB, at time.Time) *eid.RuleSet {
	t.Helper()
	r, err := book(t).At(at)
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

func book(t testing.TB) *rules.Book {
	t.Helper()
	b, err := rules.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Synthetic people: nobody has these numbers.
func citizen() registration.Form {
	return registration.Form{
		Kind: eid.Citizen, Number: "011090000001", Name: "Nguyễn Văn Hòa", Day: "2", Month: "3", Year: "1990", Gender: "male", Phone: "0912 345 678",
	}
}

func foreigner() registration.Form {
	return registration.Form{
		Kind: eid.Foreigner, Number: "p 1234567", Country: "LAO", Nationality: "LAO", Name: "Somsak Mau", Day: "02", Month: "02", Year: "1988", Gender: "male", Email: "somsak@example.test",
	}
}

// TestRow7Declared names what is wrong with each field, and nothing else.
func TestRow7Declared(t *testing.T) {
	r := rulesAt(t, today)
	type change func(*registration.Form)
	for _, tt := range []struct {
		name   string
		from   func() registration.Form
		change change
		want   []registration.Why
	}{
		{"a citizen", citizen, func(*registration.Form) {}, nil},
		{"a foreigner", foreigner, func(*registration.Form) {}, nil},
		{"nobody", citizen, func(f *registration.Form) { f.Kind = "" }, []registration.Why{registration.KindMissing}},
		{"another kind", citizen, func(f *registration.Form) { f.Kind = "company" }, []registration.Why{registration.KindMissing}},
		{"no number", citizen, func(f *registration.Form) { f.Number = " .-" }, []registration.Why{registration.NumberMissing}},
		{"11 digits", citizen, func(f *registration.Form) { f.Number = "01109000001" }, []registration.Why{registration.NumberLength}},
		{"13 digits", citizen, func(f *registration.Form) { f.Number = "0110900000011" }, []registration.Why{registration.NumberLength}},
		{"letter O", citizen, func(f *registration.Form) { f.Number = "O11090000001" }, []registration.Why{registration.NumberLetters}},
		{"Arabic digits", citizen, func(f *registration.Form) { f.Number = "٠١١٠٩٠٠٠٠٠٠١" }, []registration.Why{registration.NumberOtherDigits}},
		{"full-width digits", citizen, func(f *registration.Form) { f.Number = "０１１０９０００００００１" }, []registration.Why{registration.NumberOtherDigits}},
		{"impossible century", citizen, func(f *registration.Form) { f.Number = "011990000001" }, []registration.Why{registration.NumberCentury}},
		{"grouped number", citizen, func(f *registration.Form) { f.Number = " 011 090.000-001\u00a0" }, nil},
		{"one word", citizen, func(f *registration.Form) { f.Name = "Bình" }, nil},
		{"eight words", citizen, func(f *registration.Form) { f.Name = "Nguyễn Phúc Bảo Long Thiên Ân Minh Đức" }, nil},
		{"decomposed", citizen, func(f *registration.Form) { f.Name = "Nguye\u0302\u0303n" }, nil},
		{"Rade name", citizen, func(f *registration.Form) { f.Name = "H’Hen Niê" }, nil},
		{"name with a digit", citizen, func(f *registration.Form) { f.Name = "Nguyễn 2" }, []registration.Why{registration.NameDigits}},
		{"name with NUL", citizen, func(f *registration.Form) { f.Name = "A\x00n" }, []registration.Why{registration.NameInvisible}},
		{"name with a zero-width space", citizen, func(f *registration.Form) { f.Name = "A\u200bn" }, []registration.Why{registration.NameInvisible}},
		{"name with a turn of direction", citizen, func(f *registration.Form) { f.Name = "A\u202en" }, []registration.Why{registration.NameInvisible}},
		{"name of no text", citizen, func(f *registration.Form) { f.Name = "A\xffn" }, []registration.Why{registration.NameInvisible}},
		{"markup", citizen, func(f *registration.Form) { f.Name = "<b>An</b>" }, []registration.Why{registration.NameSigns}},
		{"towers of marks", citizen, func(f *registration.Form) { f.Name = "A" + strings.Repeat("\u0301", 9) }, []registration.Why{registration.NameSigns}},
		{"no letters", citizen, func(f *registration.Form) { f.Name = "' - ." }, []registration.Why{registration.NameSigns}},
		{"no name", citizen, func(f *registration.Form) { f.Name = " \t" }, []registration.Why{registration.NameMissing}},
		{"endless name", citizen, func(f *registration.Form) { f.Name = strings.Repeat("An ", 40) }, []registration.Why{registration.NameLong}},
		{"30 February", citizen, func(f *registration.Form) { f.Day, f.Month = "30", "2" }, []registration.Why{registration.BirthImpossible}},
		{"29 February of a common year", citizen, func(f *registration.Form) { f.Day, f.Month, f.Year = "29", "2", "1990" }, []registration.Why{registration.BirthImpossible}},
		{"29 February of a leap year", citizen, func(f *registration.Form) { f.Day, f.Month, f.Year = "29", "2", "1992" }, nil},
		{"day 0", citizen, func(f *registration.Form) { f.Day = "0" }, []registration.Why{registration.BirthImpossible}},
		{"month 13", citizen, func(f *registration.Form) { f.Month = "13" }, []registration.Why{registration.BirthImpossible}},
		{"no day", citizen, func(f *registration.Form) { f.Day = "" }, []registration.Why{registration.BirthMissing}},
		{"day in letters", citizen, func(f *registration.Form) { f.Day = "hai" }, []registration.Why{registration.BirthDigits}},
		{"signed day", citizen, func(f *registration.Form) { f.Day = "+2" }, []registration.Why{registration.BirthDigits}},
		{"two-digit year", citizen, func(f *registration.Form) { f.Year = "90" }, []registration.Why{registration.BirthYear}},
		{"tomorrow", citizen, func(f *registration.Form) { f.Day, f.Month, f.Year = "23", "11", "2026" }, []registration.Why{registration.BirthFuture}},
		{"long ago", citizen, func(f *registration.Form) { f.Year = "1800" }, []registration.Why{registration.BirthLongAgo}},
		{"year alone", citizen, func(f *registration.Form) { f.Day, f.Month, f.YearOnly = "", "", true }, nil},
		{"no gender", citizen, func(f *registration.Form) { f.Gender = "x" }, []registration.Why{registration.GenderMissing}},
		{"no contact", citizen, func(f *registration.Form) { f.Phone = "" }, []registration.Why{registration.ContactMissing}},
		{"short phone", citizen, func(f *registration.Form) { f.Phone = "0912" }, []registration.Why{registration.PhoneWrong}},
		{"phone with a header", citizen, func(f *registration.Form) { f.Phone = "0912345678\r\nX: y" }, []registration.Why{registration.PhoneWrong}},
		{"e-mail without domain", citizen, func(f *registration.Form) { f.Email = "an@" }, []registration.Why{registration.EmailWrong}},
		{"e-mail with a header", citizen, func(f *registration.Form) { f.Email = "an@example.test\r\nBcc: x@example.test" }, []registration.Why{registration.EmailWrong}},
		{"passport of Viet Nam", foreigner, func(f *registration.Form) { f.Country, f.Nationality = "VNM", "VNM" }, []registration.Why{registration.CountryVietnam, registration.NationalityVietnam}},
		{"no nationality", foreigner, func(f *registration.Form) { f.Nationality = "" }, []registration.Why{registration.NationalityMissing}},
		{"no country of that name", foreigner, func(f *registration.Form) { f.Country, f.Nationality = "XYZ", "laos" }, []registration.Why{registration.CountryMissing, registration.NationalityMissing}},
		{"ten letters", foreigner, func(f *registration.Form) { f.Number = "P123456789" }, []registration.Why{registration.PassportLength}},
		{"passport with signs", foreigner, func(f *registration.Form) { f.Number = "P12345_7" }, []registration.Why{registration.PassportLetters}},
		{"everything", func() registration.Form { return registration.Form{Kind: eid.Citizen} }, func(*registration.Form) {}, []registration.Why{
			registration.NumberMissing, registration.NameMissing, registration.BirthMissing, registration.GenderMissing, registration.ContactMissing,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.from()
			tt.change(&f)
			var got []registration.Why
			for _, fault := range f.Faults(registration.StepCheck, r, both, today) {
				got = append(got, fault.Why)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Faults() = %v, want %v", got, tt.want)
			}
			if d, ok := f.Declare(r, both, today); ok != (len(tt.want) == 0) || ok && d.Person.Name == "" {
				t.Errorf("Declare() = %v, want it without faults only", ok)
			}
		})
	}
	if d, _ := foreigner().Declare(r, both, today); d.Person.Identifier != eid.NewIdentifier(eid.KindPassport, "LAO", "P1234567") || d.Person.BirthDate != "1988-02-02" {
		t.Errorf("a passport is not brought to its one form")
	}
	if d, _ := citizen().Declare(r, both, today); d.Phone != "+84912345678" || d.Person.Nationality != "VNM" {
		t.Errorf("a phone is not brought to its one form, or a citizen has no nationality")
	}
	if got := citizen().Faults(registration.StepContact, r, notify.Channels{Email: true}, today); len(got) != 1 || got[0].Why != registration.ContactPhone {
		t.Errorf("a phone where only mail is sent: %v", got)
	}
}

// TestRow1Ages: on the 14th birthday, and no day before it, by the rules of the day.
func TestRow1Ages(t *testing.T) {
	born := func(day, month, year string) registration.Form {
		f := citizen()
		f.Day, f.Month, f.Year = day, month, year
		return f
	}
	year := citizen()
	year.YearOnly = true
	for _, tt := range []struct {
		name string
		form registration.Form
		year string
		at   time.Time
		want eid.Access
	}{
		{"a day before 14", born("23", "11", "2012"), "", today, eid.AccessOnRequest},
		{"14 today", born("22", "11", "2012"), "", today, eid.AccessOwn},
		{"14 today, at midnight there", born("22", "11", "2012"), "", time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC), eid.AccessOwn},
		{"a minute before that", born("22", "11", "2012"), "", time.Date(2026, 11, 21, 16, 59, 0, 0, time.UTC), eid.AccessOnRequest},
		{"six", born("22", "11", "2020"), "", today, eid.AccessOnRequest},
		{"five", born("23", "11", "2020"), "", today, eid.AccessGuardian},
		{"under 14 in 2021", born("1", "1", "2010"), "", time.Date(2021, 12, 1, 0, 0, 0, 0, hanoi), eid.AccessGuardian},
		{"a year that may be 14", year, "2012", today, eid.AccessOwn},
		{"a year that may not", year, "2013", today, eid.AccessOnRequest},
	} {
		f := tt.form
		if tt.year != "" {
			f.Year = tt.year
		}
		if got := f.Access(rulesAt(t, tt.at), tt.at); got != tt.want {
			t.Errorf("%s: Access() = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Cautions keep nobody from going on.
func TestCautions(t *testing.T) {
	r := rulesAt(t, today)
	for _, tt := range []struct {
		number, name, gender, year string
		want                       []registration.Caution
	}{
		{"011090000001", "An", "male", "1990", nil},
		{"999090000001", "An", "male", "1990", []registration.Caution{registration.CautionPlace}},
		{"011090000001", "An", "male", "1991", []registration.Caution{registration.CautionYear}},
		{"011190000001", "An", "male", "1990", []registration.Caution{registration.CautionGender}},
		{"011204000001", "An", "male", "2004", nil},
		{"011090000001", "Nguyễn Аn", "male", "1990", []registration.Caution{registration.CautionScript}}, // Cyrillic А
		{"000390000001", "An", "male", "1990", []registration.Caution{registration.CautionPlace, registration.CautionYear, registration.CautionGender}},
	} {
		f := citizen()
		f.Number, f.Name, f.Gender, f.Year = tt.number, tt.name, tt.gender, tt.year
		d, ok := f.Declare(r, both, today)
		if got := d.Cautions(); !ok || !slices.Equal(got, tt.want) {
			t.Errorf("Cautions() of %s = %v, %v, want %v", tt.number, got, ok, tt.want)
		}
	}
}

// What was typed shows nowhere by accident.
func TestFormsPrintAsNothing(t *testing.T) {
	d, _ := citizen().Declare(rulesAt(t, today), both, today)
	text := fmt.Sprintf("%v %+v %#v %v %#v %v %#v", citizen(), citizen(), citizen(), d, d, registration.NewToken(), registration.NewToken())
	for _, secret := range []string{"011090000001", "Hòa", "0912", "1990"} {
		if strings.Contains(text, secret) {
			t.Errorf("printed: %s", text)
		}
	}
}
