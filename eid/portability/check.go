package portability

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
)

// Bounds of fields, in bytes.
const (
	maxLogin    = 200
	maxName     = 200
	maxEmail    = 254 // RFC 5321 §4.5.3.1.3
	maxPassword = 512
)

// checker turns rows into accounts.
type checker struct {
	columns []column
	now     time.Time
	// checkHash reports whether a hash of a password is one that can be verified.
	checkHash func(string) error
}

// row finds everything that is wrong with a row; its faults are then not empty, and say
// nothing of what the row holds.
func (c *checker) row(fields []string) (accounts.OldAccount, faults) {
	var f faults
	if len(fields) != len(c.columns) {
		f.add("row", "has another number of columns than the header: a separator within a field needs quotes around the field")
		return accounts.OldAccount{}, f
	}
	var given [columns]string
	for i, col := range c.columns {
		if col == colIgnored || col >= colRow {
			continue
		}
		text := unprotected(strings.TrimSpace(fields[i]))
		if problem := unreadable(text); problem != "" {
			f.add(names[col], problem)
			continue
		}
		if strings.ContainsFunc(text, invisible) && (col != colName || !tcvn3.MatchString(text)) {
			f.add(names[col], "has control characters, or some that are not seen: type it again")
			continue
		}
		given[col] = norm.NFC.String(text)
	}
	if len(f) > 0 {
		return accounts.OldAccount{}, f
	}
	a := accounts.OldAccount{
		Login: f.login(given[colLogin]), Number: f.number(given[colNumber]), Name: f.name(given[colName]),
		BirthDate: f.birthDate(given[colBirthDate], c.now), Phone: f.phone(given[colPhone]), Email: f.email(given[colEmail]),
		Subject: f.subject(given[colSubject]),
	}
	if hash := given[colPassword]; hash != "" {
		if len(hash) > maxPassword || c.checkHash(hash) != nil {
			f.add("password_hash", "is none that can be verified: see the operator's guide for the kinds; leave it empty and the holder verifies without it")
		}
		a.Password = eid.NewSecret(hash)
	}
	f.agree(&a)
	return a, f
}

// names are those of the columns in faults.
var names = [columns]string{
	colLogin: "login", colNumber: "number", colName: "name", colBirthDate: "birth_date", colPhone: "phone", colEmail: "email",
	colPassword: "password_hash", colSubject: "subject",
}

// faults are what is wrong with a row, each with its mend. No text of the row is in them.
type faults []string

func (f *faults) add(column, fault string) { *f = append(*f, column+" "+fault) }

func (f *faults) login(s string) string {
	switch {
	case s == "":
		f.add("login", "is missing")
	case len(s) > maxLogin:
		f.add("login", "is too long")
	}
	return s
}

// Numbers as spreadsheets leave them.
var (
	scientific = regexp.MustCompile(`^[0-9]([.,][0-9]+)?[eE]\+?[0-9]+$`)
	decimal    = regexp.MustCompile(`^[0-9]+[.,]0+$`)
)

func (f *faults) number(s string) eid.PersonalNumber {
	if s == "" {
		return eid.PersonalNumber{}
	}
	n, err := eid.ParsePersonalNumber(s)
	if err == nil && n.Reveal()[:3] != "000" {
		return n
	}
	digits := strings.NewReplacer(" ", "", ".", "", "-", "", "\u00a0", "").Replace(s)
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsDigit(r) }):
		f.add("number", "has digits of another script: type it with 0 to 9")
	case scientific.MatchString(s):
		f.add("number", "was shortened by a spreadsheet and its digits are lost: make the column text there and export again")
	case decimal.MatchString(s):
		f.add("number", "has decimals: a spreadsheet took it for an amount, and zeros in front may be lost: make the column text there and export again")
	case err == nil:
		f.add("number", "is a placeholder: no place has the code 000; leave it empty where it is not known")
	case strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }):
		f.add("number", "is not digits: want the 12 digits of a personal number, or nothing")
	case len(digits) == 9:
		f.add("number", "has 9 digits, as identity cards of before had: leave it empty where the 12 digits are not known")
	case len(digits) == 10 || len(digits) == 11:
		f.add("number", "has 10 or 11 digits: zeros in front were lost; make the column text in the spreadsheet and export again")
	case len(digits) == 12:
		f.add("number", "is of a century that no person is born in: its fourth digit is 0 to 5")
	default:
		f.add("number", "does not have 12 digits")
	}
	return eid.PersonalNumber{}
}

// dBarred are letters that look like Đ and are others (Icelandic, Ewe), as some
// keyboards and old fonts give them.
var dBarred = strings.NewReplacer("\u00d0", "Đ", "\u00f0", "đ", "\u0189", "Đ", "\u0256", "đ")

// Names of which the letters are right and the alphabet is not: what fonts of before
// Unicode, and UTF-8 read as something else, look like.
var (
	tcvn3   = regexp.MustCompile(`[\x{a8}-\x{be}\x{d7}\x{f7}]|\p{Ll}[\x{c0}-\x{d6}\x{d8}-\x{de}]`)
	vni     = regexp.MustCompile(`[aeoAEO][âÂ]|[aA][êÊ]|[aeouyAEOUY][ùøûõïÙØÛÕÏ]`)
	garbled = regexp.MustCompile(`\x{e1}[\x{ba}\x{bb}]|[\x{c3}\x{c4}\x{c6}][^\p{L} ]|\x{c4}\x{91}|\x{c6}[\x{b0}\x{a1}]`)
)

