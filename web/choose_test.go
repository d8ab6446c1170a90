package web

import (
	"slices"
	"strings"
	"testing"
)

func tileNamed(id, text, english string) Tile {
	return Tile{ID: id, Name: Label{Text: text, English: english}, Usable: true}
}

func ids(tiles []Tile) string {
	var list []string
	for _, t := range tiles {
		list = append(list, t.ID)
	}
	return strings.Join(list, " ")
}

func TestArrange(t *testing.T) {
	few := []Tile{tileNamed("post", "Bưu điện", ""), tileNamed("national", "Tài khoản định danh", ""), tileNamed("bank", "Ngân hàng", "")}
	few[1].National = true
	shut := slices.Clone(few)
	shut[0].Usable = false
	many := slices.Clone(few)
	for _, name := range []string{"Đà Nẵng", "Điện Biên", "Cần Thơ", "Ấn tượng", "An Giang", "Zalo mẫu"} {
		many = append(many, tileNamed(strings.ReplaceAll(fold(name), " ", "-"), name, ""))
	}
	many[8].Name.English = "Aardvark"
	for name, tt := range map[string]struct {
		tiles          []Tile
		last, language string
		want           string
	}{
		"few: the national one, then as given":   {few, "", "vi", "national post bank"},
		"few: used last":                         {few, "bank", "vi", "bank national post"},
		"few: used last, which is gone":          {few, "gone", "vi", "national post bank"},
		"few: used last, which cannot be used":   {shut, "post", "vi", "national post bank"},
		"many: by name":                          {many, "", "vi", "national an-giang an-tuong post can-tho da-nang dien-bien bank zalo-mau"},
		"many: by the English name":              {many, "", "en", "national zalo-mau an-giang an-tuong post can-tho da-nang dien-bien bank"},
		"many: used last, then the national one": {many, "zalo-mau", "vi", "zalo-mau national an-giang an-tuong post can-tho da-nang dien-bien bank"},
	} {
		got := Arrange(tt.tiles, tt.last, tt.language)
		if ids(got) != tt.want {
			t.Errorf("%s: Arrange() = %s, want %s", name, ids(got), tt.want)
		}
		for _, tile := range got {
			if want := tile.ID == tt.last && tile.Usable; tile.Last != want {
				t.Errorf("%s: %s is marked as used last %v, want %v", name, tile.ID, tile.Last, want)
			}
		}
	}
}

func TestSearch(t *testing.T) {
	d := ChooseData{Tiles: []Tile{
		tileNamed("post", "Bưu điện tỉnh Điện Biên", "Post of Điện Biên"), tileNamed("bank", "Ngân hàng Đà Nẵng", ""), tileNamed("school", "Trường học", "School"),
	}}
	d.Tiles[2].Usable = false
	for query, want := range map[string]string{
		"": "post bank school", "điện": "post", "dien": "post", "DIEN  bien": "post", "buu dien": "post", "biên bưu": "post", "đa nang": "bank", "Đà Nẵng": "bank",
		"ð": "post bank", "school": "school", "hoc": "school", "post": "post", "nothing": "", "a": "bank", "post bank": "", ".*": "", "\u0301": "post bank school",
	} {
		d.Query = query
		if got := strings.TrimSpace(ids(d.Usable()) + " " + ids(d.Unusable())); got != want {
			t.Errorf("searching %q = %s, want %s", query, got, want)
		}
		if got, want := d.Found(), len(strings.Fields(want)); got != want {
			t.Errorf("searching %q: Found() = %d, want %d", query, got, want)
		}
	}
}
