package ldap_test

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/ldap"
)

// TestGuesses sends 200 guesses at once at one person under all spellings of the
// name, from as many addresses: the directory sees five at most.
func TestGuesses(t *testing.T) {
	for name, spellings := range map[string][]string{
		"known":   {"mot", "MOT", " mot ", "ｍｏｔ", "mo\u0300t", "mòt", "m ot"},
		"unknown": {"khong", "KHONG", "không", "khôn g", "ｋhông"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			var throttled, refused atomic.Int64
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					req := w.request()
					req.Address = netip.MustParseAddr(fmt.Sprintf("198.51.%d.1", i))
					step, err := w.source.Finish(t.Context(), req, federation.Reply{Values: url.Values{
						"login_name": {spellings[i%len(spellings)]}, "password": {fmt.Sprint("guess ", i)},
					}})
					switch {
					case errors.Is(err, federation.ErrThrottled):
						throttled.Add(1)
					case outcome(step, err) == wrong:
						refused.Add(1)
					default:
						t.Errorf("guess %d: %s, %v", i, outcome(step, err), err)
					}
				})
			}
			wg.Wait()
			people := 0
			for _, dn := range w.server.Binds() {
				if dn != serviceDN {
					people++
				}
			}
			if people != 5 || refused.Load() != 5 || throttled.Load() != 195 {
				t.Errorf("%d binds, %d refused, %d throttled, want 5, 5, 195", people, refused.Load(), throttled.Load())
			}
		})
	}
}

// TestGuessesByAlias: a person who is found by two names has the guesses of one, and
// the answer does not tell that both are hers.
func TestGuessesByAlias(t *testing.T) {
	w := start(t)
	for i := range 5 {
		if got := outcome(w.try("mot", fmt.Sprint("guess ", i))); got != wrong {
			t.Fatalf("guess %d: %s, want %s", i, got, wrong)
		}
	}
	w.server.Binds()
	if got := outcome(w.try("mot@example.vn", password1)); got != wrong {
		t.Errorf("sixth guess, by the address: %s, want %s", got, wrong)
	}
	for _, dn := range w.server.Binds() {
		if strings.EqualFold(dn, "uid=mot,"+base) {
			t.Error("the sixth guess reached the directory")
		}
	}
	if got := outcome(w.try("hai", "password 2")); got != second {
		t.Errorf("another person: %s, want %s", got, second)
	}
	if got := outcome(w.sourceOf("another", settings(w.server)).Finish(t.Context(), w.request(), federation.Reply{
		Values: url.Values{"login_name": {"mot"}, "password": {password1}}})); got != first {
		t.Errorf("another source: %s, want %s: its names are its own", got, first)
	}
}

// TestForgiven: a right password ends the count of wrong ones.
func TestForgiven(t *testing.T) {
	w := start(t)
	for round := range 4 {
		for i := range 4 {
			if got := outcome(w.try("mot", fmt.Sprint("guess ", round, i))); got != wrong {
				t.Fatalf("guess %d of round %d: %s, want %s", i, round, got, wrong)
			}
		}
		if got := outcome(w.try("mot", password1)); got != first {
			t.Fatalf("round %d: %s, want %s", round, got, first)
		}
	}
}

// TestCrowd: one password at many names is stopped whoever has the names.
func TestCrowd(t *testing.T) {
	w := start(t)
	evaluated := 0
	for i := range 40 {
		req := w.request()
		req.Address = netip.MustParseAddr(fmt.Sprintf("198.51.%d.1", i))
		_, err := w.source.Finish(t.Context(), req, federation.Reply{Values: url.Values{"login_name": {fmt.Sprint("name", i)}, "password": {"Matkhau@123"}}})
		if err == nil {
			evaluated++
		} else if !errors.Is(err, federation.ErrThrottled) {
			t.Fatal(err)
		}
	}
	if evaluated != 20 {
		t.Errorf("evaluated %d, want 20", evaluated)
	}
}

// TestThrottledDirectly holds for sources without a service account as well.
func TestThrottledDirectly(t *testing.T) {
	w := start(t, func(s *ldap.Settings) {
		s.BindDN, s.BindPassword, s.BindAs = "", eid.Secret{}, "uid={login},"+base
	})
	for i := range 5 {
		if got := outcome(w.try("mot", fmt.Sprint(i))); got != wrong {
			t.Fatalf("guess %d: %s, want %s", i, got, wrong)
		}
	}
	var late *federation.ThrottledError
	if _, err := w.try("Mot", password1); !errors.As(err, &late) || !late.Until.After(w.now) {
		t.Errorf("sixth guess: %v, want ThrottledError", err)
	}
}
