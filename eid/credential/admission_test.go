package credential_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// fill admits names of their own until there is no room for more of the kind.
func fill(t *testing.T, p *credential.Passwords, familiar bool) (leave []func()) {
	t.Helper()
	for i := range 100_000 {
		l, err := p.Admit("filler "+strconv.Itoa(i), familiar)
		if errors.Is(err, credential.ErrBusy) {
			return leave
		}
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	t.Fatal("the queue has no end")
	return nil
}

func TestAdmissionIsBounded(t *testing.T) {
	p := newPasswords(t, 1)
	leave := slices.Concat(fill(t, p, false), fill(t, p, true))
	load := p.Load()
	if len(leave) < 2 || len(leave) != load.Room || load.Waiting != load.Room || load.Shed != 2 || load.Admitted != uint64(load.Room) {
		t.Errorf("admitted %d, load %+v, want as many as there is room, and two shed", len(leave), load)
	}
	leave[0]()
	leave[0]() // gives back one place, not two
	if _, err := p.Admit("next", false); err != nil {
		t.Errorf("Admit() = %v after one left, want nil", err)
	}
	if _, err := p.Admit("one more", true); !errors.Is(err, credential.ErrBusy) {
		t.Errorf("Admit() = %v, want %v", err, credential.ErrBusy)
	}
}

// One name, such as the counter of one number, leaves room for others.
func TestAdmissionIsShared(t *testing.T) {
	p := newPasswords(t, 4)
	room := p.Load().Room
	mine := 0
	for range room {
		if _, err := p.Admit("greedy", false); err == nil {
			mine++
		}
	}
	if mine != max(room/4, 1) {
		t.Errorf("one name has %d of %d places, want a quarter", mine, room)
	}
	if _, err := p.Admit("another", false); err != nil {
		t.Errorf("Admit(another) = %v, want nil", err)
	}
}

// Strangers under however many names fill three quarters. Whoever signed in here
// before finds a place then, and one name among them no more than its share.
func TestAdmissionKeepsPlacesForTheFamiliar(t *testing.T) {
	p := newPasswords(t, 4)
	room := p.Load().Room
	leave := fill(t, p, false)
	if len(leave) != room-room/4 {
		t.Errorf("strangers have %d of %d places, want three quarters", len(leave), room)
	}
	var mine []func()
	for range room {
		if l, err := p.Admit("holder", true); err == nil {
			mine = append(mine, l)
		}
	}
	if len(mine) != room/4 {
		t.Errorf("one who is familiar has %d of %d places, want a quarter", len(mine), room)
	}
	mine[0]()
	mine[0]()
	if _, err := p.Admit("stranger", false); !errors.Is(err, credential.ErrBusy) {
		t.Errorf("Admit(stranger) = %v after a familiar one left, want %v", err, credential.ErrBusy)
	}
	if _, err := p.Admit("another holder", true); err != nil {
		t.Errorf("Admit(another holder) = %v, want nil", err)
	}
	leave[0]()
	leave[0]()
	if _, err := p.Admit("stranger", false); err != nil {
		t.Errorf("Admit(stranger) = %v after a stranger left, want nil", err)
	}
	if _, err := p.Admit("one more", false); !errors.Is(err, credential.ErrBusy) {
		t.Errorf("Admit(one more) = %v, want %v", err, credential.ErrBusy)
	}
}

// A pool of one keeps a place as well.
func TestSmallestQueue(t *testing.T) {
	a := newPasswords(t, 1)
	strangers := len(fill(t, a, false))
	if familiar := len(fill(t, a, true)); strangers < 1 || familiar < 1 || strangers+familiar != a.Load().Room {
		t.Errorf("%d strangers and %d familiar in a room for %d, want some of each", strangers, familiar, a.Load().Room)
	}
}

// A surge ten times the room: whoever is shed costs no evaluation, and neither does
// whoever is admitted by a machine that then has no time for it.
func TestSurge(t *testing.T) {
	p := newPasswords(t, 2)
	hash := mustHash(t, p, "secret")
	before := p.Evaluations()
	var answered, shed atomic.Uint64
	var wg sync.WaitGroup
	for i := range 10 * p.Load().Room {
		wg.Go(func() {
			leave, err := p.Admit(strconv.Itoa(i), false)
			if errors.Is(err, credential.ErrBusy) {
				shed.Add(1)
				return
			}
			defer leave()
			switch _, err := p.Verify(context.Background(), hash, eid.NewSecret("guess")); {
			case errors.Is(err, credential.ErrMismatch):
				answered.Add(1)
			case !errors.Is(err, credential.ErrBusy):
				t.Errorf("Verify() = %v, want %v", err, credential.ErrMismatch)
			}
		})
	}
	wg.Wait()
	if n := p.Evaluations() - before; n != answered.Load() || n == 0 || shed.Load() == 0 || p.Load().Shed != shed.Load() {
		t.Errorf("evaluated %d, answered %d, shed %d of which %d were counted", n, answered.Load(), shed.Load(), p.Load().Shed)
	}
	if l := p.Load(); l.Running != 0 || l.Waiting != 0 {
		t.Errorf("load afterwards = %+v, want nobody inside", l)
	}
}
