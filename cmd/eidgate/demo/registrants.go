package demo

import "eidgate/eid"

// Registrant is an invented person whom the registries know and who has no account: to
// register with. Says is what to type as the name, where that is not the registry's.
type Registrant struct {
	eid.Person
	Says string
	// CardEnds is the last day of the identity card (2006-01-02); empty: it is years ahead.
	CardEnds string
	Note     Note
}

// Typed is the name to type.
func (r Registrant) Typed() string {
	if r.Says != "" {
		return r.Says
	}
	return r.Name
}

// Registrants lists those to register with. No such people exist.
func Registrants() []Registrant {
	citizen := func(number, name, birth, gender, typed, vi, en string) Registrant {
		return Registrant{Says: typed, Note: Note{Vietnamese: vi, English: en}, Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.NewIdentifier(eid.KindPersonalNumber, "VNM", number),
			Name: name, BirthDate: birth, Gender: gender, Nationality: "VNM",
		}}
	}
	return []Registrant{
		citizen("011091000021", "Lò Văn Mới", "1991-04-12", "male", "", "khớp: có tài khoản mức 1", "matches: an account at level 1"),
		citizen("079193000022", "Nguyễn Thị Thuý", "1993-09-01", "female", "Nguyen Thi Thuy", "sai dấu: cán bộ xem lại", "accents differ: an officer looks at it"),
		citizen("001315000023", "Phạm Thị Bé Thử", "2015-06-01", "female", "", "dưới 14 tuổi", "under 14: no account of her own"),
		expiredCard(citizen("048172000025", "Hồ Thị Hết Hạn", "1972-12-30", "female", "", "thẻ hết hạn: ở quầy phải cấp thẻ cùng lúc (sửa status trong citizen_cards.json thành being_issued)", "the card has expired: at the counter, together with a new one (status being_issued in citizen_cards.json)")),
		{Note: Note{Vietnamese: "người nước ngoài", English: "a foreigner, with a passport of Laos"}, Person: eid.Person{
			Type: eid.Foreigner, Identifier: eid.NewIdentifier(eid.KindPassport, "LAO", "PA0000024"),
			Name: "SOMSAK MAU", BirthDate: "1988-02-02", Gender: "male", Nationality: "LAO",
		}},
	}
}

// expiredCard is somebody whose card was valid once.
func expiredCard(r Registrant) Registrant {
	r.CardEnds = "2024-12-31"
	return r
}
