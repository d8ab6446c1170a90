package admin

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
	"eidgate/web"
)

// The code of a card comes from whoever holds something before the scanner.
func TestScanned(t *testing.T) {
	const card = "011091000021|011222333|Lò Văn Mới|12041991|Nam|Số 1 đường Mẫu|01012021"
	want := url.Values{"number": {"011 091 000 021"}, "name": {"Lò Văn Mới"}, "birth_date": {"12/04/1991"}, "gender": {"male"}, "address": {"Số 1 đường Mẫu"}}
	woman := strings.NewReplacer("|Nam|", "|Nữ|", "011091", "011191").Replace(card)
	for name, tt := range map[string]struct{ code, gender string }{
		"a man":                    {card, "male"},
		"a woman":                  {woman, "female"},
		"in separate marks":        {norm.NFD.String(woman), "female"},
		"without the old number":   {strings.Replace(card, "011222333", "", 1), "male"},
		"with a line behind":       {card + "\r\n", "male"},
		"of a gender nobody knows": {strings.Replace(card, "|Nam|", "|X|", 1), ""},
	} {
		got, ok := scanned(tt.code)
		if !ok || got.Get("gender") != tt.gender || got.Get("name") != want.Get("name") || got.Get("birth_date") != want.Get("birth_date") || got.Get("address") != want.Get("address") {
			t.Errorf("scanned(%s) = %v, %t, want %v with gender %q", name, got, ok, want, tt.gender)
		}
	}
	if got, _ := scanned(card); got.Get("number") != want.Get("number") {
		t.Errorf("number = %q, want %q", got.Get("number"), want.Get("number"))
	}
	for name, code := range map[string]string{
		"nothing": "", "a number alone": "011091000021", "a part too few": strings.TrimSuffix(card, "|01012021"), "a part too many": card + "|",
		"a wrong number": strings.Replace(card, "0110", "01x0", 1), "an impossible century": strings.Replace(card, "011091", "011991", 1),
		"no name": strings.Replace(card, "Lò Văn Mới", " ", 1), "no text": strings.Replace(card, "Mới", "M\xff", 1),
		"too much": strings.Replace(card, "Mẫu", strings.Repeat("x", maxScan), 1),
	} {
		if got, ok := scanned(code); ok {
			t.Errorf("scanned(%s) = %v, want none", name, got)
		}
	}
}

func TestDialled(t *testing.T) {
	for phone, want := range map[string]string{"+84912345678": "0912 345 678", "+8562012345678": "+8562012345678", "+8491": "+8491", "": ""} {
		if got := dialled(phone); got != want {
			t.Errorf("dialled(%q) = %q, want %q", phone, got, want)
		}
	}
}

// A fault stands at its field; one of a field that is not shown at the first.
func TestFaultOf(t *testing.T) {
	citizen, foreigner := fieldsOf(eid.Citizen, nil), fieldsOf(eid.Foreigner, nil)
	for _, tt := range []struct {
		fault counter.Fault
		shown []web.OfficerField
		want  web.FieldProblem
	}{
		{counter.Fault{Field: eid.FieldGender, Why: counter.WhyDigits}, citizen, web.FieldProblem{Field: "gender", Message: "officer.fault.gender.digits"}},
		{counter.Fault{Field: eid.FieldNumber, Why: counter.WhyMalformed}, citizen, web.FieldProblem{Field: "number", Message: "officer.fault.number.malformed"}},
		{counter.Fault{Field: eid.FieldNumber, Why: counter.WhyMalformed}, foreigner, web.FieldProblem{Field: "number", Message: "officer.fault.passport"}},
		{counter.Fault{Field: counter.FieldExpires, Why: counter.WhyPast}, citizen, web.FieldProblem{Field: "scan", Message: "officer.fault.expires_on.past"}},
		{counter.Fault{Field: counter.FieldLevel, Why: counter.WhyUnknown}, citizen, web.FieldProblem{Field: "scan", Message: "officer.fault.other"}},
		{counter.Fault{Field: eid.FieldNumber, Why: counter.WhyMissing}, nil, web.FieldProblem{Message: "officer.fault.number.missing"}},
	} {
		if got := faultOf(tt.fault, tt.shown); got != tt.want {
			t.Errorf("faultOf(%v) = %v, want %v", tt.fault, got, tt.want)
		}
	}
}

// Registries answer for no number alone: whoever is not found differs in nothing else.
func TestObstacleWords(t *testing.T) {
	differs := func(fields ...eid.Field) (list []counter.Obstacle) {
		for _, f := range fields {
			list = append(list, counter.Obstacle{Kind: counter.ObstacleDiffers, Field: f})
		}
		return list
	}
	card := []counter.Obstacle{{Kind: counter.ObstacleCard, Card: civil.CardExpired}}
	for _, tt := range []struct {
		of   counter.Intake
		list []counter.Obstacle
		want string
	}{
		{counter.Intake{}, card, "officer.obstacle.card.expired"},
		{counter.Intake{CardIssue: "HS-1"}, card, "officer.obstacle.card_awaited"}, // not: enter what is there
		{counter.Intake{}, differs(eid.FieldName, eid.FieldBirthDate), "officer.obstacle.differs.name officer.obstacle.differs.birth_date"},
		{counter.Intake{}, differs(eid.FieldNumber, eid.FieldName, eid.FieldBirthDate), "officer.obstacle.differs.number"},
		{counter.Intake{}, []counter.Obstacle{{Kind: counter.ObstacleCard}, {Kind: counter.ObstacleBiometric}}, "officer.obstacle.card.none officer.obstacle.biometric"},
	} {
		if got := strings.Join(obstacleWords(&counter.Application{Intake: tt.of}, tt.list), " "); got != tt.want {
			t.Errorf("obstacleWords(%v) = %q, want %q", tt.list, got, tt.want)
		}
	}
}
