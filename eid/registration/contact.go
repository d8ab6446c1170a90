package registration

import (
	"net/mail"
	"slices"
	"strings"

	"eidgate/eid"
)

// maxEmail is the length of an address (RFC 5321 §4.5.3.1.3, less the brackets).
const maxEmail = 254

// Reach is by what people are told here. The zero value reaches nobody.
type Reach struct{ SMS, Email bool }

// contact is where somebody says to be reached.
type contact struct{ phone, email string }

// contact reads phone and e-mail: one of those that the rules name has to be there, and
// one of them by which a code goes from here.
func (f Form) contact(declared eid.Declaration, reach Reach) (c contact, faults []Fault) {
	phone, email := strings.TrimSpace(f.Phone), strings.TrimSpace(f.Email)
	var ok bool
	if phone != "" {
		if c.phone, ok = parsePhone(phone); !ok {
			faults = append(faults, Fault{FieldPhone, PhoneWrong})
		}
	}
	if email != "" {
		if c.email, ok = parseEmail(email); !ok {
			faults = append(faults, Fault{FieldEmail, EmailWrong})
		}
	}
	taken := func(field eid.Field, given string) bool { return given != "" && slices.Contains(declared.Contact, field) }
	switch {
	case len(faults) > 0:
	case !taken(eid.FieldPhone, phone) && !taken(eid.FieldEmail, email):
		faults = append(faults, Fault{FieldPhone, ContactMissing})
	case (c.phone == "" || !reach.SMS) && (c.email == "" || !reach.Email):
		if c.phone != "" {
			faults = append(faults, Fault{FieldEmail, ContactPhone})
		} else {
			faults = append(faults, Fault{FieldPhone, ContactEmail})
		}
	}
	return c, faults
}

// parsePhone gives E.164: a mobile number of Viet Nam as 0 and nine digits or with +84,
// and numbers of other countries with their + (ITU-T E.164, 15 digits at most).
func parsePhone(typed string) (string, bool) {
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-()\u00a0", r) {
			return -1
		}
		return r
	}, typed)
	if rest, home := strings.CutPrefix(number, "0"); home {
		number = "+84" + rest
	}
	digits, plus := strings.CutPrefix(number, "+")
	if !plus || strings.Trim(digits, "0123456789") != "" || len(digits) < 8 || len(digits) > 15 || digits[0] == '0' {
		return "", false
	}
	if rest, home := strings.CutPrefix(digits, "84"); home && (len(rest) != 9 || !strings.ContainsRune("35789", rune(rest[0]))) {
		return "", false
	}
	return number, true
}

// parseEmail takes a bare address with a domain of several parts (RFC 5321 §4.1.2).
func parseEmail(typed string) (string, bool) {
	parsed, err := mail.ParseAddress(typed)
	if err != nil || parsed.Address != typed || parsed.Name != "" || len(typed) > maxEmail {
		return "", false
	}
	if strings.ContainsFunc(typed, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", false
	}
	_, domain, _ := strings.Cut(typed, "@")
	return typed, strings.Contains(strings.Trim(domain, "."), ".") && !strings.Contains(domain, "..")
}
