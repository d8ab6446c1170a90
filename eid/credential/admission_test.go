package credential_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// fill admits names of their own until there is no room.
func fill(t *testing.T, p *credential.Passwords) (leave []func()) {
	t.Helper()
	for i := range 100_000 {
		l, err := p.Admit("filler " + strconv.Itoa(i))
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
	leave := fill(t, p)
	load := p.Load()
	if len(leave) < 2 || len(leave) != load.Room || load.Waiting != load.Room || load.Shed != 1 || load.Admitted != uint64(load.Room) {
		t.Errorf("admitted %d, load %+v, want as many as there is room, and one shed", len(leave), load)
	}
	leave[0]()
	leave[0]() // gives back one place, not two
	if _, err := p.Admit("next"); err != nil {
		t.Errorf("Admit() = %v after one left, want nil", err)
	}
	if _, err := p.Admit("one more"); !errors.Is(err, credential.ErrBusy) {
		t.Errorf("Admit() = %v, want %v", err, credential.ErrBusy)
	}
}

// One name, such as the counter of one number, leaves room for others.
func TestAdmissionIsShared(t *testing.T) {
	p := newPasswords(t, 4)
	room := p.Load().Room
	mine := 0
	for range room {
		if _, err := p.Admit("greedy"); err == nil {
			mine++
		}
	}
	if mine != max(room/4, 1) {
		t.Errorf("one name has %d of %d places, want a quarter", mine, room)
	}
	if _, err := p.Admit("another"); err != nil {
		t.Errorf("Admit(another) = %v, want nil", err)
	}
}

// A surge ten times the room: whoever is shed costs no evaluation, whoever is
// admitted gets an answer.
func TestSurge(t *testing.T) {
	p := newPasswords(t, 2)
	hash := mustHash(t, p, "secret")
	before := p.Evaluations()
	var answered, shed atomic.Uint64
	var wg sync.WaitGroup
	for i := range 10 * p.Load().Room {
		wg.Go(func() {
			leave, err := p.Admit(strconv.Itoa(i))
			if errors.Is(err, credential.ErrBusy) {
				shed.Add(1)
				return
			}
			defer leave()
			if _, err := p.Verify(context.Background(), hash, eid.NewSecret("guess")); !errors.Is(err, credential.ErrMismatch) {
				t.Errorf("Verify() = %v, want %v", err, credential.ErrMismatch)
			}
			answered.Add(1)
		})
	}
	wg.Wait()
	if n := p.Evaluations() - before; n != answered.Load() || shed.Load() == 0 || p.Load().Shed != shed.Load() {
		t.Errorf("evaluated %d, answered %d, shed %d of which %d were counted", n, answered.Load(), shed.Load(), p.Load().Shed)
	}
	if l := p.Load(); l.Running != 0 || l.Waiting != 0 {
		t.Errorf("load afterwards = %+v, want nobody inside", l)
	}
}
