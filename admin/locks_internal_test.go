package admin

import (
	"context"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/store/statestore"
	"eidgate/store/storetest"
)

// A foreigner's account is locked as a citizen's is: it is found by the passport.
func TestWhomACaseIsAbout(t *testing.T) {
	for _, tt := range []struct {
		country, number string
		want            eid.Identifier
		fault           string // of what is not read
	}{
		{"", "011 090 000 001", eid.NewIdentifier(eid.KindPersonalNumber, vietnam, "011090000001"), ""},
		{" kor ", "m 1234-5678", eid.NewIdentifier(eid.KindPassport, "KOR", "M12345678"), ""},
		{"", "M12345678", eid.Identifier{}, "number.malformed"},
		{"XQZ", "M12345678", eid.Identifier{}, "passport"},
		{"", "", eid.Identifier{}, "number.missing"},
	} {
		form := url.Values{fieldCountry: {tt.country}, string(eid.FieldNumber): {tt.number}}
		got, err := identifierOf(form)
		if tt.want.IsZero() != (err != nil) || err == nil && got != tt.want {
			t.Errorf("identifierOf(%q, %q) = %v, %v, want %v", tt.country, tt.number, got, err, tt.want)
		}
		if got := wrongIdentifier(form); err != nil && got != "officer.fault."+tt.fault {
			t.Errorf("wrongIdentifier(%q, %q) = %q, want %q", tt.country, tt.number, got, tt.fault)
		}
	}
}

// An officer finds so many people in a day and no more, however many ask at once; another
// officer, and the next day, have their own.
func TestLookUpsAreBounded(t *testing.T) {
	clock := storetest.NewClock()
	state, err := statestore.Open(t.Context(), statestore.Config{Path: filepath.Join(t.TempDir(), "state.db")}, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = state.Close() })
	p := &Pages{d: Deps{State: state}}
	var found atomic.Int64
	var wg sync.WaitGroup
	for range maxLookUps + 20 {
		wg.Go(func() {
			if may, err := p.mayLookUp(context.Background(), "officer-1"); err == nil && may {
				found.Add(1)
			}
		})
	}
	wg.Wait()
	if n := found.Load(); n != maxLookUps {
		t.Errorf("%d look-ups, want %d", n, maxLookUps)
	}
	if may, err := p.mayLookUp(t.Context(), "officer-2"); err != nil || !may {
		t.Errorf("another officer: %v, %v, want true", may, err)
	}
	clock.Advance(lookUpsSpan + time.Second)
	if may, err := p.mayLookUp(t.Context(), "officer-1"); err != nil || !may {
		t.Errorf("the next day: %v, %v, want true", may, err)
	}
}
