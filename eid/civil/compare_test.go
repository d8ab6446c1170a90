package civil

import (
	"testing"
	"time"

	"eidgate/eid"
)

func TestRow19NamesMatch(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		want       Verdict
	}{
		{"same", "Nguyễn Văn An", "Nguyễn Văn An", Match},
		{"case", "NGUYỄN VĂN AN", "nguyễn văn an", Match},
		{"decomposed", "Nguye\u0302\u0303n Va\u0306n An", "Nguyễn Văn An", Match},
		{"spaces", "  Nguyễn\u00a0 Văn\tAn ", "Nguyễn Văn An", Match},
		{"tone on the first vowel", "Trần Thị Hòa", "Trần Thị Hoà", Match},
		{"tone of uy", "Lê Thúy", "Lê Thuý", Match},
		{"tone of oe", "Hòe", "Hoè", Match},
		{"tone of qu", "Qúy", "Quý", Match},
		{"Icelandic eth", "Ðỗ Ðức", "Đỗ Đức", Match},
		{"Ewe letter", "Ɖỗ Đức", "Đỗ Đức", Match},
		{"one word", "Bình", "bình", Match},
		{"eight words", "Nguyễn Phúc Bảo Long Thiên Ân Minh Đức", "NGUYỄN PHÚC BẢO LONG THIÊN ÂN MINH ĐỨC", Match},
		{"apostrophes", "H’Hen Niê", "H'Hen Niê", Match},
		{"another tone", "Trần Thị Hóa", "Trần Thị Hòa", Review},
		{"no accents", "Nguyen Van An", "Nguyễn Văn An", Review},
		{"another vowel mark", "Trần Văn Tân", "Trần Văn Tăn", Review},
		{"d for đ", "Do Duc", "Đỗ Đức", Review},
		{"another letter", "Nguyễn Văn Ân", "Nguyễn Văn Anh", Mismatch},
		{"a word less", "Nguyễn An", "Nguyễn Văn An", Mismatch},
		{"words joined", "NguyễnVăn An", "Nguyễn Văn An", Mismatch},
		{"other order", "An Văn Nguyễn", "Nguyễn Văn An", Mismatch},
		{"Cyrillic look-alike", "Nguyễn Văn Аn", "Nguyễn Văn An", Mismatch},
		{"invisible letter", "Nguyễn Văn A\u200bn", "Nguyễn Văn An", Mismatch},
		{"empty", "", "", Mismatch},
		{"marks alone", "\u0301", "Á", Mismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := compareNames(tt.a, tt.b); got != tt.want {
				t.Errorf("compareNames(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.want)
			}
			if got := compareNames(tt.b, tt.a); got != tt.want {
				t.Errorf("compareNames(%q, %q) = %v, want %v", tt.b, tt.a, got, tt.want)
			}
		})
	}
}

func TestRow19Dates(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want Verdict
	}{
		{"02/03/1990", "1990-03-02", Match},
		{"02-03-1990", "1990-03-02", Match},
		{"1990", "1990-03-02", Review},
		{"1990-03-02", "1990", Review},
		{"1990", "1990", Review},
		{"1991", "1990-03-02", Mismatch},
		{"03/02/1990", "1990-03-02", Mismatch},
	} {
		a, errA := ParseDate(tt.a)
		b, errB := ParseDate(tt.b)
		if got := compareDates(a, b); got != tt.want || errA != nil || errB != nil {
			t.Errorf("compareDates(%s, %s) = %v, %v, %v; want %v", tt.a, tt.b, got, errA, errB, tt.want)
		}
	}
	for _, text := range []string{"", "31/02/1990", "1990-13-01", "90", "02/03/90", "٠٢/٠٣/١٩٩٠", "1990-03-02T00:00:00Z", "0000", "1500", "2/3/1990"} {
		if d, err := ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) = %v, want an error", text, d)
		}
	}
	if got := (Date{1990, time.March, 2}).String(); got != "1990-03-02" {
		t.Errorf("String() = %s", got)
	}
}

func TestCompare(t *testing.T) {
	an := personOf(t, "011090000001", "Nguyễn Văn An", "02/03/1990")
	registry := NewSynthetic([]Person{an, personOf(t, "011090000002", "Trần Thị Bình", "1950")})
	for _, tt := range []struct {
		name string
		said Person
		want Verdict
	}{
		{"the person", an, Match},
		{"another number", personOf(t, "011090000009", "Nguyễn Văn An", "02/03/1990"), Mismatch},
		{"somebody else's number", personOf(t, "011090000002", "Nguyễn Văn An", "02/03/1990"), Mismatch},
		{"another name", personOf(t, "011090000001", "Trần Văn An", "02/03/1990"), Mismatch},
		{"accents left out", personOf(t, "011090000001", "nguyen van an", "02/03/1990"), Review},
		{"another day", personOf(t, "011090000001", "Nguyễn Văn An", "03/03/1990"), Mismatch},
		{"a year alone", personOf(t, "011090000001", "Nguyễn Văn An", "1990"), Review},
		{"a registered year alone", personOf(t, "011090000002", "Trần Thị Bình", "01/01/1950"), Review},
		{"nothing", Person{}, Mismatch},
		{"no name", Person{Number: an.Number, BirthDate: an.BirthDate}, Mismatch},
		{"no date", Person{Number: an.Number, Name: an.Name}, Mismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Compare(t.Context(), registry, tt.said)
			if err != nil || got.Verdict != tt.want {
				t.Errorf("Compare() = %v, %v; want %v", got.Verdict, err, tt.want)
			}
		})
	}
}

func personOf(t *testing.T, number, name, birth string) Person {
	t.Helper()
	n, err := eid.ParsePersonalNumber(number)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDate(birth)
	if err != nil {
		t.Fatal(err)
	}
	return Person{Number: n, Name: name, BirthDate: d}
}
