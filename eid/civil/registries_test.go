package civil

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

// answering is a server that answers every question with a text, in which REQUEST stands
// for what was asked with.
func answering(t *testing.T, status int, text string, look func(question map[string]any)) (string, *http.Client) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question := map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
			t.Errorf("the question is no JSON: %v", err)
		}
		if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "Bearer token-of-the-registry" {
			t.Errorf("%s with query %q: want a post with a token", r.Method, r.URL.RawQuery)
		}
		if look != nil {
			look(question)
		}
		if status != 0 {
			w.WriteHeader(status)
		}
		request, _ := question["request"].(string)
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "REQUEST", request))
	}))
	t.Cleanup(server.Close)
	return server.URL, server.Client()
}

// broken are answers that no registry gives.
var broken = []struct {
	name, answer string
	status       int
}{
	{"failing", `{}`, http.StatusBadGateway},
	{"garbage", `<html>`, 0},
	{"another question", `{"request":"other"}`, 0},
	{"no request", `{}`, 0},
	{"endless", strings.Repeat(" ", maxAnswer+1), 0},
	{"a list", `[]`, 0},
}

var token = eid.NewSecret("token-of-the-registry")

func number(t *testing.T, digits string) eid.PersonalNumber {
	t.Helper()
	n, err := eid.ParsePersonalNumber(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRow11Cards(t *testing.T) {
	today := time.Date(2026, 3, 1, 16, 59, 0, 0, time.UTC) // 23:59 in Viet Nam
	for _, tt := range []struct {
		name, answer string
		want         CardStatus
		err          error
	}{
		{"valid", `{"request":"REQUEST","card":{"status":"valid","expires_on":"2031-01-02"}}`, CardValid, nil},
		{"without an end", `{"request":"REQUEST","card":{"status":"valid"}}`, CardValid, nil},
		{"its last day", `{"request":"REQUEST","card":{"status":"valid","expires_on":"2026-03-01"}}`, CardValid, nil},
		{"the day after", `{"request":"REQUEST","card":{"status":"valid","expires_on":"2026-02-28"}}`, CardExpired, nil},
		{"lost", `{"request":"REQUEST","card":{"status":"lost","expires_on":"2031-01-02"}}`, CardLost, nil},
		{"being issued", `{"request":"REQUEST","card":{"status":"being_issued"}}`, CardBeingIssued, nil},
		{"none", `{"request":"REQUEST","card":null}`, CardNone, nil},
		{"another status", `{"request":"REQUEST","card":{"status":"VALID"}}`, CardNone, ErrDown},
		{"no status", `{"request":"REQUEST","card":{}}`, CardNone, ErrDown},
		{"a year alone", `{"request":"REQUEST","card":{"status":"valid","expires_on":"2031"}}`, CardNone, ErrDown},
		{"no date", `{"request":"REQUEST","card":{"status":"valid","expires_on":"never"}}`, CardNone, ErrDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, client := answering(t, 0, tt.answer, func(q map[string]any) {
				if q["personal_number"] != "011090000001" || len(q) != 2 {
					t.Errorf("asked with %d members, want the number and the request", len(q))
				}
			})
			cards, err := NewCards(address, token, client)
			if err != nil {
				t.Fatal(err)
			}
			got, err := cards.Card(t.Context(), number(t, "011090000001"))
			if got.On(today) != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("Card() = %q, %v; want %q, %v", got.On(today), err, tt.want, tt.err)
			}
		})
	}
	for _, tt := range broken {
		address, client := answering(t, tt.status, tt.answer, nil)
		cards, err := NewCards(address, token, client)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cards.Card(t.Context(), number(t, "011090000001")); got != (Card{}) || !errors.Is(err, ErrDown) || strings.Contains(err.Error(), "011090000001") {
			t.Errorf("%s: Card() = %v, %v; want none, %v", tt.name, got, err, ErrDown)
		}
	}
}

// somebody is a foreigner as they declare themselves.
func somebody() eid.Person {
	return eid.Person{
		Type: eid.Foreigner, Identifier: eid.NewIdentifier(eid.KindPassport, "KOR", "M12345678"), Name: "KIM MIN SU", BirthDate: "1985-06-07",
		Gender: "male", Nationality: "KOR",
	}
}

