package registration

import (
	"slices"
	"strings"

	"eidgate/eid"
	"eidgate/eid/notify"
)

// contact is where somebody says to be reached.
type contact struct{ phone, email string }

// contact reads phone and e-mail: one of those that the rules name has to be there, and
// one of them by which a code goes from here.
func (f Form) contact(declared eid.Declaration, reach notify.Channels) (c contact, faults []Fault) {
	phone, email := strings.TrimSpace(f.Phone), strings.TrimSpace(f.Email)
	var err error
	if phone != "" {
		if c.phone, err = notify.ParseAddress(notify.SMS, phone); err != nil {
			faults = append(faults, Fault{FieldPhone, PhoneWrong})
		}
	}
	if email != "" {
		// Nobody's mail of elsewhere is at a domain of one part: the end was forgotten.
		if c.email, err = notify.ParseAddress(notify.Email, email); err != nil || !strings.Contains(c.email[strings.LastIndex(c.email, "@")+1:], ".") {
			faults = append(faults, Fault{FieldEmail, EmailWrong})
		}
	}
	taken := func(field eid.Field, given string) bool {
		return given != "" && slices.Contains(declared.Contact, field)
	}
	switch {
	case len(faults) > 0:
	case !taken(eid.FieldPhone, phone) && !taken(eid.FieldEmail, email):
		faults = append(faults, Fault{FieldPhone, ContactMissing})
	case (c.phone == "" || !reach.Has(notify.SMS)) && (c.email == "" || !reach.Has(notify.Email)):
		if c.phone != "" {
			faults = append(faults, Fault{FieldEmail, ContactPhone})
		} else {
			faults = append(faults, Fault{FieldPhone, ContactEmail})
		}
	}
	return c, faults
}

// way is where the code of a declaration goes: to the phone where there is one and SMS
// are sent, else to the e-mail address.
func (d Declaration) way(reach notify.Channels) Field {
	if d.Phone != "" && reach.Has(notify.SMS) {
		return FieldPhone
	}
	return FieldEmail
}

// contact is the declared one of a kind.
func (d Declaration) contact(by Field) (notify.Channel, string) {
	if by == FieldPhone {
		return notify.SMS, d.Phone
	}
	return notify.Email, d.Email
}

// posts tells the person of a case, at the contact that they proved.
func (s Sides) posts(kind notify.Kind, ref string, reach notify.Channels) []notify.Post {
	ch, to, ok := notify.Reach(
		eid.Contact{Value: s.Phone, Verified: s.Proved == FieldPhone}, eid.Contact{Value: s.Email, Verified: s.Proved == FieldEmail}, reach)
	if !ok {
		return nil
	}
	return []notify.Post{{Kind: kind, Channel: ch, To: to, Ref: ref, Language: s.Language}}
}
