package web

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
)

// ChooseData is page "choose": which account to sign in with.
type ChooseData struct {
	Common
	Level  eid.Level // needed
	Tiles  []Tile    // in the order of Arrange
	Query  string    // what was searched for; empty shows all
	Notice string    // message id of a problem, such as ProblemSourceFailed
	// NoticeSource names the source that the notice is about.
	NoticeSource Label
	// Register: who has no account yet may register for one that can be chosen here.
	Register bool
}

// manyTiles is how many sources can be looked over; of more the page offers a search,
// and lists them by name.
const manyTiles = 8

// Searchable reports whether there are so many sources that the page offers a search.
func (d ChooseData) Searchable() bool { return len(d.Tiles) > manyTiles }

// Usable gives the tiles that may be chosen and match what was searched for.
func (d ChooseData) Usable() []Tile {
	return d.filter(func(t Tile) bool { return t.Usable })
}

// Unusable gives those that are shown with a reason instead of a button.
func (d ChooseData) Unusable() []Tile {
	return d.filter(func(t Tile) bool { return !t.Usable })
}

// Found counts the tiles that match what was searched for.
func (d ChooseData) Found() int { return len(d.filter(func(Tile) bool { return true })) }

// Remembers reports whether one of the tiles was used last on this device.
func (d ChooseData) Remembers() bool {
	return slices.ContainsFunc(d.Tiles, func(t Tile) bool { return t.Last })
}

func (d ChooseData) filter(keep func(Tile) bool) []Tile {
	var kept []Tile
	for _, t := range d.Tiles {
		if keep(t) && t.Name.matches(d.Query) {
			kept = append(kept, t)
		}
	}
	return kept
}

// Tile is one source on page "choose". The zero value cannot be chosen.
type Tile struct {
	ID       string
	Name     Label
	Level    eid.Level // the highest level it can reach today
	National bool      // the national identity, not a provider's own
	Last     bool      // used last on this device
	Usable   bool
	Why      Why // when not usable
}

// Why says why a source cannot be used.
type Why struct {
	Reason string    // one of the Why constants
	At     time.Time // when the window ended or begins, when maintenance is over
}

// Reasons why a source cannot be used.
const (
	WhyLevelTooLow = "level_too_low" // below what the service needs
	WhyEnded       = "ended"         // window over
	WhyNotOpen     = "not_open"      // window not begun
	WhyOwnFloor    = "own_floor"     // below what the holder allows
	WhyOff         = "off"           // switched off by an operator
	WhyMaintenance = "maintenance"   // announced
	WhyDown        = "down"          // it does not answer
)

// Arrange puts tiles in the order of the page: what was used last on this device, the
// national identity, then as given, or by name in the language of the page where
// there are many.
func Arrange(tiles []Tile, last, language string) []Tile {
	list := slices.Clone(tiles)
	name := func(t Tile) string {
		text, _ := t.Name.in(language)
		return text
	}
	if len(list) > manyTiles {
		slices.SortStableFunc(list, func(a, b Tile) int {
			return cmp.Or(strings.Compare(fold(name(a)), fold(name(b))), strings.Compare(name(a), name(b)))
		})
	}
	rank := func(t Tile) int {
		switch {
		case t.Last:
			return 0
		case t.National:
			return 1
		}
		return 2
	}
	for i := range list {
		list[i].Last = list[i].Usable && list[i].ID == last
	}
	slices.SortStableFunc(list, func(a, b Tile) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// matches reports whether each word searched for is in the name, Vietnamese or
// English, whatever the marks and the case.
func (l Label) matches(query string) bool {
	words := strings.Fields(fold(query))
	in := func(text string) bool {
		text = fold(text)
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	}
	return in(l.Text) || l.English != "" && in(l.English)
}

// fold takes case and marks off a text, as people type names in a hurry: Đ is d.
func fold(text string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case r == 'đ' || r == 'ð':
			b.WriteByte('d')
		case !unicode.Is(unicode.Mn, r):
			b.WriteRune(r)
		}
	}
	return b.String()
}