func (f *faults) name(s string) string {
	if s == "" {
		return ""
	}
	s = dBarred.Replace(strings.Join(strings.Fields(s), " "))
	switch {
	case len(s) > maxName:
		f.add("name", "is too long")
	case garbled.MatchString(s):
		f.add("name", "looks like UTF-8 that was read as Windows-1252: export it again as UTF-8")
	case tcvn3.MatchString(s):
		f.add("name", "looks like TCVN3 (the .Vn fonts): convert the file to Unicode first")
	case vni.MatchString(s):
		f.add("name", "looks like VNI: convert the file to Unicode first")
	case strings.Contains(s, "?"):
		f.add("name", "has question marks in the place of letters: export it again as UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) }):
		f.add("name", "has letters of another alphabet, which look like Latin ones: type it again")
	case strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune(" '’ʼ.-,", r)
	}):
		f.add("name", "has characters that no name has")
	}
	return s
}

// vietnam is Asia/Ho_Chi_Minh, the time of the law, without a zone database.
func vietnam() *time.Location { return time.FixedZone("+07", 7*60*60) }

var dayCount = regexp.MustCompile(`^[0-9]{5}([.,]0+)?$`)

func (f *faults) birthDate(s string, now time.Time) string {
	if s == "" {
		return ""
	}
	d, err := civil.ParseDate(s)
	today := now.In(vietnam())
	switch {
	case err != nil && dayCount.MatchString(s):
		f.add("birth_date", "is a spreadsheet's count of days: make the column text there, as dd/mm/yyyy, and export again")
	case err != nil:
		f.add("birth_date", "is no date: want dd/mm/yyyy, yyyy-mm-dd or a year alone")
	case d.Year < 1900:
		f.add("birth_date", "lies before 1900")
	case d.Year > today.Year() || d.Full() && time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, vietnam()).After(today):
		f.add("birth_date", "lies ahead")
	default:
		return d.String()
	}
	return ""
}

// phoneMarks takes out what people part the digits of a telephone number with.
var phoneMarks = strings.NewReplacer(" ", "", ".", "", "-", "", "(", "", ")", "", "\u00a0", "")

func (f *faults) phone(s string) string {
	if s == "" {
		return ""
	}
	digits := phoneMarks.Replace(s)
	switch {
	case strings.HasPrefix(digits, "+84"):
		digits = "0" + digits[3:]
	case strings.HasPrefix(digits, "84") && len(digits) > 10:
		digits = "0" + digits[2:]
	}
	switch {
	case scientific.MatchString(s):
		f.add("phone", "was shortened by a spreadsheet and its digits are lost: make the column text there and export again")
	case strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }):
		f.add("phone", "is not digits: want one number of Việt Nam, or nothing")
	case len(digits) == 9 && digits[0] != '0':
		f.add("phone", "has 9 digits: the zero in front was lost; make the column text in the spreadsheet and export again")
	case len(digits) < 10 || len(digits) > 11 || digits[0] != '0':
		f.add("phone", "is no number of Việt Nam: want 0 and nine or ten digits, or nothing")
	}
	return digits
}

func (f *faults) email(s string) string {
	if s == "" {
		return ""
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(s) > maxEmail || strings.ContainsFunc(s, notInAddress) || strings.Contains(domain, "@") ||
		!strings.Contains(strings.Trim(domain, "."), ".") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		f.add("email", "is no address: want name@domain, or nothing")
	}
	return s
}

// notInAddress reports what ends an address in a header, or is not plain ASCII.
func notInAddress(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`<>()[]\,;:"`, r)
}

func (f *faults) subject(s string) string {
	if s == "" {
		return ""
	}
	if err := eid.CheckOldSubject(s); err != nil {
		f.add("subject", "cannot be kept: "+err.Error())
	}
	return s
}

// agree holds the number against the date of birth, where both are known. Its fourth
// digit names the century, and the two behind it the year (Decree 137/2015, Art. 7).
func (f *faults) agree(a *accounts.OldAccount) {
	if a.Number.IsZero() || a.BirthDate == "" {
		return
	}
	born, err := civil.ParseDate(a.BirthDate)
	digits := a.Number.Reveal()
	year := 1900 + 100*(int(digits[3]-'0')/2) + 10*int(digits[4]-'0') + int(digits[5]-'0')
	if err != nil || born.Year != year {
		f.add("number", "is of another year of birth than birth_date: mend what is wrong, or leave the number empty")
	}
}

// invisible reports what a person who reads the row cannot see, or what turns the
// direction of it. A soft hyphen or a zero width space makes two login names of one.
func invisible(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Co, r)
}

// dangerous are the first characters of what a spreadsheet would run.
const dangerous = "=+-@\t\r"

// protected is a value as a spreadsheet does not run it (CWE-1236).
func protected(s string) string {
	if unprotected(s) == s && s != "" && (strings.ContainsRune(dangerous, rune(s[0])) || s[0] == '\'') {
		return "'" + s
	}
	return s
}

// unprotected takes off what protected put on, and what spreadsheets put before digits
// that are text.
func unprotected(s string) string {
	if len(s) > 1 && s[0] == '\'' && (strings.ContainsRune(dangerous, rune(s[1])) || s[1] == '\'' || s[1] >= '0' && s[1] <= '9') {
		return s[1:]
	}
	return s
}