func TestRow6And21Foreigners(t *testing.T) {
	const kim = `{"passport":{"country":"KOR","number":"M12345678"},"name":"Kim Min-su","birth_date":"1985-06-07","gender":"male","nationality":"KOR"}`
	person := func(old, replacement string) string {
		return `{"request":"REQUEST","people":[` + strings.Replace(kim, old, replacement, 1) + `]}`
	}
	for _, tt := range []struct {
		name, answer string
		want         Verdict
		differs      []eid.Field
		err          error
	}{
		{"the person", person("Kim Min-su", "kim min su"), Match, nil, nil},
		{"another name", person("Kim Min-su", "Lee Min Su"), Mismatch, []eid.Field{eid.FieldName}, nil},
		{"another day", person("06-07", "06-08"), Mismatch, []eid.Field{eid.FieldName, eid.FieldBirthDate}, nil},
		{"another nationality", person(`"nationality":"KOR"`, `"nationality":"PRK"`), Mismatch, []eid.Field{eid.FieldName, eid.FieldNationality}, nil},
		{"another gender", person(`"male"`, `"female"`), Mismatch, []eid.Field{eid.FieldName, eid.FieldGender}, nil},
		{"another passport", person("M12345678", "M12345679"), Mismatch, []eid.Field{eid.FieldNumber}, nil},
		{"a passport of another country", person(`"country":"KOR"`, `"country":"PRK"`), Mismatch, []eid.Field{eid.FieldNumber}, nil},
		{"nobody", `{"request":"REQUEST","people":[]}`, Mismatch, []eid.Field{eid.FieldNumber, eid.FieldBirthDate}, nil},
		{"two", `{"request":"REQUEST","people":[` + kim + `,` + kim + `]}`, Review, nil, nil},
		{"no people", `{"request":"REQUEST"}`, Mismatch, nil, ErrDown},
		{"no nationality", person(`"nationality":"KOR"`, `"nationality":""`), Mismatch, nil, ErrDown},
		{"no gender", person(`"male"`, `"M"`), Mismatch, nil, ErrDown},
		{"no date", person("1985-06-07", "x"), Mismatch, nil, ErrDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, client := answering(t, 0, tt.answer, func(q map[string]any) {
				if p, _ := q["passport"].(map[string]any); p["number"] != "M12345678" || p["country"] != "KOR" || q["birth_year"] != 1985.0 || len(q) != 3 {
					t.Errorf("asked with %d members, want passport, year and request", len(q))
				}
			})
			border, err := NewBorder(address, token, client)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Registries{Immigration: border}.Compare(t.Context(), somebody())
			if got.Verdict != tt.want || !slices.Equal(got.Differs, tt.differs) || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("Compare() = %v, %v, %v; want %v, %v, %v", got.Verdict, got.Differs, err, tt.want, tt.differs, tt.err)
			}
			if got.Contradicts != (tt.name == "two") || (got.Held.Name != "") != (tt.want == Match) {
				t.Errorf("Compare(): contradicts %t, holds a name %t", got.Contradicts, got.Held.Name != "")
			}
		})
	}
	if got, err := (Registries{}).Compare(t.Context(), somebody()); got.Verdict != Mismatch || !errors.Is(err, ErrDown) {
		t.Errorf("Compare() without a registry = %v, %v; want %v", got.Verdict, err, ErrDown)
	}
	citizen := somebody()
	citizen.Type = eid.Citizen
	synthetic := Registries{Population: NewSynthetic(nil), Immigration: SyntheticBorder{}}
	if got, err := synthetic.Compare(t.Context(), citizen); got.Verdict != Mismatch || got.Database != eid.Population || err != nil {
		t.Errorf("Compare() of a citizen with a passport = %v at %s, %v; want a mismatch at the population registry", got.Verdict, got.Database, err)
	}
}

