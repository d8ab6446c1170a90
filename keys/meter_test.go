package keys

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tally is a Meter that writes down what it is told.
type tally []string

func (t *tally) Signed(algorithm, typ string, _ time.Duration, err error) {
	*t = append(*t, fmt.Sprint(algorithm, " ", typ, " ", err == nil))
}

func TestSignaturesAreTold(t *testing.T) {
	var told tally
	c := newClock()
	ring, err := New(es256(), Deps{Store: &memStore{}, Sealer: newSealer(t), Now: c.now, Log: (&logBuffer{}).logger(), Meter: &told})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrNoKey) {
		t.Errorf("Sign() before Load = %v, want ErrNoKey", err)
	}
	load(t, ring)
	sign(t, ring.Snapshot(), ES256)
	if _, err := ring.Snapshot().Sign(Tokens, RS256, "at+jwt", []byte("{}")); !errors.Is(err, ErrNoKey) {
		t.Errorf("Sign(RS256) = %v, want ErrNoKey", err)
	}
	want := []string{"ES256 JWT false", "ES256 JWT true", "RS256 at+jwt false"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestKnown: without I/O the ring knows what List tells, but for retired keys.
func TestKnown(t *testing.T) {
	ring, _, c := loaded(t, es256())
	c.advance(time.Hour)
	load(t, ring)
	rotate(t, ring, ES256)
	all, err := ring.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.DeleteFunc(all, func(i Info) bool { return i.State == Retired })
	if got := ring.Known(); len(got) < 3 || !cmp.Equal(got, listed) {
		t.Errorf("Known() = %+v, want %+v", got, listed)
	}
}