func TestCitizensAreComparedFieldByField(t *testing.T) {
	an := personOf(t, "011090000001", "Nguyễn Văn An", "02/03/1990")
	year := personOf(t, "011090000002", "Trần Thị Bình", "1950")
	registries := Registries{Population: NewSynthetic([]Person{an, year})}
	said := eid.Person{Type: eid.Citizen, Identifier: eid.IdentifierOf(an.Number), Name: "NGUYEN VAN AN", BirthDate: "1990-03-02", Gender: "male", Address: "Hà Nội"}
	for _, tt := range []struct {
		name    string
		change  func(p *eid.Person)
		want    Verdict
		differs []eid.Field
		year    bool
	}{
		{"accents", func(*eid.Person) {}, Review, []eid.Field{eid.FieldName}, false},
		{"the person", func(p *eid.Person) { p.Name = "nguyễn văn an" }, Match, nil, false},
		{"another day", func(p *eid.Person) { p.Name, p.BirthDate = "Nguyễn Văn An", "1990-03-03" }, Mismatch, []eid.Field{eid.FieldBirthDate}, false},
		{"another year", func(p *eid.Person) { p.BirthDate = "1991-03-02" }, Mismatch, []eid.Field{eid.FieldNumber, eid.FieldName, eid.FieldBirthDate}, false},
		{"a registered year alone", func(p *eid.Person) {
			p.Identifier, p.Name, p.BirthDate = eid.IdentifierOf(year.Number), "Trần Thị Bình", "1950-05-06"
		}, Review, []eid.Field{eid.FieldBirthDate}, true},
	} {
		p := said
		tt.change(&p)
		got, err := registries.Compare(t.Context(), p)
		if err != nil || got.Verdict != tt.want || !slices.Equal(got.Differs, tt.differs) || got.YearOnly != tt.year {
			t.Errorf("%s: Compare() = %v, %v, year only %t, %v; want %v, %v, %t", tt.name, got.Verdict, got.Differs, got.YearOnly, err, tt.want, tt.differs, tt.year)
		}
		if tt.want == Match && (got.Held.Name != an.Name || got.Held.Address != p.Address || got.Held.BirthDate != "1990-03-02") {
			t.Errorf("%s: what is held is not the registry's side", tt.name)
		}
		if tt.year && got.Held.BirthDate != "1950-05-06" {
			t.Errorf("%s: held born on %q, want the declared day", tt.name, got.Held.BirthDate)
		}
	}
}

func TestRow22Matching(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, answer string
		ok           bool
		err          error
	}{
		{"matches", `{"request":"REQUEST","matched":true,"reference":"M-1","at":"2026-03-01T08:00:00Z"}`, true, nil},
		{"does not", `{"request":"REQUEST","matched":false,"reference":"M-1","at":"2026-03-01T07:59:00Z"}`, false, nil},
		{"a clock ahead", `{"request":"REQUEST","matched":true,"reference":"M-1","at":"2026-03-01T08:01:00Z"}`, true, nil},
		{"neither", `{"request":"REQUEST","reference":"M-1","at":"2026-03-01T08:00:00Z"}`, false, ErrDown},
		{"a word", `{"request":"REQUEST","matched":"true","reference":"M-1","at":"2026-03-01T08:00:00Z"}`, false, ErrDown},
		{"no reference", `{"request":"REQUEST","matched":true,"reference":"","at":"2026-03-01T08:00:00Z"}`, false, ErrDown},
		{"a line break", `{"request":"REQUEST","matched":true,"reference":"M\n1","at":"2026-03-01T08:00:00Z"}`, false, ErrDown},
		{"of yesterday", `{"request":"REQUEST","matched":true,"reference":"M-1","at":"2026-02-28T08:00:00Z"}`, false, ErrDown},
		{"of tomorrow", `{"request":"REQUEST","matched":true,"reference":"M-1","at":"2026-03-02T08:00:00Z"}`, false, ErrDown},
		{"no time", `{"request":"REQUEST","matched":true,"reference":"M-1"}`, false, ErrDown},
		{"another question", `{"request":"x","matched":true,"reference":"M-1","at":"2026-03-01T08:00:00Z"}`, false, ErrDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, client := answering(t, 0, tt.answer, func(q map[string]any) {
				if q["method"] != "portrait" || q["database"] != "population" || q["capture"] != "cap-1" || len(q) != 5 {
					t.Errorf("asked with %d members", len(q))
				}
			})
			m, err := NewMatching(address, token, client, func() time.Time { return now })
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Match(t.Context(), Capture{
				Person: eid.IdentifierOf(number(t, "011090000001")), Method: eid.Portrait, Database: eid.Population, Reference: "cap-1",
			})
			if got.OK != tt.ok || got.Development || got.At.After(now) || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
				t.Errorf("Match() = %+v, %v; want %t, %v", got, err, tt.ok, tt.err)
			}
		})
	}
}
